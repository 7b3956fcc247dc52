package io.k2data.iceberg;

import io.k2data.api.event.Column;
import io.k2data.api.query.PinnedRows;
import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import java.math.BigDecimal;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.stream.Collectors;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/** A source's rows as a relation of one view. */
final class SourceTable {
    private SourceTable() {}

    /** Makes the relation, for as long as the connection lasts. */
    static void create(DuckDBConnection connection, QuerySource source, PinnedRows pinned) throws SQLException {
        SourceRows rows = pinned.rows();
        if (rows instanceof SourceRows.Plain plain) {
            copy(connection, source, plain);
        } else {
            Sql.run(connection, "create temp view " + Sql.name(source.name()) + " as " + query(source, rows));
        }
    }

    /** A query for rows that need no copy. */
    static String query(QuerySource source, SourceRows rows) {
        if (rows instanceof SourceRows.ParquetFiles parquet) {
            return parquet.files().isEmpty()
                    ? "select "
                            + source.columns().stream()
                                    .map(column -> "null::" + TableLayout.duckType(column.type()) + " as "
                                            + Sql.name(column.name()))
                                    .collect(Collectors.joining(", "))
                            + " where false"
                    : "select "
                            + Sql.names(
                                    source.columns().stream().map(Column::name).toList())
                            + " from read_parquet(" + HistoryFiles.paths(parquet.files())
                            + ", hive_partitioning = false, schema = "
                            + source.columns().stream()
                                    .map(column -> column.fieldId() + ": {name: " + Sql.text(column.name())
                                            + ", type: " + Sql.text(TableLayout.duckType(column.type()))
                                            + ", default_value: null}")
                                    .collect(Collectors.joining(", ", "map {", "}"))
                            + ")";
        } else if (rows instanceof SourceRows.Relation relation) {
            return relation.sql();
        }
        throw new IllegalArgumentException("rows that must be copied: " + rows);
    }

    private static void copy(DuckDBConnection connection, QuerySource source, SourceRows.Plain plain)
            throws SQLException {
        Sql.run(
                connection,
                "create temp table " + Sql.name(source.name())
                        + source.columns().stream()
                                .map(column -> Sql.name(column.name()) + " " + TableLayout.duckType(column.type())
                                        + (column.required() ? " not null" : ""))
                                .collect(Collectors.joining(", ", " (", ")")));
        try (DuckDBAppender appender = connection.createAppender("temp", "main", source.name())) {
            for (@Nullable Object[] row : plain.values()) {
                if (row.length != source.columns().size()) {
                    throw new IllegalArgumentException("a row of " + source.name() + " has " + row.length
                            + " values for " + source.columns().size() + " columns");
                }
                appender.beginRow();
                for (Object value : row) {
                    append(appender, value);
                }
                appender.endRow();
            }
            appender.flush();
        }
    }

    private static void append(DuckDBAppender appender, @Nullable Object value) throws SQLException {
        if (value == null) {
            appender.appendNull();
        } else if (value instanceof String text) {
            appender.append(text);
        } else if (value instanceof Long number) {
            appender.append((long) number);
        } else if (value instanceof Integer number) {
            appender.append((int) number);
        } else if (value instanceof BigDecimal number) {
            appender.append(number);
        } else if (value instanceof Instant time) {
            appender.appendEpochMicros(ChronoUnit.MICROS.between(Instant.EPOCH, time));
        } else if (value instanceof Boolean truth) {
            appender.append((boolean) truth);
        } else if (value instanceof Double number) {
            appender.append((double) number);
        } else if (value instanceof Collection<?> texts) {
            appender.append(texts);
        } else {
            throw new IllegalArgumentException(
                    "no column holds a " + value.getClass().getName());
        }
    }
}
