package io.k2data.kafka;

import io.k2data.pipeline.Rejection;
import java.util.Objects;
import org.apache.kafka.common.errors.SerializationException;

/**
 * A record's value is no such event, and a deserializer knows precisely why. K2 sends the record to the dead letters
 * with that reason; for any other exception of a deserializer the reason is {@code undecodable}.
 */
public final class UnreadableEventException extends SerializationException {
    private static final long serialVersionUID = 1L;

    private final Rejection.Reason reason;

    /**
     * Makes one.
     *
     * @param reason the kind
     * @param message which field, what was found, what was expected; with no more than a short excerpt of the data
     */
    public UnreadableEventException(Rejection.Reason reason, String message) {
        super(Objects.requireNonNull(message, "message"));
        this.reason = Objects.requireNonNull(reason, "reason");
    }

    /**
     * Returns the kind.
     *
     * @return the kind
     */
    public Rejection.Reason reason() {
        return reason;
    }

    /** The message, which is never null here. */
    @Override
    public String getMessage() {
        return Objects.requireNonNull(super.getMessage());
    }

    /** Takes no stack trace: this says something about a record and nothing about code, and may come often. */
    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
