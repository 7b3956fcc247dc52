package io.k2data.dedup;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.PartitionContext;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.dedup.DeduplicatorFactory;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Gives the deduplicators that need nothing but memory. */
public final class Deduplicators {
    private Deduplicators() {}

    /**
     * Returns a factory of deduplicators that remember every id, with the default settings.
     *
     * @return the factory, named {@code exact}
     */
    public static DeduplicatorFactory exact() {
        return exact(ExactConfig.builder().build());
    }

    /**
     * Returns a factory of deduplicators that remember every id for twice the window: the youngest one by one, the others
     * so tightly that it is only known which ids are surely none of them. An id that was not found is new if no
     * record's Kafka timestamp is more than the window behind the highest of its partition, which is nearly always, and
     * a suspect otherwise; the repetition of one of the older ids is a suspect too, and so are a few new ones by mistake
     * (see below). A single timestamp far in the future makes suspects of all that follow until time has caught up: keep
     * the broker's {@code message.timestamp.after.max.ms} (one hour by default) below the window.
     *
     * <p>A young id costs O(1) on average and 40 to 50 bytes; a text id holds its string besides. Of the older ones,
     * integers that a venue counts up one by one cost a few bits at most, up to 6 bytes if it counts them for other streams
     * too, and are never mistaken for each other. Integers farther apart, and texts, cost 3.5 bytes, and one new id in
     * some ten thousand is taken for a suspect. Where the bound on these is reached, the oldest are forgotten, and all that
     * might repeat them is suspect: the log warns of it.
     *
     * <p>Memory grows with the ids that are remembered and is given back on close. Equal ids of one partition are told
     * apart by stream, and by whether they are an integer or a text. Writers and followers behave alike; nothing is shared
     * between partitions.
     *
     * @param config the settings
     * @return the factory, named {@code exact}
     */
    public static DeduplicatorFactory exact(ExactConfig config) {
        return new ExactFactory(config);
    }

    private record ExactFactory(ExactConfig config) implements DeduplicatorFactory {
        @Override
        public String name() {
            return "exact";
        }

        @Override
        public Duration window() {
            return config.window();
        }

        @Override
        public Deduplicator open(PartitionContext context, @Nullable InputStream snapshot) throws IOException {
            int partition = context.partition().partition();
            return snapshot == null
                    ? new ExactMapDeduplicator(config, partition)
                    : ExactMapDeduplicator.restore(config, partition, snapshot);
        }
    }

    /**
     * Settings of deduplicators that remember every id. Immutable.
     *
     * @param window how far the Kafka timestamps of two records may differ for one to be the other's duplicate, 1 ms to
     *     365 days. The default of 24 hours takes in whatever a gateway sends again after an outage in the same session
     * @param maxIds how many ids of one partition are remembered one by one, 1 to 100,000,000. What repeats one of them is
     *     found at once; the repetition of an older one is looked up in the table. The default of 500,000 takes at
     *     most 25 MB for integer ids, and with them a checkpoint of 15 MB
     * @param olderBytes how many bytes the older ids of one partition may take, 0 to 16 GiB; with 0 they are not remembered
     *     at all. The default of 64 MiB has room for 19 million texts, and for any number of integers that are counted up
     */
    public record ExactConfig(Duration window, int maxIds, long olderBytes) {
        private static final Duration LONGEST = Duration.ofDays(365);
        private static final long MOST_OLDER_BYTES = 16L << 30;

        /** Checks all values, and reports all that are wrong together. */
        public ExactConfig {
            List<String> problems = new ArrayList<>();
            if (window.compareTo(Duration.ofMillis(1)) < 0 || window.compareTo(LONGEST) > 0) {
                problems.add("dedup.window: " + window + ", expected 1 ms to 365 days");
            }
            if (maxIds < 1 || maxIds > 100_000_000) {
                problems.add("dedup.max-ids: " + maxIds + ", expected 1 to 100000000");
            }
            if (olderBytes < 0 || olderBytes > MOST_OLDER_BYTES) {
                problems.add("dedup.older-bytes: " + olderBytes + ", expected 0 to " + MOST_OLDER_BYTES);
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
            private Duration window = Duration.ofHours(24);
            private int maxIds = 500_000;
            private long olderBytes = 64L << 20;

            private Builder() {}

            /**
             * Sets how far the Kafka timestamps of two records may differ for one to be the other's duplicate.
             *
             * @param window the window, 1 ms to 365 days; finer parts than milliseconds do not count
             * @return this
             */
            public Builder window(Duration window) {
                this.window = window;
                return this;
            }

            /**
             * Sets how many ids of one partition are remembered one by one.
             *
             * @param maxIds the bound, 1 to 100,000,000
             * @return this
             */
            public Builder maxIds(int maxIds) {
                this.maxIds = maxIds;
                return this;
            }

            /**
             * Sets how much memory the older ids of one partition may take.
             *
             * @param olderBytes the bound, 0 to 16 GiB; 0 remembers none
             * @return this
             */
            public Builder olderBytes(long olderBytes) {
                this.olderBytes = olderBytes;
                return this;
            }

            /**
             * Returns the settings.
             *
             * @return the settings
             * @throws InvalidSettingsException if a value is out of its range; it names all of them
             */
            public ExactConfig build() {
                return new ExactConfig(window, maxIds, olderBytes);
            }
        }
    }
}
