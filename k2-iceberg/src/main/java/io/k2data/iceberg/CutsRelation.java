package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.Cut.PartitionCut;
import io.k2data.api.Cut.TableCut;
import io.k2data.api.LogPartition;
import io.k2data.api.degradation.Deferral;
import java.util.List;
import java.util.OptionalLong;

/** The relation {@code cuts}: what a view answers from, one row for each partition of each table. */
final class CutsRelation {
    static final String NAME = "cuts";

    private static final ValuesRelation ROWS = new ValuesRelation(List.of(
            "table_name varchar",
            "topic varchar",
            "kafka_partition integer",
            "snapshot_id bigint",
            "start_offset bigint",
            "table_offset bigint",
            "live_end bigint",
            "deferred_records bigint"));

    private CutsRelation() {}

    static String of(Cut cut) {
        return ROWS.of(cut.tables().entrySet().stream()
                .flatMap(table -> table.getValue().partitions().entrySet().stream()
                        .map(partition ->
                                row(table.getKey(), table.getValue(), partition.getKey(), partition.getValue())))
                .toList());
    }

    private static List<String> row(String table, TableCut cut, LogPartition partition, PartitionCut range) {
        OptionalLong snapshot = cut.snapshotId();
        return List.of(
                Sql.text(table),
                Sql.text(partition.topic()),
                String.valueOf(partition.partition()),
                snapshot.isPresent() ? String.valueOf(snapshot.getAsLong()) : "null",
                String.valueOf(range.startOffset()),
                String.valueOf(range.tableOffset()),
                String.valueOf(range.liveEnd()),
                String.valueOf(
                        range.deferred().stream().mapToLong(Deferral::records).sum()));
    }
}
