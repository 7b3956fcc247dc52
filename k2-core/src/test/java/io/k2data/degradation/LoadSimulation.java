package io.k2data.degradation;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.api.degradation.PriorityTier;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;

/**
 * An ingest as a fluid: records come in, are read in order as fast as capacity lets, and those of a deferred tier cost a
 * twentieth. Optional enrichment costs a quarter on top. One tick is a tenth of a second, after each of which the policy
 * decides; what it decides changes what comes next. No clock, no chance: the same every time.
 */
final class LoadSimulation {
    private static final double TICK = 0.1;
    private static final double ENRICHMENT_COST = 1.25;
    private static final double DEFERRED_COST = 0.05;
    /** What a drain takes at the break. */
    private static final int DRAIN_TICKS = 20;

    private final String name;
    private final int ticks;
    private final DoubleUnaryOperator arrivalsPerSecond;
    private final DoubleUnaryOperator capacityPerSecond;

    LoadSimulation(
            String name, int seconds, DoubleUnaryOperator arrivalsPerSecond, DoubleUnaryOperator capacityPerSecond) {
        this.name = name;
        this.ticks = (int) (seconds / TICK);
        this.arrivalsPerSecond = arrivalsPerSecond;
        this.capacityPerSecond = capacityPerSecond;
    }

    String name() {
        return name;
    }

    /**
     * What came of it.
     *
     * @param worstDelaySeconds the longest that a record waited in the log before it was read, the most important too
     * @param lateSeconds for how long records were read that had waited more than ten seconds, a commit interval
     */
    record Outcome(
            String policy,
            double peakLagRecords,
            double worstDelaySeconds,
            double lateSeconds,
            double deferredRecords,
            int changes,
            DegradationLevel highest,
            DegradationLevel last) {
        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%-10s peak lag %,11.0f  worst delay %6.1f s  late %6.1f s  deferred %,12.0f  changes %2d  highest %s",
                    policy,
                    peakLagRecords,
                    worstDelaySeconds,
                    lateSeconds,
                    deferredRecords,
                    changes,
                    highest);
        }
    }

    Outcome run(DegradationPolicyFactory factory) {
        DegradationPolicy policy = factory.create();
        DegradationState state = DegradationState.at(DegradationLevel.NORMAL, 0);
        LoadSample sample = new LoadSample();
        double[] arrivedUntil = new double[ticks + 1];
        double read = 0;
        double rate = capacityPerSecond.applyAsDouble(0) / ENRICHMENT_COST;
        double peakLag = 0;
        double worstDelay = 0;
        double late = 0;
        double deferred = 0;
        int oldest = 0;
        int changes = 0;
        int held = 0;
        double stalled = 0;
        DegradationLevel highest = state.level();
        for (int tick = 0; tick < ticks; tick++) {
            double now = tick * TICK;
            arrivedUntil[tick + 1] = arrivedUntil[tick] + arrivalsPerSecond.applyAsDouble(now) * TICK;
            double lagBefore = arrivedUntil[tick + 1] - read;
            double capacity = capacityPerSecond.applyAsDouble(now) * TICK;
            double admittedShare = admittedShare(state.level());
            double cost = admittedShare * (Admission.enriches(state.level()) ? ENRICHMENT_COST : 1)
                    + (1 - admittedShare) * DEFERRED_COST;
            double taken = state.holding() ? 0 : Math.min(lagBefore, capacity / cost);
            read += taken;
            deferred += taken * (1 - admittedShare);
            double lag = lagBefore - taken;

            while (oldest < tick && arrivedUntil[oldest + 1] <= read) {
                oldest++;
            }
            double delay = lag < 1 ? 0 : now - oldest * TICK;
            peakLag = Math.max(peakLag, lag);
            worstDelay = Math.max(worstDelay, delay);
            late += delay > 10 ? TICK : 0;

            // The rate is measured while there is work, over some two seconds.
            if (lag >= 1 && !state.holding()) {
                rate += 0.05 * (taken / TICK - rate);
            }
            stalled = capacity > 0 ? 0 : stalled + TICK;
            held = state.holding() ? held + 1 : 0;
            sample.clear()
                    .lag((long) lag, rate)
                    .heapAfterCollection(40, 100)
                    .queueingDelayNanos((long) (stalled * 1e9))
                    .commitLatencyNanos((long) ((0.5 + stalled) * 1e9));
            if (held >= DRAIN_TICKS) {
                sample.markInFlightDrained();
            }
            if (state.advance(policy, sample, (long) ((now + TICK) * 1e9))) {
                changes++;
                highest = state.level().compareTo(highest) > 0 ? state.level() : highest;
            }
        }
        return new Outcome(factory.name(), peakLag, worstDelay, late, deferred, changes, highest, state.level());
    }

    private static double admittedShare(DegradationLevel level) {
        double share = 0;
        for (PriorityTier tier : PriorityTier.values()) {
            if (Admission.of(level, tier) == Admission.ADMIT) {
                share += switch (tier) {
                    case CRITICAL -> 0.30;
                    case HIGH -> 0.30;
                    case NORMAL -> 0.25;
                    case LOW -> 0.15;
                };
            }
        }
        return share;
    }
}
