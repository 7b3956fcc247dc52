package io.k2data.benchmarks;

import io.k2data.iceberg.Warehouses;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.SnapshotSummary;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.io.CloseableIterable;
import org.jspecify.annotations.Nullable;

/** What another process committed to a table of trades, as any reader of Iceberg sees it. */
final class CommittedTrades implements AutoCloseable {
    private static final List<String> COLUMNS = List.of(
            "venue",
            "symbol",
            "trade_id",
            "event_time",
            "price",
            "quantity",
            "side",
            "source_sequence",
            "conditions",
            "vendor_data",
            "asset_class",
            "currency");

    private final Catalog catalog;
    private final TableIdentifier identifier;
    private @Nullable Table table;

    /**
     * What the committed files hold.
     *
     * @param rows how many rows
     * @param ids how many different trades
     * @param quantity the sum of the quantities
     * @param fingerprints by column, and for whole rows under {@code row}, the sum of a hash of each value: equal for
     *     the same rows in any order
     * @param files how many data files
     * @param bytes their size
     * @param commits how many snapshots there are
     */
    record Content(
            long rows,
            long ids,
            BigDecimal quantity,
            Map<String, BigInteger> fingerprints,
            int files,
            long bytes,
            int commits) {}

    CommittedTrades(Path warehouse, TableIdentifier identifier) {
        this.catalog = Warehouses.local(warehouse);
        this.identifier = identifier;
    }

    Catalog catalog() {
        return catalog;
    }

    /** How many rows a reader who came now would see; 0 while there is no table. */
    long rows() {
        Table known = table;
        try {
            if (known == null) {
                known = catalog.loadTable(identifier);
                table = known;
            } else {
                known.refresh();
            }
        } catch (NoSuchTableException e) {
            return 0;
        }
        Snapshot snapshot = known.currentSnapshot();
        return snapshot == null
                ? 0
                : Long.parseLong(snapshot.summary().getOrDefault(SnapshotSummary.TOTAL_RECORDS_PROP, "0"));
    }

    /** Reads all rows with a plain DuckDB, from the files that Iceberg plans. */
    Content content() throws IOException, SQLException {
        Table read = catalog.loadTable(identifier);
        List<String> files = new ArrayList<>();
        long bytes = 0;
        try (CloseableIterable<FileScanTask> tasks = read.newScan().planFiles()) {
            for (FileScanTask task : tasks) {
                if (!task.deletes().isEmpty()) {
                    throw new IllegalStateException("table " + identifier + " has delete files");
                }
                files.add(task.file().location().replaceFirst("^file:/+", "/"));
                bytes += task.file().fileSizeInBytes();
            }
        }
        // The peer's column of event times holds what the JSON says: epoch microseconds.
        boolean asNumber = read.schema().findType("event_time").typeId() == org.apache.iceberg.types.Type.TypeID.LONG;
        Map<String, String> hashed = new LinkedHashMap<>();
        for (String column : COLUMNS) {
            hashed.put(column, column.equals("event_time") && !asNumber ? "epoch_us(event_time)" : column);
        }
        hashed.put("row", String.join(", ", hashed.values()));
        String query = "select count(*), count(distinct (venue, symbol, trade_id)), sum(quantity), "
                + hashed.values().stream()
                        .map(values -> "sum(hash(" + values + ")::hugeint)")
                        .collect(Collectors.joining(", "))
                + " from read_parquet("
                + files.stream().map(file -> "'" + file + "'").collect(Collectors.joining(", ", "[", "]"))
                // Decimals have fewer digits in some files, and the first would decide for all.
                + ", union_by_name = true)";
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            Map<String, BigInteger> fingerprints = new LinkedHashMap<>();
            int column = 3;
            for (String name : hashed.keySet()) {
                column++;
                fingerprints.put(name, new BigInteger(row.getString(column)));
            }
            return new Content(
                    row.getLong(1),
                    row.getLong(2),
                    row.getBigDecimal(3),
                    fingerprints,
                    files.size(),
                    bytes,
                    read.history().size());
        }
    }

    @Override
    public void close() throws Exception {
        if (catalog instanceof AutoCloseable closeable) {
            closeable.close();
        }
    }
}
