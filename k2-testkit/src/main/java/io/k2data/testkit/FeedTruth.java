package io.k2data.testkit;

import io.k2data.api.StreamKey;
import io.k2data.api.sequence.StreamLedger.Range;
import java.math.BigDecimal;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a {@link FeedSimulator} has emitted so far, and so what a complete and exact consumer of those records must come
 * to. Immutable.
 *
 * @param records all records
 * @param good those labelled {@link SimulatedRecord.Label.Good}
 * @param late those labelled {@link SimulatedRecord.Label.Late}
 * @param duplicates those labelled {@link SimulatedRecord.Label.Duplicate}
 * @param malformed those labelled {@link SimulatedRecord.Label.Malformed}, with an entry for every kind
 * @param streams the streams of which a trade was emitted
 */
public record FeedTruth(
        long records,
        long good,
        long late,
        long duplicates,
        Map<MalformedKind, Long> malformed,
        SortedMap<StreamKey, Stream> streams) {
    /** Copies the maps. */
    public FeedTruth {
        Map<MalformedKind, Long> byKind = new EnumMap<>(MalformedKind.class);
        byKind.putAll(malformed);
        malformed = Collections.unmodifiableMap(byKind);
        streams = Collections.unmodifiableSortedMap(new TreeMap<>(streams));
    }

    /**
     * Returns how many different trades there are.
     *
     * @return good and late ones
     */
    public long trades() {
        return good + late;
    }

    /**
     * Returns the sum of the quantity of all different trades.
     *
     * @return the exact sum
     */
    public BigDecimal quantity() {
        return streams.values().stream().map(Stream::quantity).reduce(BigDecimal.ZERO, BigDecimal::add);
    }

    /**
     * Returns how many gaps are open, over all streams.
     *
     * @return 0 or more
     */
    public long gaps() {
        return streams.values().stream()
                .mapToLong(stream -> stream.gaps().size())
                .sum();
    }

    /**
     * Returns how many sequence numbers are missing, over all streams.
     *
     * @return 0 or more
     */
    public long missing() {
        return streams.values().stream().mapToLong(Stream::missing).sum();
    }

    /**
     * Returns how many records are malformed, of all kinds.
     *
     * @return 0 or more
     */
    public long malformedRecords() {
        return malformed.values().stream().mapToLong(count -> count).sum();
    }

    /**
     * The truth of one stream. Every sequence number from {@code firstSequence} to {@code highestSequence} was emitted or
     * is in {@code gaps}.
     *
     * @param trades how many different trades
     * @param quantity the exact sum of their quantities
     * @param firstSequence the lowest sequence number emitted
     * @param highestSequence the highest sequence number emitted
     * @param gaps the ranges between them that were not emitted, in rising order, never adjacent
     * @param late how many of the trades were late
     * @param duplicates how many records repeated one of the trades
     */
    public record Stream(
            long trades,
            BigDecimal quantity,
            long firstSequence,
            long highestSequence,
            List<Range> gaps,
            long late,
            long duplicates) {
        /** Copies the list. */
        public Stream {
            gaps = List.copyOf(gaps);
        }

        /**
         * Returns how many sequence numbers are missing.
         *
         * @return the sum of the gaps' lengths
         */
        public long missing() {
            return gaps.stream().mapToLong(Range::length).sum();
        }
    }
}
