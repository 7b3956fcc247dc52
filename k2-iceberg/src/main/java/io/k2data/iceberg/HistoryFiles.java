package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import io.k2data.api.UnreadableTableException;
import io.k2data.api.event.Column;
import io.k2data.iceberg.FileCache.RemoteFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.expressions.Evaluator;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.expressions.InclusiveMetricsEvaluator;
import org.apache.iceberg.expressions.Projections;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Types;
import org.jspecify.annotations.Nullable;

/** A snapshot's Parquet files, which of them a condition can match, and their rows as SQL: read by field id. */
final class HistoryFiles {
    private final Map<Integer, PartitionSpec> specs;
    private final Schema schema;
    private final List<DataFile> files;

    private HistoryFiles(Map<Integer, PartitionSpec> specs, Schema schema, List<DataFile> files) {
        this.specs = specs;
        this.schema = schema;
        this.files = files;
    }

    /**
     * Finds the files of a snapshot; refuses by name what would be read wrongly.
     *
     * @param schema of the metadata that the snapshot was found in
     * @param bounded names of the columns whose bounds are of use
     */
    static HistoryFiles plan(
            Table table, Schema schema, @Nullable Snapshot snapshot, Set<String> bounded, ManifestCache manifests) {
        Map<Integer, PartitionSpec> specs = table.specs();
        if (snapshot == null) {
            return new HistoryFiles(specs, schema, List.of());
        }
        Set<Integer> ids = schema.columns().stream()
                .filter(field -> bounded.contains(field.name()))
                .map(Types.NestedField::fieldId)
                .collect(Collectors.toSet());
        List<DataFile> files = new ArrayList<>();
        try {
            for (ManifestFile manifest : snapshot.dataManifests(table.io())) {
                files.addAll(manifests.files(table, manifest, ids));
            }
            if (!snapshot.deleteManifests(table.io()).isEmpty()) {
                requireNoDeletes(table, snapshot);
            }
        } catch (IOException | RuntimeException e) {
            if (e instanceof K2Exception known) {
                throw known;
            }
            // A manifest may have been removed by an expiry since the metadata was read; the next attempt reads it
            // again.
            throw new K2Exception.Retry("cannot plan a scan of " + table.name() + ": " + e, e);
        }
        for (DataFile file : files) {
            if (file.format() != FileFormat.PARQUET) {
                throw new UnreadableTableException(
                        "table " + table.name() + " holds a file that is not Parquet: " + file.location(), null);
            }
        }
        return new HistoryFiles(specs, schema, files);
    }

    private static void requireNoDeletes(Table table, Snapshot snapshot) throws IOException {
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
            }
        }
    }

    Schema schema() {
        return schema;
    }

    int count() {
        return files.size();
    }

    /**
     * The files that can hold a row for which a condition is true, as Iceberg's own planning would choose them: by the
     * partition they are in, and by the bounds of their columns. A file of which too little is known is one of them.
     */
    List<RemoteFile> matching(Expression condition) {
        if (condition.op() == Expression.Operation.FALSE) {
            return List.of();
        }
        Map<Integer, Evaluator> partitions = new HashMap<>();
        InclusiveMetricsEvaluator metrics = condition.op() == Expression.Operation.TRUE
                ? null
                : new InclusiveMetricsEvaluator(schema, condition, true);
        List<RemoteFile> matching = new ArrayList<>();
        for (DataFile file : files) {
            boolean may = metrics == null
                    || (partitions
                                    .computeIfAbsent(file.specId(), id -> partition(specs.get(id), condition))
                                    .eval(file.partition())
                            && metrics.eval(file));
            if (may) {
                matching.add(new RemoteFile(file.location(), file.fileSizeInBytes()));
            }
        }
        return matching;
    }

    private static Evaluator partition(PartitionSpec spec, Expression condition) {
        return new Evaluator(
                spec.partitionType(), Projections.inclusive(spec, true).project(condition), true);
    }

    /** All files. */
    List<RemoteFile> all() {
        return matching(Expressions.alwaysTrue());
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
        return select(layout, "", paths(files), fields(layout, schema, ""));
    }

    /**
     * The same over files to be named later.
     *
     * @param prefix of the columns' names within the scan, by which a plan tells whose scan it is
     * @param files an expression for a list of paths
     * @param fields an expression for what {@link #fields} says
     */
    static String select(TableLayout layout, String prefix, String files, String fields) {
        return "select "
                + layout.columnNames().stream()
                        .map(name ->
                                prefix.isEmpty() ? Sql.name(name) : Sql.name(prefix + name) + " as " + Sql.name(name))
                        .collect(Collectors.joining(", "))
                + " from read_parquet(" + files + ", hive_partitioning = false, schema = " + fields + ")";
    }

    /** A list of paths. */
    static String paths(List<Path> files) {
        return files.stream().map(Path::toString).map(Sql::text).collect(Collectors.joining(", ", "[", "]"));
    }

    /** The columns by their field ids. */
    static String fields(TableLayout layout, Schema schema, String prefix) {
        return layout.columns().stream()
                .map(column -> field(field(schema, column), column, prefix))
                .collect(Collectors.joining(", ", "map {", "}"));
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

    private static String field(Types.NestedField field, Column column, String prefix) {
        return field.fieldId() + ": {name: " + Sql.text(prefix + column.name()) + ", type: "
                + Sql.text(TableLayout.duckType(column.type())) + ", default_value: null}";
    }
}
