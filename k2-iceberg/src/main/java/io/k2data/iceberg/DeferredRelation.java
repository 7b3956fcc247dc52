package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.LogPartition;
import io.k2data.api.degradation.Deferral;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The relation {@code deferred}: what a view does not show since it was put off under load, one row for each range, so that
 * a query can ask whether that touches it.
 */
final class DeferredRelation {
    static final String NAME = "deferred";

    private static final List<String> COLUMNS = List.of(
            "table_name varchar",
            "topic varchar",
            "kafka_partition integer",
            "tier varchar",
            "from_offset bigint",
            "to_offset bigint",
            "records bigint",
            "from_time timestamptz",
            "to_time timestamptz",
            "tiers_version varchar");

    private DeferredRelation() {}

    static String of(Cut cut) {
        String rows = cut.tables().entrySet().stream()
                .flatMap(table -> table.getValue().partitions().entrySet().stream()
                        .flatMap(partition -> partition.getValue().deferred().stream()
                                .map(deferral -> row(table.getKey(), partition.getKey(), deferral))))
                .collect(Collectors.joining(", "));
        String types = COLUMNS.stream()
                .map(column -> {
                    String[] parts = column.split(" ");
                    return parts[0] + "::" + parts[1] + " as " + parts[0];
                })
                .collect(Collectors.joining(", "));
        String names = COLUMNS.stream().map(column -> column.split(" ")[0]).collect(Collectors.joining(", "));
        return rows.isEmpty()
                ? "select " + types.replaceAll("[a-z_]+::", "null::") + " where false"
                : "select " + types + " from (values " + rows + ") as ranges(" + names + ")";
    }

    private static String row(String table, LogPartition partition, Deferral deferral) {
        return "(" + Sql.text(table) + ", " + Sql.text(partition.topic()) + ", " + partition.partition() + ", "
                + Sql.text(deferral.tier().name()) + ", " + deferral.fromOffset() + ", " + deferral.toOffset() + ", "
                + deferral.records() + ", " + time(deferral.fromTimeMillis()) + ", " + time(deferral.toTimeMillis())
                + ", " + Sql.text(deferral.tiersVersion()) + ")";
    }

    private static String time(long millis) {
        return "make_timestamptz(" + millis + "::BIGINT * 1000)";
    }
}
