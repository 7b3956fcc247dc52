package io.k2data.kafka;

import io.k2data.api.event.ColumnType;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the plain case of K2's JSON straight from the bytes: one flat object, known names, numbers of at most 18 digits
 * without an exponent. That is what producers of market data send, all day long. Whatever is
 * out of the ordinary, right or wrong, is left to {@link JsonRowDecoder}, which reads with care and names what is wrong; so
 * this class only has to be right where it gives values, and the two are tested against each other.
 *
 * <p>Texts that come again and again (venues, symbols, currencies) are the same object each time. Names are tried first in
 * the order in which they came last. One thread.
 */
final class PlainJson {
    private static final int MAX_DIGITS = 18;
    private static final int MAX_TEXT = 4096;
    private static final int MAX_CACHED_TEXT = 32;
    private static final int CACHED_TEXTS = 4096;
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long[] POWERS_OF_TEN = new long[MAX_DIGITS + 1];

    /** Whether a byte stands for itself in a text. */
    private static final boolean[] IS_PLAIN = new boolean[256];

    static {
        Arrays.fill(IS_PLAIN, ' ', 128, true);
        IS_PLAIN['"'] = false;
        IS_PLAIN['\\'] = false;
        POWERS_OF_TEN[0] = 1;
        for (int i = 1; i < POWERS_OF_TEN.length; i++) {
            POWERS_OF_TEN[i] = 10 * POWERS_OF_TEN[i - 1];
        }
    }

    /** How a column's values read. */
    private enum Kind {
        TEXT,
        ID_TEXT,
        CHOICE,
        JSON,
        INTEGER,
        TIME,
        DECIMAL,
        TEXTS,
        OTHER
    }

    private final byte[][] names;

    /** The first eight bytes of each name and its closing quote, as one word; those of the mask count. */
    private final long[] firstWords;

    private final long[] firstMasks;

    /** The last eight bytes of each name and its closing quote, where they are more than eight. */
    private final long[] lastWords;

    private final Kind[] kinds;
    private final ColumnType[] types;
    private final boolean[] needsContent;
    private final boolean[] seen;

    /** By place, the place of the field that came after it last; at the end, of the first. */
    private final int[] follower;

    private final byte[][] cachedBytes = new byte[CACHED_TEXTS][];
    private final String[] cachedTexts = new String[CACHED_TEXTS];

    // The state of one decode.
    private byte[] data = new byte[0];
    private int at;
    private @Nullable Object value;

    /** The day of the last time read; times of a feed are of the same day for long. */
    private int lastDate = -1;

    private long lastEpochDay;

    /**
     * Makes one.
     *
     * @param columns the columns
     */
    PlainJson(TableColumns columns) {
        int count = columns.size();
        this.names = new byte[count][];
        this.firstWords = new long[count];
        this.firstMasks = new long[count];
        this.lastWords = new long[count];
        this.kinds = new Kind[count];
        this.types = new ColumnType[count];
        this.needsContent = new boolean[count];
        this.seen = new boolean[count];
        this.follower = new int[count + 1];
        for (int i = 0; i < count; i++) {
            names[i] = columns.get(i).name().getBytes(StandardCharsets.US_ASCII);
            setWords(i);
            types[i] = columns.get(i).type();
            kinds[i] = kind(types[i], columns.isId(i));
            needsContent[i] = columns.content(i, "") == null;
            follower[i] = (i + 1) % count;
        }
    }

    private static Kind kind(ColumnType type, boolean isId) {
        if (type instanceof ColumnType.Text) {
            return isId ? Kind.ID_TEXT : Kind.TEXT;
        } else if (type instanceof ColumnType.Choice) {
            return Kind.CHOICE;
        } else if (type instanceof ColumnType.Json) {
            return Kind.JSON;
        } else if (type instanceof ColumnType.Int64) {
            return Kind.INTEGER;
        } else if (type instanceof ColumnType.Timestamp) {
            return Kind.TIME;
        }
        if (type instanceof ColumnType.Decimal) {
            return Kind.DECIMAL;
        }
        return type instanceof ColumnType.TextList ? Kind.TEXTS : Kind.OTHER;
    }

