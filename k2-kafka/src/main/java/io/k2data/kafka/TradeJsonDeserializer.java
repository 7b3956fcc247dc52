package io.k2data.kafka;

import static io.k2data.kafka.TradeJson.COLUMNS;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import io.k2data.pipeline.Rejection.Reason;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/**
 * Reads K2's JSON trade: one flat object in UTF-8 whose names are the columns of {@code trades}, in any order.
 *
 * <ul>
 *   <li>{@code venue}, {@code symbol}, {@code event_time}, {@code price}, {@code quantity} are required, and exactly one
 *       of {@code trade_id} (an integer) and {@code trade_ref} (text). A field that is null is a field that is missing,
 *       and so is a venue, symbol or trade_ref without a character.
 *   <li>Decimals are JSON numbers, or the same as a string. They are taken exactly, and never pass through binary floating
 *       point.
 *   <li>Times are an integer, epoch microseconds, or a string in ISO-8601 with offset, such as
 *       {@code 2026-03-01T09:30:00.000125Z}. What is finer than a microsecond must be zero.
 *   <li>{@code side} is one of the names of {@link Side}; {@code conditions} an array of strings.
 *   <li>{@code vendor_data} is a string with JSON text, or any other JSON value, which is kept as it is written.
 *   <li>Fields of other names are ignored. A known name must not come twice.
 *   <li>A field's text has 64 KiB at most, in UTF-8.
 * </ul>
 *
 * <p>Whatever is no such trade throws {@link UnreadableEventException}, whose reason tells the kind and whose message the
 * field. Nothing is rounded, cut or guessed. Safe for several threads at once.
 */
public final class TradeJsonDeserializer implements Deserializer<Trade> {
    private static final int EXCERPT_LENGTH = 40;
    private static final int DETAIL_LENGTH = 200;
    private static final int NANO_DIGITS = 9;

    /** Makes one. */
    public TradeJsonDeserializer() {}

    /**
     * Returns the trade that a value holds. Takes time and memory in proportion to the value's length.
     *
     * @param topic not looked at
     * @param data the value, not changed
     * @return the trade, or null if the value is null
     * @throws UnreadableEventException if the value is no trade
     */
    @Override
    public @Nullable Trade deserialize(String topic, byte @Nullable [] data) {
        if (data == null) {
            return null;
        }
        if (data.length == 0) {
            throw new UnreadableEventException(Reason.EMPTY_VALUE, "the value has no bytes");
        }
        if (!TradeJson.isUtf8(data)) {
            throw new UnreadableEventException(Reason.MALFORMED, "the value is not UTF-8");
        }
        @Nullable Object[] values = new Object[COLUMNS.size()];
        try (JsonParser parser = TradeJson.FACTORY.createParser(data)) {
            readObject(parser, data, values);
        } catch (JsonProcessingException e) {
            long at = e.getLocation() == null ? -1 : e.getLocation().getByteOffset();
            throw malformed((at < 0 ? "" : "byte " + at + ": ") + cut(e.getOriginalMessage(), DETAIL_LENGTH));
        } catch (IOException e) {
            throw malformed(cut(String.valueOf(e.getMessage()), DETAIL_LENGTH));
        }
        requireAll(values);
        return trade(values);
    }

