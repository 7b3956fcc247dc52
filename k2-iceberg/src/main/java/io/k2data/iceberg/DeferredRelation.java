package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.LogPartition;
import io.k2data.api.degradation.Deferral;
import java.util.List;

/**
 * The relation {@code deferred}: what a view does not show since it was put off under load, one row for each range, so that
 * a query can ask whether that touches it.
 */
final class DeferredRelation {
    static final String NAME = "deferred";

    private static final ValuesRelation ROWS = new ValuesRelation(List.of(
            "table_name varchar",
            "topic varchar",
            "kafka_partition integer",
            "tier varchar",
            "from_offset bigint",
            "to_offset bigint",
            "records bigint",
            "from_time timestamptz",
            "to_time timestamptz",
            "tiers_version varchar"));

    private DeferredRelation() {}

    static String of(Cut cut) {
        return ROWS.of(cut.tables().entrySet().stream()
                .flatMap(table -> table.getValue().partitions().entrySet().stream()
                        .flatMap(partition -> partition.getValue().deferred().stream()
                                .map(deferral -> row(table.getKey(), partition.getKey(), deferral))))
                .toList());
    }

    private static List<String> row(String table, LogPartition partition, Deferral deferral) {
        return List.of(
                Sql.text(table),
                Sql.text(partition.topic()),
                String.valueOf(partition.partition()),
                Sql.text(deferral.tier().name()),
                String.valueOf(deferral.fromOffset()),
                String.valueOf(deferral.toOffset()),
                String.valueOf(deferral.records()),
                time(deferral.fromTimeMillis()),
                time(deferral.toTimeMillis()),
                Sql.text(deferral.tiersVersion()));
    }

    private static String time(long millis) {
        return "make_timestamptz(" + millis + "::BIGINT * 1000)";
    }
}
