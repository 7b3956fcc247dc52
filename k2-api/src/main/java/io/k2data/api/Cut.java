package io.k2data.api;

import io.k2data.api.degradation.Deferral;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * What a view answers from: for each table one snapshot, and for each partition the range of the log that is in the
 * snapshot and the range that is added from the live side. It is exact: every record below the live end is accounted
 * for, none above it is in.
 *
 * @param tables the cut of each table, by table name, in order of name
 */
public record Cut(Map<String, TableCut> tables) {
    /** Copies the map. */
    public Cut {
        tables = Collections.unmodifiableMap(new TreeMap<>(tables));
    }

    /**
     * The cut of one table.
     *
     * @param snapshotId the Iceberg snapshot that history is read from; empty while nothing was committed yet
     * @param partitions the cut of each partition of the log that feeds the table
     */
    public record TableCut(OptionalLong snapshotId, Map<LogPartition, PartitionCut> partitions) {
        /** Copies the map. */
        public TableCut {
            partitions = Collections.unmodifiableMap(new TreeMap<>(partitions));
        }
    }

    /**
     * The cut of one partition. Records below {@code tableOffset} come from the snapshot, those from there up to, not
     * including, {@code liveEnd} from the live side.
     *
     * @param startOffset the offset at which the table began to take this partition
     * @param tableOffset the next offset after those the snapshot holds
     * @param liveEnd the next offset after those the view answers from, never below {@code tableOffset}
     * @param deferred what below {@code liveEnd} was put off under load, and is therefore in no answer of the view
     */
    public record PartitionCut(long startOffset, long tableOffset, long liveEnd, List<Deferral> deferred) {
        /** Copies the list. */
        public PartitionCut {
            deferred = List.copyOf(deferred);
        }
    }
}
