package io.k2data.testkit;

/**
 * Random numbers that are the same for the same seed on every JDK and processor, which {@code SplittableRandom} and
 * {@code Math.log} do not promise. SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014.
 */
final class FeedRandom {
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private long state;

    FeedRandom(long seed) {
        this.state = seed;
    }

    long nextLong() {
        state += GOLDEN_GAMMA;
        return mix(state);
    }

    /** Returns a number from 0 to below 1. */
    double nextDouble() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    /** Returns a number from 0 to below the bound; the bias of one in 2^31 does no harm here. */
    int nextInt(int bound) {
        return (int) (((nextLong() >>> 33) * bound) >>> 31);
    }

    boolean chance(double probability) {
        // Not drawn where there is no choice: a feature that is off costs nothing.
        return probability > 0 && nextDouble() < probability;
    }

    /** Returns a number of the exponential distribution. */
    double nextExponential(double mean) {
        return -StrictMath.log(1 - nextDouble()) * mean;
    }

    /** A bijection on 64 bits without visible order. */
    static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
