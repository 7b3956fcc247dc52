package io.k2data.degradation;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.degradation.DegradationPolicies.ThresholdConfig;

/**
 * Thresholds with hysteresis: the level is a function of where lag and memory stand. Up at once and as far as triggers
 * are reached; down by one level, where both are below the recovery line of the present level once the last change is a
 * cooldown ago. So no flapping beyond what the cooldown allows: a change down is at least a cooldown after the change before
 * it, and since every change up climbs a level that was either never left or left by a change down, there are at most
 * four more changes up than down.
 */
final class ThresholdDegradationPolicy implements DegradationPolicy {
    // By the level's number; NORMAL has no line.
    private final double[] lagLines;
    private final double[] memoryLines;
    private final double[] lagRecoveryLines;
    private final double[] memoryRecoveryLines;
    private final long cooldownNanos;

    ThresholdDegradationPolicy(ThresholdConfig config) {
        lagLines = new double[] {
            0,
            config.soft().lagRecords(),
            config.graceful().lagRecords(),
            config.aggressive().lagRecords(),
            config.circuitBreak().lagRecords()
        };
        memoryLines = new double[] {
            0,
            config.soft().memoryShare(),
            config.graceful().memoryShare(),
            config.aggressive().memoryShare(),
            config.circuitBreak().memoryShare()
        };
        lagRecoveryLines = Ladder.scaled(lagLines, config.lagRecovery());
        memoryRecoveryLines = Ladder.scaled(memoryLines, config.memoryRecovery());
        cooldownNanos = config.cooldown().toNanos();
    }

    @Override
    public DegradationLevel next(DegradationState state, LoadSample sample, long nowNanos) {
        double lag = sample.lagRecords();
        double memory = sample.memoryShare();
        boolean lagCounts = Ladder.lagCounts(state, sample, lag < lagRecoveryLines[1]);
        int level = state.level().number();
        int reached = Math.max(lagCounts ? Ladder.reached(lagLines, lag) : 0, Ladder.reached(memoryLines, memory));
        if (reached > level) {
            return DegradationLevel.numbered(reached);
        }
        if (level > 0
                && nowNanos - state.changedNanos() >= cooldownNanos
                && memory < memoryRecoveryLines[level]
                && !(lagCounts && lag >= lagRecoveryLines[level])
                && !state.holding()) {
            return DegradationLevel.numbered(level - 1);
        }
        return state.level();
    }

    @Override
    public String cause(DegradationState state, LoadSample sample) {
        Words words = new Words();
        int level = state.level().number();
        int left = state.previousLevel().number();
        boolean lagCounted = Ladder.lagCounted(state, sample);
        if (level > left) {
            if (lagCounted && sample.lagRecords() >= lagLines[level]) {
                words.records("lag", sample.lagRecords(), ">=", lagLines[level]);
            }
            if (sample.memoryShare() >= memoryLines[level]) {
                words.memory(sample, ">=", memoryLines[level]);
            }
            return state.level() + " because " + words.text();
        }
        if (lagCounted) {
            words.records("lag", sample.lagRecords(), "<", lagRecoveryLines[left]);
        }
        words.memory(sample, "<", memoryRecoveryLines[left]);
        return state.level() + " because " + words.text() + (lagCounted ? "" : " while catching up");
    }
}
