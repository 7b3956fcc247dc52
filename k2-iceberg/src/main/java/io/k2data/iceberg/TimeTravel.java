package io.k2data.iceberg;

import io.k2data.api.Cut.PartitionCut;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.PartitionState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.iceberg.Snapshot;
import org.jspecify.annotations.Nullable;

/** Finds a table's earlier snapshots, on its main branch, and how far they reach. */
final class TimeTravel {
    private TimeTravel() {}

    /** Chooses among a table's snapshots. */
    @FunctionalInterface
    interface Choice {
        /**
         * Chooses.
         *
         * @param table its name, for messages
         * @param snapshots the current snapshot and its known ancestors, newest first
         * @return the snapshot; null if the table had none yet
         */
        @Nullable
        Snapshot among(String table, List<Snapshot> snapshots);
    }

    /** The snapshot that was the current one at an instant. */
    static Choice at(Instant instant) {
        return (table, snapshots) -> {
            for (Snapshot snapshot : snapshots) {
                if (snapshot.timestampMillis() <= instant.toEpochMilli()) {
                    return snapshot;
                }
            }
            if (snapshots.isEmpty() || snapshots.get(snapshots.size() - 1).parentId() == null) {
                return null;
            }
            throw gone(table, "what it held at " + instant, snapshots);
        };
    }

    /** The snapshot of an id. */
    static Choice of(long snapshotId) {
        return (table, snapshots) -> snapshots.stream()
                .filter(snapshot -> snapshot.snapshotId() == snapshotId)
                .findFirst()
                .orElseThrow(() -> gone(table, "snapshot " + snapshotId, snapshots));
    }

    private static K2Exception.Stop gone(String table, String what, List<Snapshot> snapshots) {
        if (snapshots.isEmpty()) {
            return new K2Exception.Stop(table + " has no " + what + ": nothing was committed to it yet", null);
        }
        Snapshot oldest = snapshots.get(snapshots.size() - 1);
        return new K2Exception.Stop(
                table + " has no " + what
                        + " on its main branch: it expired, or was never there; the oldest that is left is"
                        + " snapshot " + oldest.snapshotId() + " of "
                        + Instant.ofEpochMilli(oldest.timestampMillis())
                        + " (the table's property history.expire.max-snapshot-age-ms says how long they are kept)",
                null);
    }

    /**
     * How far a snapshot reaches. A partition of which that is not known any more, since all that moved it up to then
     * expired, is left out.
     *
     * @param chosen one of the snapshots, or null for the time before the first
     * @param snapshots the current snapshot and its known ancestors, newest first
     * @param current the states of the current one
     */
    static Map<LogPartition, PartitionCut> cut(
            String table, @Nullable Snapshot chosen, List<Snapshot> snapshots, Map<LogPartition, StoredState> current) {
        Map<LogPartition, PartitionCut> cut = new TreeMap<>();
        if (chosen == null) {
            return cut;
        }
        int at = snapshots.indexOf(chosen);
        List<Long> later = new ArrayList<>();
        snapshots.subList(0, at).forEach(snapshot -> later.add(snapshot.snapshotId()));
        current.forEach((partition, state) -> {
            if (!later.contains(state.snapshotId())) {
                cut.put(partition, cut(state.state()));
            }
        });
        for (Snapshot snapshot : snapshots.subList(at, snapshots.size())) {
            StoredState.readMoves(table, snapshot.summary()).forEach(cut::putIfAbsent);
        }
        return cut;
    }

    private static PartitionCut cut(PartitionState state) {
        long end = state.next().offset();
        return new PartitionCut(state.startOffset(), end, end, state.deferred());
    }
}
