package io.k2data.kafka;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.k2data.api.event.Column;
import io.k2data.pipeline.Rejection;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Base64;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;

/**
 * Writes an Avro value as JSON text, for a column of JSON: records and maps become objects, a union's value stands alone,
 * enums are strings, decimals exact numbers, other bytes base64, and times the integers they are in Avro.
 */
final class AvroJson {
    private AvroJson() {}

    static String read(Column column, Schema schema, AvroInput in) throws Rejection {
        StringBuilder json = new StringBuilder();
        write(column, schema, in, json);
        String text = json.toString();
        if (JsonFields.isTooLong(text, 0)) {
            throw FieldRules.tooLong(column);
        }
        return text;
    }

    private static void write(Column column, Schema schema, AvroInput in, StringBuilder json) throws Rejection {
        in.enter();
        if (json.length() > JsonFields.MAX_TEXT_BYTES) {
            throw FieldRules.tooLong(column);
        }
        switch (schema.getType()) {
            case NULL -> json.append("null");
            case BOOLEAN -> json.append(in.readBoolean());
            case INT -> json.append(in.readInt());
            case LONG -> json.append(in.readLong());
            case FLOAT -> {
                float number = in.readFloat();
                requireFinite(column, Float.isFinite(number));
                json.append(number);
            }
            case DOUBLE -> {
                double number = in.readDouble();
                requireFinite(column, Double.isFinite(number));
                json.append(number);
            }
            case STRING -> quote(text(column, in), json);
            case ENUM ->
                quote(
                        schema.getEnumSymbols()
                                .get(in.readIndex(schema.getEnumSymbols().size())),
                        json);
            case BYTES -> bytes(column, schema, in.readLength(), in, json);
            case FIXED -> bytes(column, schema, schema.getFixedSize(), in, json);
            case UNION ->
                write(
                        column,
                        schema.getTypes().get(in.readIndex(schema.getTypes().size())),
                        in,
                        json);
            case RECORD -> {
                char between = '{';
                for (Schema.Field field : schema.getFields()) {
                    quote(field.name(), json.append(between));
                    write(column, field.schema(), in, json.append(':'));
                    between = ',';
                }
                json.append(between == '{' ? "{}" : "}");
            }
            case ARRAY -> {
                char between = '[';
                for (long count = in.readCount(); count > 0; count = in.readCount()) {
                    for (long i = 0; i < count; i++) {
                        write(column, schema.getElementType(), in, json.append(between));
                        between = ',';
                    }
                }
                json.append(between == '[' ? "[]" : "]");
            }
            case MAP -> {
                char between = '{';
                for (long count = in.readCount(); count > 0; count = in.readCount()) {
                    for (long i = 0; i < count; i++) {
                        quote(text(column, in), json.append(between));
                        write(column, schema.getValueType(), in, json.append(':'));
                        between = ',';
                    }
                }
                json.append(between == '{' ? "{}" : "}");
            }
        }
        in.leave();
    }

    private static String text(Column column, AvroInput in) throws Rejection {
        int length = in.readLength();
        if (length > JsonFields.MAX_TEXT_BYTES) {
            throw FieldRules.tooLong(column);
        }
        return in.readText(length);
    }

    private static void bytes(Column column, Schema schema, int length, AvroInput in, StringBuilder json)
            throws Rejection {
        if (length > JsonFields.MAX_TEXT_BYTES) {
            in.skipBytes(length);
            throw FieldRules.tooLong(column);
        }
        if (schema.getLogicalType() instanceof LogicalTypes.Decimal decimal) {
            // Not written out: the scale may be huge, and an exponent is JSON too.
            json.append(new BigDecimal(unscaled(column, length, in), decimal.getScale()));
        } else {
            json.append('"')
                    .append(Base64.getEncoder().encodeToString(in.readBytes(length)))
                    .append('"');
        }
    }

    /** The integer of a decimal, in two's complement; refused if no column could hold it. */
    static BigInteger unscaled(Column column, int length, AvroInput in) throws Rejection {
        byte[] bytes = in.readBytes(length);
        if (length == 0) {
            throw in.malformed("a decimal without a byte");
        }
        // Leading bytes that only repeat the sign say nothing, and a writer may pad with them.
        int from = 0;
        while (from < length - 1 && (bytes[from] == 0 || bytes[from] == -1) && bytes[from] == bytes[from + 1] >> 7) {
            from++;
        }
        if (length - from > JsonFields.MAX_NUMBER_LENGTH / 3) {
            throw FieldRules.doesNotFit(column, "a decimal of " + (length - from) + " bytes");
        }
        return new BigInteger(bytes, from, length - from);
    }

    private static void requireFinite(Column column, boolean isFinite) throws Rejection {
        if (!isFinite) {
            throw FieldRules.doesNotFit(column, "the number is not finite, which JSON cannot say");
        }
    }

    private static void quote(String text, StringBuilder json) {
        json.append('"');
        JsonStringEncoder.getInstance().quoteAsString(text, json);
        json.append('"');
    }
}
