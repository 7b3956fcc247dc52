package io.k2data.pipeline;

import org.jspecify.annotations.Nullable;

/**
 * Makes a row's values of a record's bytes: the fast path, with no event object in between. Called by one thread, the
 * ingest thread.
 *
 * <p>The values stand in the order of the columns that the decoder was opened with. Their classes: {@link String} for
 * {@code Text}, {@code Choice} and {@code Json}, {@link Long} for {@code Int64}, {@link Integer} for {@code Int32},
 * {@link java.math.BigDecimal} for {@code Decimal} (of any scale that fits) or a {@link Long}, its digits at the column's
 * scale, {@link Long} epoch microseconds for
 * {@code Timestamp}, {@link Boolean} for {@code Bool}, {@link Double} for {@code Float64}, {@code List<String>} without
 * nulls for {@code TextList}; null where there is no value. The pipeline checks them: what is missing, or does not fit its
 * column, is rejected there.
 */
@FunctionalInterface
public interface RowDecoder {
    /**
     * Decodes a record.
     *
     * @param record the record
     * @return a new array of values, which becomes the pipeline's; null if the record holds an event of another type
     * @throws Rejection if the record is no such event; it goes to the dead letters
     * @throws io.k2data.api.K2Exception.Retry if it cannot be decoded just now, which says nothing about the record
     */
    @Nullable
    Object @Nullable [] decode(LogRecord record) throws Rejection;

    /**
     * Says whether the decoder checked the values that it gave last, while it read them: that all required ones are there,
     * that each has its class and fits its column to the digit, that texts hold neither NUL nor half a surrogate pair, and
     * that empty ones are null where the column needs content. The pipeline then checks no more than times.
     *
     * @return true if so
     */
    default boolean checked() {
        return false;
    }
}
