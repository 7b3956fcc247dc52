package io.k2data.degradation;

import static io.k2data.api.degradation.DegradationLevel.CIRCUIT_BREAK;
import static io.k2data.api.degradation.DegradationLevel.GRACEFUL;
import static io.k2data.api.degradation.DegradationLevel.NORMAL;
import static io.k2data.api.degradation.DegradationLevel.SOFT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.SpiSelection;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.degradation.DegradationPolicies.AdaptiveConfig;
import io.k2data.testkit.DegradationPolicyContract;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;

class AdaptiveDegradationPolicyTest extends DegradationPolicyContract {
    private static final long SECOND = 1_000_000_000;

    private final LoadSample sample = new LoadSample();
    private final DegradationPolicy policy = factory().create();
    private DegradationState state = DegradationState.at(NORMAL, 0);
    private final List<String> causes = new ArrayList<>();

    @Override
    protected DegradationPolicyFactory factory() {
        return DegradationPolicies.adaptive();
    }

    @Override
    protected Duration cooldown() {
        return Duration.ofSeconds(15);
    }

    @Test
    void discoveryFindsItAndTakesItOnlyByName() {
        List<DegradationPolicyFactory> found = SpiSelection.discover(DegradationPolicyFactory.class);
        DegradationPolicyFactory thresholds = DegradationPolicies.thresholds();

        assertThat(found).extracting(DegradationPolicyFactory::name).containsExactly("adaptive");
        assertThat(SpiSelection.choose(DegradationPolicyFactory.class, null, null, found, thresholds))
                .isSameAs(thresholds);
        assertThat(SpiSelection.choose(DegradationPolicyFactory.class, null, "adaptive", found, thresholds)
                        .create())
                .isInstanceOf(AdaptiveDegradationPolicy.class);
    }

    @Test
    void howManyRecordsLagMeansNothingOnlyHowLongTheyTake() {
        advance(600, sample.lag(4_000_000, 4_000_000));
        assertThat(causes).isEmpty();
        state = DegradationState.at(NORMAL, 0);
        advance(600, sample.lag(900, 100));
        assertThat(state.level()).isEqualTo(SOFT);
    }

    @Test
    void aLevelIsRaisedByOneOnceItsTriggerHasLastedTheDwellTime() {
        advance(1, sample.lag(1000, 10));
        advance(1, sample);
        assertThat(state.level()).isEqualTo(NORMAL);
        advance(1, sample);
        assertThat(state.level()).isEqualTo(SOFT);
        advance(2, sample);
        assertThat(state.level()).isEqualTo(SOFT);
        advance(1, sample);
        assertThat(state.level()).isEqualTo(GRACEFUL);
        assertThat(causes)
                .containsExactly(
                        "SOFT because predicted time to drain 100 s >= 2 s",
                        "GRACEFUL because predicted time to drain 100 s >= 10 s");
    }

    @Test
    void aBurstShorterThanTheDwellTimeRaisesNothing() {
        for (int i = 0; i < 100; i++) {
            advance(1, sample.lag(30, 10));
            advance(20, sample.lag(0));
        }
        assertThat(causes).isEmpty();
    }

    @Test
    void aRisingTrendIsCarriedForwardAndAFallingOneIsNot() {
        DegradationPolicy blind = DegradationPolicies.adaptive(
                        AdaptiveConfig.builder().horizon(Duration.ZERO).build())
                .create();
        DegradationState blindState = DegradationState.at(NORMAL, 0);
        int seen = 0;
        int seenBlind = 0;
        for (int i = 1; i < 60; i++) {
            sample.lag(10L * i, 100);
            state.advance(policy, sample, i * SECOND);
            blindState.advance(blind, sample, i * SECOND);
            seen += state.level() == NORMAL ? 1 : 0;
            seenBlind += blindState.level() == NORMAL ? 1 : 0;
        }
        assertThat(seen).as("seconds before the change").isLessThan(seenBlind);
        for (int i = 60; i < 600; i++) {
            sample.lag(Math.max(0, 1200 - 10L * i), 100);
            state.advance(policy, sample, i * SECOND);
            blindState.advance(blind, sample, i * SECOND);
        }
        assertThat(state.level()).isEqualTo(NORMAL);
        assertThat(blindState.level()).isEqualTo(NORMAL);
    }

