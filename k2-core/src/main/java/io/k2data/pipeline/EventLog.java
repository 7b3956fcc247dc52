package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import java.time.Duration;
import java.util.Map;

/**
 * The log that events come from, one topic of it. {@link #assign}, {@link #poll} and {@link #deadLetter} are called by
 * the ingest thread alone; the other methods by any thread.
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
     * Begins to read.
     *
     * @param next where, for every partition that is to be read
     */
    void assign(Map<LogPartition, LogOffset> next);

    /**
     * Reads what has come. Blocks at most for the timeout, or until {@link #wakeup}.
     *
     * @param timeout the longest wait, 0 or more
     * @return what came, possibly nothing
     */
    LogBatch poll(Duration timeout);

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

    /** Ends a waiting {@link #poll} early. */
    void wakeup();

    /** Leaves the log; waits a few seconds at most. Called once the ingest thread has made its last poll. */
    @Override
    void close();

    /**
     * What a partition holds.
     *
     * @param start its first offset
     * @param stableEnd the offset after the last that a reader may see: the last stable offset for those who read
     *     committed records only, else the high watermark
     */
    record Bounds(long start, long stableEnd) {}
}
