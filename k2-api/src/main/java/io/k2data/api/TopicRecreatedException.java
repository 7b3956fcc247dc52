package io.k2data.api;

import org.jspecify.annotations.Nullable;

/** The topic, or its cluster, is not the one the table's offsets belong to. */
public final class TopicRecreatedException extends K2Exception.Stop {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param cause the cause, if there is one
     */
    public TopicRecreatedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
