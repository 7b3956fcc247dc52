package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.Metrics;
import org.apache.iceberg.PartitionData;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Table;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.UnicodeUtil;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * Writes a segment as sorted Parquet, one file per partition of the table: DuckDB writes into a local spool, Iceberg's FileIO
 * puts the file where the table lives. The statistics that DuckDB returns become the file's metrics.
 */
final class DataFileWriter {
    private static final int BOUND_LENGTH = 16;
    private static final int MANY_GROUPS = 8;
    private static final String IN_ORDER = " order by venue, symbol, event_time, kafka_partition, kafka_offset";

    /**
     * A quarter of what DuckDB takes by itself: a question about one symbol then takes half the time, for a tenth more to
     * write and up to 3 % more bytes (docs/benchmarks/2026-11-27-query.md).
     */
    private static final int ROW_GROUP_ROWS = 30_720;

    /** Of trades it makes smaller files than level 3 in less time (docs/benchmarks/2026-11-28-held-rows.md). */
    private static final int ZSTD_LEVEL = 1;

    /** Text columns that queries select by; bounds of other texts only make manifests larger. */
    private static final Set<String> BOUNDED_TEXTS = Set.of("venue", "symbol");

    /** How DuckDB prints a TIMESTAMPTZ in UTC. */
    private static final DateTimeFormatter DUCK_TIME = new DateTimeFormatterBuilder()
            .append(DateTimeFormatter.ISO_LOCAL_DATE)
            .appendLiteral(' ')
            .appendPattern("HH:mm:ss")
            .appendFraction(ChronoField.MICRO_OF_SECOND, 0, 6, true)
            .appendOffset("+HH:mm", "+00")
            .toFormatter(java.util.Locale.ROOT);

    private final Table table;
    private final TableLayout layout;
    private final Spool spool;
    private volatile @Nullable DuckDBConnection writing;

    DataFileWriter(Table table, TableLayout layout, Spool spool) {
        this.table = table;
        this.layout = layout;
        this.spool = spool;
    }

    /**
     * Writes all rows of a DuckDB relation.
     *
     * @param connection the connection to read with
     * @param relation the table, or a query in brackets; it may hold a text as an ENUM in the order of texts, and a
     *     decimal of less precision than the table's
     * @param rows how many rows it must hold
     * @return the files, one per partition of the table
     */
    List<DataFile> write(Connection connection, String relation, long rows) throws SQLException {
        return write(connection, () -> relation, rows, false);
    }

    /**
     * Writes all rows that are held.
     *
     * @param connection another one to the same database is used
     * @param rows the rows
     * @return the files, one per partition of the table
     */
    List<DataFile> write(DuckDBConnection connection, HeldRows rows) throws SQLException {
        // What is registered with a connection goes with it.
        try (ArrowRows sorted = new ArrowRows(rows);
                DuckDBConnection own = connection.duplicate()) {
            writing = own;
            String columns = layout.columns().stream()
                    .map(column -> sorted.expressions().get(column.name()) + " as " + Sql.name(column.name()))
                    .collect(Collectors.joining(", "));
            return write(own, () -> "(select " + columns + " from " + sorted.register(own) + ")", rows.size(), true);
        }
    }

    /** Ends what is being written from held rows, which then fails. Any thread. */
    void close() throws SQLException {
        DuckDBConnection own = writing;
        if (own != null) {
            own.close();
        }
    }

    /** Gives a relation of all rows, for one statement. */
    @FunctionalInterface
    private interface Relation {
        String get() throws SQLException;
    }

    private List<DataFile> write(Connection connection, Relation relation, long rows, boolean rowsComeOnce)
            throws SQLException {
        String order = rowsComeOnce ? "" : IN_ORDER;
        PartitionSpec spec = table.spec();
        PartitionValues values = new PartitionValues(spec);
        List<DataFile> files = new ArrayList<>();
        long written = 0;
        List<Group> groups = groups(connection, relation, values);
        if (groups.size() > MANY_GROUPS && rowsComeOnce) {
            // Each statement would be given all rows anew.
            Sql.run(connection, "create temporary table all_rows as from " + relation.get());
            return write(connection, "all_rows", rows);
        }

        for (Group each : groups) {
            // Nearly always there is one, and then there is nothing to tell apart.
            Group group = groups.size() == 1 ? new Group("true", each.partition()) : each;
            DataFile file = writeGroup(connection, relation.get(), order, spec, group);
            written += file.recordCount();
            files.add(file);
        }
        if (written != rows) {
            throw new K2Exception.Retry(
                    "wrote " + written + " rows of " + table.name() + " to Parquet, but was given " + rows, null);
        }
        return files;
    }

