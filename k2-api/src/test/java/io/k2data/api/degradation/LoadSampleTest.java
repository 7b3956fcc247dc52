package io.k2data.api.degradation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class LoadSampleTest {
    private final LoadSample sample = new LoadSample();

    @Test
    void lagInSecondsFollowsFromTheDrainRate() {
        assertThat(sample.lag(1000, 500).lagSeconds()).isEqualTo(2);
        assertThat(sample.lag(1000, 0).lagSeconds()).isInfinite();
        assertThat(sample.lag(0, 0).lagSeconds()).isZero();
        assertThat(sample.lag(1000).lagSeconds()).isZero();
        assertThat(sample.lagRecords()).isEqualTo(1000);
    }

    @Test
    void memoryIsTheHighestOfTheThreeShares() {
        assertThat(sample.heapAfterCollection(70, 100).memoryShare()).isEqualTo(0.7);
        assertThat(sample.duckDb(40, 50).memoryShare()).isEqualTo(0.8);
        assertThat(sample.inFlight(9, 10).memoryShare()).isEqualTo(0.9);
        assertThat(sample.heapShare()).isEqualTo(0.7);
        assertThat(sample.duckDbShare()).isEqualTo(0.8);
        assertThat(sample.inFlightShare()).isEqualTo(0.9);
    }

    @Test
    void memoryWithoutABoundCountsAsNoneUsed() {
        assertThat(sample.heapAfterCollection(70, -1).duckDb(1, 0).memoryShare())
                .isZero();
    }

    @Test
    void clearedItIsLikeNew() {
        sample.lag(1, 2)
                .heapAfterCollection(1, 2)
                .duckDb(1, 2)
                .inFlight(1, 2)
                .queueingDelayNanos(3)
                .commitLatencyNanos(4)
                .markCatchingUp()
                .markInFlightDrained();
        assertThat(sample.queueingDelayNanos()).isEqualTo(3);
        assertThat(sample.commitLatencyNanos()).isEqualTo(4);
        assertThat(sample.catchingUp()).isTrue();
        assertThat(sample.inFlightDrained()).isTrue();

        assertThat(sample.clear()).usingRecursiveComparison().isEqualTo(new LoadSample());
    }

    @Test
    void whatCannotBeIsRefused() {
        assertThatThrownBy(() -> sample.lag(-1)).hasMessage("lag must be 0 or more, got -1");
        assertThatThrownBy(() -> sample.lag(1, Double.NaN)).hasMessageContaining("drain rate");
        assertThatThrownBy(() -> sample.lag(1, -0.5)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> sample.heapAfterCollection(-1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> sample.queueingDelayNanos(-1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> sample.commitLatencyNanos(-1)).isInstanceOf(IllegalArgumentException.class);
    }
}
