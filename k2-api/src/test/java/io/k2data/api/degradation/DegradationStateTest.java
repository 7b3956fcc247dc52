package io.k2data.api.degradation;

import static io.k2data.api.degradation.DegradationLevel.AGGRESSIVE;
import static io.k2data.api.degradation.DegradationLevel.CIRCUIT_BREAK;
import static io.k2data.api.degradation.DegradationLevel.GRACEFUL;
import static io.k2data.api.degradation.DegradationLevel.NORMAL;
import static io.k2data.api.degradation.DegradationLevel.SOFT;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DegradationStateTest {
    private final LoadSample sample = new LoadSample();

    @Test
    void itGoesWhereThePolicySaysAndKeepsWhen() {
        DegradationState state = DegradationState.at(NORMAL, 100);

        assertThat(state.advance(says(GRACEFUL), sample, 200)).isTrue();
        assertThat(state.advance(says(GRACEFUL), sample, 300)).isFalse();
        assertThat(state.level()).isEqualTo(GRACEFUL);
        assertThat(state.previousLevel()).isEqualTo(NORMAL);
        assertThat(state.changedNanos()).isEqualTo(200);
        assertThat(state.sampledNanos()).isEqualTo(300);
    }

    @Test
    void aClockThatGoesBackStandsStill() {
        DegradationState state = DegradationState.at(NORMAL, 100);
        state.advance(says(NORMAL), sample, 200);
        state.advance(says(SOFT), sample, 150);
        assertThat(state.changedNanos()).isEqualTo(200);
        assertThat(state.sampledNanos()).isEqualTo(200);
    }

    @Test
    void atTheBreakItHoldsUntilNothingHasBeenInFlightOnce() {
        DegradationState state = DegradationState.at(AGGRESSIVE, 0);
        state.advance(says(CIRCUIT_BREAK), sample, 1);
        assertThat(state.holding()).isTrue();
        state.advance(says(CIRCUIT_BREAK), sample.markInFlightDrained(), 2);
        assertThat(state.holding()).isFalse();
        state.advance(says(CIRCUIT_BREAK), sample.clear(), 3);
        assertThat(state.holding()).isFalse();

        state.advance(says(AGGRESSIVE), sample, 4);
        assertThat(state.holding()).isFalse();
        state.advance(says(CIRCUIT_BREAK), sample, 5);
        assertThat(state.holding()).isTrue();
    }

    @Test
    void theBreakHoldsNothingWhereNothingIsInFlightWhenItComes() {
        DegradationState state = DegradationState.at(NORMAL, 0);
        state.advance(says(CIRCUIT_BREAK), sample.markInFlightDrained(), 1);
        assertThat(state.holding()).isFalse();
    }

    @Test
    void aCopyGoesItsOwnWay() {
        DegradationState state = DegradationState.at(SOFT, 7);
        state.slot(3, 1.5);
        DegradationState copy = state.copy();
        assertThat(copy).hasToString(state.toString());

        copy.slot(3, 2.5);
        copy.advance(says(NORMAL), sample, 8);
        assertThat(state.slot(3)).isEqualTo(1.5);
        assertThat(state.level()).isEqualTo(SOFT);
    }

    @ParameterizedTest
    @EnumSource(DegradationLevel.class)
    void aLevelIsFoundByItsNumber(DegradationLevel level) {
        assertThat(DegradationLevel.numbered(level.number())).isEqualTo(level);
    }

    private static DegradationPolicy says(DegradationLevel level) {
        return new DegradationPolicy() {
            @Override
            public DegradationLevel next(DegradationState state, LoadSample sample, long nowNanos) {
                return level;
            }

            @Override
            public String cause(DegradationState state, LoadSample sample) {
                return level + " because it says so";
            }
        };
    }
}
