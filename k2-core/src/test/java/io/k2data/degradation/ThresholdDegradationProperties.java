package io.k2data.degradation;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.testkit.LoadTrace;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The policy against the table of the design, written down case by case: never quicker than the rule, never slower. */
class ThresholdDegradationProperties {
    static LongStream seeds() {
        return LongStream.rangeClosed(1, Boolean.getBoolean("k2.full") ? 2_000 : 100);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everyDecisionIsTheTablesOwn(long seed) {
        LoadTrace trace = LoadTrace.random(seed, 3_000);
        DegradationPolicy policy = DegradationPolicies.thresholds().create();
        DegradationState state = DegradationState.at(DegradationLevel.NORMAL, 0);
        Table table = new Table();
        LoadSample sample = new LoadSample();
        for (int i = 0; i < trace.size(); i++) {
            state.advance(policy, trace.sample(i, sample), trace.nanos(i));
            table.decide(sample, trace.nanos(i));
            assertThat(state.level()).as("seed %d, sample %d", seed, i).isEqualTo(table.level);
        }
    }

    private static final class Table {
        private DegradationLevel level = DegradationLevel.NORMAL;
        private long changed;
        private boolean drained;
        private boolean exemptionOver;

        void decide(LoadSample sample, long now) {
            drained |= level == DegradationLevel.CIRCUIT_BREAK && sample.inFlightDrained();
            if (!sample.catchingUp()) {
                exemptionOver = false;
            } else if (sample.lagRecords() < 50_000) {
                exemptionOver = true;
            }
            boolean lagOff = sample.catchingUp() && !exemptionOver;
            long lag = lagOff ? 0 : sample.lagRecords();
            double memory = Math.max(sample.heapShare(), Math.max(sample.duckDbShare(), sample.inFlightShare()));
            DegradationLevel triggered = triggered(lag, memory);
            if (triggered.compareTo(level) > 0) {
                change(triggered, sample, now);
            } else if (now - changed >= 30_000_000_000L && recovers(lag, memory)) {
                change(below(), sample, now);
            }
        }

        private void change(DegradationLevel to, LoadSample sample, long now) {
            level = to;
            changed = now;
            drained = sample.inFlightDrained();
        }

        private static DegradationLevel triggered(long lag, double memory) {
            if (lag >= 5_000_000 || memory >= 0.95) {
                return DegradationLevel.CIRCUIT_BREAK;
            } else if (lag >= 1_000_000 || memory >= 0.90) {
                return DegradationLevel.AGGRESSIVE;
            } else if (lag >= 500_000 || memory >= 0.80) {
                return DegradationLevel.GRACEFUL;
            } else if (lag >= 100_000 || memory >= 0.70) {
                return DegradationLevel.SOFT;
            }
            return DegradationLevel.NORMAL;
        }

        private boolean recovers(long lag, double memory) {
            return switch (level) {
                case NORMAL -> false;
                case SOFT -> lag < 50_000 && memory < 0.9 * 0.70;
                case GRACEFUL -> lag < 250_000 && memory < 0.9 * 0.80;
                case AGGRESSIVE -> lag < 500_000 && memory < 0.9 * 0.90;
                case CIRCUIT_BREAK -> drained && lag < 2_500_000 && memory < 0.9 * 0.95;
            };
        }

        private DegradationLevel below() {
            return switch (level) {
                case NORMAL, SOFT -> DegradationLevel.NORMAL;
                case GRACEFUL -> DegradationLevel.SOFT;
                case AGGRESSIVE -> DegradationLevel.GRACEFUL;
                case CIRCUIT_BREAK -> DegradationLevel.AGGRESSIVE;
            };
        }
    }
}
