package io.k2data.testkit;

/**
 * Chooses an index with given weights, in constant time: the alias method, in the form of M. D. Vose, "A linear
 * algorithm for generating random numbers with a given distribution", IEEE TSE 17(9), 1991.
 */
final class WeightedChoice {
    private final double[] keep;
    private final int[] alias;

    WeightedChoice(double[] weights) {
        int n = weights.length;
        keep = new double[n];
        alias = new int[n];
        double sum = 0;
        for (double weight : weights) {
            sum += weight;
        }
        int[] small = new int[n];
        int[] large = new int[n];
        int smalls = 0;
        int larges = 0;
        for (int i = 0; i < n; i++) {
            keep[i] = weights[i] / sum * n;
            alias[i] = i;
            if (keep[i] < 1) {
                small[smalls++] = i;
            } else {
                large[larges++] = i;
            }
        }
        while (smalls > 0 && larges > 0) {
            int less = small[--smalls];
            int more = large[larges - 1];
            alias[less] = more;
            keep[more] -= 1 - keep[less];
            if (keep[more] < 1) {
                larges--;
                small[smalls++] = more;
            }
        }
        // What remains would be exactly 1 but for rounding.
        while (smalls > 0) {
            keep[small[--smalls]] = 1;
        }
        while (larges > 0) {
            keep[large[--larges]] = 1;
        }
    }

    int next(FeedRandom random) {
        int index = random.nextInt(keep.length);
        return random.nextDouble() < keep[index] ? index : alias[index];
    }
}
