package io.k2data.pipeline;

import org.jspecify.annotations.Nullable;

/**
 * How an ingest is.
 *
 * @param status its status
 * @param cause what went wrong, in words, where something did
 */
public record Health(Status status, @Nullable String cause) {
    /** The statuses. */
    public enum Status {
        /** Made, not started. */
        NEW,
        /** Reading and committing. */
        RUNNING,
        /** Stopped reading, and all that was read is committed; views still answer. */
        DRAINED,
        /** Something cannot be reached or failed; it is tried again by itself. */
        RETRYING,
        /** It cannot go on until somebody acts; the cause says on what. */
        FAILED,
        /** Closed. */
        CLOSED
    }
}