    @Test
    void delayRaisesToo() {
        advance(600, sample.queueingDelayNanos(9 * SECOND).commitLatencyNanos(7 * SECOND));
        assertThat(state.level()).isEqualTo(GRACEFUL);
        assertThat(causes).last().isEqualTo("GRACEFUL because delay 16 s >= 15 s");
    }

    @Test
    void memoryRaisesAtOnceAndAsFarAsItReaches() {
        advance(1, sample.inFlight(96, 100));
        assertThat(causes).containsExactly("CIRCUIT_BREAK because memory 96 % (bytes in flight) >= 95 %");
    }

    @Test
    void aChangeDownNamesAllThatIsBelowItsLine() {
        state = DegradationState.at(GRACEFUL, 0);
        advance(600, sample.lag(100, 100).commitLatencyNanos(SECOND).duckDb(65, 100));
        assertThat(causes)
                .containsExactly("SOFT because predicted time to drain 1 s < 5 s, delay 1 s < 7.5 s"
                        + " and memory 65 % (DuckDB) < 72 %");
        state = DegradationState.at(SOFT, 0);
        advance(600, sample.clear().lag(1000, 1).markCatchingUp());
        assertThat(causes).last().isEqualTo("NORMAL because memory 0 % (heap) < 63 % while catching up");
    }

    @Test
    void whatWasOutOfAllBoundsIsNotRememberedForLonger() {
        advance(60, sample.lag(1_000_000, 0).markInFlightDrained());
        assertThat(state.level()).isEqualTo(CIRCUIT_BREAK);
        advance(15 + 30, sample.lag(0));
        assertThat(state.level()).isLessThan(CIRCUIT_BREAK);
    }

    @Test
    void twoSamplesOfOneMomentAreNoTrend() {
        state.advance(policy, sample.lag(0, 10), 0);
        state.advance(policy, sample.lag(1000, 10), 0);
        assertThat(state.slot(2)).isZero();
        assertThat(state.level()).isEqualTo(NORMAL);
    }

    @Test
    void allThatIsWrongWithTheSettingsIsReportedTogether() {
        assertThatThrownBy(() -> AdaptiveConfig.builder()
                        .soft(Duration.ofSeconds(2), Duration.ZERO, 0.7)
                        .graceful(Duration.ofSeconds(1), Duration.ofSeconds(15), 0.7)
                        .aggressive(Duration.ofSeconds(3), Duration.ofSeconds(15), 0.9)
                        .circuitBreak(Duration.ofDays(2), Duration.ofSeconds(16), 1.1)
                        .timeRecovery(1.5)
                        .memoryRecovery(0)
                        .smoothing(Duration.ZERO)
                        .horizon(Duration.ofHours(1))
                        .dwellUp(Duration.ofMinutes(5))
                        .dwellDown(Duration.ofMinutes(4))
                        .build())
                .isInstanceOf(InvalidSettingsException.class)
                .extracting(
                        e -> ((InvalidSettingsException) e).problems(), InstanceOfAssertFactories.list(String.class))
                .containsExactly(
                        "degradation.graceful.drain: PT1S, expected more than degradation.soft.drain, which is PT2S",
                        "degradation.circuit-break.drain: PT48H, expected 1 ms to 1 day",
                        "degradation.soft.delay: PT0S, expected 1 ms to 1 day",
                        "degradation.aggressive.delay: PT15S, expected more than degradation.graceful.delay, which is PT15S",
                        "degradation.graceful.memory-share: 0.7, expected more than degradation.soft.memory-share, which is 0.7",
                        "degradation.circuit-break.memory-share: 1.1, expected more than 0, up to 1",
                        "degradation.time-recovery: 1.5, expected more than 0 and less than 1, so that a level recovers below its trigger",
                        "degradation.memory-recovery: 0.0, expected more than 0 and less than 1, so that a level recovers below its trigger",
                        "degradation.smoothing: PT0S, expected PT0.01S to PT10M",
                        "degradation.horizon: PT1H, expected PT0S to PT10M",
                        "degradation.dwell-down: PT4M, expected PT5M to PT1H");
    }

    private void advance(int seconds, LoadSample load) {
        for (int i = 0; i < seconds; i++) {
            if (state.advance(policy, load, state.sampledNanos() + SECOND)) {
                causes.add(policy.cause(state, load));
            }
        }
    }
}
