package io.k2data.degradation;

import io.k2data.api.degradation.PriorityTier;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * From bytes to a tier, by open addressing with linear probing, at most half full. The hash takes eight bytes at a step
 * and knows no secret: what stands in the table comes from its owner alone, and a stranger's keys are only looked up, so
 * they cannot lengthen a probe.
 */
final class TierTable {
    private static final VarHandle EIGHT_BYTES =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private final int mask;
    private final int size;
    private final int[] hashes;
    private final byte[][] keys;
    private final @Nullable PriorityTier[] tiers;

    TierTable(Map<String, PriorityTier> entries) {
        size = entries.size();
        int capacity = Integer.highestOneBit(Math.max(2, size) * 4 - 1);
        mask = capacity - 1;
        hashes = new int[capacity];
        keys = new byte[capacity][0];
        tiers = new PriorityTier[capacity];
        entries.forEach((text, tier) -> {
            byte[] key = text.getBytes(StandardCharsets.UTF_8);
            int hash = hash(key, key.length);
            int index = hash & mask;
            while (tiers[index] != null) {
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

    /** Returns the tier of the first bytes of a key, null if they are not in the table. */
    @Nullable
    PriorityTier find(byte[] key, int length) {
        int hash = hash(key, length);
        int index = hash & mask;
        while (true) {
            PriorityTier tier = tiers[index];
            if (tier == null) {
                return null;
            }
            if (hashes[index] == hash && Arrays.equals(keys[index], 0, keys[index].length, key, 0, length)) {
                return tier;
            }
            index = (index + 1) & mask;
        }
    }

    private static int hash(byte[] key, int length) {
        long hash = length * GOLDEN;
        int at = 0;
        for (; at <= length - Long.BYTES; at += Long.BYTES) {
            hash = mix(hash ^ (long) EIGHT_BYTES.get(key, at));
        }
        if (at < length) {
            long rest = 0;
            if (length >= Long.BYTES) {
                // The last eight bytes, some of them for the second time: one step instead of up to seven.
                rest = (long) EIGHT_BYTES.get(key, length - Long.BYTES);
            } else {
                for (; at < length; at++) {
                    rest = rest << 8 | (key[at] & 0xff);
                }
            }
            hash = mix(hash ^ rest);
        }
        return (int) (hash >>> 32);
    }

    private static long mix(long value) {
        long mixed = value * GOLDEN;
        return mixed ^ (mixed >>> 32);
    }
}
