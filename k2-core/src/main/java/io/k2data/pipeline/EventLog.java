package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The log that events come from, one topic of it. {@link #bounds}, {@link #retention}, {@link #flushDeadLetters} and
 * {@link #wakeup} are called by any thread, all else by the ingest thread alone.
 *
 * <p>Failures are {@link io.k2data.api.K2Exception}: {@code Retry} where the log cannot be reached just now,
 * {@link io.k2data.api.LostRangeException} where offsets that are needed are gone or were changed.
 */
public interface EventLog extends AutoCloseable {
    /**
     * Asks the log for the topic's identity and its partitions. Blocks for the network.
     *
     * @return each partition with the offsets it holds, at least one, in order of partition number
     */
    Map<LogPartition, Bounds> bounds();

    /**
     * Begins to read, and leaves what was read before.
     *
     * @param next where, for every partition that is to be read; possibly none
     */
    void assign(Map<LogPartition, LogOffset> next);

    /**
     * Begins to read partitions beside those that are read already.
     *
     * @param next where; one that is read already goes on from there
     */
    void add(Map<LogPartition, LogOffset> next);

    /**
     * Stops to read partitions; the others are not touched.
     *
     * @param partitions the partitions; those that are not read are passed over
     */
    void remove(Set<LogPartition> partitions);

    /**
     * Joins a group of readers that divide the topic's partitions among them. From now on {@link #poll} tells which come
     * and go; it never reads one that was not assigned or added. The reader leaves the group when the log is closed.
     *
     * @param group the group's id
     * @param ownership learns what comes and goes, in polls
     */
    void join(String group, Ownership ownership);

    /**
     * Tells the group how far its partitions were taken, for those who watch its lag. Nothing is ever read from there.
     * Does not wait; does nothing where no group was joined.
     *
     * @param next by partition, the table offset
     */
    void inform(Map<LogPartition, LogOffset> next);

    /**
     * Reads what has come. Blocks at most for the timeout, or until {@link #wakeup}.
     *
     * @param timeout the longest wait, 0 or more
     * @return what came, possibly nothing
     */
    LogBatch poll(Duration timeout);

    /**
     * Says how far reading is behind, from what was fetched last; does not ask.
     *
     * @return records not given by {@link #poll} yet, over all partitions that are read; empty if not known just now
     */
    OptionalLong lag();

    /**
     * Reads a range again that was passed before; the reading of {@link #poll} goes on where it is. Blocks at most for the
     * timeout. Given what came last as the next {@code from}, it reads on.
     *
     * @param partition the partition
     * @param from the first offset
     * @param to the offset after the last
     * @param timeout the longest wait
     * @return what came, possibly nothing; records that the log no longer has are passed over, so that {@code next} reaches
     *     {@code to} in the end
     */
    LogBatch replay(LogPartition partition, long from, long to, Duration timeout);

    /**
     * Asks how long the log keeps records, counted from their timestamps. Blocks for the network.
     *
     * @return the time; empty if it keeps them for ever, or does not tell
     */
    Optional<Duration> retention();

    /**
     * Sends a record that was rejected to the dead letters, key and value untouched, with its position, reason and
     * error. Does not wait for the acknowledgement, as {@link #flushDeadLetters} does; may block while the dead-letter
     * topic is made or its buffer is full.
     *
     * @param table the table that could not take it
     * @param record the record
     * @param rejection why
     */
    void deadLetter(String table, LogRecord record, Rejection rejection);

    /**
     * Waits until every dead letter sent so far was acknowledged.
     *
     * @throws io.k2data.api.K2Exception.Retry if one was not; the records have to be read and sent again
     * @throws io.k2data.api.K2Exception.Stop if one was refused for good
     */
    void flushDeadLetters();

    /** Stops reading all partitions, and leaves the group if one was joined; {@link #bounds} still answers. */
    void leave();

    /** Ends a waiting {@link #poll} early. */
    void wakeup();

    /** Leaves the log; waits a few seconds at most. Called once the ingest thread has made its last poll. */
    @Override
    void close();

    /** Learns which partitions of a group are this reader's. Called within {@link #poll}, by its thread. */
    interface Ownership {
        /**
         * Partitions came.
         *
         * @param partitions they are ours from now on
         */
        void gained(Set<LogPartition> partitions);

        /**
         * Partitions are to go to others. They are ours until this returns, so what was read of them can be committed.
         *
         * @param partitions they are not ours once this returned
         */
        void leaving(Set<LogPartition> partitions);

        /**
         * Partitions went to others some time ago, since the group did not hear of us.
         *
         * @param partitions they are not ours any more
         */
        void lost(Set<LogPartition> partitions);
    }

    /**
     * What a partition holds.
     *
     * @param start its first offset
     * @param stableEnd the offset after the last that a reader may see: the last stable offset for those who read
     *     committed records only, else the high watermark
     */
    record Bounds(long start, long stableEnd) {}
}
