package io.k2data.pipeline;

/**
 * The counters of Law 2, for one partition since the table began to take it. In records:
 * {@code consumed = stored + duplicate + rejected + deferred + lost}; in offsets: {@code next - start = consumed +
 * skipped}.
 *
 * @param consumed records read
 * @param stored records that became rows
 * @param duplicate records dropped because their id stands at another position
 * @param rejected records in the dead letters
 * @param deferred records put off under load and not backfilled yet
 * @param lost records that the log no longer had when they were needed
 * @param skipped offsets without a record: control records, aborted or compacted ones
 */
public record Tally(long consumed, long stored, long duplicate, long rejected, long deferred, long lost, long skipped) {
    /** Nothing counted yet. */
    public static final Tally ZERO = new Tally(0, 0, 0, 0, 0, 0, 0);

    /**
     * Adds two tallies.
     *
     * @param other the other
     * @return the sums
     */
    public Tally plus(Tally other) {
        return new Tally(
                consumed + other.consumed,
                stored + other.stored,
                duplicate + other.duplicate,
                rejected + other.rejected,
                deferred + other.deferred,
                lost + other.lost,
                skipped + other.skipped);
    }

    /**
     * Says whether Law 2 holds over a range of offsets.
     *
     * @param startOffset the first offset
     * @param nextOffset the offset after the last
     * @return true if both equations hold
     */
    public boolean conserves(long startOffset, long nextOffset) {
        return consumed == stored + duplicate + rejected + deferred + lost
                && nextOffset - startOffset == consumed + skipped;
    }
}
