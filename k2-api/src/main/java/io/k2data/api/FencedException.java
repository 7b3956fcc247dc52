package io.k2data.api;

import org.jspecify.annotations.Nullable;

/** Another writer moved a partition of the table since this one read it, so this one's commit was refused. K2 reloads the partition's state from the table and goes on. */
public final class FencedException extends K2Exception.Retry {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param cause the cause, if there is one
     */
    public FencedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
