package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import java.util.List;
import java.util.Map;

/**
 * What one poll gave.
 *
 * @param runs the records, by partition; none twice
 * @param next the next offset of every partition that moved, also where only control records were passed
 */
public record LogBatch(List<Run> runs, Map<LogPartition, LogOffset> next) {
    /** Nothing read. */
    public static final LogBatch EMPTY = new LogBatch(List.of(), Map.of());

    /**
     * The records that one poll gave of one partition.
     *
     * @param partition the partition
     * @param records its records, in order of offset, at least one; a record may be made anew each time it is asked for, so
     *     that it is still at hand when it is read
     */
    public record Run(LogPartition partition, List<LogRecord> records) {
        public Run {
            if (records.isEmpty()) {
                throw new IllegalArgumentException("no record of " + partition);
            }
        }
    }
}