    private static void readObject(JsonParser parser, byte[] data, @Nullable Object[] values) throws IOException {
        JsonToken first = parser.nextToken();
        if (first != JsonToken.START_OBJECT) {
            throw malformed("expected an object, found " + (first == null ? "nothing" : name(first)));
        }
        int seen = 0;
        for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
            Integer place = TradeJson.PLACES.get(field);
            JsonToken token = parser.nextToken();
            if (place == null) {
                parser.skipChildren();
                continue;
            }
            int bit = 1 << place;
            if ((seen & bit) != 0) {
                throw malformed(field + " comes twice");
            }
            seen |= bit;
            if (token != JsonToken.VALUE_NULL) {
                values[place] = value(place, parser, token, data);
            }
        }
        if (parser.currentToken() != JsonToken.END_OBJECT) {
            throw malformed("the object does not end");
        }
        if (parser.nextToken() != null) {
            throw malformed("something follows the object");
        }
    }

    private static @Nullable Object value(int place, JsonParser parser, JsonToken token, byte[] data)
            throws IOException {
        Column column = COLUMNS.get(place);
        if (place == TradeJson.VENDOR_DATA && token != JsonToken.VALUE_STRING) {
            return source(column, parser, token, data);
        }
        ColumnType type = column.type();
        if (type instanceof ColumnType.Text) {
            String text = text(column, parser, token, "a string");
            if (place == TradeJson.SIDE) {
                return side(column, text);
            }
            boolean needsContent = column.required() || place == TradeJson.TRADE_REF;
            return needsContent && text.isEmpty() ? null : text;
        } else if (type instanceof ColumnType.Decimal decimal) {
            return decimal(column, decimal, parser, token);
        } else if (type instanceof ColumnType.Int64) {
            return integer(column, parser, token, "an integer");
        } else if (type instanceof ColumnType.Timestamp) {
            return time(column, parser, token);
        } else if (type instanceof ColumnType.TextList) {
            return texts(column, parser, token);
        }
        throw new IllegalStateException("no way to read " + column);
    }

    private static String text(Column column, JsonParser parser, JsonToken token, String expected) throws IOException {
        if (token != JsonToken.VALUE_STRING) {
            throw wrongType(column, expected, name(token));
        }
        if (parser.getTextLength() > TradeJson.MAX_TEXT_BYTES) {
            throw tooLong(column);
        }
        String text = parser.getText();
        if (TradeJson.isTooLong(text, 0)) {
            throw tooLong(column);
        }
        return text;
    }

    private static List<String> texts(Column column, JsonParser parser, JsonToken token) throws IOException {
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
            bytes += 1 + TradeJson.utf8Length(text);
            if (bytes > TradeJson.MAX_TEXT_BYTES) {
                throw tooLong(column);
            }
            texts.add(text);
        }
        return texts;
    }

    private static JsonToken next(JsonParser parser) throws IOException {
        JsonToken token = parser.nextToken();
        if (token == null) {
            throw malformed("the array does not end");
        }
        return token;
    }

    private static Side side(Column column, String text) {
        for (Side side : Side.values()) {
            if (side.name().equals(text)) {
                return side;
            }
        }
        throw wrongType(column, "one of " + Arrays.toString(Side.values()), excerpt(text));
    }

    private static Long integer(Column column, JsonParser parser, JsonToken token, String expected) throws IOException {
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
            throws IOException {
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
        BigDecimal fitted = number == null ? null : TradeJson.fitted(number, type);
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

    private static String number(Column column, JsonParser parser) throws IOException {
        if (parser.getTextLength() > TradeJson.MAX_NUMBER_LENGTH) {
            throw doesNotFit(
                    column,
                    "a number of " + parser.getTextLength() + " characters, at most " + TradeJson.MAX_NUMBER_LENGTH
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

    private static Instant time(Column column, JsonParser parser, JsonToken token) throws IOException {
        if (token != JsonToken.VALUE_STRING) {
            long micros = integer(
                    column, parser, token, "a time, as an integer of epoch microseconds or a string in ISO-8601");
            return Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000L);
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
        if (TradeJson.micros(time) == null) {
            throw doesNotFit(
                    column,
                    excerpt(text)
                            + (time.get(ChronoField.NANO_OF_SECOND) % 1000 == 0
                                    ? " is out of range"
                                    : " is finer than microseconds"));
        }
        return time;
    }

    /** Drops zeros after the ninth digit of the seconds' fraction, more than which java.time does not read. */
    private static String upToNanos(Column column, String text) {
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
    private static String source(Column column, JsonParser parser, JsonToken token, byte[] data) throws IOException {
        if (!token.isStructStart()) {
            // A number, true or false.
            if (parser.getTextLength() > TradeJson.MAX_TEXT_BYTES) {
                throw tooLong(column);
            }
            return parser.getText();
        }
        int from = Math.toIntExact(parser.currentTokenLocation().getByteOffset());
        parser.skipChildren();
        int to = Math.toIntExact(parser.currentLocation().getByteOffset());
        if (to - from > TradeJson.MAX_TEXT_BYTES) {
            throw tooLong(column);
        }
        return new String(data, from, to - from, StandardCharsets.UTF_8);
    }

    private static void requireAll(@Nullable Object[] values) {
        List<String> missing = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            if (values[i] == null && COLUMNS.get(i).required()) {
                missing.add(COLUMNS.get(i).name());
            }
        }
        boolean hasId = values[TradeJson.TRADE_ID] != null;
        boolean hasRef = values[TradeJson.TRADE_REF] != null;
        if (!hasId && !hasRef) {
            missing.add("trade_id or trade_ref");
        }
        if (!missing.isEmpty()) {
            throw new UnreadableEventException(Reason.MISSING_FIELD, "missing: " + String.join(", ", missing));
        }
        if (hasId && hasRef) {
            throw new UnreadableEventException(
                    Reason.MISSING_FIELD, "trade_id and trade_ref are both there, expected exactly one of them");
        }
    }

    // The values are of the classes that value() gives for their columns.
    @SuppressWarnings("unchecked")
    private static Trade trade(@Nullable Object[] values) {
        return new Trade(
                (String) required(values, TradeJson.VENUE),
                (String) required(values, TradeJson.SYMBOL),
                (Long) values[TradeJson.TRADE_ID],
                (String) values[TradeJson.TRADE_REF],
                (Instant) required(values, TradeJson.EVENT_TIME),
                (BigDecimal) required(values, TradeJson.PRICE),
                (BigDecimal) required(values, TradeJson.QUANTITY),
                (Side) values[TradeJson.SIDE],
                (Long) values[TradeJson.SOURCE_SEQUENCE],
                (String) values[TradeJson.MESSAGE_ID],
                (String) values[TradeJson.ASSET_CLASS],
                (String) values[TradeJson.CURRENCY],
                (List<String>) values[TradeJson.CONDITIONS],
                (String) values[TradeJson.VENDOR_DATA]);
    }

    private static Object required(@Nullable Object[] values, int place) {
        return Objects.requireNonNull(values[place]);
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

    private static UnreadableEventException malformed(String message) {
        return new UnreadableEventException(Reason.MALFORMED, "not K2's JSON: " + message);
    }

    private static UnreadableEventException wrongType(Column column, String expected, String found) {
        return new UnreadableEventException(
                Reason.WRONG_TYPE, column.name() + ": expected " + expected + ", found " + found);
    }

    private static UnreadableEventException doesNotFit(Column column, String message) {
        return new UnreadableEventException(Reason.DOES_NOT_FIT, column.name() + ": " + message);
    }

    private static UnreadableEventException tooLong(Column column) {
        return doesNotFit(column, "more than " + TradeJson.MAX_TEXT_BYTES + " bytes of text");
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
