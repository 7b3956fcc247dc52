package io.k2data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;

/** Writes trades as a sink that knows nothing of K2 would: ids 0 up, other columns, no offsets. */
final class OtherSink {
    private OtherSink() {}

    static void write(Catalog catalog, Path file, int rows) throws Exception {
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            statement.execute("copy (select i::bigint as trade_id, 'A' as symbol,"
                    + " timestamptz '2026-03-01 09:30:00+00' as event_time, 'desk-' || i as desk from range(" + rows
                    + ") t(i)) to '" + file
                    + "' (format parquet, field_ids {trade_id: 1, symbol: 2, event_time: 3, desk: 4})");
        }
        Table table = catalog.loadTable(TableIdentifier.of("k2", "trades"));
        // Inside the warehouse, as a sink's files are.
        Path inside = Path.of(table.location(), "data", "other.parquet");
        Files.createDirectories(inside.getParent());
        Files.copy(file, inside);
        table.newAppend()
                .appendFile(DataFiles.builder(PartitionSpec.unpartitioned())
                        .withPath(inside.toString())
                        .withFormat(FileFormat.PARQUET)
                        .withFileSizeInBytes(Files.size(inside))
                        .withRecordCount(rows)
                        .build())
                .commit();
    }
}
