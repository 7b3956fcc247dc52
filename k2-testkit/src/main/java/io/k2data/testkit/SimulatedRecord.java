package io.k2data.testkit;

import io.k2data.api.event.Trade;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * A record of a {@link FeedSimulator}, and what is known of it. The arrays are shared with other records and with the
 * simulator: do not change them. Two records are equal only if they are the same.
 *
 * @param key {@code venue/symbol}, UTF-8
 * @param value K2's JSON event, UTF-8, or what is left of one
 * @param timestampMillis the record's timestamp, epoch milliseconds: when the event was received
 * @param label what the record is
 * @param trade the trade that the value says, null if malformed
 */
// A record per event at 300k/s: the bytes go to the producer as they are.
@SuppressWarnings("ArrayRecordComponent")
public record SimulatedRecord(
        byte[] key,
        byte[] value,
        long timestampMillis,
        Label label,
        @Nullable Trade trade) {
    /**
     * Returns the partition that Kafka's default partitioner chooses.
     *
     * @param partitions how many the topic has, 1 or more
     * @return 0 to partitions - 1
     */
    public int partition(int partitions) {
        return Utils.toPositive(Utils.murmur2(key)) % partitions;
    }

    /** Compares identity, since arrays have no equality that a feed could afford. */
    @Override
    public boolean equals(@Nullable Object other) {
        return this == other;
    }

    /** Goes with {@link #equals}. */
    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }

    /** What a record is. */
    public sealed interface Label {
        /** A trade that was not sent before, with the highest sequence number of its stream so far. */
        enum Good implements Label {
            /** The one value. */
            INSTANCE;

            @Override
            public String toString() {
                return "Good";
            }
        }

        /** A trade that was not sent before, below the highest sequence number of its stream: it had been skipped. */
        enum Late implements Label {
            /** The one value. */
            INSTANCE;

            @Override
            public String toString() {
                return "Late";
            }
        }

        /**
         * A trade that was sent before: the same bytes again, with the same record timestamp or a later one.
         *
         * @param of which record it repeats, counted from 0 in the order of the feed; a good or a late one
         */
        record Duplicate(long of) implements Label {}

        /**
         * No trade: a spoiled copy of one that was sent before.
         *
         * @param kind what was done to it
         */
        record Malformed(MalformedKind kind) implements Label {}
    }
}
