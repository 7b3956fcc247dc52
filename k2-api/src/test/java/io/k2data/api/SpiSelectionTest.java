package io.k2data.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.dedup.DeduplicatorFactory;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SpiSelectionTest {
    private static final Named MINE = new Named("mine");
    private static final Named REDIS = new Named("redis");
    private static final Named FILTER = new Named("filter");
    private static final Named FALLBACK = new Named("in-memory");

    @Test
    void anExplicitObjectBeatsEverything() {
        assertThat(choose(MINE, "redis", REDIS, FILTER)).isSameAs(MINE);
        assertThat(choose(MINE, "no-such-name")).isSameAs(MINE);
    }

    @Test
    void aConfiguredNameBeatsWhatWasDiscovered() {
        assertThat(choose(null, "filter", REDIS, FILTER)).isSameAs(FILTER);
    }

    @Test
    void theDefaultCanBeChosenByItsName() {
        assertThat(choose(null, "in-memory", REDIS)).isSameAs(FALLBACK);
    }

    @Test
    void theOnlyOneDiscoveredBeatsTheDefault() {
        assertThat(choose(null, null, REDIS)).isSameAs(REDIS);
    }

    @Test
    void theDefaultIsTakenWhereThereIsNothingElse() {
        assertThat(choose(null, null)).isSameAs(FALLBACK);
    }

    @Test
    void twoDiscoveredAndNoChoiceIsAnErrorThatNamesBoth() {
        assertThatThrownBy(() -> choose(null, null, REDIS, FILTER))
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("SpiFactory")
                .hasMessageContaining("redis [" + Named.class.getName() + "]")
                .hasMessageContaining("filter [" + Named.class.getName() + "]");
    }

    @Test
    void anUnknownNameIsAnErrorThatNamesAllThereAre() {
        assertThatThrownBy(() -> choose(null, "no-such-name", REDIS))
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("'no-such-name'")
                .hasMessageContaining("redis")
                .hasMessageContaining("in-memory");
    }

    @Test
    void oneThatIsTakenOnlyByNameLeavesTheDefaultInPlace() {
        SpiFactory extra = new OnlyByName("adaptive");

        assertThat(SpiSelection.choose(SpiFactory.class, null, null, List.of(extra), FALLBACK))
                .isSameAs(FALLBACK);
        assertThat(SpiSelection.choose(SpiFactory.class, null, null, List.of(extra, REDIS), FALLBACK))
                .isSameAs(REDIS);
        assertThat(SpiSelection.choose(SpiFactory.class, null, "adaptive", List.of(extra, REDIS), FALLBACK))
                .isSameAs(extra);
    }

    @Test
    void discoveryFindsNothingWhereNothingIsProvided() {
        assertThat(SpiSelection.discover(DeduplicatorFactory.class)).isEmpty();
    }

    private static SpiFactory choose(@Nullable Named explicit, @Nullable String name, Named... discovered) {
        return SpiSelection.choose(SpiFactory.class, explicit, name, List.of(discovered), FALLBACK);
    }

    private record Named(String name) implements SpiFactory {}

    private record OnlyByName(String name) implements SpiFactory {
        @Override
        public boolean onlyByName() {
            return true;
        }
    }
}
