package io.k2data.degradation;

import io.k2data.api.degradation.PriorityTier;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * From bytes to a tier, by open addressing with linear probing, at most a quarter full. The hash takes eight bytes at a
 * step and knows no secret: what stands in the table comes from its owner alone, and a stranger's keys are only looked
 * up, so they cannot lengthen a probe. A key that is not there, as most are not, mostly costs one look at one number.
 *
 * <p>Bytes are compared by words of eight too, the last of them overlapping the one before, and what is shorter than a
 * word is one with zeros behind. Two keys of one length and equal words are equal.
 */
final class TierTable {
    private static final VarHandle EIGHT_BYTES =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final long EVERY_BYTE = 0x0101010101010101L;
    private static final long SLASHES = 0x2F2F2F2F2F2F2F2FL;
    private static final long TOP_BITS = 0x8080808080808080L;

    private final int mask;
    private final int size;
    /** 0 where there is nothing. */
    private final int[] hashes;

    private final byte[][] keys;
    private final PriorityTier[] tiers;

    TierTable(Map<String, PriorityTier> entries) {
        size = entries.size();
        int capacity = Integer.highestOneBit(Math.max(1, size) * 8 - 1);
        mask = capacity - 1;
        hashes = new int[capacity];
        keys = new byte[capacity][0];
        tiers = new PriorityTier[capacity];
        entries.forEach((text, tier) -> {
            byte[] key = text.getBytes(StandardCharsets.UTF_8);
            int hash = hash(key, key.length);
            int index = hash & mask;
            while (hashes[index] != 0) {
                index = (index + 1) & mask;
            }
            hashes[index] = hash;
            keys[index] = key;
            tiers[index] = tier;
        });
    }

    int size() {
        return size;
    }

    /** Returns the tier of a key's first bytes, null if they are not in the table. */
    @Nullable
    PriorityTier find(byte[] key, int length) {
        int hash = hash(key, length);
        int index = hash & mask;
        while (true) {
            int found = hashes[index];
            if (found == 0) {
                return null;
            }
            if (found == hash && matches(keys[index], key, length)) {
                return tiers[index];
            }
            index = (index + 1) & mask;
        }
    }

    /** Returns where a key's first slash is, its length if there is none. */
    static int slash(byte[] key) {
        int at = 0;
        for (; at <= key.length - Long.BYTES; at += Long.BYTES) {
            // The lowest top bit that is set belongs to the first byte that is 0 after the exclusive or: Warren,
            // Hacker's
            // Delight, section 6-1.
            long word = (long) EIGHT_BYTES.get(key, at) ^ SLASHES;
            long zeros = (word - EVERY_BYTE) & ~word & TOP_BITS;
            if (zeros != 0) {
                return at + (Long.numberOfTrailingZeros(zeros) >>> 3);
            }
        }
        while (at < key.length && key[at] != '/') {
            at++;
        }
        return at;
    }

    private static boolean matches(byte[] stored, byte[] key, int length) {
        if (stored.length != length) {
            return false;
        }
        if (length < Long.BYTES) {
            return start(stored, length) == start(key, length);
        }
        for (int at = 0; at < length - Long.BYTES; at += Long.BYTES) {
            if ((long) EIGHT_BYTES.get(stored, at) != (long) EIGHT_BYTES.get(key, at)) {
                return false;
            }
        }
        int last = length - Long.BYTES;
        return (long) EIGHT_BYTES.get(stored, last) == (long) EIGHT_BYTES.get(key, last);
    }

    private static int hash(byte[] key, int length) {
        long hash = length * GOLDEN;
        if (length < Long.BYTES) {
            hash = mix(hash ^ start(key, length));
        } else {
            for (int at = 0; at < length - Long.BYTES; at += Long.BYTES) {
                hash = mix(hash ^ (long) EIGHT_BYTES.get(key, at));
            }
            hash = mix(hash ^ (long) EIGHT_BYTES.get(key, length - Long.BYTES));
        }
        int folded = (int) (hash >>> 32);
        return folded == 0 ? 1 : folded;
    }

    /** Returns the first bytes, fewer than eight, with zeros behind. */
    private static long start(byte[] key, int length) {
        if (key.length >= Long.BYTES) {
            return (long) EIGHT_BYTES.get(key, 0) & ((1L << (length * Byte.SIZE)) - 1);
        }
        long start = 0;
        for (int i = 0; i < length; i++) {
            start |= (key[i] & 0xffL) << (i * Byte.SIZE);
        }
        return start;
    }

    private static long mix(long value) {
        long mixed = value * GOLDEN;
        return mixed ^ (mixed >>> 32);
    }
}
