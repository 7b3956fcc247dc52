package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import java.util.List;
import java.util.Map;

/**
 * What one poll gave.
 *
 * @param records the records; those of one partition stand together, in order of offset
 * @param next the next offset of every partition that moved, also where only control records were passed
 */
public record LogBatch(List<LogRecord> records, Map<LogPartition, LogOffset> next) {
    /** Nothing read. */
    public static final LogBatch EMPTY = new LogBatch(List.of(), Map.of());
}
