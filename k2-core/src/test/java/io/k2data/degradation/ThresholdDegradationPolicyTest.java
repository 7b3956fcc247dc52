package io.k2data.degradation;

import static io.k2data.api.degradation.DegradationLevel.AGGRESSIVE;
import static io.k2data.api.degradation.DegradationLevel.CIRCUIT_BREAK;
import static io.k2data.api.degradation.DegradationLevel.GRACEFUL;
import static io.k2data.api.degradation.DegradationLevel.NORMAL;
import static io.k2data.api.degradation.DegradationLevel.SOFT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.degradation.DegradationPolicies.ThresholdConfig;
import io.k2data.testkit.DegradationPolicyContract;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ThresholdDegradationPolicyTest extends DegradationPolicyContract {
    private static final long SECOND = 1_000_000_000;

    private final DegradationPolicy policy = DegradationPolicies.thresholds().create();
    private final LoadSample sample = new LoadSample();

    @Override
    protected DegradationPolicyFactory factory() {
        return DegradationPolicies.thresholds();
    }

    @Override
    protected Duration cooldown() {
        return Duration.ofSeconds(30);
    }

    @Test
    void itIsNamedThresholds() {
        assertThat(factory().name()).isEqualTo("thresholds");
        assertThat(factory().onlyByName()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "99999, 69, NORMAL",
        "100000, 0, SOFT",
        "0, 70, SOFT",
        "499999, 79, SOFT",
        "500000, 0, GRACEFUL",
        "0, 80, GRACEFUL",
        "999999, 89, GRACEFUL",
        "1000000, 0, AGGRESSIVE",
        "0, 90, AGGRESSIVE",
        "4999999, 94, AGGRESSIVE",
        "5000000, 0, CIRCUIT_BREAK",
        "0, 95, CIRCUIT_BREAK",
        "100000, 80, GRACEFUL"
    })
    void eitherTriggerRaisesAtOnceAsFarAsItReaches(long lag, long memoryPercent, DegradationLevel expected) {
        assertThat(decide(NORMAL, 0, sample.lag(lag).heapAfterCollection(memoryPercent, 100)))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "SOFT, 49999, 62, NORMAL",
        "SOFT, 50000, 62, SOFT",
        "SOFT, 49999, 63, SOFT",
        "GRACEFUL, 249999, 71, SOFT",
        "GRACEFUL, 250000, 71, GRACEFUL",
        "GRACEFUL, 249999, 73, GRACEFUL",
        "AGGRESSIVE, 499999, 80, GRACEFUL",
        "AGGRESSIVE, 500000, 80, AGGRESSIVE",
        "AGGRESSIVE, 499999, 82, AGGRESSIVE",
        "CIRCUIT_BREAK, 2499999, 85, AGGRESSIVE",
        "CIRCUIT_BREAK, 2500000, 85, CIRCUIT_BREAK",
        "CIRCUIT_BREAK, 2499999, 86, CIRCUIT_BREAK",
        "CIRCUIT_BREAK, 0, 0, AGGRESSIVE"
    })
    void itRecoversByOneLevelWhereBothAreBelowTheLine(
            DegradationLevel from, long lag, long memoryPercent, DegradationLevel expected) {
        sample.lag(lag).heapAfterCollection(memoryPercent, 100).markInFlightDrained();
        assertThat(decide(from, 30 * SECOND, sample)).isEqualTo(expected);
        assertThat(decide(from, 30 * SECOND - 1, sample)).isEqualTo(from);
    }

    @Test
    void aChangeUpBeginsTheCooldownAnew() {
        DegradationState state = DegradationState.at(GRACEFUL, 0);
        state.advance(policy, sample.lag(1_000_000), 20 * SECOND);
        state.advance(policy, sample.lag(0), 49 * SECOND);
        assertThat(state.level()).isEqualTo(AGGRESSIVE);
        state.advance(policy, sample.lag(0), 50 * SECOND);
        assertThat(state.level()).isEqualTo(GRACEFUL);
    }

    @Test
    void whileCatchingUpMemoryAloneDecidesInBothDirections() {
        DegradationState state = DegradationState.at(NORMAL, 0);
        sample.lag(10_000_000).heapAfterCollection(90, 100).markCatchingUp();
        state.advance(policy, sample, SECOND);
        assertThat(state.level()).isEqualTo(AGGRESSIVE);
        state.advance(policy, sample.heapAfterCollection(10, 100), 31 * SECOND);
        assertThat(state.level()).isEqualTo(GRACEFUL);
        assertThat(policy.cause(state, sample))
                .isEqualTo("GRACEFUL because memory 10 % (heap) < 81 % while catching up");
    }

    @Test
    void catchingUpEndsBelowTheLineAtWhichSoftRecovers() {
        DegradationState state = DegradationState.at(NORMAL, 0);
        state.advance(policy, sample.lag(50_000).markCatchingUp(), 1);
        state.advance(policy, sample.lag(150_000), 2);
        assertThat(state.level()).isEqualTo(NORMAL);
        state.advance(policy, sample.lag(49_999), 3);
        state.advance(policy, sample.lag(150_000), 4);
        assertThat(state.level()).isEqualTo(SOFT);
        assertThat(policy.cause(state, sample)).isEqualTo("SOFT because lag 150,000 >= 100,000");
    }

    @Test
    void aChangeUpNamesTheTriggersThatWereReached() {
        assertThat(why(NORMAL, sample.lag(612_400))).isEqualTo("GRACEFUL because lag 612,400 >= 500,000");
        assertThat(why(NORMAL, sample.duckDb(834, 1000)))
                .isEqualTo("GRACEFUL because lag 612,400 >= 500,000 and memory 83.4 % (DuckDB) >= 80 %");
        assertThat(why(NORMAL, sample.inFlight(90, 100)))
                .isEqualTo("AGGRESSIVE because memory 90 % (bytes in flight) >= 90 %");
        assertThat(why(SOFT, sample.clear().heapAfterCollection(95, 100)))
                .isEqualTo("CIRCUIT_BREAK because memory 95 % (heap) >= 95 %");
    }

    @Test
    void aChangeDownNamesTheLinesThatAreKept() {
        assertThat(why(GRACEFUL, sample.lag(249_999).duckDb(7199, 10_000)))
                .isEqualTo("SOFT because lag 249,999 < 250,000 and memory 71.9 % (DuckDB) < 72 %");
    }

    @Test
    void allThatIsWrongWithTheSettingsIsReportedTogether() {
        assertThatThrownBy(() -> ThresholdConfig.builder()
                        .soft(500_000, 0)
                        .graceful(500_000, 1.2)
                        .aggressive(0, 0.9)
                        .circuitBreak(5_000_000, 0.9)
                        .lagRecovery(1)
                        .memoryRecovery(Double.NaN)
                        .cooldown(Duration.ofSeconds(-1))
                        .build())
                .isInstanceOf(InvalidSettingsException.class)
                .extracting(
                        e -> ((InvalidSettingsException) e).problems(), InstanceOfAssertFactories.list(String.class))
                .containsExactly(
                        "degradation.graceful.lag-records: 500000, expected more than degradation.soft.lag-records, which is 500000",
                        "degradation.aggressive.lag-records: 0, expected 1 or more",
                        "degradation.soft.memory-share: 0.0, expected more than 0, up to 1",
                        "degradation.graceful.memory-share: 1.2, expected more than 0, up to 1",
                        "degradation.aggressive.memory-share: 0.9, expected more than degradation.graceful.memory-share, which is 1.2",
                        "degradation.circuit-break.memory-share: 0.9, expected more than degradation.aggressive.memory-share, which is 0.9",
                        "degradation.lag-recovery: 1.0, expected more than 0 and less than 1, so that a level recovers below its trigger",
                        "degradation.memory-recovery: NaN, expected more than 0 and less than 1, so that a level recovers below its trigger",
                        "degradation.cooldown: PT-1S, expected PT0S to PT1H");
    }

    @Test
    void itGoesByItsSettings() {
        DegradationPolicy scaled = DegradationPolicies.thresholds(ThresholdConfig.builder()
                        .soft(10, 0.1)
                        .graceful(20, 0.2)
                        .aggressive(30, 0.3)
                        .circuitBreak(40, 0.4)
                        .lagRecovery(0.75)
                        .memoryRecovery(0.5)
                        .cooldown(Duration.ofSeconds(2))
                        .build())
                .create();
        DegradationState state = DegradationState.at(NORMAL, 0);
        state.advance(scaled, sample.lag(45), 0);
        assertThat(state.level()).isEqualTo(CIRCUIT_BREAK);
        sample.markInFlightDrained();
        for (long lag : List.of(29, 22, 14, 7)) {
            long now = state.changedNanos() + 2 * SECOND;
            state.advance(scaled, sample.lag(lag + 1), now - 1);
            assertThat(state.advance(scaled, sample.lag(lag), now)).isTrue();
        }
        assertThat(state.level()).isEqualTo(NORMAL);
    }

    private DegradationLevel decide(DegradationLevel from, long nanosLater, LoadSample load) {
        DegradationState state = DegradationState.at(from, 0);
        state.advance(policy, load, nanosLater);
        return state.level();
    }

    private String why(DegradationLevel from, LoadSample load) {
        DegradationState state = DegradationState.at(from, 0);
        assertThat(state.advance(policy, load, 30 * SECOND)).isTrue();
        return policy.cause(state, load);
    }
}
