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
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads K2's JSON events: one flat object in UTF-8 whose names are the table's columns, in any order. The rules are those
 * of {@link RowFormats#json}. Nothing is rounded, cut or guessed. One thread.
 */
final class JsonRowDecoder implements RowDecoder {
    private static final int EXCERPT_LENGTH = 40;
    private static final int DETAIL_LENGTH = 200;
    private static final int NANO_DIGITS = 9;
    private static final int MAX_NEW_COLUMNS = 50;
    private static final ColumnType.Decimal NEW_DECIMAL = new ColumnType.Decimal(38, 12);
    private static final Pattern COLUMN_NAME = Pattern.compile("[a-z][a-z0-9_]{0,62}");

    private final EventType<?> type;
    private final List<Column> columns;
    private final UnknownFields unknown;
    private final Map<String, Integer> places = new HashMap<>();
    private final Set<String> reserved;
    private final boolean[] needsContent;
    private final boolean[] seen;

    JsonRowDecoder(EventType<?> type, List<Column> columns, UnknownFields unknown) {
        this.type = type;
        this.columns = columns;
        this.unknown = unknown;
        this.reserved = type.provenance().stream().map(Column::name).collect(Collectors.toSet());
        this.needsContent = new boolean[columns.size()];
        this.seen = new boolean[columns.size()];
        for (int i = 0; i < columns.size(); i++) {
            places.put(columns.get(i).name(), i);
            needsContent[i] = columns.get(i).required() || type.idColumns().contains(columns.get(i));
        }
    }

    @Override
    public @Nullable Object[] decode(LogRecord record) throws Rejection {
        byte[] data = record.value();
        if (data == null || data.length == 0) {
            throw new Rejection(Reason.EMPTY_VALUE, data == null ? "the value is null" : "the value has no bytes");
        }
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
        requireAll(values);
        return values;
    }

    private void readObject(JsonParser parser, byte[] data, @Nullable Object[] values) throws IOException, Rejection {
        JsonToken first = parser.nextToken();
        if (first != JsonToken.START_OBJECT) {
            throw malformed("expected an object, found " + (first == null ? "nothing" : name(first)));
        }
        Map<String, NewColumn> needed = Map.of();
        for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
            Integer place = places.get(field);
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
                if (needed.size() > MAX_NEW_COLUMNS) {
                    throw new Rejection(Reason.UNKNOWN_FIELD, "more than " + MAX_NEW_COLUMNS + " unknown fields");
                }
            }
        }
        if (parser.currentToken() != JsonToken.END_OBJECT) {
            throw malformed("the object does not end");
        }
        if (parser.nextToken() != null) {
            throw malformed("something follows the object");
        }
        if (!needed.isEmpty()) {
            throw new Rejection(List.copyOf(needed.values()));
        }
    }

    /** The column that would hold a field, by the kind of its value; leaves the parser at the value's end. */
    private NewColumn newColumn(String field, JsonToken token, JsonParser parser) throws IOException, Rejection {
        if (!COLUMN_NAME.matcher(field).matches() || reserved.contains(field)) {
            throw new Rejection(
                    Reason.UNKNOWN_FIELD, "no column of " + type + " can have the name of field " + excerpt(field));
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
            String text = text(column, parser, token, "a string");
            return needsContent[place] && text.isEmpty() ? null : text;
        } else if (columnType instanceof ColumnType.Decimal decimal) {
            return decimal(column, decimal, parser, token);
        } else if (columnType instanceof ColumnType.Int64) {
            return integer(column, parser, token, "an integer");
        } else if (columnType instanceof ColumnType.Timestamp) {
            return time(column, parser, token);
        } else if (columnType instanceof ColumnType.Choice choice) {
            return choice(column, choice, text(column, parser, token, "a string"));
        } else if (columnType instanceof ColumnType.TextList) {
            return texts(column, parser, token);
        } else if (columnType instanceof ColumnType.Json) {
            return token == JsonToken.VALUE_STRING
                    ? text(column, parser, token, "a string")
                    : source(column, parser, token, data);
        } else if (columnType instanceof ColumnType.Bool) {
            if (!token.isBoolean()) {
                throw wrongType(column, "true or false", name(token));
            }
            return token == JsonToken.VALUE_TRUE;
        } else if (columnType instanceof ColumnType.Int32) {
            Long number = integer(column, parser, token, "an integer");
            if (number != number.intValue()) {
                throw doesNotFit(column, number + " does not fit a 32-bit integer");
            }
            return number.intValue();
        } else if (columnType instanceof ColumnType.Float64) {
            return float64(column, parser, token);
        }
        throw new IllegalStateException("no way to read " + column);
    }

    private static Double float64(Column column, JsonParser parser, JsonToken token) throws IOException, Rejection {
        if (!token.isNumeric()) {
            throw wrongType(column, "a number", name(token));
        }
        double number = Double.parseDouble(number(column, parser));
        if (Double.isInfinite(number)) {
            throw doesNotFit(column, "the number is out of range");
        }
        return number;
    }

    private static String text(Column column, JsonParser parser, JsonToken token, String expected)
            throws IOException, Rejection {
        if (token != JsonToken.VALUE_STRING) {
            throw wrongType(column, expected, name(token));
        }
        if (parser.getTextLength() > JsonFields.MAX_TEXT_BYTES) {
            throw tooLong(column);
        }
        String text = parser.getText();
        if (JsonFields.isTooLong(text, 0)) {
            throw tooLong(column);
        }
        return text;
    }

    private static List<String> texts(Column column, JsonParser parser, JsonToken token) throws IOException, Rejection {
        String expected = "an array of strings";
        if (token != JsonToken.START_ARRAY) {
            throw wrongType(column, expected, name(token));
        }
        List<String> texts = new ArrayList<>();
        int bytes = 0;
        for (JsonToken element = next(parser); element != JsonToken.END_ARRAY; element = next(parser)) {
            if (element != JsonToken.VALUE_STRING) {
                throw wrongType(column, expected, name(element) + " in it");
            }
            String text = text(column, parser, element, expected);
            // An element costs something even if it is empty.
            bytes += 1 + JsonFields.utf8Length(text);
            if (bytes > JsonFields.MAX_TEXT_BYTES) {
                throw tooLong(column);
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

    private static String choice(Column column, ColumnType.Choice type, String text) throws Rejection {
        if (!type.values().contains(text)) {
            throw wrongType(column, "one of " + type.values(), excerpt(text));
        }
        return text;
    }

    private static Long integer(Column column, JsonParser parser, JsonToken token, String expected)
            throws IOException, Rejection {
        if (token != JsonToken.VALUE_NUMBER_INT) {
            throw wrongType(column, expected, name(token));
        }
        String text = number(column, parser);
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            throw doesNotFit(column, excerpt(text) + " does not fit a 64-bit integer");
        }
    }

    private static BigDecimal decimal(Column column, ColumnType.Decimal type, JsonParser parser, JsonToken token)
            throws IOException, Rejection {
        if (token != JsonToken.VALUE_NUMBER_INT
                && token != JsonToken.VALUE_NUMBER_FLOAT
                && token != JsonToken.VALUE_STRING) {
            throw wrongType(column, "a decimal, as a number or a string", name(token));
        }
        String text = number(column, parser);
        if (token == JsonToken.VALUE_STRING && !isJsonNumber(text)) {
            throw wrongType(column, "a decimal, as a number or a string", "the string " + excerpt(text));
        }
        BigDecimal number = parsed(text);
        BigDecimal fitted = number == null ? null : JsonFields.fitted(number, type);
        if (fitted == null) {
            throw doesNotFit(
                    column, excerpt(text) + " does not fit decimal(" + type.precision() + "," + type.scale() + ")");
        }
        return fitted;
    }

    /** A number whose form was checked; null if its exponent is beyond what even BigDecimal takes. */
    private static @Nullable BigDecimal parsed(String text) {
        try {
            return new BigDecimal(text);
        } catch (NumberFormatException e) {
            boolean isZero =
                    text.chars().takeWhile(c -> c != 'e' && c != 'E').allMatch(c -> c == '0' || c == '.' || c == '-');
            return isZero ? BigDecimal.ZERO : null;
        }
    }

    private static String number(Column column, JsonParser parser) throws IOException, Rejection {
        if (parser.getTextLength() > JsonFields.MAX_NUMBER_LENGTH) {
            throw doesNotFit(
                    column,
                    "a number of " + parser.getTextLength() + " characters, at most " + JsonFields.MAX_NUMBER_LENGTH
                            + " are read");
        }
        return parser.getText();
    }

    /** JSON's own form of a number; BigDecimal would also take a plus sign, or other scripts' digits. */
    private static boolean isJsonNumber(String text) {
        int end = text.length();
        int i = end > 0 && text.charAt(0) == '-' ? 1 : 0;
        int digits = digits(text, i);
        if (digits == 0 || (digits > 1 && text.charAt(i) == '0')) {
            return false;
        }
        i += digits;
        if (i < end && text.charAt(i) == '.') {
            digits = digits(text, i + 1);
            if (digits == 0) {
                return false;
            }
            i += 1 + digits;
        }
        if (i < end && (text.charAt(i) == 'e' || text.charAt(i) == 'E')) {
            i++;
            if (i < end && (text.charAt(i) == '+' || text.charAt(i) == '-')) {
                i++;
            }
            digits = digits(text, i);
            if (digits == 0) {
                return false;
            }
            i += digits;
        }
        return i == end;
    }

    private static int digits(String text, int from) {
        int i = from;
        while (i < text.length() && text.charAt(i) >= '0' && text.charAt(i) <= '9') {
            i++;
        }
        return i - from;
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
            throw wrongType(
                    column,
                    "a time in ISO-8601 with offset, such as 2026-03-01T09:30:00.000125Z",
                    "the string " + excerpt(text));
        }
        Long micros = JsonFields.micros(time);
        if (micros == null) {
            throw doesNotFit(
                    column,
                    excerpt(text)
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
        int digits = digits(text, point + 1);
        if (digits <= NANO_DIGITS) {
            return text;
        }
        int from = point + 1 + NANO_DIGITS;
        int to = point + 1 + digits;
        for (int i = from; i < to; i++) {
            if (text.charAt(i) != '0') {
                throw doesNotFit(column, excerpt(text) + " is finer than microseconds");
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
                throw tooLong(column);
            }
            return parser.getText();
        }
        int from = Math.toIntExact(parser.currentTokenLocation().getByteOffset());
        parser.skipChildren();
        int to = Math.toIntExact(parser.currentLocation().getByteOffset());
        if (to - from > JsonFields.MAX_TEXT_BYTES) {
            throw tooLong(column);
        }
        return new String(data, from, to - from, StandardCharsets.UTF_8);
    }

    /** Names everything that is missing at once; the pipeline's own check would tell of the first only. */
    private void requireAll(@Nullable Object[] values) throws Rejection {
        List<String> missing = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            if (values[i] == null && columns.get(i).required()) {
                missing.add(columns.get(i).name());
            }
        }
        List<String> ids = type.idColumns().stream().map(Column::name).toList();
        long found = ids.stream().filter(id -> values[type.index(id)] != null).count();
        if (found == 0 && type.idRequired()) {
            missing.add(String.join(" or ", ids));
        }
        if (!missing.isEmpty()) {
            throw new Rejection(Reason.MISSING_FIELD, "missing: " + String.join(", ", missing));
        }
        if (found > 1) {
            throw new Rejection(
                    Reason.MISSING_FIELD, String.join(" and ", ids) + " are both there, expected one of them");
        }
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

    private static Rejection wrongType(Column column, String expected, String found) {
        return new Rejection(Reason.WRONG_TYPE, column.name() + ": expected " + expected + ", found " + found);
    }

    private static Rejection doesNotFit(Column column, String message) {
        return new Rejection(Reason.DOES_NOT_FIT, column.name() + ": " + message);
    }

    private static Rejection tooLong(Column column) {
        return doesNotFit(column, "more than " + JsonFields.MAX_TEXT_BYTES + " bytes of text");
    }

    private static String excerpt(String text) {
        StringBuilder excerpt = new StringBuilder("'");
        int length = Math.min(text.length(), EXCERPT_LENGTH);
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            excerpt.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
        }
        return excerpt.append(text.length() > length ? "...'" : "'").toString();
    }

    private static String cut(String text, int length) {
        return text.length() <= length ? text : text.substring(0, length) + "...";
    }
}
