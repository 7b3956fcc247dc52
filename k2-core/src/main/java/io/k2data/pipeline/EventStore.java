package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.event.Column;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where the rows of one table go. Rows are visible to queries as soon as {@link #append} returned, durable once the
 * generation they are in was committed. A store that was opened for a follower never writes to the table: its sealed
 * generations are kept until {@link #follow} sees that a writer has committed as far.
 *
 * <p>{@link #commit} is called by the committer thread, everything else by the ingest thread; {@link #load},
 * {@link #states}, {@link #replay}, {@link #begin} and {@link #forget} only while no commit is under way.
 */
public interface EventStore extends StoredRows, AutoCloseable {
    /**
     * Reads how far the table has taken each partition, and what columns it has.
     *
     * @return the state of every partition the table knows
     */
    Map<LogPartition, PartitionState> load();

    /**
     * Reads how far the table has taken some partitions; what was read and is not committed stays.
     *
     * @param partitions those that the caller wants to begin with, see {@link #beginWith}
     * @return the states of those that the table knows
     */
    Map<LogPartition, PartitionState> states(Set<LogPartition> partitions);

    /**
     * Returns the columns that rows must have values for.
     *
     * @return the event type's columns, then those that the table had besides when it was last loaded
     */
    List<Column> columns();

    /**
     * Gives the table columns that it does not have, each of which may be null. They count from the next {@link #load} on.
     *
     * @param columns the columns; one that the table has by now, with the same type, is passed over
     * @throws io.k2data.api.UnreadableTableException if the table has another column of that name
     */
    void addColumns(List<Rejection.NewColumn> columns);

    /**
     * Forgets all rows that were not committed and opens the first generation.
     *
     * @param from for every partition the offset at which live rows begin
     */
    void begin(Map<LogPartition, Long> from);

    /**
     * Takes partitions in beside those that the open generation has.
     *
     * @param states their states as the table has them, which rows are judged on the ground of
     */
    void beginWith(Collection<PartitionState> states);

    /**
     * Forgets the rows of some partitions that were not committed, and their part in generations that were sealed and not
     * committed: these hold neither rows nor states of them any more. What a commit of an unknown outcome wrote stays in the
     * table if it landed.
     *
     * @param partitions the partitions
     */
    void forget(Set<LogPartition> partitions);

    /**
     * Adds rows to the open generation, and moves the live end, in one step that a query sees whole or not at all.
     *
     * @param rows the rows; arrays are not kept
     * @param liveEnds the next offset of every partition that moved
     */
    void append(List<Row> rows, Map<LogPartition, Long> liveEnds);

    /**
     * Reads the table again, and drops the sealed generations that it holds by now. For a follower; called by the ingest
     * thread.
     *
     * @return the state of every partition the table knows
     */
    Map<LogPartition, PartitionState> follow();

    /**
     * Says whether the table was repaired since it was loaded, so that live rows may have been judged on the ground of
     * too few ids. Whoever learns that loads it again. Cheap; it tells what reading the table for a query, or
     * {@link #follow}, came upon.
     *
     * @return true if it has to be loaded again
     */
    boolean outdated();

    /**
     * Says which of some positions have a row in the table.
     *
     * @param partition the partition
     * @param offsets the offsets to look for
     * @return those found among rows that are committed
     */
    Set<Long> storedOffsets(LogPartition partition, Collection<Long> offsets);

    /**
     * Says what of a partition is put off, for queries. Called before the {@link #append} that moves its live end past it.
     *
     * @param partition the partition
     * @param deferred all that is put off of it now
     */
    void deferred(LogPartition partition, List<Deferral> deferred);

    /**
     * Keeps the tiers that records are put off by, with the next commit whose states name their version.
     *
     * @param version the version
     * @param tiers the tiers as text
     */
    void keepTiers(String version, String tiers);

    /**
     * Gives tiers back that a commit kept.
     *
     * @param version the version
     * @return the text; empty if the table does not have it
     */
    Optional<String> tiers(String version);

    /**
     * Returns the memory that rows not yet committed take.
     *
     * @return bytes, an estimate
     */
    long liveBytes();

    /**
     * Returns the memory that there is for them, and for queries.
     *
     * @return bytes
     */
    long liveBytesLimit();

    /**
     * Returns what was asked of the storage that the table lives in. Any thread.
     *
     * @return the counts since the store was opened; none where nobody counts
     */
    default StorageUse use() {
        return StorageUse.NONE;
    }

    /**
     * Closes the open generation and opens the next.
     *
     * @param states the state of every partition that moved since the last seal, as it stands after the generation
     * @return the closed generation, to be committed
     */
    default Generation seal(Collection<PartitionState> states) {
        return seal(states, List.of());
    }

    /**
     * Closes the open generation and opens the next.
     *
     * @param states the state of every partition that moved since the last seal, as it stands after the generation
     * @param checkpoints what to keep, in the same commit, of the state that judges some of these partitions
     * @return the closed generation, to be committed
     */
    Generation seal(Collection<PartitionState> states, Collection<StateSnapshot> checkpoints);

    /**
     * Commits a generation: its rows, and the states given at its seal, in one atomic step. One whose partitions were all
     * forgotten is dropped. Generations are committed in the order they were sealed. Retries what can be retried; returns only when the generation is in the table.
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
}
