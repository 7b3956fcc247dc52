package io.k2data.examples;

import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.pipeline.Tally;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Text for a terminal. What comes from outside is escaped, so that it can neither move the cursor nor hide a part. */
final class Shown {
    private Shown() {}

    /** Bytes as text if they are UTF-8, with the others escaped if not, at most so many characters long. */
    static String bytes(byte @Nullable [] bytes, int most) {
        if (bytes == null) {
            return "(null)";
        }
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.isEmpty() ? "(no bytes)" : text(text, most);
        } catch (CharacterCodingException e) {
            StringBuilder shown = new StringBuilder();
            for (int i = 0; i < bytes.length && shown.length() <= most; i++) {
                char c = (char) (bytes[i] & 0xff);
                shown.append(c < 0x80 ? escaped(c) : String.format(Locale.ROOT, "\\x%02x", (int) c));
            }
            return cut(shown, most, bytes.length + " bytes");
        }
    }

    /** Text with everything escaped that is not plainly visible, at most so many characters long. */
    static String text(String text, int most) {
        StringBuilder shown = new StringBuilder();
        for (int i = 0; i < text.length() && shown.length() <= most; i += Character.charCount(text.codePointAt(i))) {
            shown.append(escaped(text.codePointAt(i)));
        }
        return cut(shown, most, text.length() + " characters");
    }

    private static String cut(StringBuilder shown, int most, String whole) {
        if (shown.length() <= most) {
            return shown.toString();
        }
        int end = Character.isHighSurrogate(shown.charAt(most - 1)) ? most - 1 : most;
        return shown.substring(0, end) + "... (" + whole + ")";
    }

    private static String escaped(int codePoint) {
        return switch (codePoint) {
            case '\n' -> "\\n";
            case '\r' -> "\\r";
            case '\t' -> "\\t";
            case '\\' -> "\\\\";
            default ->
                switch (Character.getType(codePoint)) {
                    case Character.CONTROL,
                            Character.FORMAT,
                            Character.SURROGATE,
                            Character.PRIVATE_USE,
                            Character.UNASSIGNED,
                            Character.LINE_SEPARATOR,
                            Character.PARAGRAPH_SEPARATOR -> String.format(Locale.ROOT, "\\u{%x}", codePoint);
                    default -> Character.toString(codePoint);
                };
        };
    }

    /** A value of an SQL answer: whole numbers with commas, decimals without trailing zeros, times as they are. */
    static String value(@Nullable Object value) {
        if (value instanceof Number number && (value instanceof Long || value instanceof Integer)) {
            return String.format(Locale.ROOT, "%,d", number.longValue());
        } else if (value instanceof BigInteger number) {
            return String.format(Locale.ROOT, "%,d", number);
        } else if (value instanceof BigDecimal number) {
            return number.stripTrailingZeros().toPlainString();
        }
        return text(String.valueOf(value), 60);
    }

    /** Ranges of sequence numbers, such as {@code 4, 17-18}. */
    static String ranges(List<Range> ranges) {
        return ranges.stream()
                .map(range -> range.from() == range.to() ? "" + range.from() : range.from() + "-" + range.to())
                .collect(Collectors.joining(", "));
    }

    /** The equation of Law 2. */
    static String conservation(Tally tally) {
        return String.format(
                Locale.ROOT,
                "consumed %,d = stored %,d + duplicate %,d + rejected %,d + deferred %,d + lost %,d",
                tally.consumed(),
                tally.stored(),
                tally.duplicate(),
                tally.rejected(),
                tally.deferred(),
                tally.lost());
    }
}
