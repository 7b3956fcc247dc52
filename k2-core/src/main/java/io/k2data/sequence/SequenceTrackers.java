package io.k2data.sequence;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.PartitionContext;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Gives the sequence trackers that need nothing but memory. */
public final class SequenceTrackers {
    private SequenceTrackers() {}

    /**
     * Returns a factory of exact trackers in this process's memory, with the default settings.
     *
     * @return the factory, named {@code in-memory}
     */
    public static SequenceTrackerFactory inMemory() {
        return inMemory(InMemoryConfig.builder().build());
    }

    /**
     * Returns a factory of exact trackers in this process's memory. A number costs O(log open gaps) and, where it is in
     * order, no allocation; a stream some 200 bytes plus 16 for each open gap.
     *
     * <p>A number inside an open gap is late, however old it is. Any other number that lies at least the reset distance
     * below the highest seen opens a new epoch, also where it was seen before: that is what a venue looks like that
     * began to count anew.
     *
     * <p>Beyond the bound on open gaps the lowest gap of the stream is abandoned: its numbers move from the ledger's
     * gaps to {@code abandoned}. From then on the tracker does not know which numbers between the lowest and the
     * highest abandoned one were seen. One of them that comes after all is reported and counted as late, never as a
     * duplicate, since a duplicate might be thrown away; {@code abandoned} stays as it is.
     *
     * @param config the settings
     * @return the factory, named {@code in-memory}
     */
    public static SequenceTrackerFactory inMemory(InMemoryConfig config) {
        return new InMemoryFactory(config);
    }

    private record InMemoryFactory(InMemoryConfig config) implements SequenceTrackerFactory {
        @Override
        public String name() {
            return "in-memory";
        }

        @Override
        public SequenceTracker open(PartitionContext context, @Nullable InputStream snapshot) throws IOException {
            return snapshot == null
                    ? new GapListSequenceTracker(config)
                    : GapListSequenceTracker.restore(config, snapshot);
        }
    }

    /**
     * Settings of trackers in memory. Immutable.
     *
     * @param resetDistance how far below the highest number seen a number opens a new epoch, 1 or more. The default of
     *     1,000,000 is minutes of the busiest single streams, so more than a reconnect replays, and less than such a
     *     stream counts in a day. Restarts of a stream that counts less are seen only with a smaller distance: until it
     *     passes its old highest number, its numbers are duplicates
     * @param maxOpenGaps how many gaps of one stream are waited for, 1 to 1,000,000. The default of 10,000 takes 160 KB
     *     for a stream at worst; a feed with more is not dense
     */
    public record InMemoryConfig(long resetDistance, int maxOpenGaps) {
        /** Checks both values, and reports all that are wrong together. */
        public InMemoryConfig {
            List<String> problems = new ArrayList<>();
            if (resetDistance < 1) {
                problems.add("sequence.reset-distance: " + resetDistance + ", expected 1 or more");
            }
            if (maxOpenGaps < 1 || maxOpenGaps > 1_000_000) {
                problems.add("sequence.max-open-gaps: " + maxOpenGaps + ", expected 1 to 1000000");
            }
            if (!problems.isEmpty()) {
                throw new InvalidSettingsException(problems);
            }
        }

        /**
         * Returns a builder that holds the defaults.
         *
         * @return the builder
         */
        public static Builder builder() {
            return new Builder();
        }

        /** Collects the settings. Not thread-safe. */
        public static final class Builder {
            private long resetDistance = 1_000_000;
            private int maxOpenGaps = 10_000;

            private Builder() {}

            /**
             * Sets how far below the highest number seen a number opens a new epoch.
             *
             * @param resetDistance the distance, 1 or more
             * @return this
             */
            public Builder resetDistance(long resetDistance) {
                this.resetDistance = resetDistance;
                return this;
            }

            /**
             * Sets how many gaps of one stream are waited for.
             *
             * @param maxOpenGaps the bound, 1 to 1,000,000
             * @return this
             */
            public Builder maxOpenGaps(int maxOpenGaps) {
                this.maxOpenGaps = maxOpenGaps;
                return this;
            }

            /**
             * Returns the settings.
             *
             * @return the settings
             * @throws InvalidSettingsException if a value is out of its range; it names all of them
             */
            public InMemoryConfig build() {
                return new InMemoryConfig(resetDistance, maxOpenGaps);
            }
        }
    }
}
