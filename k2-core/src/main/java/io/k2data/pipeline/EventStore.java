package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupVerdict;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where the rows of one table go. Rows are visible to queries as soon as {@link #append} returned, durable once the
 * generation they are in was committed.
 *
 * <p>{@link #commit} is called by the committer thread, everything else by the ingest thread; {@link #load},
 * {@link #replay} and {@link #begin} only while no commit is under way.
 */
public interface EventStore extends AutoCloseable {
    /**
     * Reads how far the table has taken each partition; makes the table if there is none.
     *
     * @return the state of every partition the table knows
     */
    Map<LogPartition, PartitionState> load();

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
     * Looks for an id among all rows, committed or not.
     *
     * @param partition the partition that the verdict is for; rows of others do not count
     * @param stream the id's stream
     * @param id the id, a {@link Long} or a {@link String}
     * @param offset the position asked about, which is no sighting of itself
     * @param logTimeMillis that record's Kafka timestamp
     * @param windowMillis how far the Kafka timestamps may differ
     * @return the sighting at the lowest offset, if there is one
     */
    Optional<DedupVerdict.Duplicate> sighting(
            LogPartition partition, StreamKey stream, Object id, long offset, long logTimeMillis, long windowMillis);

    /**
     * Forgets all rows that were not committed and opens the first generation.
     *
     * @param from for every partition the offset at which live rows begin
     */
    void begin(Map<LogPartition, Long> from);

    /**
     * Adds rows to the open generation, and moves the live end, in one step that a query sees whole or not at all.
     *
     * @param rows the rows; arrays are not kept
     * @param liveEnds the next offset of every partition that moved
     */
    void append(List<Row> rows, Map<LogPartition, Long> liveEnds);

    /**
     * Returns the memory that rows not yet committed take.
     *
     * @return bytes, an estimate
     */
    long liveBytes();

    /**
     * Closes the open generation and opens the next.
     *
     * @param states the state of every partition that moved since the last seal, as it stands after the generation
     * @return the closed generation, to be committed
     */
    Generation seal(Collection<PartitionState> states);

    /**
     * Commits a generation: its rows, and the states given at its seal, in one atomic step. Generations are committed
     * in the order they were sealed. Retries what can be retried; returns only when the generation is in the table.
     *
     * @param generation the generation
     * @throws io.k2data.api.FencedException if a partition was moved by another writer; nothing was committed
     * @throws io.k2data.api.TableRolledBackException if the table was rolled back; nothing was committed
     */
    void commit(Generation generation);

    /** Drops what is not committed and releases everything. */
    @Override
    void close();

    /** Rows that were sealed together. */
    interface Generation {
        /**
         * Returns how many rows it holds.
         *
         * @return 0 or more
         */
        long rows();

        /**
         * Returns the states it was sealed with.
         *
         * @return the states
         */
        Collection<PartitionState> states();
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
