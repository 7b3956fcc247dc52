package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A record as the log holds it. The arrays belong to the record and are never written to.
 *
 * @param partition the partition it stands in
 * @param offset its offset there
 * @param timestampMillis its timestamp, epoch milliseconds
 * @param key its key, or null
 * @param value its value, or null
 * @param headers its headers, in order
 */
@SuppressWarnings("ArrayRecordComponent") // the log's own bytes, compared by nobody
public record LogRecord(
        LogPartition partition,
        long offset,
        long timestampMillis,
        byte @Nullable [] key,
        byte @Nullable [] value,
        List<Header> headers) {
    /**
     * A header of a record.
     *
     * @param key its name
     * @param value its value, or null
     */
    @SuppressWarnings("ArrayRecordComponent")
    public record Header(String key, byte @Nullable [] value) {}
}
