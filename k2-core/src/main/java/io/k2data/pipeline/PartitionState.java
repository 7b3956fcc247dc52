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
 */
public record PartitionState(LogPartition partition, long startOffset, LogOffset next, Tally tally) {
    /** Checks that Law 2 holds. */
    public PartitionState {
        Objects.requireNonNull(partition, "partition");
        if (!tally.conserves(startOffset, next.offset())) {
            throw new IllegalStateException(
                    "Law 2 is broken on " + partition + ": " + startOffset + ".." + next.offset() + " " + tally);
        }
    }
}
