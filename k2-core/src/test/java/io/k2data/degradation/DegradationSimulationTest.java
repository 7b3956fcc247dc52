package io.k2data.degradation;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.degradation.LoadSimulation.Outcome;
import org.junit.jupiter.api.Test;

/** Where the adaptive policy does better than thresholds and where worse, both with their defaults; prints the figures. */
class DegradationSimulationTest {
    private Outcome thresholds;
    private Outcome adaptive;

    @Test
    void adaptiveIsBetterWhereAFastIngestMeetsAShortBurst() {
        run(new LoadSimulation(
                "fast ingest (400,000/s), burst of 3 s at 700,000/s on 50,000/s",
                600,
                second -> second >= 60 && second < 63 ? 700_000 : 50_000,
                second -> 400_000));

        assertThat(thresholds.deferredRecords()).isGreaterThan(100_000);
        assertThat(adaptive.deferredRecords()).isZero();
        assertThat(adaptive.worstDelaySeconds()).isLessThan(thresholds.worstDelaySeconds() + 2);
    }

    @Test
    void adaptiveIsBetterWhereASlowIngestFallsBehind() {
        run(new LoadSimulation(
                "slow ingest (2,000/s), ten minutes at 2,200/s",
                1800,
                second -> second >= 60 && second < 660 ? 2_200 : 1_000,
                second -> 2_000));

        assertThat(thresholds.highest()).isGreaterThanOrEqualTo(DegradationLevel.SOFT);
        assertThat(adaptive.worstDelaySeconds()).isLessThan(thresholds.worstDelaySeconds() / 3);
        assertThat(adaptive.lateSeconds()).isLessThan(thresholds.lateSeconds() / 3);
    }

    @Test
    void adaptiveIsWorseWhereAnOverloadComesAllAtOnce() {
        run(new LoadSimulation(
                "fast ingest (400,000/s), a minute at 900,000/s",
                900,
                second -> second >= 60 && second < 120 ? 900_000 : 100_000,
                second -> 400_000));

        assertThat(adaptive.peakLagRecords()).isGreaterThan(1.2 * thresholds.peakLagRecords());
        assertThat(adaptive.worstDelaySeconds()).isGreaterThan(thresholds.worstDelaySeconds());
    }

    @Test
    void adaptiveIsWorseWhereTheSinkStandsStillNowAndThen() {
        run(new LoadSimulation(
                "ingest (20,000/s) with time to spare, its sink standing still for 8 s of every 60",
                1200,
                second -> 8_000,
                second -> second % 60 < 52 ? 20_000 : 0));

        assertThat(thresholds.changes()).isZero();
        assertThat(thresholds.deferredRecords()).isZero();
        assertThat(adaptive.deferredRecords()).isGreaterThan(100_000);
        assertThat(adaptive.changes()).isGreaterThan(10);
    }

    private void run(LoadSimulation simulation) {
        thresholds = simulation.run(DegradationPolicies.thresholds());
        adaptive = simulation.run(DegradationPolicies.adaptive());
        System.out.println(simulation.name() + "\n  " + thresholds + "\n  " + adaptive);
    }
}
