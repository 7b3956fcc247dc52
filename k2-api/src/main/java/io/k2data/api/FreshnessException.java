package io.k2data.api;

import org.jspecify.annotations.Nullable;

/** The demanded freshness was not reached before its deadline; the message names the partitions that lag. */
public final class FreshnessException extends K2Exception.Retry {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param cause the cause, if there is one
     */
    public FreshnessException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
