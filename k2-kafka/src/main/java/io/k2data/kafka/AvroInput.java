package io.k2data.kafka;

import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.Reason;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.avro.Schema;

/**
 * Reads Avro binary out of a byte array. Whatever the bytes are, a value is read or a {@link Rejection} is thrown: lengths
 * are held against the bytes that are left before anything is allocated, nesting has a bound, and so has the number of
 * values, since some take no bytes and a few bytes could claim 2^63 of them. One thread.
 */
final class AvroInput {
    /** What may nest in the data; a schema can refer to itself. */
    private static final int MAX_DEPTH = 100;

    private static final int LEAST_STEPS = 1 << 16;
    private static final int STEPS_PER_BYTE = 16;
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final String schemaName;
    private byte[] data = new byte[0];
    private int position;
    private int depth;
    private long steps;

    /**
     * Makes one.
     *
     * @param schemaName what errors call the schema
     */
    AvroInput(String schemaName) {
        this.schemaName = schemaName;
    }

    void reset(byte[] record, int from) {
        data = record;
        position = from;
        depth = 0;
        steps = LEAST_STEPS + (long) STEPS_PER_BYTE * (record.length - from);
    }

    void requireEnd() throws Rejection {
        if (position < data.length) {
            throw malformed((data.length - position) + " bytes follow the record");
        }
    }

    boolean readBoolean() throws Rejection {
        byte value = data[take(1)];
        if (value != 0 && value != 1) {
            throw malformed(value + " is neither true nor false");
        }
        return value == 1;
    }

    int readInt() throws Rejection {
        long value = readLong();
        if (value != (int) value) {
            throw malformed("an int of more than 32 bits");
        }
        return (int) value;
    }

    /** A zig-zag number of variable length. */
    long readLong() throws Rejection {
        long bits = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte next = data[take(1)];
            // The tenth byte has room for one bit.
            if (shift == 63 && (next & 0xFE) != 0) {
                break;
            }
            bits |= (long) (next & 0x7F) << shift;
            if (next >= 0) {
                return (bits >>> 1) ^ -(bits & 1);
            }
        }
        throw malformed("a number of more than 64 bits");
    }

    float readFloat() throws Rejection {
        return Float.intBitsToFloat((int) INTS.get(data, take(Float.BYTES)));
    }

    double readDouble() throws Rejection {
        return Double.longBitsToDouble((long) LONGS.get(data, take(Double.BYTES)));
    }

    /** The length of a text or of bytes, all of which are there. */
    int readLength() throws Rejection {
        long length = readLong();
        if (length < 0 || length > data.length - position) {
            throw malformed("a length of " + length + ", " + (data.length - position) + " bytes are left");
        }
        return (int) length;
    }

    /** The text in so many bytes. */
    String readText(int length) throws Rejection {
        int from = take(length);
        if (!JsonFields.isUtf8(data, from, from + length)) {
            throw malformed("a text that is not UTF-8");
        }
        return new String(data, from, length, StandardCharsets.UTF_8);
    }

    byte[] readBytes(int length) throws Rejection {
        int from = take(length);
        return Arrays.copyOfRange(data, from, from + length);
    }

    void skipBytes(int length) throws Rejection {
        take(length);
    }

    /** An index into a list of so many, of a union's branches or an enum's symbols. */
    int readIndex(int count) throws Rejection {
        int index = readInt();
        if (index < 0 || index >= count) {
            throw malformed("there is no " + index + " among " + count);
        }
        return index;
    }

    /** How many elements of an array or map follow; 0 at its end. Blocks may tell their bytes too, for those who skip. */
    long readCount() throws Rejection {
        step();
        long count = readLong();
        if (count < 0) {
            readLength();
            count = -count;
        }
        if (count < 0) {
            throw malformed("a block without bounds");
        }
        return count;
    }

    /** Begins a value inside another. */
    void enter() throws Rejection {
        step();
        if (++depth > MAX_DEPTH) {
            throw malformed("nested more than " + MAX_DEPTH + " deep");
        }
    }

    /** Ends a value inside another. */
    void leave() {
        depth--;
    }

    private void step() throws Rejection {
        if (--steps < 0) {
            throw malformed("more values than its bytes can stand for");
        }
    }

    /**
     * Reads over a value.
     *
     * @return whether there was one; false for null
     */
    boolean skip(Schema schema) throws Rejection {
        enter();
        boolean isThere = true;
        switch (schema.getType()) {
            case NULL -> isThere = false;
            case BOOLEAN -> readBoolean();
            case INT -> readInt();
            case LONG -> readLong();
            case FLOAT -> take(Float.BYTES);
            case DOUBLE -> take(Double.BYTES);
            case STRING, BYTES -> take(readLength());
            case FIXED -> take(schema.getFixedSize());
            case ENUM -> readIndex(schema.getEnumSymbols().size());
            case UNION ->
                isThere = skip(schema.getTypes().get(readIndex(schema.getTypes().size())));
            case RECORD -> {
                for (Schema.Field field : schema.getFields()) {
                    skip(field.schema());
                }
            }
            case ARRAY -> {
                for (long count = readCount(); count > 0; count = readCount()) {
                    for (long i = 0; i < count; i++) {
                        skip(schema.getElementType());
                    }
                }
            }
            case MAP -> {
                for (long count = readCount(); count > 0; count = readCount()) {
                    for (long i = 0; i < count; i++) {
                        take(readLength());
                        skip(schema.getValueType());
                    }
                }
            }
        }
        leave();
        return isThere;
    }

    private int take(int length) throws Rejection {
        int from = position;
        if (length > data.length - from) {
            throw malformed("the record ends too early");
        }
        position = from + length;
        return from;
    }

    Rejection malformed(String message) {
        return new Rejection(Reason.MALFORMED, "not Avro of " + schemaName + ": byte " + position + ": " + message);
    }
}
