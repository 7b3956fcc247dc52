package io.k2data.iceberg;

import io.k2data.api.UnreadableTableException;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.iceberg.BaseMetastoreTableOperations;
import org.apache.iceberg.BaseTransaction;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.SortOrder;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.UpdateSchema;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.jspecify.annotations.Nullable;

/**
 * How an event type's columns stand in an Iceberg table, and in DuckDB: the event's own, then those that the table has
 * besides, then those K2 fills. A column of the table that is of no type K2 knows is left out; it stays null in what K2
 * writes.
 */
final class TableLayout {
    /** Marks a text column that holds JSON, since Iceberg has no type for it. */
    private static final String JSON_DOC = "k2:json";

    private static final Pattern COLUMN_NAME = Pattern.compile("[a-z][a-z0-9_]{0,62}");

    private final EventType<?> type;
    private final List<Column> valueColumns;
    private final List<Column> columns;

    private TableLayout(EventType<?> type, List<Column> extras) {
        this.type = type;
        List<Column> values = new ArrayList<>(type.columns());
        values.addAll(extras);
        this.valueColumns = List.copyOf(values);
        List<Column> all = new ArrayList<>(values);
        all.addAll(type.provenance());
        this.columns = List.copyOf(all);
    }

    /** The layout of a table that has only the event type's columns. */
    static TableLayout of(EventType<?> type) {
        return new TableLayout(type, List.of());
    }

    /** The layout of a table as it is. */
    static TableLayout of(EventType<?> type, Schema schema) {
        TableLayout own = of(type);
        List<Column> extras = new ArrayList<>();
        for (Types.NestedField field : schema.columns()) {
            ColumnType columnType = columnType(field);
            if (columnType != null
                    && field.isOptional()
                    && COLUMN_NAME.matcher(field.name()).matches()
                    && !own.columnNames().contains(field.name())) {
                extras.add(new Column(field.fieldId(), field.name(), columnType, false));
            }
        }
        return new TableLayout(type, extras);
    }

    private static @Nullable ColumnType columnType(Types.NestedField field) {
        Type type = field.type();
        if (type instanceof Types.DecimalType decimal) {
            return new ColumnType.Decimal(decimal.precision(), decimal.scale());
        } else if (type instanceof Types.ListType list) {
            return list.elementType().typeId() == Type.TypeID.STRING ? new ColumnType.TextList(list.elementId()) : null;
        } else if (type instanceof Types.TimestampType time) {
            return time.shouldAdjustToUTC() ? new ColumnType.Timestamp() : null;
        }
        return switch (type.typeId()) {
            case STRING -> JSON_DOC.equals(field.doc()) ? new ColumnType.Json() : new ColumnType.Text();
            case LONG -> new ColumnType.Int64();
            case INTEGER -> new ColumnType.Int32();
            case BOOLEAN -> new ColumnType.Bool();
            case DOUBLE -> new ColumnType.Float64();
            default -> null;
        };
    }

    /** The columns that rows bring values for: the event type's, then those that the table has besides. */
    List<Column> valueColumns() {
        return valueColumns;
    }

    /** Those of them that hold ids. */
    List<Column> idColumns() {
        return type.idColumns();
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
        if (type instanceof ColumnType.Text || type instanceof ColumnType.Choice || type instanceof ColumnType.Json) {
            return Types.StringType.get();
        } else if (type instanceof ColumnType.Bool) {
            return Types.BooleanType.get();
        } else if (type instanceof ColumnType.Float64) {
            return Types.DoubleType.get();
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
        if (type instanceof ColumnType.Text || type instanceof ColumnType.Choice || type instanceof ColumnType.Json) {
            return "VARCHAR";
        } else if (type instanceof ColumnType.Bool) {
            return "BOOLEAN";
        } else if (type instanceof ColumnType.Float64) {
            return "DOUBLE";
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
        // A REST catalog is sent what was changed after it proposed the table; the others take the metadata as a whole.
        boolean byChanges = !(create.underlyingOps() instanceof BaseMetastoreTableOperations);
        TableMetadata.Builder builder = byChanges
                ? TableMetadata.buildFrom(proposed)
                : TableMetadata.buildFromEmpty(2)
                        .assignUUID(UUID.randomUUID().toString())
                        .setLocation(proposed.location());
        TableMetadata metadata = builder.setCurrentSchema(schema, schema.highestFieldId())
                .setDefaultPartitionSpec(spec)
                .setDefaultSortOrder(order)
                .setProperties(proposed.properties())
                .build();
        create.underlyingOps().commit(null, metadata);
    }

    /** The event type's and K2's own columns that a table does not have. */
    List<Column> missing(Schema schema) {
        return of(type).columns().stream()
                .filter(column -> schema.findField(column.name()) == null)
                .toList();
    }

    /** Gives a table columns; all may be null, since rows that are there have no values for them. */
    static void add(Table table, List<Column> missing) {
        UpdateSchema update = table.updateSchema();
        for (Column column : missing) {
            update.addColumn(
                    column.name(),
                    icebergType(column.type()),
                    column.type() instanceof ColumnType.Json ? JSON_DOC : null);
        }
        update.commit();
    }

    /** Checks that the table can take and give this event type's rows, once it has the columns that it lacks. */
    void check(String table, TableMetadata metadata) {
        List<String> problems = new ArrayList<>();
        List<Column> own = of(type).columns();
        for (Column column : own) {
            Types.NestedField field = metadata.schema().findField(column.name());
            Type expected = icebergType(column.type());
            if (field == null) {
                continue;
            }
            if (!sameType(expected, field.type())) {
                problems.add("column '" + column.name() + "' is " + field.type() + ", expected " + expected);
            } else if (field.isRequired() && !column.required()) {
                problems.add("column '" + column.name() + "' is required, expected optional");
            }
        }
        for (Types.NestedField field : metadata.schema().columns()) {
            if (field.isRequired()
                    && own.stream().noneMatch(column -> column.name().equals(field.name()))) {
                problems.add("column '" + field.name() + "' is required, and " + type.name() + " has no values for it");
            }
        }
        problems.addAll(PartitionValues.problems(metadata.spec()));
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
