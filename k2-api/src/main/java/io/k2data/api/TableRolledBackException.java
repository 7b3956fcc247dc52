package io.k2data.api;

import org.jspecify.annotations.Nullable;

/** The table's state names a snapshot that is no longer part of its history: somebody rolled the table back, and its offsets are ahead of its rows. The operator has to choose which of the two to believe. */
public final class TableRolledBackException extends K2Exception.Stop {
    private static final long serialVersionUID = 1L;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param cause the cause, if there is one
     */
    public TableRolledBackException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
