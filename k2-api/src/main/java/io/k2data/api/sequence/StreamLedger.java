package io.k2data.api.sequence;

import io.k2data.api.StreamKey;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What a tracker knows of one stream in its current epoch.
 *
 * @param stream the stream
 * @param first the lowest number seen
 * @param highest the highest number seen
 * @param gaps the ranges between them that are still missing, in rising order
 * @param late how many numbers came late, over all epochs
 * @param duplicates how many numbers came again, over all epochs
 * @param resets how many times the stream began anew
 * @param abandoned how many missing numbers are no longer waited for, over all epochs: those of gaps that were open
 *     when the stream began anew, and of the oldest gaps where a stream had more than the tracker's bound
 * @param deferred the ranges that are missing only because their records were put off under load, in rising order; they
 *     are none of the gaps
 */
public record StreamLedger(
        StreamKey stream,
        long first,
        long highest,
        List<Range> gaps,
        long late,
        long duplicates,
        long resets,
        long abandoned,
        List<Range> deferred) {
    /** Copies the lists. */
    public StreamLedger {
        gaps = List.copyOf(gaps);
        deferred = List.copyOf(deferred);
    }

    /**
     * A ledger of a stream of which nothing is put off, as a tracker gives it.
     *
     * @param stream the stream
     * @param first the lowest number seen
     * @param highest the highest number seen
     * @param gaps the ranges between them that are still missing, in rising order
     * @param late how many numbers came late
     * @param duplicates how many numbers came again
     * @param resets how many times the stream began anew
     * @param abandoned how many missing numbers are no longer waited for
     */
    public StreamLedger(
            StreamKey stream,
            long first,
            long highest,
            List<Range> gaps,
            long late,
            long duplicates,
            long resets,
            long abandoned) {
        this(stream, first, highest, gaps, late, duplicates, resets, abandoned, List.of());
    }

    /**
     * Returns the ledger with some of what is missing told apart as put off.
     *
     * @param holes ranges that lie across records which were put off
     * @return the ledger; what of the holes is missing is deferred, the rest of the gaps stay
     */
    public StreamLedger deferring(List<Range> holes) {
        List<Range> open = new ArrayList<>();
        List<Range> putOff = new ArrayList<>(deferred);
        for (Range gap : gaps) {
            long from = gap.from();
            for (Range hole :
                    holes.stream().sorted(Comparator.comparingLong(Range::from)).toList()) {
                long first = Math.max(from, hole.from());
                long last = Math.min(gap.to(), hole.to());
                if (first <= last) {
                    if (from < first) {
                        open.add(new Range(from, first - 1));
                    }
                    putOff.add(new Range(first, last));
                    from = last + 1;
                }
            }
            if (from <= gap.to()) {
                open.add(new Range(from, gap.to()));
            }
        }
        return new StreamLedger(stream, first, highest, open, late, duplicates, resets, abandoned, putOff);
    }

    /**
     * Returns how many numbers are missing.
     *
     * @return the sum of the open gaps' lengths; {@link Long#MAX_VALUE} if it is more than that
     */
    public long missing() {
        return gaps.stream()
                .mapToLong(Range::length)
                .reduce(0, (sum, length) -> sum > Long.MAX_VALUE - length ? Long.MAX_VALUE : sum + length);
    }

    /**
     * A range of sequence numbers.
     *
     * @param from the first, inclusive
     * @param to the last, inclusive, not below {@code from}
     */
    public record Range(long from, long to) {
        /** Checks the order. */
        public Range {
            if (to < from) {
                throw new IllegalArgumentException("range " + from + ".." + to + " ends before it begins");
            }
        }

        /**
         * Returns how many numbers it holds.
         *
         * @return 1 or more; {@link Long#MAX_VALUE} if it is more than that
         */
        public long length() {
            long length = to - from + 1;
            return length > 0 ? length : Long.MAX_VALUE;
        }
    }
}