    /**
     * The rows of one partition of the table.
     *
     * @param condition a condition for them
     * @param partition the partition
     */
    private record Group(String condition, PartitionData partition) {}

    private static List<Group> groups(Connection connection, Relation relation, PartitionValues values)
            throws SQLException {
        int count = values.groups().size();
        if (count == 0) {
            return List.of(new Group(values.condition(List.of()), values.partition(List.of())));
        }
        List<Group> groups = new ArrayList<>();
        List<String> selected = new ArrayList<>(values.groups());
        values.sources().forEach(source -> selected.add("any_value(" + source + ")"));
        String grouping = IntStream.rangeClosed(1, count)
                .mapToObj(Integer::toString)
                .collect(Collectors.joining(", ", " group by ", " order by all"));
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(
                        "select " + String.join(", ", selected) + " from " + relation.get() + grouping)) {
            while (result.next()) {
                List<String> literals = new ArrayList<>();
                List<@Nullable Object> sources = new ArrayList<>();
                for (int i = 1; i <= count; i++) {
                    Object value = result.getObject(i);
                    literals.add(
                            value == null ? "null" : value instanceof String text ? Sql.text(text) : value.toString());
                    sources.add(result.getObject(count + i));
                }
                groups.add(new Group(values.condition(literals), values.partition(sources)));
            }
        }
        return groups;
    }

    private DataFile writeGroup(Connection connection, String relation, String order, PartitionSpec spec, Group group)
            throws SQLException {
        String fileName = UUID.randomUUID() + ".parquet";
        Path spooled = spool.directory().resolve(fileName);
        // Sorted in whatever form the relation has them, and written as texts. An ENUM is not to be written: where
        // several threads do, DuckDB (2.0.0.1) forgets now and then that a row group has a value, and the file says
        // '' instead.
        String written = layout.columns().stream()
                .map(column -> isText(column)
                        ? Sql.name(column.name()) + "::VARCHAR as " + Sql.name(column.name())
                        : Sql.name(column.name()))
                .collect(Collectors.joining(", "));
        String sql = "copy (select " + written + " from (select " + Sql.names(layout.columnNames()) + " from "
                + relation
                + " where " + group.condition() + order + ")) to "
                + Sql.text(spooled.toString())
                + " (format parquet, compression zstd, compression_level " + ZSTD_LEVEL + ", row_group_size "
                + ROW_GROUP_ROWS + ", field_ids {" + fieldIds()
                + "}, return_stats)";
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            if (!result.next()) {
                throw new SQLException("COPY returned no statistics");
            }
            long count = result.getLong("count");
            String location = spec.isUnpartitioned()
                    ? table.locationProvider().newDataLocation(fileName)
                    : table.locationProvider().newDataLocation(spec, group.partition(), fileName);
            long size = Files.size(spooled);
            upload(spooled, size, location);
            return DataFiles.builder(spec)
                    .withPath(location)
                    .withFormat(FileFormat.PARQUET)
                    .withFileSizeInBytes(size)
                    .withPartition(group.partition())
                    .withSortOrder(table.sortOrder())
                    .withMetrics(metrics(count, statistics(result.getObject("column_statistics"))))
                    .build();
        } catch (IOException e) {
            throw new K2Exception.Retry("cannot write a data file of " + table.name() + ": " + e.getMessage(), e);
        } finally {
            deleteSpooled(spooled);
        }
    }

    private static boolean isText(Column column) {
        return column.type() instanceof ColumnType.Text
                || column.type() instanceof ColumnType.Choice
                || column.type() instanceof ColumnType.Json;
    }

    private static void deleteSpooled(Path spooled) {
        try {
            Files.deleteIfExists(spooled);
        } catch (IOException e) {
            throw new K2Exception.Retry("cannot delete " + spooled + " from the spool", e);
        }
    }

    private void upload(Path spooled, long size, String location) throws IOException {
        spool.took(spooled, size);
        try (InputStream in = Files.newInputStream(spooled);
                OutputStream out = table.io().newOutputFile(location).create()) {
            in.transferTo(out);
        } catch (RuntimeException e) {
            // A store's client throws exceptions of its own.
            throw new IOException(e.toString(), e);
        } finally {
            spool.gaveBack(size);
        }
    }

    private String fieldIds() {
        Schema schema = table.schema();
        return layout.columns().stream()
                .map(column -> {
                    Types.NestedField field = schema.findField(column.name());
                    return Sql.name(column.name()) + ": "
                            + (column.type() instanceof ColumnType.TextList
                                    ? "{__duckdb_field_id: " + field.fieldId() + ", element: "
                                            + field.type().asListType().elementId() + "}"
                                    : field.fieldId());
                })
                .collect(Collectors.joining(", "));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Map<String, String>> statistics(Object value) {
        return (Map<String, Map<String, String>>) value;
    }

    private Metrics metrics(long rows, Map<String, Map<String, String>> statistics) {
        Map<Integer, Long> sizes = new HashMap<>();
        Map<Integer, Long> values = new HashMap<>();
        Map<Integer, Long> nulls = new HashMap<>();
        Map<Integer, ByteBuffer> lower = new HashMap<>();
        Map<Integer, ByteBuffer> upper = new HashMap<>();
        for (Column column : layout.columns()) {
            Map<String, String> found = statistics.get(Sql.name(column.name()));
            // Bounds and counts of list elements are left out, as Iceberg's own writers do.
            if (found == null || column.type() instanceof ColumnType.TextList) {
                continue;
            }
            Types.NestedField field = table.schema().findField(column.name());
            int id = field.fieldId();
            put(sizes, id, found.get("column_size_bytes"));
            put(values, id, found.get("num_values"));
            put(nulls, id, found.get("null_count"));
            boolean isText = field.type().typeId() == Type.TypeID.STRING;
            // A NaN would have to be counted, and no bound is one.
            boolean isFloat = field.type().typeId() == Type.TypeID.DOUBLE;
            if (isFloat || (isText && !BOUNDED_TEXTS.contains(column.name()))) {
                continue;
            }
            String min = exact(found, "min");
            String max = exact(found, "max");
            if (min != null && max != null) {
                bound(lower, id, field.type(), lowerBound(field.type(), min));
                bound(upper, id, field.type(), upperBound(field.type(), max));
            }
        }
        return new Metrics(rows, sizes, values, nulls, null, lower, upper);
    }

    private static void put(Map<Integer, Long> counts, int id, @Nullable String value) {
        if (value != null) {
            counts.put(id, Long.valueOf(value));
        }
    }

    private static @Nullable String exact(Map<String, String> statistics, String which) {
        return "true".equals(statistics.get(which + "_is_exact")) ? statistics.get(which) : null;
    }

    private static void bound(Map<Integer, ByteBuffer> bounds, int id, Type type, @Nullable Object value) {
        if (value != null) {
            bounds.put(id, Conversions.toByteBuffer(type, value));
        }
    }

    private static Object lowerBound(Type type, String text) {
        return type.typeId() == Type.TypeID.STRING
                ? UnicodeUtil.truncateStringMin(text, BOUND_LENGTH)
                : value(type, text);
    }

    /** Null where a shortened text has no upper bound of that length. */
    private static @Nullable Object upperBound(Type type, String text) {
        return type.typeId() == Type.TypeID.STRING
                ? UnicodeUtil.truncateStringMax(text, BOUND_LENGTH)
                : value(type, text);
    }

    private static Object value(Type type, String text) {
        return switch (type.typeId()) {
            case INTEGER -> Integer.valueOf(text);
            case LONG -> Long.valueOf(text);
            case DECIMAL -> new BigDecimal(text).setScale(((Types.DecimalType) type).scale());
            case BOOLEAN -> Boolean.valueOf(text);
            case TIMESTAMP -> ChronoUnit.MICROS.between(Instant.EPOCH, OffsetDateTime.parse(text, DUCK_TIME));
            default -> throw new IllegalArgumentException("no bounds are kept of " + type);
        };
    }
}
