package io.k2data.degradation;

import static io.k2data.degradation.Admission.ADMIT;
import static io.k2data.degradation.Admission.DEFER;
import static io.k2data.degradation.Admission.HOLD;
import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.api.degradation.PriorityTier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class AdmissionTest {
    @ParameterizedTest
    @CsvSource({
        "NORMAL, LOW",
        "SOFT, LOW",
        "GRACEFUL, NORMAL",
        "AGGRESSIVE, HIGH",
        "CIRCUIT_BREAK, CRITICAL",
    })
    void aLevelAdmitsTheTiersDownToItsLast(DegradationLevel level, PriorityTier last) {
        for (PriorityTier tier : PriorityTier.values()) {
            assertThat(Admission.of(level, tier)).as("%s", tier).isEqualTo(tier.compareTo(last) <= 0 ? ADMIT : DEFER);
        }
    }

    @ParameterizedTest
    @EnumSource(PriorityTier.class)
    void atTheBreakEveryTierWaitsUntilWhatIsInFlightHasDrained(PriorityTier tier) {
        DegradationPolicy policy = DegradationPolicies.thresholds().create();
        LoadSample sample = new LoadSample().lag(5_000_000);
        DegradationState state = DegradationState.at(DegradationLevel.NORMAL, 0);
        assertThat(Admission.of(state, tier)).isEqualTo(ADMIT);

        state.advance(policy, sample, 1);
        assertThat(Admission.of(state, tier)).isEqualTo(HOLD);

        state.advance(policy, sample.markInFlightDrained(), 2);
        assertThat(Admission.of(state, tier)).isEqualTo(tier == PriorityTier.CRITICAL ? ADMIT : DEFER);
    }

    @Test
    void enrichmentIsSkippedFromSoftOn() {
        assertThat(DegradationLevel.values()).filteredOn(Admission::enriches).containsExactly(DegradationLevel.NORMAL);
    }
}
