package io.k2data.pipeline;

import io.k2data.api.event.ColumnType;
import java.util.List;
import java.util.Objects;

/**
 * Why a record cannot become a row. Thrown by decoders and checks, caught by the pipeline; never leaves it. It carries
 * no stack trace, since it says something about a record and nothing about code.
 */
public final class Rejection extends Exception {
    private static final long serialVersionUID = 1L;

    private final Reason reason;
    private final transient List<NewColumn> newColumns;

    /**
     * Makes one.
     *
     * @param reason the kind
     * @param message which field, what was found, what was expected; at most a few hundred characters
     */
    public Rejection(Reason reason, String message) {
        this(reason, message, List.of());
    }

    /**
     * Makes one for a record whose fields the table has no columns for.
     *
     * @param newColumns the columns that would be needed
     */
    public Rejection(List<NewColumn> newColumns) {
        this(
                Reason.UNKNOWN_FIELD,
                "no column for " + newColumns.stream().map(NewColumn::name).toList()
                        + "; allow new columns, ignore unknown fields, or correct the producer",
                newColumns);
    }

    private Rejection(Reason reason, String message, List<NewColumn> newColumns) {
        super(message.length() <= 500 ? message : message.substring(0, 500) + "...", null, false, false);
        this.reason = Objects.requireNonNull(reason, "reason");
        this.newColumns = List.copyOf(newColumns);
    }

    /**
     * Returns the columns that the table would need to take the record.
     *
     * @return the columns; empty unless the reason is {@link Reason#UNKNOWN_FIELD}
     */
    public List<NewColumn> newColumns() {
        return newColumns;
    }

    /**
     * A column that a table does not have.
     *
     * @param name the field's name
     * @param type the type that holds its values
     */
    public record NewColumn(String name, ColumnType type) {}

    /**
     * Returns the kind.
     *
     * @return the kind
     */
    public Reason reason() {
        return reason;
    }

    /** The message, which is never null here. */
    @Override
    public String getMessage() {
        return Objects.requireNonNull(super.getMessage());
    }

    /** The kinds of rejection; {@link #code} is what dead letters carry. */
    public enum Reason {
        /** The value is null or has no bytes. */
        EMPTY_VALUE("empty-value"),
        /** The bytes are not of the expected format at all. */
        MALFORMED("malformed"),
        /** A required field is missing or null. */
        MISSING_FIELD("missing-field"),
        /** A field's value has another type than its column, or is outside the column's set of values. */
        WRONG_TYPE("wrong-type"),
        /** A number has more digits, or a time finer parts, than its column takes; K2 never rounds. */
        DOES_NOT_FIT("does-not-fit"),
        /** The event time is too far from the record's time in the log. */
        EVENT_TIME_OUT_OF_BOUNDS("event-time-out-of-bounds"),
        /** A field that the table has no column for. */
        UNKNOWN_FIELD("unknown-field"),
        /** No schema can be found by the id that the record carries. */
        UNKNOWN_SCHEMA("unknown-schema"),
        /** A decoder, mapping or selection of the user's failed. */
        UNDECODABLE("undecodable");

        private final String code;

        Reason(String code) {
            this.code = code;
        }

        /**
         * Returns the code, lower case with hyphens.
         *
         * @return the code
         */
        public String code() {
            return code;
        }
    }
}
