package io.k2data.kafka;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.Reason;
import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/** What holds for a field's value whatever the format it comes in, and the words in which it is refused. */
final class FieldRules {
    private static final int EXCERPT_LENGTH = 40;

    private FieldRules() {}

    static String choice(Column column, ColumnType.Choice type, String text) throws Rejection {
        if (!type.values().contains(text)) {
            throw wrongType(column, "one of " + type.values(), excerpt(text));
        }
        return text;
    }

    /**
     * Reads a decimal that came as text, exactly.
     *
     * @param isNumber whether the text is known to have JSON's form of a number
     */
    static BigDecimal decimal(Column column, ColumnType.Decimal type, String text, boolean isNumber) throws Rejection {
        if (text.length() > JsonFields.MAX_NUMBER_LENGTH) {
            throw numberTooLong(column, text.length());
        }
        if (!isNumber && !isJsonNumber(text)) {
            throw wrongType(column, "a decimal, as a number or a string", "the string " + excerpt(text));
        }
        BigDecimal number = parsed(text);
        BigDecimal fitted = number == null ? null : JsonFields.fitted(number, type);
        if (fitted == null) {
            throw doesNotFit(column, excerpt(text), type);
        }
        return fitted;
    }

    static Rejection numberTooLong(Column column, int length) {
        return doesNotFit(
                column, "a number of " + length + " characters, at most " + JsonFields.MAX_NUMBER_LENGTH + " are read");
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

    static int digits(String text, int from) {
        int i = from;
        while (i < text.length() && text.charAt(i) >= '0' && text.charAt(i) <= '9') {
            i++;
        }
        return i - from;
    }

    static Rejection wrongType(Column column, String expected, String found) {
        return new Rejection(Reason.WRONG_TYPE, column.name() + ": expected " + expected + ", found " + found);
    }

    static Rejection doesNotFit(Column column, String message) {
        return new Rejection(Reason.DOES_NOT_FIT, column.name() + ": " + message);
    }

    static Rejection doesNotFit(Column column, String number, ColumnType.Decimal type) {
        return doesNotFit(column, number + " does not fit decimal(" + type.precision() + "," + type.scale() + ")");
    }

    static Rejection tooLong(Column column) {
        return doesNotFit(column, "more than " + JsonFields.MAX_TEXT_BYTES + " bytes of text");
    }

    static String excerpt(String text) {
        StringBuilder excerpt = new StringBuilder("'");
        int length = Math.min(text.length(), EXCERPT_LENGTH);
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            excerpt.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
        }
        return excerpt.append(text.length() > length ? "...'" : "'").toString();
    }
}
