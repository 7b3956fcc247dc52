package io.k2data.pipeline;

/** What becomes of a record with a field that its table has no column for. */
public enum UnknownFields {
    /** The record is rejected as {@code unknown-field} and goes to the dead letters: nothing is dropped in silence. */
    REJECT,
    /** The table gets a column, which may be null, and the record is taken again. */
    ADD_COLUMN,
    /** The field is left out, the record is taken. */
    IGNORE
}
