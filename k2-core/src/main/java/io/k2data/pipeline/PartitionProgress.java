package io.k2data.pipeline;

import io.k2data.api.PartitionContext.Role;

/**
 * How far a partition is, from the log to the table.
 *
 * @param role whether it is written here, or followed
 * @param tableOffset the next offset after what the table holds, as of the last commit or look
 * @param liveEnd the next offset after what queries here see; the table offset or more
 * @param logEnd the offset after the last record that a reader may see, as of the last time the log was asked; -1 if it was
 *     not asked yet
 * @param tally what became of the records below the table offset
 */
public record PartitionProgress(Role role, long tableOffset, long liveEnd, long logEnd, Tally tally) {
    /**
     * Returns how many offsets were not read yet.
     *
     * @return the lag in records, 0 or more
     */
    public long lagRecords() {
        return Math.max(0, logEnd - liveEnd);
    }

    /**
     * Returns how many offsets were read and are not in the table yet.
     *
     * @return 0 or more
     */
    public long uncommittedRecords() {
        return Math.max(0, liveEnd - tableOffset);
    }
}
