package io.k2data.iceberg;

import io.k2data.api.UnreadableTableException;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.iceberg.BaseTransaction;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.SortOrder;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;

/** How an event type's columns stand in an Iceberg table, and in DuckDB. */
final class TableLayout {
    private final EventType<?> type;
    private final List<Column> columns;

    TableLayout(EventType<?> type) {
        this.type = type;
        List<Column> all = new ArrayList<>(type.columns());
        all.addAll(type.provenance());
        this.columns = List.copyOf(all);
    }

    /** All columns of the table, the event's own first, then those K2 fills. */
    List<Column> columns() {
        return columns;
    }

    List<String> columnNames() {
        return columns.stream().map(Column::name).toList();
    }

    Schema schema() {
        return new Schema(columns.stream()
                .map(column -> column.required()
                        ? Types.NestedField.required(column.fieldId(), column.name(), icebergType(column.type()))
                        : Types.NestedField.optional(column.fieldId(), column.name(), icebergType(column.type())))
                .toList());
    }

    private static Type icebergType(ColumnType type) {
        if (type instanceof ColumnType.Text) {
            return Types.StringType.get();
        } else if (type instanceof ColumnType.Int64) {
            return Types.LongType.get();
        } else if (type instanceof ColumnType.Int32) {
            return Types.IntegerType.get();
        } else if (type instanceof ColumnType.Decimal decimal) {
            return Types.DecimalType.of(decimal.precision(), decimal.scale());
        } else if (type instanceof ColumnType.Timestamp) {
            return Types.TimestampType.withZone();
        } else if (type instanceof ColumnType.TextList list) {
            return Types.ListType.ofOptional(list.elementFieldId(), Types.StringType.get());
        }
        throw new IllegalArgumentException("unknown column type " + type);
    }

    static String duckType(ColumnType type) {
        if (type instanceof ColumnType.Text) {
            return "VARCHAR";
        } else if (type instanceof ColumnType.Int64) {
            return "BIGINT";
        } else if (type instanceof ColumnType.Int32) {
            return "INTEGER";
        } else if (type instanceof ColumnType.Decimal decimal) {
            return "DECIMAL(" + decimal.precision() + "," + decimal.scale() + ")";
        } else if (type instanceof ColumnType.Timestamp) {
            return "TIMESTAMPTZ";
        } else if (type instanceof ColumnType.TextList) {
            return "VARCHAR[]";
        }
        throw new IllegalArgumentException("unknown column type " + type);
    }

    /**
     * Makes the table. {@code Catalog.createTable} would number the fields anew, in another order than the published
     * one; so the metadata is built here and committed through the catalog's own create transaction.
     */
    void create(Catalog catalog, TableIdentifier identifier) {
        Schema schema = schema();
        Transaction transaction = catalog.buildTable(identifier, schema)
                .withProperties(Map.of(
                        "write.format.default", "parquet",
                        "write.parquet.compression-codec", "zstd",
                        "write.metadata.delete-after-commit.enabled", "true",
                        "write.metadata.previous-versions-max", "20",
                        // Metadata grows with every snapshot kept; at a commit every few seconds an hour is enough for
                        // readers that are under way, and a table's owner can ask for more.
                        "history.expire.max-snapshot-age-ms", "3600000",
                        "history.expire.min-snapshots-to-keep", "10"))
                .createTransaction();
        BaseTransaction create = (BaseTransaction) transaction;
        TableMetadata proposed = create.currentMetadata();
        PartitionSpec spec = PartitionSpec.builderFor(schema).day("event_time").build();
        SortOrder order = SortOrder.builderFor(schema)
                .asc("venue")
                .asc("symbol")
                .asc("event_time")
                .build();
        TableMetadata metadata = TableMetadata.buildFromEmpty(2)
                .assignUUID(UUID.randomUUID().toString())
                .setLocation(proposed.location())
                .setCurrentSchema(schema, schema.highestFieldId())
                .setDefaultPartitionSpec(spec)
                .setDefaultSortOrder(order)
                .setProperties(proposed.properties())
                .build();
        create.underlyingOps().commit(null, metadata);
    }

    /** Checks that the table can take and give this event type's rows. */
    void check(String table, TableMetadata metadata) {
        List<String> problems = new ArrayList<>();
        for (Column column : columns) {
            Types.NestedField field = metadata.schema().findField(column.name());
            Type expected = icebergType(column.type());
            if (field == null) {
                problems.add("column '" + column.name() + "' is missing");
            } else if (!sameType(expected, field.type())) {
                problems.add("column '" + column.name() + "' is " + field.type() + ", expected " + expected);
            } else if (field.isRequired() && !column.required()) {
                problems.add("column '" + column.name() + "' is required, expected optional");
            }
        }
        for (Types.NestedField field : metadata.schema().columns()) {
            if (field.isRequired()
                    && columns.stream().noneMatch(column -> column.name().equals(field.name()))) {
                problems.add("column '" + field.name() + "' is required, and " + type.name() + " has no values for it");
            }
        }
        String spec = metadata.spec().fields().stream()
                .map(field -> field.transform() + "(" + metadata.schema().findColumnName(field.sourceId()) + ")")
                .collect(Collectors.joining(", "));
        if (!spec.equals("day(event_time)")) {
            problems.add("it is partitioned by [" + spec + "], expected [day(event_time)]");
        }
        if (metadata.formatVersion() != 2) {
            problems.add("its format version is " + metadata.formatVersion() + ", expected 2");
        }
        if (!problems.isEmpty()) {
            throw new UnreadableTableException(
                    "table " + table + " cannot hold " + type.name() + ": " + String.join("; ", problems), null);
        }
    }

    private static boolean sameType(Type expected, Type found) {
        return expected.isListType()
                ? found.isListType()
                        && found.asListType()
                                .elementType()
                                .equals(expected.asListType().elementType())
                : expected.equals(found);
    }
}
