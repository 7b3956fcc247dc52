package io.k2data.kafka;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.NewColumn;
import io.k2data.pipeline.Rejection.Reason;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.UnknownFields;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads K2's JSON events: one flat object in UTF-8 whose names are the table's columns, in any order. The rules are those
 * of {@link RowFormats#json}. Nothing is rounded, cut or guessed. One thread.
 */
final class JsonRowDecoder implements RowDecoder {
    private static final int DETAIL_LENGTH = 200;
    private static final int NANO_DIGITS = 9;
    private static final ColumnType.Decimal NEW_DECIMAL = new ColumnType.Decimal(38, 12);

    private final TableColumns columns;
    private final UnknownFields unknown;
    private final boolean[] seen;
    private final PlainJson plain;
    private boolean wasPlain;

    JsonRowDecoder(EventType<?> type, List<Column> columns, UnknownFields unknown) {
        this.columns = new TableColumns(type, columns);
        this.plain = new PlainJson(this.columns);
        this.unknown = unknown;
        this.seen = new boolean[columns.size()];
    }

    @Override
    public @Nullable Object[] decode(LogRecord record) throws Rejection {
        byte[] data = TableColumns.bytes(record);
        @Nullable Object @Nullable [] plainValues = plain.decode(data);
        wasPlain = plainValues != null;
        if (plainValues != null) {
            columns.requireAll(plainValues);
            return plainValues;
        }
        return decodeWithCare(data);
    }

    /** Plain values are right as they are read. */
    @Override
    public boolean checked() {
        return wasPlain;
    }

    /** Reads what is not plain, or wrong, and says what is wrong. */
    @Nullable
    Object[] decodeWithCare(byte[] data) throws Rejection {
        if (!JsonFields.isUtf8(data)) {
            throw new Rejection(Reason.MALFORMED, "the value is not UTF-8");
        }
        @Nullable Object[] values = new Object[columns.size()];
        Arrays.fill(seen, false);
        try (JsonParser parser = JsonFields.FACTORY.createParser(data)) {
            readObject(parser, data, values);
        } catch (JsonProcessingException e) {
            long at = e.getLocation() == null ? -1 : e.getLocation().getByteOffset();
            throw malformed((at < 0 ? "" : "byte " + at + ": ") + cut(e.getOriginalMessage(), DETAIL_LENGTH));
        } catch (IOException e) {
            throw malformed(cut(String.valueOf(e.getMessage()), DETAIL_LENGTH));
        }
        columns.requireAll(values);
        return values;
    }

    private void readObject(JsonParser parser, byte[] data, @Nullable Object[] values) throws IOException, Rejection {
        JsonToken first = parser.nextToken();
        if (first != JsonToken.START_OBJECT) {
            throw malformed("expected an object, found " + (first == null ? "nothing" : name(first)));
        }
        Map<String, NewColumn> needed = Map.of();
        for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
            Integer place = columns.place(field);
            JsonToken token = parser.nextToken();
            if (token == null) {
                throw malformed("the object does not end");
            }
            if (place != null) {
                if (seen[place]) {
                    throw malformed(field + " comes twice");
                }
                seen[place] = true;
                if (token != JsonToken.VALUE_NULL) {
                    values[place] = value(place, parser, token, data);
                }
            } else if (unknown == UnknownFields.IGNORE || token == JsonToken.VALUE_NULL) {
                parser.skipChildren();
            } else {
                NewColumn column = newColumn(field, token, parser);
                if (needed.isEmpty()) {
                    needed = new LinkedHashMap<>();
                }
                needed.putIfAbsent(field, column);
                TableColumns.bound(needed.size());
            }
        }
        if (parser.currentToken() != JsonToken.END_OBJECT) {
            throw malformed("the object does not end");
        }
        if (parser.nextToken() != null) {
            throw malformed("something follows the object");
        }
        TableColumns.requireNone(List.copyOf(needed.values()));
    }

    /** The column that would hold a field, by the kind of its value; leaves the parser at the value's end. */
    private NewColumn newColumn(String field, JsonToken token, JsonParser parser) throws IOException, Rejection {
        if (!columns.canHaveColumn(field)) {
            throw columns.noColumnFor(field);
        }
        ColumnType found =
                switch (token) {
                    case VALUE_STRING -> new ColumnType.Text();
                    case VALUE_NUMBER_INT -> new ColumnType.Int64();
                    case VALUE_NUMBER_FLOAT -> NEW_DECIMAL;
                    case VALUE_TRUE, VALUE_FALSE -> new ColumnType.Bool();
                    case START_OBJECT, START_ARRAY -> new ColumnType.Json();
                    case VALUE_NULL, NOT_AVAILABLE, END_OBJECT, END_ARRAY, FIELD_NAME, VALUE_EMBEDDED_OBJECT ->
                        throw new IllegalStateException(token.name());
                };
        parser.skipChildren();
        return new NewColumn(field, found);
    }

    private @Nullable Object value(int place, JsonParser parser, JsonToken token, byte[] data)
            throws IOException, Rejection {
        Column column = columns.get(place);
        ColumnType columnType = column.type();
        if (columnType instanceof ColumnType.Text) {
            return columns.content(place, text(column, parser, token, "a string"));
        } else if (columnType instanceof ColumnType.Decimal decimal) {
            return decimal(column, decimal, parser, token);
        } else if (columnType instanceof ColumnType.Int64) {
            return integer(column, parser, token, "an integer");
        } else if (columnType instanceof ColumnType.Timestamp) {
            return time(column, parser, token);
        } else if (columnType instanceof ColumnType.Choice choice) {
            return FieldRules.choice(column, choice, text(column, parser, token, "a string"));
        } else if (columnType instanceof ColumnType.TextList) {
            return texts(column, parser, token);
        } else if (columnType instanceof ColumnType.Json) {
            return token == JsonToken.VALUE_STRING
                    ? text(column, parser, token, "a string")
                    : source(column, parser, token, data);
        } else if (columnType instanceof ColumnType.Bool) {
            if (!token.isBoolean()) {
                throw FieldRules.wrongType(column, "true or false", name(token));
            }
            return token == JsonToken.VALUE_TRUE;
        } else if (columnType instanceof ColumnType.Int32) {
            Long number = integer(column, parser, token, "an integer");
            if (number != number.intValue()) {
                throw FieldRules.doesNotFit(column, number + " does not fit a 32-bit integer");
            }
            return number.intValue();
        } else if (columnType instanceof ColumnType.Float64) {
            return float64(column, parser, token);
        }
        throw new IllegalStateException("no way to read " + column);
    }

    private static Double float64(Column column, JsonParser parser, JsonToken token) throws IOException, Rejection {
        if (!token.isNumeric()) {
            throw FieldRules.wrongType(column, "a number", name(token));
        }
        double number = Double.parseDouble(number(column, parser));
        if (Double.isInfinite(number)) {
            throw FieldRules.doesNotFit(column, "the number is out of range");
        }
        return number;
    }

    private static String text(Column column, JsonParser parser, JsonToken token, String expected)
            throws IOException, Rejection {
        if (token != JsonToken.VALUE_STRING) {
            throw FieldRules.wrongType(column, expected, name(token));
        }
        if (parser.getTextLength() > JsonFields.MAX_TEXT_BYTES) {
            throw FieldRules.tooLong(column);
        }
        String text = parser.getText();
        if (JsonFields.isTooLong(text, 0)) {
            throw FieldRules.tooLong(column);
        }
        return text;
    }

    private static List<String> texts(Column column, JsonParser parser, JsonToken token) throws IOException, Rejection {
        String expected = "an array of strings";
        if (token != JsonToken.START_ARRAY) {
            throw FieldRules.wrongType(column, expected, name(token));
        }
        List<String> texts = new ArrayList<>();
        int bytes = 0;
        for (JsonToken element = next(parser); element != JsonToken.END_ARRAY; element = next(parser)) {
            if (element != JsonToken.VALUE_STRING) {
                throw FieldRules.wrongType(column, expected, name(element) + " in it");
            }
            String text = text(column, parser, element, expected);
            // An element costs something even if it is empty.
            bytes += 1 + JsonFields.utf8Length(text);
            if (bytes > JsonFields.MAX_TEXT_BYTES) {
                throw FieldRules.tooLong(column);
            }
            texts.add(text);
        }
        return texts;
    }

    private static JsonToken next(JsonParser parser) throws IOException, Rejection {
        JsonToken token = parser.nextToken();
        if (token == null) {
            throw malformed("the array does not end");
        }
        return token;
    }

    private static Long integer(Column column, JsonParser parser, JsonToken token, String expected)
            throws IOException, Rejection {
        if (token != JsonToken.VALUE_NUMBER_INT) {
            throw FieldRules.wrongType(column, expected, name(token));
        }
        String text = number(column, parser);
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            throw FieldRules.doesNotFit(column, FieldRules.excerpt(text) + " does not fit a 64-bit integer");
        }
    }

    private static BigDecimal decimal(Column column, ColumnType.Decimal type, JsonParser parser, JsonToken token)
            throws IOException, Rejection {
        if (token != JsonToken.VALUE_NUMBER_INT
                && token != JsonToken.VALUE_NUMBER_FLOAT
                && token != JsonToken.VALUE_STRING) {
            throw FieldRules.wrongType(column, "a decimal, as a number or a string", name(token));
        }
        return FieldRules.decimal(column, type, number(column, parser), token != JsonToken.VALUE_STRING);
    }

    private static String number(Column column, JsonParser parser) throws IOException, Rejection {
        if (parser.getTextLength() > JsonFields.MAX_NUMBER_LENGTH) {
            throw FieldRules.numberTooLong(column, parser.getTextLength());
        }
        return parser.getText();
    }

    /** Epoch microseconds. */
    private static Long time(Column column, JsonParser parser, JsonToken token) throws IOException, Rejection {
        if (token != JsonToken.VALUE_STRING) {
            return integer(
                    column, parser, token, "a time, as an integer of epoch microseconds or a string in ISO-8601");
        }
        String text = number(column, parser);
        Instant time;
        try {
            time = OffsetDateTime.parse(upToNanos(column, text)).toInstant();
        } catch (DateTimeParseException e) {
            throw FieldRules.wrongType(
                    column,
                    "a time in ISO-8601 with offset, such as 2026-03-01T09:30:00.000125Z",
                    "the string " + FieldRules.excerpt(text));
        }
        Long micros = JsonFields.micros(time);
        if (micros == null) {
            throw FieldRules.doesNotFit(
                    column,
                    FieldRules.excerpt(text)
                            + (time.get(ChronoField.NANO_OF_SECOND) % 1000 == 0
                                    ? " is out of range"
                                    : " is finer than microseconds"));
        }
        return micros;
    }

    /** Drops zeros after the ninth digit of the seconds' fraction, more than which java.time does not read. */
    private static String upToNanos(Column column, String text) throws Rejection {
        int point = text.lastIndexOf('.');
        if (point < 0) {
            return text;
        }
        int digits = FieldRules.digits(text, point + 1);
        if (digits <= NANO_DIGITS) {
            return text;
        }
        int from = point + 1 + NANO_DIGITS;
        int to = point + 1 + digits;
        for (int i = from; i < to; i++) {
            if (text.charAt(i) != '0') {
                throw FieldRules.doesNotFit(column, FieldRules.excerpt(text) + " is finer than microseconds");
            }
        }
        return text.substring(0, from) + text.substring(to);
    }

    /** The text of a value as it stands in the record. */
    private static String source(Column column, JsonParser parser, JsonToken token, byte[] data)
            throws IOException, Rejection {
        if (!token.isStructStart()) {
            // A number, true or false.
            if (parser.getTextLength() > JsonFields.MAX_TEXT_BYTES) {
                throw FieldRules.tooLong(column);
            }
            return parser.getText();
        }
        int from = Math.toIntExact(parser.currentTokenLocation().getByteOffset());
        parser.skipChildren();
        int to = Math.toIntExact(parser.currentLocation().getByteOffset());
        if (to - from > JsonFields.MAX_TEXT_BYTES) {
            throw FieldRules.tooLong(column);
        }
        return new String(data, from, to - from, StandardCharsets.UTF_8);
    }

    private static String name(JsonToken token) {
        return switch (token) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT -> "an integer";
            case VALUE_NUMBER_FLOAT -> "a number with fraction or exponent";
            case VALUE_TRUE, VALUE_FALSE -> "true or false";
            case VALUE_NULL -> "null";
            // Not where a value stands.
            case NOT_AVAILABLE, END_OBJECT, END_ARRAY, FIELD_NAME, VALUE_EMBEDDED_OBJECT -> token.name();
        };
    }

    private static Rejection malformed(String message) {
        return new Rejection(Reason.MALFORMED, "not K2's JSON: " + message);
    }

    private static String cut(String text, int length) {
        return text.length() <= length ? text : text.substring(0, length) + "...";
    }
}
