package io.k2data.benchmarks;

import io.k2data.iceberg.Warehouses;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Metrics;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;

/**
 * A table of trades whose rows are put into many small files by a rewrite, as they stand in it, in order of time; and back
 * into their own when this is closed. Both are then snapshots of one table.
 */
record SplitTable(Catalog catalog, Table table, Set<DataFile> before, Set<DataFile> after, long few, long many)
        implements AutoCloseable {
    static SplitTable of(Path warehouse, int count) throws Exception {
        Catalog catalog = Warehouses.local(warehouse);
        Table table = catalog.loadTable(TableIdentifier.of("k2", "trades"));
        Set<DataFile> before = new HashSet<>();
        try (CloseableIterable<FileScanTask> tasks =
                table.newScan().includeColumnStats().planFiles()) {
            tasks.forEach(task -> before.add(task.file()));
        }
        long few = table.currentSnapshot().snapshotId();
        Set<DataFile> after = new HashSet<>();
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            statement.execute("set TimeZone = 'UTC'");
            statement.execute("set threads = 1");
            statement.execute("create table rows as select *, (row_number() over (order by event_time) - 1) * " + count
                    + " // count(*) over () as part from read_parquet("
                    + before.stream()
                            .map(file -> "'" + local(file.location()) + "'")
                            .collect(Collectors.joining(", ", "[", "]"))
                    + ")");
            String ids = table.schema().columns().stream()
                    .map(field -> field.name() + ": "
                            + (field.type().isListType()
                                    ? "{__duckdb_field_id: " + field.fieldId() + ", element: "
                                            + field.type().asListType().elementId() + "}"
                                    : field.fieldId()))
                    .collect(Collectors.joining(", "));
            String names = table.schema().columns().stream()
                    .map(Types.NestedField::name)
                    .collect(Collectors.joining(", "));
            for (int part = 0; part < count; part++) {
                Path file = Path.of(local(table.locationProvider().newDataLocation("split-" + part + ".parquet")));
                Files.createDirectories(file.getParent());
                statement.execute("copy (select " + names + " from rows where part = " + part
                        + " order by venue, symbol, event_time) to '" + file
                        + "' (format parquet, compression zstd, field_ids {" + ids + "})");
                try (ResultSet row = statement.executeQuery(
                        "select count(*), min(venue), max(venue), min(symbol), max(symbol), epoch_us(min(event_time)),"
                                + " epoch_us(max(event_time)) from rows where part = " + part)) {
                    row.next();
                    after.add(file(table, file, row));
                }
            }
        }
        table.newRewrite().rewriteFiles(before, after).commit();
        table.refresh();
        return new SplitTable(
                catalog, table, before, after, few, table.currentSnapshot().snapshotId());
    }

    private static DataFile file(Table table, Path file, ResultSet row) throws Exception {
        Map<Integer, ByteBuffer> lower = new HashMap<>();
        Map<Integer, ByteBuffer> upper = new HashMap<>();
        List<String> names = List.of("venue", "symbol", "event_time");
        for (int i = 0; i < names.size(); i++) {
            Types.NestedField field = table.schema().findField(names.get(i));
            boolean isTime = i == 2;
            lower.put(
                    field.fieldId(),
                    Conversions.toByteBuffer(
                            field.type(), isTime ? (Object) row.getLong(2 + 2 * i) : row.getString(2 + 2 * i)));
            upper.put(
                    field.fieldId(),
                    Conversions.toByteBuffer(
                            field.type(), isTime ? (Object) row.getLong(3 + 2 * i) : row.getString(3 + 2 * i)));
        }
        long day = Math.floorDiv(row.getLong(6), 86_400_000_000L);
        return DataFiles.builder(table.spec())
                .withPath(file.toString())
                .withFileSizeInBytes(Files.size(file))
                .withPartitionPath("event_time_day=" + LocalDate.ofEpochDay(day))
                .withMetrics(new Metrics(row.getLong(1), null, null, null, null, lower, upper))
                .build();
    }

    private static String local(String location) {
        return location.replaceFirst("^file:/+", "/");
    }

    @Override
    public void close() throws Exception {
        table.refresh();
        table.newRewrite().rewriteFiles(after, before).commit();
        if (catalog instanceof AutoCloseable closeable) {
            closeable.close();
        }
    }
}
