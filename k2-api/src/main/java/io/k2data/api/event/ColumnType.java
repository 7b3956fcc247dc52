package io.k2data.api.event;

import java.util.List;

/** The type of a column, and with it the Java class of the values an event type's mapping gives for it. */
public sealed interface ColumnType {
    /** Text; values are {@link String}. */
    record Text() implements ColumnType {}

    /**
     * Text of a closed list; values are {@link String}. What is not in the list is rejected.
     *
     * @param values the list, not empty
     */
    record Choice(List<String> values) implements ColumnType {
        /** Copies the list. */
        public Choice {
            values = List.copyOf(values);
            if (values.isEmpty()) {
                throw new IllegalArgumentException("a choice needs at least one value");
            }
        }
    }

    /** JSON text, kept as it was written; values are {@link String}. */
    record Json() implements ColumnType {}

    /** True or false; values are {@link Boolean}. */
    record Bool() implements ColumnType {}

    /** A binary floating-point number of 64 bits; values are {@link Double}. Not for prices. */
    record Float64() implements ColumnType {}

    /** A 64-bit integer; values are {@link Long}. */
    record Int64() implements ColumnType {}

    /** A 32-bit integer; values are {@link Integer}. */
    record Int32() implements ColumnType {}

    /**
     * A decimal; values are {@link java.math.BigDecimal} and must fit exactly, they are never rounded.
     *
     * @param precision all digits, 1 to 38
     * @param scale digits after the point, 0 to precision
     */
    record Decimal(int precision, int scale) implements ColumnType {
        /** Checks the ranges. */
        public Decimal {
            if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
                throw new IllegalArgumentException(
                        "decimal(" + precision + "," + scale + "): precision must be 1 to 38, scale 0 to precision");
            }
        }
    }

    /** A point in time with microseconds; values are {@link java.time.Instant} and must have no finer part. */
    record Timestamp() implements ColumnType {}

    /**
     * A list of text; values are {@code List<String>} without nulls.
     *
     * @param elementFieldId the Iceberg field id of the list's element
     */
    record TextList(int elementFieldId) implements ColumnType {}
}
