package io.k2data.api;

import org.jspecify.annotations.Nullable;

/** A range of the log that the table still needs is gone (retention) or was changed (truncation); the message names topic, partition and offsets. */
public final class LostRangeException extends K2Exception.Stop {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param cause the cause, if there is one
     */
    public LostRangeException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
