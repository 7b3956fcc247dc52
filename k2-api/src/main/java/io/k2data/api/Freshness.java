package io.k2data.api;

import java.time.Duration;
import java.util.Objects;

/** How fresh a view has to be. */
public sealed interface Freshness {
    /**
     * Asks for every record that Kafka had acknowledged when the view was requested. The request waits until they have
     * been read, at most for the deadline, and then fails with {@link FreshnessException}; it never answers with less.
     *
     * @param deadline the longest wait, more than zero
     * @return the demand
     */
    static Freshness now(Duration deadline) {
        return new Now(deadline);
    }

    /**
     * Asks for whatever has been read so far, without waiting.
     *
     * @return the demand
     */
    static Freshness asFreshAsIs() {
        return AsIs.INSTANCE;
    }

    /**
     * Everything acknowledged before the request.
     *
     * @param deadline the longest wait, more than zero
     */
    record Now(Duration deadline) implements Freshness {
        /** Checks the deadline. */
        public Now {
            Objects.requireNonNull(deadline, "deadline");
            if (deadline.isNegative() || deadline.isZero()) {
                throw new IllegalArgumentException("deadline must be more than zero, got " + deadline);
            }
        }
    }

    /** Whatever has been read so far. */
    enum AsIs implements Freshness {
        /** The one value. */
        INSTANCE
    }
}
