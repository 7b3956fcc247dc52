package io.k2data.kafka;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the plain case of K2's JSON straight from the bytes: one flat object, known names, texts in ASCII without escapes,
 * numbers of at most 18 digits without an exponent. That is what producers of market data send, all day long. Whatever is
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

    /** How a column's values read. */
    private enum Kind {
        TEXT,
        ID_TEXT,
        CHOICE,
        JSON,
        INTEGER,
        DECIMAL,
        OTHER
    }

    private final byte[][] names;
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

    /**
     * Makes one.
     *
     * @param columns the columns
     * @param needsContent by column, whether a text without a character is as good as none
     * @param isId by column, whether it holds ids, which do not come again
     */
    PlainJson(List<Column> columns, boolean[] needsContent, boolean[] isId) {
        int count = columns.size();
        this.names = new byte[count][];
        this.kinds = new Kind[count];
        this.types = new ColumnType[count];
        this.needsContent = needsContent.clone();
        this.seen = new boolean[count];
        this.follower = new int[count + 1];
        for (int i = 0; i < count; i++) {
            names[i] = columns.get(i).name().getBytes(StandardCharsets.US_ASCII);
            types[i] = columns.get(i).type();
            kinds[i] = kind(types[i], isId[i]);
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
        } else if (type instanceof ColumnType.Int64 || type instanceof ColumnType.Timestamp) {
            return Kind.INTEGER;
        }
        return type instanceof ColumnType.Decimal ? Kind.DECIMAL : Kind.OTHER;
    }

    /** The values of a plain record; null if it is none. */
    @Nullable Object @Nullable [] decode(byte[] record) {
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
        byte[] name = names[place];
        int end = at + name.length;
        return end < data.length && data[end] == '"' && Arrays.equals(data, at, end, name, 0, name.length);
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
            case DECIMAL -> decimal((ColumnType.Decimal) types[place]);
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
        while (at < data.length) {
            byte b = data[at];
            if (b == '"') {
                break;
            }
            // Control characters, escapes, and what is not ASCII.
            if (b < ' ' || b == '\\') {
                return false;
            }
            hash = hash * 31 + b;
            at++;
        }
        int length = at - from;
        if (at >= data.length || length > MAX_TEXT) {
            return false;
        }
        at++;
        if (length == 0) {
            value = needsContent[place] ? null : "";
            return kinds[place] != Kind.CHOICE;
        }
        String text = cached && length <= MAX_CACHED_TEXT
                ? cached(from, length, hash)
                : new String(data, from, length, StandardCharsets.ISO_8859_1);
        value = text;
        return kinds[place] != Kind.CHOICE
                || ((ColumnType.Choice) types[place]).values().contains(text);
    }

    private String cached(int from, int length, int hash) {
        int slot = (hash ^ (hash >>> 12)) & (CACHED_TEXTS - 1);
        byte[] bytes = cachedBytes[slot];
        if (bytes != null && Arrays.equals(bytes, 0, bytes.length, data, from, from + length)) {
            return cachedTexts[slot];
        }
        String text = new String(data, from, length, StandardCharsets.ISO_8859_1);
        cachedBytes[slot] = Arrays.copyOfRange(data, from, from + length);
        cachedTexts[slot] = text;
        return text;
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
        value = BigDecimal.valueOf(negative ? -unscaled : unscaled, scale);
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
