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
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
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

    @ParameterizedTest
    @EnumSource(DegradationLevel.class)
    void aKeyIsDecidedAsItsTierIs(DegradationLevel level) {
        PriorityTiers tiers = PriorityTiers.builder()
                .put(PriorityTier.CRITICAL, "v/critical")
                .put(PriorityTier.HIGH, "v/high")
                .put(PriorityTier.LOW, "v/low")
                .build();
        DegradationState state = DegradationState.at(level, 0);
        DegradationPolicy policy = DegradationPolicies.thresholds().create();
        for (LoadSample sample : List.of(new LoadSample(), new LoadSample().markInFlightDrained())) {
            state.advance(policy, sample, 1);
            for (PriorityTier tier : PriorityTier.values()) {
                byte[] key = ("v/" + tier.name().toLowerCase(Locale.ROOT)).getBytes(StandardCharsets.UTF_8);
                assertThat(Admission.of(state, tiers, key)).as("%s", tier).isEqualTo(Admission.of(state, tier));
            }
        }
    }

    @Test
    void enrichmentIsSkippedFromSoftOn() {
        assertThat(DegradationLevel.values()).filteredOn(Admission::enriches).containsExactly(DegradationLevel.NORMAL);
    }
}
