package io.k2data.testkit;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/**
 * Builds a JSON text in a reusable buffer. On purpose it shares nothing with K2's decoder, so that neither can hide an
 * error of the other.
 */
final class JsonText {
    private static final int LONGEST_NUMBER = 40;

    private byte[] buffer = new byte[512];
    private int size;

    JsonText clear() {
        size = 0;
        return this;
    }

    /** Appends text that is ready, punctuation included. */
    JsonText raw(byte[] text) {
        ensure(text.length);
        System.arraycopy(text, 0, buffer, size, text.length);
        size += text.length;
        return this;
    }

    JsonText number(long value) {
        if (value < 0) {
            return raw(Long.toString(value).getBytes(StandardCharsets.US_ASCII));
        }
        ensure(LONGEST_NUMBER);
        digits(value, 1);
        return this;
    }

    /** Appends an unscaled value of 0 or more, with its point, in quotes. */
    JsonText quotedDecimal(long unscaled, int scale) {
        ensure(LONGEST_NUMBER);
        buffer[size++] = '"';
        int start = size;
        digits(unscaled, scale + 1);
        if (scale > 0) {
            int point = size - scale;
            System.arraycopy(buffer, point, buffer, point + 1, scale);
            buffer[point] = '.';
            size++;
        }
        assert size - start <= LONGEST_NUMBER;
        buffer[size++] = '"';
        return this;
    }

    JsonText quotedHex(long value) {
        ensure(LONGEST_NUMBER);
        buffer[size++] = '"';
        for (int shift = 60; shift >= 0; shift -= 4) {
            buffer[size++] = (byte) Character.forDigit((int) (value >>> shift) & 0xF, 16);
        }
        buffer[size++] = '"';
        return this;
    }

    byte[] toBytes() {
        return Arrays.copyOf(buffer, size);
    }

    private void digits(long value, int atLeast) {
        int count = 1;
        for (long rest = value / 10; rest > 0; rest /= 10) {
            count++;
        }
        count = Math.max(count, atLeast);
        long rest = value;
        for (int i = size + count - 1; i >= size; i--) {
            buffer[i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
        size += count;
    }

    private void ensure(int more) {
        if (buffer.length - size < more) {
            buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, size + more));
        }
    }

    /** Returns a string in quotes, escaped. */
    static String quote(String text) {
        StringBuilder quoted = new StringBuilder(text.length() + 2).append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else if (c == '\n') {
                quoted.append("\\n");
            } else if (c < 0x20) {
                quoted.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
