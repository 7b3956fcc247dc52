package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import io.k2data.api.UnreadableTableException;
import io.k2data.api.event.Column;
import io.k2data.iceberg.FileCache.RemoteFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Types;

/** A snapshot's rows as SQL that DuckDB can run: its Parquet files, read by field id. */
final class HistoryFiles {
    private HistoryFiles() {}

    /** The files of the metadata's current snapshot; refuses by name what would be read wrongly. */
    static List<RemoteFile> plan(Table table, TableMetadata metadata) {
        Snapshot snapshot = metadata.currentSnapshot();
        List<RemoteFile> files = new ArrayList<>();
        if (snapshot == null) {
            return files;
        }
        try (CloseableIterable<FileScanTask> tasks =
                table.newScan().useSnapshot(snapshot.snapshotId()).planFiles()) {
            for (FileScanTask task : tasks) {
                if (!task.deletes().isEmpty()) {
                    throw new UnreadableTableException(
                            "table " + table.name() + " holds row-level deletes (for "
                                    + task.file().location()
                                    + "), which this version of K2 does not apply; rewrite the table's data files without"
                                    + " them",
                            null);
                }
                if (task.file().format() != FileFormat.PARQUET) {
                    throw new UnreadableTableException(
                            "table " + table.name() + " holds a file that is not Parquet: "
                                    + task.file().location(),
                            null);
                }
                files.add(new RemoteFile(task.file().location(), task.file().fileSizeInBytes()));
            }
        } catch (IOException | RuntimeException e) {
            if (e instanceof K2Exception known) {
                throw known;
            }
            // A manifest may have been removed by an expiry since the metadata was read; the next attempt reads it
            // again.
            throw new K2Exception.Retry("cannot plan a scan of " + table.name() + ": " + e, e);
        }
        return files;
    }

    /** A query for the layout's columns over the files. */
    static String select(TableLayout layout, Schema schema, List<Path> files) {
        if (files.isEmpty()) {
            return "select "
                    + layout.columns().stream()
                            .map(column ->
                                    "null::" + TableLayout.duckType(column.type()) + " as " + Sql.name(column.name()))
                            .collect(Collectors.joining(", "))
                    + " where false";
        }
        String fields = layout.columns().stream()
                .map(column -> field(field(schema, column), column))
                .collect(Collectors.joining(", "));
        return "select " + Sql.names(layout.columnNames()) + " from read_parquet(["
                + files.stream().map(Path::toString).map(Sql::text).collect(Collectors.joining(", "))
                + "], hive_partitioning = false, schema = map {" + fields + "})";
    }

    private static Types.NestedField field(Schema schema, Column column) {
        Types.NestedField field = schema.findField(column.name());
        if (field == null) {
            throw new UnreadableTableException(
                    "column '" + column.name()
                            + "' is gone from the table; restart K2 to go on without it, if it is none"
                            + " of the event type's",
                    null);
        }
        return field;
    }

    private static String field(Types.NestedField field, Column column) {
        return field.fieldId() + ": {name: " + Sql.text(column.name()) + ", type: "
                + Sql.text(TableLayout.duckType(column.type())) + ", default_value: null}";
    }
}
