package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
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
 */
public record PartitionState(LogPartition partition, long startOffset, LogOffset next, Tally tally, long repairs) {
    /**
     * A state without repairs.
     *
     * @param partition the partition
     * @param startOffset the offset at which the table began to take it
     * @param next the table offset
     * @param tally what became of the records between the two
     */
    public PartitionState(LogPartition partition, long startOffset, LogOffset next, Tally tally) {
        this(partition, startOffset, next, tally, 0);
    }

    /** Checks that Law 2 holds. */
    public PartitionState {
        Objects.requireNonNull(partition, "partition");
        if (!tally.conserves(startOffset, next.offset())) {
            throw new IllegalStateException(
                    "Law 2 is broken on " + partition + ": " + startOffset + ".." + next.offset() + " " + tally);
        }
    }
}
