package io.k2data.pipeline;

import org.jspecify.annotations.Nullable;

/**
 * Adds to rows what their records do not say, for example an instrument's currency. Optional by nature: it is skipped under
 * load, from {@link io.k2data.api.degradation.DegradationLevel#SOFT} on, and where it fails the row is stored as it came.
 * Called by the ingest thread, once for each record that was decoded, so it should be quick and must not wait for long.
 */
@FunctionalInterface
public interface Enrichment {
    /**
     * Looks at a row, and may set columns of it. What is set is checked as decoded values are; a value that does not fit
     * its column has the record rejected.
     *
     * @param row the row; not to be kept
     */
    void enrich(Values row);

    /** A row's values by name of column, of the classes that {@link RowDecoder} gives. */
    interface Values {
        /**
         * Returns a value.
         *
         * @param column the column's name
         * @return the value, or null if there is none
         * @throws IllegalArgumentException if there is no such column
         */
        @Nullable
        Object value(String column);

        /**
         * Sets a value.
         *
         * @param column the column's name
         * @param value the value, or null for none
         * @throws IllegalArgumentException if there is no such column, or it is part of the event's identity: venue,
         *     symbol, ids, sequence and event time stay as they are
         */
        void set(String column, @Nullable Object value);
    }
}
