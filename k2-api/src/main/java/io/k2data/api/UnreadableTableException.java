package io.k2data.api;

import org.jspecify.annotations.Nullable;

/** The table holds something this version of K2 cannot read rightly: another schema, a newer state format, or deletes it does not apply. */
public final class UnreadableTableException extends K2Exception.Stop {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param cause the cause, if there is one
     */
    public UnreadableTableException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
