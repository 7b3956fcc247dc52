package io.k2data.kafka;

import static io.k2data.kafka.FieldRules.doesNotFit;
import static io.k2data.kafka.FieldRules.tooLong;
import static io.k2data.kafka.FieldRules.wrongType;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.NewColumn;
import io.k2data.pipeline.Rejection.Reason;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.UnknownFields;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Reads Avro records of one schema into rows. What each field's bytes become is settled once, when the decoder is made;
 * what cannot become a value of its column is refused only when a record has such a value, since a null always fits. The
 * rules are those of {@link RowFormats#avro(Schema)}. One thread.
 */
final class AvroRowDecoder implements RowDecoder {
    /** Reads a field's value, or over it; null where there is none. */
    @FunctionalInterface
    private interface Reader {
        @Nullable
        Object read(AvroInput in) throws Rejection;
    }

    /**
     * What to do with a field.
     *
     * @param place its column, or -1
     * @param reader reads it
     */
    private record FieldPlan(int place, Reader reader) {}

    private static final int NO_PLACE = -1;
    private static final int MAX_PRECISION = 38;
    /** Every integer up to here is a binary floating-point number of 64 bits. */
    private static final long EXACT_DOUBLE = 1L << 53;

    private static final String LOCAL = "local-timestamp-";
    private static final String TIMESTAMP = "timestamp-";
    private static final String DECIMAL = "a decimal, as bytes, a string or an integer";
    private static final String STRINGS = "an array of strings";
    private static final String TIME = "a timestamp, or a long of epoch microseconds";

    private final TableColumns columns;
    private final List<FieldPlan> fields = new ArrayList<>();
    private final AvroInput in;

    /**
     * Makes one.
     *
     * @param schema the schema that the records were written with
     * @param schemaName what errors call it
     */
    AvroRowDecoder(TableColumns columns, UnknownFields unknown, Schema schema, String schemaName) {
        this.columns = columns;
        this.in = new AvroInput(schemaName);
        for (Schema.Field field : schema.getFields()) {
            Integer place = columns.place(field.name());
            if (place != null) {
                fields.add(new FieldPlan(place, known(place, field.schema())));
            } else {
                fields.add(new FieldPlan(
                        NO_PLACE, unknown == UnknownFields.IGNORE ? skip(field.schema()) : unknown(field)));
            }
        }
    }

    @Override
    public @Nullable Object[] decode(LogRecord record) throws Rejection {
        return decode(TableColumns.bytes(record), 0);
    }

    /** Decodes the record that begins in the middle of a value. */
    @Nullable
    Object[] decode(byte[] data, int from) throws Rejection {
        in.reset(data, from);
        @Nullable Object[] values = new Object[columns.size()];
        List<NewColumn> needed = List.of();
        for (FieldPlan field : fields) {
            Object value = field.reader.read(in);
            if (field.place != NO_PLACE) {
                values[field.place] = value;
            } else if (value instanceof NewColumn column) {
                if (needed.isEmpty()) {
                    needed = new ArrayList<>();
                }
                needed.add(column);
                TableColumns.bound(needed.size());
            }
        }
        in.requireEnd();
        TableColumns.requireNone(needed);
        columns.requireAll(values);
        return values;
    }

    private static Reader skip(Schema schema) {
        return in -> {
            in.skip(schema);
            return null;
        };
    }

    /** Gives the column that a field would need if it has a value. */
    private Reader unknown(Schema.Field field) {
        Schema schema = field.schema();
        String name = field.name();
        boolean canHaveColumn = columns.canHaveColumn(name);
        ColumnType type = newColumnType(schema);
        NewColumn column = canHaveColumn && type != null ? new NewColumn(name, type) : null;
        return in -> {
            if (!in.skip(schema)) {
                return null;
            } else if (!canHaveColumn) {
                throw columns.noColumnFor(name);
            } else if (column == null) {
                throw new Rejection(
                        Reason.UNKNOWN_FIELD, "field " + name + ": no column can hold " + nameWithoutNull(schema));
            }
            return column;
        };
    }

    /** The type of a column that holds every value of a schema, or null if there is none. */
    private static @Nullable ColumnType newColumnType(Schema schema) {
        String logical = logicalName(schema);
        return switch (schema.getType()) {
            case STRING, ENUM -> new ColumnType.Text();
            case BOOLEAN -> new ColumnType.Bool();
            case FLOAT, DOUBLE -> new ColumnType.Float64();
            // Not Int32: what is an int today may be a long tomorrow, as Avro allows.
            case INT -> new ColumnType.Int64();
            case LONG ->
                logical.startsWith(LOCAL)
                        ? null
                        : logical.startsWith(TIMESTAMP) ? new ColumnType.Timestamp() : new ColumnType.Int64();
            case BYTES, FIXED -> {
                if (!(schema.getLogicalType() instanceof LogicalTypes.Decimal decimal)) {
                    yield new ColumnType.Json();
                }
                yield decimal.getPrecision() > MAX_PRECISION
                        ? null
                        : new ColumnType.Decimal(decimal.getPrecision(), decimal.getScale());
            }
            case UNION -> {
                List<Schema> branches = withoutNull(schema);
                yield branches.size() == 1 ? newColumnType(branches.get(0)) : new ColumnType.Json();
            }
            case NULL, RECORD, MAP, ARRAY -> new ColumnType.Json();
        };
    }

    private Reader known(int place, Schema schema) {
        Column column = columns.get(place);
        if (schema.getType() == Schema.Type.NULL) {
            return in -> null;
        } else if (!schema.isUnion()) {
            return value(place, column, schema);
        }
        boolean isChoiceOfTypes = withoutNull(schema).size() > 1;
        Reader[] branches = schema.getTypes().stream()
                .map(branch -> branch.getType() == Schema.Type.NULL || !isChoiceOfTypes
                        ? known(place, branch)
                        : column.type() instanceof ColumnType.Json
                                ? json(column, branch)
                                : refused(column, "one type, or one type and null", schema))
                .toArray(Reader[]::new);
        return in -> branches[in.readIndex(branches.length)].read(in);
    }

    private Reader value(int place, Column column, Schema schema) {
        ColumnType type = column.type();
        if (type instanceof ColumnType.Text) {
            Reader text = text(column, schema, "a string");
            return in -> text.read(in) instanceof String content ? columns.content(place, content) : null;
        } else if (type instanceof ColumnType.Decimal decimal) {
            return decimal(column, decimal, schema);
        } else if (type instanceof ColumnType.Int64) {
            return integer(column, schema);
        } else if (type instanceof ColumnType.Timestamp) {
            return time(column, schema);
        } else if (type instanceof ColumnType.Choice choice) {
            Reader text = text(column, schema, "a string or an enum");
            return in -> text.read(in) instanceof String chosen ? FieldRules.choice(column, choice, chosen) : null;
        } else if (type instanceof ColumnType.TextList) {
            return texts(column, schema);
        } else if (type instanceof ColumnType.Json) {
            // A string is JSON text already.
            return schema.getType() == Schema.Type.STRING ? text(column, schema, "a string") : json(column, schema);
        } else if (type instanceof ColumnType.Bool) {
            return schema.getType() == Schema.Type.BOOLEAN
                    ? AvroInput::readBoolean
                    : refused(column, "a boolean", schema);
        } else if (type instanceof ColumnType.Int32) {
            return int32(column, schema);
        } else if (type instanceof ColumnType.Float64) {
            return float64(column, schema);
        }
        throw new IllegalStateException("no way to read " + column);
    }

    private static Reader refused(Column column, String expected, Schema schema) {
        return in -> {
            throw wrongType(column, expected, name(schema));
        };
    }

    private static Reader json(Column column, Schema schema) {
        return in -> AvroJson.read(column, schema, in);
    }

    private static Reader text(Column column, Schema schema, String expected) {
        if (schema.getType() == Schema.Type.ENUM) {
            String[] symbols = schema.getEnumSymbols().toArray(String[]::new);
            return in -> symbols[in.readIndex(symbols.length)];
        } else if (schema.getType() != Schema.Type.STRING) {
            return refused(column, expected, schema);
        }
        return in -> text(column, in);
    }

    private static String text(Column column, AvroInput in) throws Rejection {
        int length = in.readLength();
        if (length > JsonFields.MAX_TEXT_BYTES) {
            throw tooLong(column);
        }
        return in.readText(length);
    }

    private static Reader texts(Column column, Schema schema) {
        if (schema.getType() != Schema.Type.ARRAY) {
            return refused(column, STRINGS, schema);
        }
        Schema element = schema.getElementType();
        boolean isUnion = element.isUnion() && withoutNull(element).size() == 1;
        Reader text = text(column, isUnion ? withoutNull(element).get(0) : element, STRINGS);
        return in -> {
            List<String> texts = new ArrayList<>();
            int bytes = 0;
            for (long count = in.readCount(); count > 0; count = in.readCount()) {
                for (long i = 0; i < count; i++) {
                    boolean isNull = isUnion
                            && element.getTypes()
                                            .get(in.readIndex(element.getTypes().size()))
                                            .getType()
                                    == Schema.Type.NULL;
                    if (isNull || !(text.read(in) instanceof String content)) {
                        throw wrongType(column, STRINGS, "null in it");
                    }
                    // An element costs something even if it is empty.
                    bytes += 1 + JsonFields.utf8Length(content);
                    if (bytes > JsonFields.MAX_TEXT_BYTES) {
                        throw tooLong(column);
                    }
                    texts.add(content);
                }
            }
            return texts;
        };
    }

    private static Reader integer(Column column, Schema schema) {
        return switch (schema.getType()) {
            case INT -> in -> (long) in.readInt();
            case LONG -> AvroInput::readLong;
            default -> refused(column, "an integer", schema);
        };
    }

    private static Reader int32(Column column, Schema schema) {
        return switch (schema.getType()) {
            case INT -> AvroInput::readInt;
            case LONG ->
                in -> {
                    long number = in.readLong();
                    if (number != (int) number) {
                        throw doesNotFit(column, number + " does not fit a 32-bit integer");
                    }
                    return (int) number;
                };
            default -> refused(column, "an integer", schema);
        };
    }

    private static Reader float64(Column column, Schema schema) {
        return switch (schema.getType()) {
            case FLOAT -> in -> finite(column, in.readFloat());
            case DOUBLE -> in -> finite(column, in.readDouble());
            case INT -> in -> (double) in.readInt();
            case LONG ->
                in -> {
                    long number = in.readLong();
                    if (number > EXACT_DOUBLE || number < -EXACT_DOUBLE) {
                        throw doesNotFit(column, number + " does not fit a floating-point number exactly");
                    }
                    return (double) number;
                };
            default -> refused(column, "a number", schema);
        };
    }

    private static Double finite(Column column, double number) throws Rejection {
        if (!Double.isFinite(number)) {
            throw doesNotFit(column, "the number is " + number);
        }
        return number;
    }

    private static Reader decimal(Column column, ColumnType.Decimal type, Schema schema) {
        return switch (schema.getType()) {
            case STRING -> in -> FieldRules.decimal(column, type, text(column, in), false);
            case INT -> in -> fitted(column, type, BigDecimal.valueOf(in.readInt()));
            case LONG -> in -> fitted(column, type, BigDecimal.valueOf(in.readLong()));
            case BYTES, FIXED -> {
                if (!(schema.getLogicalType() instanceof LogicalTypes.Decimal decimal)) {
                    yield refused(column, DECIMAL, schema);
                }
                int scale = decimal.getScale();
                boolean isFixed = schema.getType() == Schema.Type.FIXED;
                int size = isFixed ? schema.getFixedSize() : 0;
                yield in -> fitted(
                        column,
                        type,
                        new BigDecimal(AvroJson.unscaled(column, isFixed ? size : in.readLength(), in), scale));
            }
            // Binary floating point does not say which decimal was meant.
            default -> refused(column, DECIMAL, schema);
        };
    }

    private static BigDecimal fitted(Column column, ColumnType.Decimal type, BigDecimal number) throws Rejection {
        BigDecimal fitted = JsonFields.fitted(number, type);
        if (fitted == null) {
            throw doesNotFit(column, FieldRules.excerpt(number.toString()), type);
        }
        return fitted;
    }

    /** Epoch microseconds. */
    private static Reader time(Column column, Schema schema) {
        if (schema.getType() != Schema.Type.LONG) {
            return refused(column, TIME, schema);
        }
        return switch (logicalName(schema)) {
            case "", "timestamp-micros" -> AvroInput::readLong;
            case "timestamp-millis" ->
                in -> {
                    long millis = in.readLong();
                    try {
                        return Math.multiplyExact(millis, 1000L);
                    } catch (ArithmeticException e) {
                        throw doesNotFit(column, millis + " ms is out of range");
                    }
                };
            case "timestamp-nanos" ->
                in -> {
                    long nanos = in.readLong();
                    if (nanos % 1000 != 0) {
                        throw doesNotFit(column, nanos + " ns is finer than microseconds");
                    }
                    return nanos / 1000;
                };
            // Among them local timestamps, which are no points in time.
            default -> refused(column, TIME, schema);
        };
    }

    private static List<Schema> withoutNull(Schema union) {
        return union.getTypes().stream()
                .filter(branch -> branch.getType() != Schema.Type.NULL)
                .toList();
    }

    /** The name of the logical type, known to Avro's library or not; empty if there is none. */
    private static String logicalName(Schema schema) {
        String name = schema.getProp(LogicalType.LOGICAL_TYPE_PROP);
        return name == null ? "" : name;
    }

    private static String nameWithoutNull(Schema schema) {
        return schema.isUnion() && withoutNull(schema).size() == 1
                ? name(withoutNull(schema).get(0))
                : name(schema);
    }

    private static String name(Schema schema) {
        String name =
                switch (schema.getType()) {
                    case UNION ->
                        "a union of "
                                + schema.getTypes().stream()
                                        .map(AvroRowDecoder::name)
                                        .collect(Collectors.joining(", "));
                    case RECORD, ENUM, FIXED -> schema.getType().getName() + " " + schema.getFullName();
                    case ARRAY -> "array of " + name(schema.getElementType());
                    case MAP -> "map of " + name(schema.getValueType());
                    case INT, LONG, FLOAT, DOUBLE, STRING, BYTES, BOOLEAN, NULL ->
                        schema.getType().getName();
                };
        String logical = logicalName(schema);
        return logical.isEmpty() ? name : name + " (" + logical + ")";
    }
}
