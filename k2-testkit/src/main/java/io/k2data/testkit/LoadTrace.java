package io.k2data.testkit;

import io.k2data.api.degradation.LoadSample;

/**
 * Load over time, the same for the same seed: phases of a few seconds to minutes in which lag climbs, bursts, falls or
 * trembles around some figure, memory wanders, the drain rate changes, commits stall, and now and then the ingest is
 * catching up. It does not answer to what a policy decides, so it also holds what no ingest would show. Immutable.
 */
public final class LoadTrace {
    private static final double MOST_LAG = 2e7;

    private final int size;
    private final long[] nanos;
    private final long[] lags;
    private final double[] rates;
    private final double[] heaps;
    private final double[] duckDbs;
    private final double[] inFlights;
    private final long[] delays;
    private final long[] commits;
    private final boolean[] catchingUp;
    private final boolean[] drained;

    private LoadTrace(int size) {
        this.size = size;
        nanos = new long[size];
        lags = new long[size];
        rates = new double[size];
        heaps = new double[size];
        duckDbs = new double[size];
        inFlights = new double[size];
        delays = new long[size];
        commits = new long[size];
        catchingUp = new boolean[size];
        drained = new boolean[size];
    }

    /**
     * Makes a trace of samples that lie 20 ms to 3 s apart.
     *
     * @param seed the seed
     * @param samples how many samples, 1 or more
     * @return the trace
     */
    public static LoadTrace random(long seed, int samples) {
        LoadTrace trace = new LoadTrace(samples);
        FeedRandom random = new FeedRandom(seed);
        long now = 0;
        long phaseEnd = 0;
        double lag = 0;
        double target = 0;
        double pull = 0;
        double tremble = 0;
        double rate = 1000;
        double memory = 0.3;
        boolean behind = false;
        double stall = 0;
        for (int i = 0; i < samples; i++) {
            if (now >= phaseEnd) {
                phaseEnd = now + (long) (1e9 * (3 + 100 * random.nextDouble()));
                // Any order of magnitude is as likely as any other.
                target = random.chance(0.25) ? 0 : StrictMath.pow(MOST_LAG, random.nextDouble());
                pull = random.chance(0.3) ? 1 : 0.3 * random.nextDouble();
                tremble = random.chance(0.5) ? 0 : random.nextDouble();
                rate = random.chance(0.05) ? 0 : StrictMath.pow(1e6, random.nextDouble());
                behind = random.chance(0.15);
                stall = random.chance(0.2) ? 60 * random.nextDouble() : 0;
            }
            lag += pull * (target - lag);
            memory = Math.min(1.05, Math.max(0, memory + 0.1 * (random.nextDouble() - 0.5)));
            if (random.chance(0.003)) {
                memory = random.nextDouble();
            }
            trace.nanos[i] = now;
            trace.lags[i] = (long) Math.max(0, lag * (1 + tremble * (random.nextDouble() - 0.5)));
            trace.rates[i] = rate * (0.5 + random.nextDouble());
            trace.heaps[i] = memory;
            trace.duckDbs[i] = memory * random.nextDouble();
            trace.inFlights[i] = memory * random.nextDouble();
            trace.delays[i] = (long) (1e9 * random.nextExponential(0.2));
            trace.commits[i] = (long) (1e9 * (stall + random.nextExponential(1)));
            trace.catchingUp[i] = behind;
            trace.drained[i] = random.chance(0.1);
            now += (long) (1e9 * (0.02 + 2.98 * random.nextDouble() * random.nextDouble()));
        }
        return trace;
    }

    /**
     * Returns the number of samples.
     *
     * @return 1 or more
     */
    public int size() {
        return size;
    }

    /**
     * Returns when a sample is taken.
     *
     * @param index 0 to size - 1
     * @return nanoseconds since the trace began, rising
     */
    public long nanos(int index) {
        return nanos[index];
    }

    /**
     * Fills in a sample. Allocates nothing.
     *
     * @param index 0 to size - 1
     * @param sample what to fill
     * @return the sample
     */
    public LoadSample sample(int index, LoadSample sample) {
        sample.clear()
                .lag(lags[index], rates[index])
                .heapAfterCollection(share(heaps[index]), SHARES)
                .duckDb(share(duckDbs[index]), SHARES)
                .inFlight(share(inFlights[index]), SHARES)
                .queueingDelayNanos(delays[index])
                .commitLatencyNanos(commits[index]);
        if (catchingUp[index]) {
            sample.markCatchingUp();
        }
        if (drained[index]) {
            sample.markInFlightDrained();
        }
        return sample;
    }

    /** Finer than any line that a policy draws. */
    private static final long SHARES = 1_000_000;

    private static long share(double value) {
        return (long) (value * SHARES);
    }
}
