package io.k2data.kafka;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import io.k2data.api.event.ColumnType;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What readers and writer of events share: the limits of fields, and how numbers and times are fitted. */
final class JsonFields {
    /** The most a field's text may have, in bytes of UTF-8. */
    static final int MAX_TEXT_BYTES = 64 << 10;

    /** The most characters of a number that is looked at; none that fits a column needs so many. */
    static final int MAX_NUMBER_LENGTH = 1000;

    /**
     * The limits on texts and numbers are ours, since only so can an error name the reason; how long a value may be is
     * bounded by Kafka. Always UTF-8: the detection of other encodings would take bytes for JSON that are none.
     */
    static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .disable(JsonFactory.Feature.CHARSET_DETECTION)
            .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNumberLength(Integer.MAX_VALUE)
                    .build())
            .build();

    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
    private static final long HIGH_BITS = 0x8080808080808080L;

    private JsonFields() {}

    /**
     * Brings a number to a scale that its column has, without rounding, and without writing out what a huge exponent
     * stands for.
     *
     * @return the number, with a scale of 0 to the column's; or null if it does not fit
     */
    static @Nullable BigDecimal fitted(BigDecimal number, ColumnType.Decimal type) {
        if (number.signum() == 0) {
            return number.scale() >= 0 && number.scale() <= type.scale() ? number : BigDecimal.ZERO;
        }
        long integerDigits = (long) number.precision() - number.scale();
        if (integerDigits > type.precision() - type.scale()) {
            return null;
        }
        if (number.scale() < 0) {
            return number.setScale(0, RoundingMode.UNNECESSARY);
        }
        if (number.scale() <= type.scale()) {
            return number;
        }
        // Only zeros may stand beyond the column's scale, and there are fewer of them than digits.
        if ((long) number.scale() - type.scale() >= number.precision()) {
            return null;
        }
        BigDecimal stripped = number.stripTrailingZeros();
        return stripped.scale() > type.scale()
                ? null
                : stripped.setScale(Math.max(0, stripped.scale()), RoundingMode.UNNECESSARY);
    }

    /** Epoch microseconds, or null if the time has a finer part or is too far away. */
    static @Nullable Long micros(Instant time) {
        if (time.getNano() % 1000 != 0) {
            return null;
        }
        try {
            return Math.addExact(Math.multiplyExact(time.getEpochSecond(), 1_000_000L), time.getNano() / 1000);
        } catch (ArithmeticException e) {
            return null;
        }
    }

    static boolean isTooLong(CharSequence text, int already) {
        int length = text.length();
        if (already + 3L * length <= MAX_TEXT_BYTES) {
            return false;
        }
        return already + (long) utf8Length(text) > MAX_TEXT_BYTES;
    }

    static int utf8Length(CharSequence text) {
        int bytes = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            // Each half of a pair counts two, for the pair's four.
            bytes += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
        }
        return bytes;
    }

    /** Tells whether bytes are UTF-8, strictly; the JSON parser lets some through that are not. */
    static boolean isUtf8(byte[] data) {
        return isUtf8(data, 0, data.length);
    }

    static boolean isUtf8(byte[] data, int from, int to) {
        int i = from;
        while (i <= to - Long.BYTES && ((long) LONGS.get(data, i) & HIGH_BITS) == 0) {
            i += Long.BYTES;
        }
        while (i < to && data[i] >= 0) {
            i++;
        }
        if (i == to) {
            return true;
        }
        try {
            // A new decoder reports what is malformed, where String's constructor would replace it.
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data, i, to - i));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }
}
