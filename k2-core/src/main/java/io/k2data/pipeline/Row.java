package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import org.jspecify.annotations.Nullable;

/**
 * A record that was accepted, as values in the order of its decoder's columns. Every value was checked: it has the class
 * that {@link RowDecoder} states for its column, and fits the column.
 *
 * @param partition where the record stands
 * @param offset its offset there
 * @param logTimeMillis its Kafka timestamp, epoch milliseconds
 * @param ingestionTimeMicros when K2 read it, epoch microseconds
 * @param values one value per column, the event type's first, not copied
 */
@SuppressWarnings("ArrayRecordComponent") // hot path; owned by the pipeline, compared by nobody
public record Row(
        LogPartition partition,
        long offset,
        long logTimeMillis,
        long ingestionTimeMicros,
        @Nullable Object[] values) {}
