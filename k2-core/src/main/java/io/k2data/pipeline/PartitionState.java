package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.degradation.Deferral;
import java.util.List;
import java.util.Objects;

/**
 * How far a table has taken a partition. It moves in the same atomic commit as the rows.
 *
 * @param partition the partition
 * @param startOffset the offset at which the table began to take it
 * @param next the table offset: the next offset to read
 * @param tally what became of the records between the two
 * @param repairs how many commits have put repaired dead letters below the table offset; whoever judged records on the
 *     ground of fewer has to begin again, since an id may now be known that was not
 * @param backfills how many commits have brought in records that were put off; whoever judged records beside the writer on
 *     the ground of fewer has to begin again as well
 * @param deferred what is put off now, as many records as the tally says
 */
public record PartitionState(
        LogPartition partition,
        long startOffset,
        LogOffset next,
        Tally tally,
        long repairs,
        long backfills,
        List<Deferral> deferred) {
    /**
     * A state without repairs and deferrals.
     *
     * @param partition the partition
     * @param startOffset the offset at which the table began to take it
     * @param next the table offset
     * @param tally what became of the records between the two
     */
    public PartitionState(LogPartition partition, long startOffset, LogOffset next, Tally tally) {
        this(partition, startOffset, next, tally, 0, 0, List.of());
    }

    /** Checks that Law 2 holds. */
    public PartitionState {
        Objects.requireNonNull(partition, "partition");
        deferred = List.copyOf(deferred);
        if (!tally.conserves(startOffset, next.offset())) {
            throw new IllegalStateException(
                    "Law 2 is broken on " + partition + ": " + startOffset + ".." + next.offset() + " " + tally);
        }
        if (deferred.stream().mapToLong(Deferral::records).sum() != tally.deferred()) {
            throw new IllegalStateException("Law 2 is broken on " + partition + ": " + tally.deferred()
                    + " records are counted as deferred, but the ledger says " + deferred);
        }
    }

    /**
     * Returns the state after dead letters were repaired and stored.
     *
     * @param records how many
     * @return the state, with one more commit of repairs
     */
    public PartitionState repaired(long records) {
        return new PartitionState(
                partition, startOffset, next, tally.repaired(records), repairs + 1, backfills, deferred);
    }
}