    /** The values of a plain record; null if it is none. */
    @Nullable
    Object @Nullable [] decode(byte[] record) {
        data = record;
        at = 0;
        Arrays.fill(seen, false);
        @Nullable Object[] values = new Object[names.length];
        boolean plain = object(values);
        data = names[0];
        return plain ? values : null;
    }

    private boolean object(@Nullable Object[] values) {
        if (!next('{')) {
            return false;
        }
        int before = names.length;
        while (true) {
            if (!next('"')) {
                return false;
            }
            int place = name(before);
            if (place < 0 || seen[place] || !next(':')) {
                return false;
            }
            seen[place] = true;
            blanks();
            if (!value(place)) {
                return false;
            }
            values[place] = value;
            before = place;
            blanks();
            if (at >= data.length) {
                return false;
            }
            byte end = data[at++];
            if (end == '}') {
                blanks();
                return at == data.length;
            } else if (end != ',') {
                return false;
            }
        }
    }

    private void blanks() {
        while (at < data.length && (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t')) {
            at++;
        }
    }

    private boolean next(char expected) {
        blanks();
        return at < data.length && data[at++] == expected;
    }

    /** The place of the name that begins here; -1 if it is unknown, or not plain. Moves past its closing quote. */
    private int name(int before) {
        int guess = follower[before];
        if (isName(guess)) {
            at += names[guess].length + 1;
            return guess;
        }
        for (int place = 0; place < names.length; place++) {
            if (isName(place)) {
                at += names[place].length + 1;
                follower[before] = place;
                return place;
            }
        }
        return -1;
    }

    private boolean isName(int place) {
        int length = names[place].length + 1;
        if (at + Math.max(length, Long.BYTES) > data.length) {
            return isNameAtEnd(place);
        }
        return ((long) WORDS.get(data, at) & firstMasks[place]) == firstWords[place]
                && (length <= Long.BYTES
                        || ((long) WORDS.get(data, at + length - Long.BYTES) == lastWords[place]
                                && (length <= 2 * Long.BYTES || isNameAtEnd(place))));
    }

    private boolean isNameAtEnd(int place) {
        byte[] name = names[place];
        int end = at + name.length;
        return end < data.length && data[end] == '"' && Arrays.equals(data, at, end, name, 0, name.length);
    }

    private void setWords(int place) {
        byte[] name = names[place];
        byte[] quoted = Arrays.copyOf(name, Math.max(name.length + 1, Long.BYTES));
        quoted[name.length] = '"';
        firstMasks[place] = name.length + 1 >= Long.BYTES ? -1 : (1L << ((name.length + 1) * Byte.SIZE)) - 1;
        firstWords[place] = (long) WORDS.get(quoted, 0) & firstMasks[place];
        lastWords[place] = (long) WORDS.get(quoted, quoted.length - Long.BYTES);
    }

    /** Reads a value into {@link #value}; false if it is not plain. */
    private boolean value(int place) {
        value = null;
        if (at < data.length && data[at] == 'n') {
            return literal("null");
        }
        return switch (kinds[place]) {
            case TEXT, CHOICE -> text(place, true);
            case ID_TEXT, JSON -> text(place, false);
            case INTEGER -> integer();
            case TIME -> (at < data.length && data[at] == '"') ? time() : integer();
            case DECIMAL -> decimal((ColumnType.Decimal) types[place]);
            case TEXTS -> texts(place);
            case OTHER -> false;
        };
    }

    private boolean literal(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (at >= data.length || data[at++] != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private boolean text(int place, boolean cached) {
        if (at >= data.length || data[at++] != '"') {
            return false;
        }
        int from = at;
        int hash = 0;
        int end = at;
        // One way out of the loop: what is compiled for a text need not be compiled again for each rare character.
        while (end < data.length && IS_PLAIN[data[end] & 0xff]) {
            hash = hash * 31 + data[end];
            end++;
        }
        at = end;
        int length = end - from;
        if (end >= data.length || data[end] != '"' || length == 0 || length > MAX_TEXT) {
            return oddText(place, from);
        }
        at++;
        String text = cached && length <= MAX_CACHED_TEXT
                ? cached(from, length, hash)
                : new String(data, from, length, StandardCharsets.ISO_8859_1);
        value = text;
        return kinds[place] != Kind.CHOICE
                || ((ColumnType.Choice) types[place]).values().contains(text);
    }

    /** Goes on with a text at its first character that is not plain, or at its end, if it is empty or too long. */
    private boolean oddText(int place, int from) {
        if (at >= data.length || at - from > MAX_TEXT) {
            return false;
        }
        byte b = data[at];
        if (b == '\\' || b < 0) {
            return kinds[place] != Kind.CHOICE && written(from);
        } else if (b != '"') {
            return false;
        }
        at++;
        value = needsContent[place] ? null : "";
        return kinds[place] != Kind.CHOICE;
    }

    /** Reads a text with escapes, or with letters that are not ASCII, of which the next character is the first. */
    private boolean written(int from) {
        StringBuilder text = new StringBuilder(2 * (at - from) + 64);
        int run = from;
        while (at < data.length && at - from <= MAX_TEXT) {
            byte b = data[at];
            if (b == '"' || b == '\\') {
                if (!JsonFields.isUtf8(data, run, at)) {
                    return false;
                }
                text.append(new String(data, run, at - run, StandardCharsets.UTF_8));
                at++;
                if (b == '"') {
                    value = text.toString();
                    return true;
                }
                if (!escape(text)) {
                    return false;
                }
                run = at;
            } else if (b >= 0 && b < ' ') {
                return false;
            } else {
                at++;
            }
        }
        return false;
    }

    /** One escape, after its backslash; those by number are not plain. */
    private boolean escape(StringBuilder text) {
        if (at >= data.length) {
            return false;
        }
        byte b = data[at++];
        switch (b) {
            case '"', '\\', '/' -> text.append((char) b);
            case 'n' -> text.append('\n');
            case 'r' -> text.append('\r');
            case 't' -> text.append('\t');
            case 'b' -> text.append('\b');
            case 'f' -> text.append('\f');
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean texts(int place) {
        int from = at;
        if (at >= data.length || data[at++] != '[') {
            return false;
        }
        List<String> texts = new ArrayList<>();
        blanks();
        if (at < data.length && data[at] == ']') {
            at++;
            value = texts;
            return true;
        }
        while (true) {
            blanks();
            if (!text(place, true)) {
                return false;
            }
            texts.add(value == null ? "" : (String) value);
            blanks();
            if (at >= data.length || at - from > MAX_TEXT) {
                return false;
            }
            byte end = data[at++];
            if (end == ']') {
                value = texts;
                return true;
            } else if (end != ',') {
                return false;
            }
        }
    }

    private String cached(int from, int length, int hash) {
        int slot = (hash ^ (hash >>> 12)) & (CACHED_TEXTS - 1);
        byte[] bytes = cachedBytes[slot];
        if (bytes != null && isSame(bytes, from, length)) {
            return cachedTexts[slot];
        }
        String text = new String(data, from, length, StandardCharsets.ISO_8859_1);
        cachedBytes[slot] = Arrays.copyOfRange(data, from, from + length);
        cachedTexts[slot] = text;
        return text;
    }

    private boolean isSame(byte[] bytes, int from, int length) {
        if (bytes.length != length) {
            return false;
        }
        if (length < Long.BYTES || length > 2 * Long.BYTES) {
            for (int i = 0; i < length; i++) {
                if (bytes[i] != data[from + i]) {
                    return false;
                }
            }
            return true;
        }
        int last = length - Long.BYTES;
        return (long) WORDS.get(bytes, 0) == (long) WORDS.get(data, from)
                && (long) WORDS.get(bytes, last) == (long) WORDS.get(data, from + last);
    }

    private boolean integer() {
        boolean negative = at < data.length && data[at] == '-';
        if (negative) {
            at++;
        }
        int from = at;
        long number = 0;
        while (at < data.length && data[at] >= '0' && data[at] <= '9') {
            number = number * 10 + (data[at] - '0');
            at++;
            if (at - from > MAX_DIGITS) {
                return false;
            }
        }
        int digits = at - from;
        if (digits == 0 || (digits > 1 && data[from] == '0') || !endsValue()) {
            return false;
        }
        value = negative ? -number : number;
        return true;
    }

    /** A time in UTC with at most six digits after the second: {@code "2026-03-01T09:30:00.000125Z"}. */
    private boolean time() {
        int from = at + 1;
        // Up to the seconds it has 19 characters, then come a point and digits, or none, then Z and the quote.
        if (from + 21 > data.length
                || data[from + 4] != '-'
                || data[from + 7] != '-'
                || data[from + 10] != 'T'
                || data[from + 13] != ':'
                || data[from + 16] != ':') {
            return false;
        }
        int year = digits(from, 4);
        int month = digits(from + 5, 2);
        int day = digits(from + 8, 2);
        int hour = digits(from + 11, 2);
        int minute = digits(from + 14, 2);
        int second = digits(from + 17, 2);
        boolean isTime = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59;
        boolean isDate = year > 0
                && month >= 1
                && month <= 12
                && day >= 1
                && (day <= 28 || day <= YearMonth.of(year, month).lengthOfMonth());
        if (!isTime || !isDate) {
            return false;
        }
        int micros = 0;
        int end = from + 19;
        if (data[end] == '.') {
            int weight = 100_000;
            end++;
            while (end < data.length && data[end] >= '0' && data[end] <= '9') {
                if (weight == 0) {
                    return false;
                }
                micros += (data[end] - '0') * weight;
                weight /= 10;
                end++;
            }
            if (weight == 100_000) {
                return false;
            }
        }
        if (end + 1 >= data.length || data[end] != 'Z' || data[end + 1] != '"') {
            return false;
        }
        at = end + 2;
        int date = ((year * 12) + month) * 32 + day;
        if (date != lastDate) {
            lastDate = date;
            lastEpochDay = LocalDate.of(year, month, day).toEpochDay();
        }
        long seconds = lastEpochDay * 86_400 + hour * 3600L + minute * 60L + second;
        value = seconds * 1_000_000 + micros;
        return true;
    }

    /** The number that some digits make; negative if one of them is none. */
    private int digits(int from, int count) {
        int number = 0;
        for (int i = from; i < from + count; i++) {
            int digit = data[i] - '0';
            if (digit < 0 || digit > 9) {
                return -1;
            }
            number = number * 10 + digit;
        }
        return number;
    }

    private boolean decimal(ColumnType.Decimal type) {
        boolean quoted = at < data.length && data[at] == '"';
        if (quoted) {
            at++;
        }
        boolean negative = at < data.length && data[at] == '-';
        if (negative) {
            at++;
        }
        int from = at;
        long unscaled = 0;
        int point = -1;
        while (at < data.length) {
            byte b = data[at];
            if (b == '.') {
                if (point >= 0) {
                    return false;
                }
                point = at;
            } else if (b >= '0' && b <= '9') {
                unscaled = unscaled * 10 + (b - '0');
            } else {
                break;
            }
            at++;
            if (at - from > MAX_DIGITS) {
                return false;
            }
        }
        int whole = (point < 0 ? at : point) - from;
        int scale = point < 0 ? 0 : at - point - 1;
        boolean wellFormed =
                whole > 0 && (whole == 1 || data[from] != '0') && (point < 0 || scale > 0) && scale <= type.scale();
        if (!wellFormed || whole > type.precision() - type.scale()) {
            return false;
        }
        if (quoted) {
            if (at >= data.length || data[at++] != '"') {
                return false;
            }
        } else if (!endsValue()) {
            return false;
        }
        int digits = at - from - (point < 0 ? 0 : 1) - (quoted ? 1 : 0);
        int missing = type.scale() - scale;
        long signed = negative ? -unscaled : unscaled;
        if (digits + missing <= MAX_DIGITS) {
            value = signed * POWERS_OF_TEN[missing];
        } else {
            value = BigDecimal.valueOf(signed, scale).setScale(type.scale(), RoundingMode.UNNECESSARY);
        }
        return true;
    }

    private boolean endsValue() {
        if (at >= data.length) {
            return false;
        }
        byte b = data[at];
        return b == ',' || b == '}' || b == ' ' || b == '\n' || b == '\r' || b == '\t';
    }
}
