package io.k2data.api;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** How fresh a view has to be. */
public sealed interface Freshness {
    /**
     * Asks for every record that Kafka had acknowledged when the view was requested. The request waits until they have
     * been read, at most for the deadline, and then fails with {@link FreshnessException}; it never answers with less,
     * unless {@link Now#orWhatThereIs} asked for that.
     *
     * @param deadline the longest wait, more than zero
     * @return the demand
     */
    static Now now(Duration deadline) {
        return new Now(deadline, OnMiss.FAIL);
    }

    /**
     * Asks for a topic's records below given offsets, such as a producer knows from its acknowledgements (a record's
     * offset + 1). The request waits as for {@link #now}. Other topics are answered as they are.
     *
     * @param topic the topic
     * @param next by partition number, the offset after the last record asked for
     * @param deadline the longest wait, more than zero
     * @return the demand
     */
    static AtLeast atLeast(String topic, Map<Integer, Long> next, Duration deadline) {
        return new AtLeast(topic, next, deadline, OnMiss.FAIL);
    }

    /**
     * Asks for whatever has been read so far, without waiting.
     *
     * @return the demand
     */
    static Freshness asFreshAsIs() {
        return AsIs.INSTANCE;
    }

    /** What to do when the deadline has passed. */
    enum OnMiss {
        /** Fail with {@link FreshnessException}, which names the partitions that lag. */
        FAIL,
        /** Answer with the cut that was reached; {@link View#cut} tells it. */
        ANSWER
    }

    /**
     * Everything acknowledged before the request.
     *
     * @param deadline the longest wait, more than zero
     * @param onMiss what to do after it
     */
    record Now(Duration deadline, OnMiss onMiss) implements Freshness {
        /** Checks the deadline. */
        public Now {
            requirePositive(deadline);
            Objects.requireNonNull(onMiss, "onMiss");
        }

        /**
         * Asks to be answered with the cut reached when the deadline has passed, rather than to fail.
         *
         * @return the demand
         */
        public Now orWhatThereIs() {
            return new Now(deadline, OnMiss.ANSWER);
        }
    }

    /**
     * Everything below given offsets of one topic.
     *
     * @param topic the topic
     * @param next by partition number, the offset after the last record asked for
     * @param deadline the longest wait, more than zero
     * @param onMiss what to do after it
     */
    record AtLeast(String topic, Map<Integer, Long> next, Duration deadline, OnMiss onMiss) implements Freshness {
        /** Copies the map and checks the deadline. */
        public AtLeast {
            Objects.requireNonNull(topic, "topic");
            next = Collections.unmodifiableMap(new TreeMap<>(next));
            requirePositive(deadline);
            Objects.requireNonNull(onMiss, "onMiss");
        }

        /**
         * Asks to be answered with the cut reached when the deadline has passed, rather than to fail.
         *
         * @return the demand
         */
        public AtLeast orWhatThereIs() {
            return new AtLeast(topic, next, deadline, OnMiss.ANSWER);
        }
    }

    /** Whatever has been read so far. */
    enum AsIs implements Freshness {
        /** The one value. */
        INSTANCE
    }

    private static void requirePositive(Duration deadline) {
        Objects.requireNonNull(deadline, "deadline");
        if (deadline.isNegative() || deadline.isZero()) {
            throw new IllegalArgumentException("deadline must be more than zero, got " + deadline);
        }
    }
}
