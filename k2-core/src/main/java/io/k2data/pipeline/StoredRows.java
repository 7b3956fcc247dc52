package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import org.jspecify.annotations.Nullable;

/** What a table can say of rows it took, and of the state that judged them: the ground on which others are judged. */
public interface StoredRows {
    /**
     * Gives the ids and sequence numbers of the partition's rows back, in order of offset, so that trackers and
     * deduplicators can be rebuilt.
     *
     * @param partition the partition
     * @param horizonMillis how far below the partition's highest Kafka timestamp to begin, in milliseconds
     * @param visitor called for each row
     */
    void replay(LogPartition partition, long horizonMillis, StoredRowVisitor visitor);

    /**
     * Reads what the table's commits kept of the state that judges a partition.
     *
     * @param partition the partition, as it was last loaded
     * @param kind which state
     * @return the checkpoint, or why there is none
     * @throws io.k2data.api.FencedException if the partition was moved since it was loaded
     * @throws io.k2data.api.K2Exception.Retry if it cannot be read just now
     */
    StoredCheckpoint checkpoint(LogPartition partition, StateKind kind);

    /**
     * Gives the ids and sequence numbers of those rows back, in order of offset, that were committed after a checkpoint was,
     * wherever in the log they come from: brought in after they were put off, or repaired, they lie below it.
     *
     * @param partition the partition
     * @param kind which checkpoint, one that {@link #checkpoint} found
     * @param visitor called for each row
     * @throws io.k2data.api.FencedException if the checkpoint has expired since
     */
    void replaySince(LogPartition partition, StateKind kind, StoredRowVisitor visitor);

    /** Of an id that is nowhere else. */
    long NOT_SIGHTED = -1;

    /**
     * Looks for ids among all rows, committed or not. Asking for many together costs hardly more than asking for one.
     *
     * @param partition the partition that the verdicts are for; rows of others do not count
     * @param ids the ids, each with the position it is asked for, which is no sighting of itself, and that record's Kafka
     *     timestamp; verdicts are neither read nor set
     * @param from the first to look for
     * @param to the one after the last
     * @param windowMillis how far the Kafka timestamps may differ
     * @return for each, the first one at index 0, the lowest offset that it is at, or {@link #NOT_SIGHTED}
     */
    long[] sightings(LogPartition partition, DedupBatch ids, int from, int to, long windowMillis);

    /** What judges a partition's records. */
    enum StateKind {
        /** The sequence tracker. */
        TRACKER,
        /** The deduplicator. */
        DEDUPLICATOR
    }

    /**
     * State as it stood when a generation was sealed.
     *
     * @param partition the partition that it judges
     * @param kind which state
     * @param content the state; the array is not written to any more
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    record StateSnapshot(LogPartition partition, StateKind kind, byte[] content) {}

    /** What a table has of a state. */
    sealed interface StoredCheckpoint {
        /** No commit kept any. */
        record None() implements StoredCheckpoint {}

        /**
         * The table names one that is gone.
         *
         * @param why what became of it, as far as that is known
         */
        record Missing(String why) implements StoredCheckpoint {}

        /**
         * It is there, and so are all rows that were committed since.
         *
         * @param content what was given at the seal
         */
        @SuppressWarnings("ArrayRecordComponent") // compared by nobody
        record Found(byte[] content) implements StoredCheckpoint {}
    }

    /** Takes a stored row's identity. */
    @FunctionalInterface
    interface StoredRowVisitor {
        /**
         * Called for each row.
         *
         * @param stream its stream
         * @param id its id, a {@link Long} or a {@link String}, or null
         * @param sequence its sequence number, or null
         * @param offset its offset
         * @param logTimeMillis its Kafka timestamp
         */
        void row(StreamKey stream, @Nullable Object id, @Nullable Long sequence, long offset, long logTimeMillis);
    }
}
