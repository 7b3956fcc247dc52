package io.k2data.pipeline;

/**
 * The counters of Law 2, for one partition since the table began to take it. In records:
 * {@code consumed = stored + duplicate + rejected + deferred + lost}; in offsets: {@code next - start = consumed +
 * skipped + foreign}.
 *
 * @param consumed records read
 * @param stored records that became rows
 * @param duplicate records dropped because their id stands at another position
 * @param rejected records in the dead letters
 * @param deferred records put off under load and not backfilled yet
 * @param lost records that the log no longer had when they were needed
 * @param skipped offsets without a record: control records, aborted or compacted ones
 * @param foreign records of other event types, on a topic that mixes them; not part of {@code consumed}
 */
public record Tally(
        long consumed,
        long stored,
        long duplicate,
        long rejected,
        long deferred,
        long lost,
        long skipped,
        long foreign) {
    /** Nothing counted yet. */
    public static final Tally ZERO = new Tally(0, 0, 0, 0, 0, 0, 0, 0);

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
                skipped + other.skipped,
                foreign + other.foreign);
    }

    /**
     * Takes one tally from another.
     *
     * @param earlier what is taken away; an earlier one of the same partitions
     * @return the differences
     */
    public Tally minus(Tally earlier) {
        return new Tally(
                consumed - earlier.consumed,
                stored - earlier.stored,
                duplicate - earlier.duplicate,
                rejected - earlier.rejected,
                deferred - earlier.deferred,
                lost - earlier.lost,
                skipped - earlier.skipped,
                foreign - earlier.foreign);
    }

    /**
     * Returns the tally after dead letters were repaired and stored.
     *
     * @param records how many
     * @return the tally with so many records moved from rejected to stored
     */
    public Tally repaired(long records) {
        if (records < 0 || records > rejected) {
            throw new IllegalArgumentException(records + " records repaired of " + rejected + " rejected");
        }
        return new Tally(consumed, stored + records, duplicate, rejected - records, deferred, lost, skipped, foreign);
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
                && nextOffset - startOffset == consumed + skipped + foreign;
    }
}
