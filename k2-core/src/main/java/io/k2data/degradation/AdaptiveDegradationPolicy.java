package io.k2data.degradation;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.degradation.DegradationPolicies.AdaptiveConfig;
import java.time.Duration;

/**
 * Goes by time instead of by records: how long the lag will take to drain, and how long a record waits.
 *
 * <p>The time to drain is smoothed with its trend and carried forward by the horizon where the trend rises (Holt's
 * linear method: C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages", ONR 52,
 * 1957). A falling trend is not carried forward, since hoping costs more than waiting. The wait is smoothed without a
 * trend. A weight is dt / (time constant + dt), so samples need not be equally spaced, and it is a plain division, so
 * that every JVM computes the same bits; {@code Math.exp} need not. Both signals are cut at twice the highest line before
 * they are smoothed: what was out of all bounds must not be remembered for longer than what was bad.
 *
 * <p>A signal has to stand above the next level's line for a dwell time to raise the level by one, and below the present
 * level's recovery line for another to lower it. Memory is not smoothed and does not wait: full is full.
 */
final class AdaptiveDegradationPolicy implements DegradationPolicy {
    private static final int STARTED = Ladder.FIRST_FREE_SLOT;
    private static final int DRAIN = STARTED + 1;
    private static final int DRAIN_TREND = STARTED + 2;
    private static final int DELAY = STARTED + 3;
    /** 0 if not above or below now, else 1 + the seconds since. */
    private static final int ABOVE = STARTED + 4;

    private static final int BELOW = STARTED + 5;

    // By the level's number; NORMAL has no line.
    private final double[] drainLines;
    private final double[] delayLines;
    private final double[] memoryLines;
    private final double[] drainRecoveryLines;
    private final double[] delayRecoveryLines;
    private final double[] memoryRecoveryLines;
    private final double smoothingSeconds;
    private final double horizonSeconds;
    private final double dwellUpSeconds;
    private final double dwellDownSeconds;

    AdaptiveDegradationPolicy(AdaptiveConfig config) {
        drainLines = new double[] {
            0,
            seconds(config.soft().drain()),
            seconds(config.graceful().drain()),
            seconds(config.aggressive().drain()),
            seconds(config.circuitBreak().drain())
        };
        delayLines = new double[] {
            0,
            seconds(config.soft().delay()),
            seconds(config.graceful().delay()),
            seconds(config.aggressive().delay()),
            seconds(config.circuitBreak().delay())
        };
        memoryLines = new double[] {
            0,
            config.soft().memoryShare(),
            config.graceful().memoryShare(),
            config.aggressive().memoryShare(),
            config.circuitBreak().memoryShare()
        };
        drainRecoveryLines = Ladder.scaled(drainLines, config.timeRecovery());
        delayRecoveryLines = Ladder.scaled(delayLines, config.timeRecovery());
        memoryRecoveryLines = Ladder.scaled(memoryLines, config.memoryRecovery());
        smoothingSeconds = seconds(config.smoothing());
        horizonSeconds = seconds(config.horizon());
        dwellUpSeconds = seconds(config.dwellUp());
        dwellDownSeconds = seconds(config.dwellDown());
    }

    private static double seconds(Duration duration) {
        return duration.toNanos() * 1e-9;
    }

    @Override
    public DegradationLevel next(DegradationState state, LoadSample sample, long nowNanos) {
        double elapsed = (nowNanos - state.sampledNanos()) * 1e-9;
        smooth(state, sample, elapsed);
        double drain = drainAhead(state);
        double delay = state.slot(DELAY);
        double memory = sample.memoryShare();
        if (!Ladder.lagCounts(state, sample, drain < drainRecoveryLines[1])) {
            drain = 0;
            delay = 0;
        }
        int level = state.level().number();
        int byMemory = Ladder.reached(memoryLines, memory);
        if (byMemory > level) {
            return change(state, byMemory);
        }
        boolean above = level < Ladder.TOP && (drain >= drainLines[level + 1] || delay >= delayLines[level + 1]);
        if (lasted(state, ABOVE, above, elapsed) >= dwellUpSeconds) {
            return change(state, level + 1);
        }
        boolean below = level > 0
                && drain < drainRecoveryLines[level]
                && delay < delayRecoveryLines[level]
                && memory < memoryRecoveryLines[level]
                && !state.holding();
        if (lasted(state, BELOW, below, elapsed) >= dwellDownSeconds) {
            return change(state, level - 1);
        }
        return state.level();
    }

    private void smooth(DegradationState state, LoadSample sample, double elapsed) {
        double drain = Math.min(sample.lagSeconds(), 2 * drainLines[Ladder.TOP]);
        double delay = Math.min(
                (sample.queueingDelayNanos() + (double) sample.commitLatencyNanos()) * 1e-9,
                2 * delayLines[Ladder.TOP]);
        if (state.slot(STARTED) == 0) {
            state.slot(STARTED, 1);
            state.slot(DRAIN, drain);
            state.slot(DELAY, delay);
        } else if (elapsed > 0) {
            double weight = elapsed / (smoothingSeconds + elapsed);
            double before = state.slot(DRAIN);
            double trend = state.slot(DRAIN_TREND);
            double expected = before + trend * elapsed;
            double after = Math.max(0, expected + weight * (drain - expected));
            state.slot(DRAIN, after);
            state.slot(DRAIN_TREND, trend + weight * ((after - before) / elapsed - trend));
            state.slot(DELAY, state.slot(DELAY) + weight * (delay - state.slot(DELAY)));
        }
    }

    private double drainAhead(DegradationState state) {
        return state.slot(DRAIN) + horizonSeconds * Math.max(0, state.slot(DRAIN_TREND));
    }

    /** Returns for how many seconds a condition has held, -1 if it does not hold. */
    private static double lasted(DegradationState state, int slot, boolean holds, double elapsed) {
        if (!holds) {
            state.slot(slot, 0);
            return -1;
        }
        double since = state.slot(slot) == 0 ? 1 : state.slot(slot) + elapsed;
        state.slot(slot, since);
        return since - 1;
    }

    private static DegradationLevel change(DegradationState state, int level) {
        state.slot(ABOVE, 0);
        state.slot(BELOW, 0);
        return DegradationLevel.numbered(level);
    }

    @Override
    public String cause(DegradationState state, LoadSample sample) {
        Words words = new Words();
        int level = state.level().number();
        int left = state.previousLevel().number();
        boolean lagCounted = Ladder.lagCounted(state, sample);
        if (level > left) {
            if (lagCounted && drainAhead(state) >= drainLines[level]) {
                words.seconds("predicted time to drain", drainAhead(state), ">=", drainLines[level]);
            }
            if (lagCounted && state.slot(DELAY) >= delayLines[level]) {
                words.seconds("delay", state.slot(DELAY), ">=", delayLines[level]);
            }
            if (sample.memoryShare() >= memoryLines[level]) {
                words.memory(sample, ">=", memoryLines[level]);
            }
            return state.level() + " because " + words.text();
        }
        if (lagCounted) {
            words.seconds("predicted time to drain", drainAhead(state), "<", drainRecoveryLines[left]);
            words.seconds("delay", state.slot(DELAY), "<", delayRecoveryLines[left]);
        }
        words.memory(sample, "<", memoryRecoveryLines[left]);
        return state.level() + " because " + words.text() + (lagCounted ? "" : " while catching up");
    }
}
