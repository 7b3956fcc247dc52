package io.k2data.dedup;

import io.k2data.api.StreamKey;
import io.k2data.snapshot.SnapshotFormat;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.commons.collections4.bloomfilter.BitMapExtractor;
import org.apache.commons.collections4.bloomfilter.BitMaps;
import org.apache.commons.collections4.bloomfilter.EnhancedDoubleHasher;
import org.apache.commons.collections4.bloomfilter.Shape;
import org.apache.commons.collections4.bloomfilter.SimpleBloomFilter;
import org.roaringbitmap.longlong.PeekableLongIterator;
import org.roaringbitmap.longlong.Roaring64Bitmap;

/**
 * Sightings that there was no room for one by one. Kept is only which ids they may have had, and roughly when: enough to
 * say of nearly every other id that it is none of them.
 *
 * <p>Integer ids lie in compressed bitmaps (Roaring, whose run containers make one entry of consecutive ids; Lemire et al.,
 * "Consistently faster and smaller compressed bitmaps with Roaring", 2016), one for each stream and each eighth of a window:
 * what an exchange counts up costs next to nothing, and the answer is exact. Texts, and the integers of streams that do
 * not compress, go into Bloom filters of 28 bits an id and 14 hash functions, of which each is mistaken for at most one
 * id in 400,000. A filter is filled up and then stays as it is until all its sightings are too old; each is twice as
 * large as the last one, up to a sixteenth of the bound, so that there are never more than a few dozen to ask.
 *
 * <p>Bounded in bytes: beyond it the oldest are dropped, and {@link #dropped} says up to what time. Not thread-safe.
 */
final class OlderIds {
    private static final int BITS_PER_ID = 28;
    private static final int HASH_FUNCTIONS = 14;
    private static final int SLICES_PER_WINDOW = 8;
    private static final int FILTERS = 16;
    private static final int SMALLEST_FILTER_IDS = 1024;
    private static final int LARGEST_FILTER_IDS = Integer.MAX_VALUE / BITS_PER_ID;
    /** What a bitmap and its place in the books take, however little is in it. */
    private static final int BITMAP_BYTES = 320;
    /** What a bitmap says of itself when one id is in it. */
    private static final int EMPTY_BITMAP_BYTES = 60;
    /** From so many ids on it shows whether a bitmap suits them. */
    private static final int TRIAL_IDS = 16;
    /** Ids a thousand apart take 5; where they are farther apart, a filter is smaller, and soon by far. */
    private static final int SPARSE_BYTES_PER_ID = 6;
    /** Ids of the same upper 48 bits share a container, and each has objects of its own. */
    private static final int CONTAINER_BITS = 16;

    private static final int CONTAINER_BYTES = 120;

    private final long windowMillis;
    private final long sliceMillis;
    private final long maxBytes;
    private final Map<StreamKey, Bitmaps> streams = new HashMap<>();
    private final Deque<Filter> filters = new ArrayDeque<>();
    private long bytes;
    private long dropped = Long.MIN_VALUE;
    /** No sighting here is older than all of these: when the highest time kept passes it, something can go. */
    private long expiresAfter = Long.MAX_VALUE;

    OlderIds(long windowMillis, long maxBytes) {
        this.windowMillis = windowMillis;
        this.sliceMillis = Math.max(1, windowMillis / SLICES_PER_WINDOW);
        this.maxBytes = maxBytes;
    }

    /** The integer ids of one stream, by time. */
    private static final class Bitmaps {
        private final List<Bitmap> slices = new ArrayList<>();
    }

    /** Integer ids of one stream and one slice of time, both ends included. */
    private static final class Bitmap {
        private final long from;
        private final long to;
        private final Roaring64Bitmap ids = new Roaring64Bitmap();
        private long lowest = Long.MAX_VALUE;
        private long highest = Long.MIN_VALUE;
        private long newest = Long.MIN_VALUE;
        private long count;
        private long containers;
        private long bytes = BITMAP_BYTES;

        Bitmap(long from, long to) {
            this.from = from;
            this.to = to;
        }

        boolean hasContainer(long id) {
            long container = id >> CONTAINER_BITS;
            if (count == 0 || container < lowest >> CONTAINER_BITS || container > highest >> CONTAINER_BITS) {
                return false;
            }
            // Where ids are counted up, it is the last one.
            if (container == highest >> CONTAINER_BITS || container == lowest >> CONTAINER_BITS) {
                return true;
            }
            PeekableLongIterator next = ids.getLongIteratorFrom(container << CONTAINER_BITS);
            return next.hasNext() && next.peekNext() >> CONTAINER_BITS == container;
        }

        void countContainers() {
            // By iterators of their own: advanceIfNeeded (1.6.23) stays where it is now and then.
            PeekableLongIterator next = ids.getLongIterator();
            while (next.hasNext()) {
                containers++;
                long container = next.peekNext() >> CONTAINER_BITS;
                if (container == -1) {
                    // The last there is, in the order of unsigned numbers.
                    return;
                }
                next = ids.getLongIteratorFrom((container + 1) << CONTAINER_BITS);
            }
        }
    }

    private static final class Filter {
        private final SimpleBloomFilter bits;
        private final int capacity;
        private int count;
        private long oldest = Long.MAX_VALUE;
        private long newest = Long.MIN_VALUE;

        Filter(int capacity) {
            this.capacity = capacity;
            this.bits = new SimpleBloomFilter(shape(capacity));
        }

        private static Shape shape(int capacity) {
            return Shape.fromKM(HASH_FUNCTIONS, capacity * BITS_PER_ID);
        }

        static long bytes(int capacity) {
            return (long) capacity * BITS_PER_ID / Byte.SIZE;
        }
    }

    boolean isEmpty() {
        return bytes == 0;
    }

    /** No sighting with a later time than this was dropped. */
    long dropped() {
        return dropped;
    }

    // ---------------------------------------------------------------- asking

    boolean mayHold(StreamKey stream, long id, long at) {
        Bitmaps of = streams.get(stream);
        if (of != null) {
            long from = ExactMapDeduplicator.minus(at, windowMillis);
            long to = ExactMapDeduplicator.plus(at, windowMillis);
            for (Bitmap slice : of.slices) {
                if (id >= slice.lowest
                        && id <= slice.highest
                        && slice.to >= from
                        && slice.from <= to
                        && slice.ids.contains(id)) {
                    return true;
                }
            }
        }
        return !filters.isEmpty() && filtersMayHold(hash(stream, id), at);
    }

    boolean mayHold(StreamKey stream, String id, long at) {
        return !filters.isEmpty() && filtersMayHold(hash(stream, id), at);
    }

    private boolean filtersMayHold(long hash, long at) {
        long from = ExactMapDeduplicator.minus(at, windowMillis);
        long to = ExactMapDeduplicator.plus(at, windowMillis);
        EnhancedDoubleHasher hasher = hasher(hash);
        for (Filter filter : filters) {
            if (filter.newest >= from && filter.oldest <= to && filter.bits.contains(hasher)) {
                return true;
            }
        }
        return false;
    }

    // ---------------------------------------------------------------- adding

    /**
     * Adds integer ids of one stream and one slice of time.
     *
     * @param stream the stream
     * @param ids the ids, ascending
     * @param from the first to add
     * @param to the one after the last
     * @param oldest the lowest of their times
     * @param newest the highest
     */
    void add(StreamKey stream, long[] ids, int from, int to, long oldest, long newest) {
        Bitmap slice = slice(stream, oldest);
        // A few of them first, where it does not show yet whether they suit a bitmap.
        int trial = slice.count < TRIAL_IDS ? Math.min(to, from + TRIAL_IDS) : from;
        if (trial > from) {
            addToBitmap(slice, ids, from, trial, newest);
        }
        // Consecutive ids may lie in two containers, too.
        if (slice.bytes > BITMAP_BYTES + CONTAINER_BYTES + SPARSE_BYTES_PER_ID * slice.count) {
            for (int i = trial; i < to; i++) {
                addToFilter(hash(stream, ids[i]), oldest, newest);
            }
        } else if (trial < to) {
            addToBitmap(slice, ids, trial, to, newest);
        }
        keepWithinBound();
    }

    private void addToBitmap(Bitmap slice, long[] ids, int from, int to, long newest) {
        // One by one: measured, addRange takes longer for a run than this for its ids.
        for (int i = from; i < to; i++) {
            boolean another = i == from || ids[i] >> CONTAINER_BITS != ids[i - 1] >> CONTAINER_BITS;
            if (another && !slice.hasContainer(ids[i])) {
                slice.containers++;
            }
            slice.ids.addLong(ids[i]);
        }
        slice.ids.runOptimize();
        slice.lowest = Math.min(slice.lowest, ids[from]);
        slice.highest = Math.max(slice.highest, ids[to - 1]);
        slice.newest = Math.max(slice.newest, newest);
        slice.count += to - from;
        long now = bytes(slice);
        bytes += now - slice.bytes;
        slice.bytes = now;
    }

    /**
     * What a bitmap takes in memory: what it says it takes, a quarter more for arrays that are not full, and its
     * containers. Measured, with 16 kinds of bitmaps from one id to 125,000 and from consecutive ones to one in 30,000, the
     * heap grew by 58 to 106 % of this (version 1.6.23).
     */
    private static long bytes(Bitmap slice) {
        long said = Math.max(0, slice.ids.getLongSizeInBytes() - EMPTY_BITMAP_BYTES);
        return BITMAP_BYTES + said + said / 4 + CONTAINER_BYTES * Math.max(0, slice.containers - 1);
    }

    /** Adds a text id. */
    void add(StreamKey stream, String id, long time) {
        addToFilter(hash(stream, id), time, time);
        keepWithinBound();
    }

    /** Where the slice of a time begins. */
    long sliceOf(long time) {
        return ExactMapDeduplicator.minus(time, Math.floorMod(time, sliceMillis));
    }

    private Bitmap slice(StreamKey stream, long time) {
        List<Bitmap> slices = streams.computeIfAbsent(stream, key -> new Bitmaps()).slices;
        long from = sliceOf(time);
        long to = ExactMapDeduplicator.plus(from, sliceMillis - 1);
        for (int i = slices.size() - 1; i >= 0; i--) {
            // Both, as those that were kept with another window are of another length.
            if (slices.get(i).from == from && slices.get(i).to == to) {
                return slices.get(i);
            }
        }
        Bitmap slice = new Bitmap(from, to);
        slices.add(slice);
        bytes += slice.bytes;
        expiresAfter = Math.min(expiresAfter, slice.to);
        return slice;
    }

    private void addToFilter(long hash, long oldest, long newest) {
        Filter filter = filters.peekLast();
        if (filter == null || filter.count >= filter.capacity) {
            long largest = maxBytes / FILTERS * Byte.SIZE / BITS_PER_ID;
            long twice = filter == null ? SMALLEST_FILTER_IDS : 2L * filter.capacity;
            filter = new Filter(
                    (int) Math.max(SMALLEST_FILTER_IDS, Math.min(Math.min(twice, largest), LARGEST_FILTER_IDS)));
            filters.addLast(filter);
            bytes += Filter.bytes(filter.capacity);
        }
        filter.bits.merge(hasher(hash));
        filter.count++;
        filter.oldest = Math.min(filter.oldest, oldest);
        filter.newest = Math.max(filter.newest, newest);
        expiresAfter = Math.min(expiresAfter, filter.newest);
    }

    // ---------------------------------------------------------------- dropping

    /** Drops what is older than a time throughout. */
    void expire(long oldestKept) {
        if (expiresAfter < oldestKept) {
            dropUpTo(ExactMapDeduplicator.minus(oldestKept, 1));
        }
    }

    private void keepWithinBound() {
        while (bytes > maxBytes) {
            dropUpTo(oldestEnd());
        }
    }

    /** When the oldest slice, or filter, ends. */
    private long oldestEnd() {
        long end = Long.MAX_VALUE;
        for (Bitmaps of : streams.values()) {
            for (Bitmap slice : of.slices) {
                end = Math.min(end, slice.to);
            }
        }
        for (Filter filter : filters) {
            end = Math.min(end, filter.newest);
        }
        return end;
    }

    private void dropUpTo(long end) {
        for (Iterator<Bitmaps> of = streams.values().iterator(); of.hasNext(); ) {
            List<Bitmap> slices = of.next().slices;
            for (Iterator<Bitmap> each = slices.iterator(); each.hasNext(); ) {
                Bitmap slice = each.next();
                if (slice.to <= end) {
                    each.remove();
                    bytes -= slice.bytes;
                    dropped = Math.max(dropped, slice.newest);
                }
            }
            if (slices.isEmpty()) {
                of.remove();
            }
        }
        for (Iterator<Filter> each = filters.iterator(); each.hasNext(); ) {
            Filter filter = each.next();
            if (filter.newest <= end) {
                each.remove();
                bytes -= Filter.bytes(filter.capacity);
                dropped = Math.max(dropped, filter.newest);
            }
        }
        expiresAfter = oldestEnd();
    }

    /** Gives the memory back. */
    void clear() {
        streams.clear();
        filters.clear();
        bytes = 0;
        expiresAfter = Long.MAX_VALUE;
    }

    // ---------------------------------------------------------------- hashing

    private static EnhancedDoubleHasher hasher(long hash) {
        return new EnhancedDoubleHasher(hash, mixed(hash + 0x9E3779B97F4A7C15L));
    }

    private static long hash(StreamKey stream, long id) {
        return mixed(id + 0x9E3779B97F4A7C15L * hash(stream));
    }

    private static long hash(StreamKey stream, String id) {
        // String's own has 32 bits, of which a million texts share too many.
        long hash = 0;
        for (int i = 0; i < id.length(); i++) {
            hash = hash * 0x5851F42D4C957F2DL + id.charAt(i) + 1;
        }
        return mixed(~hash + 0x9E3779B97F4A7C15L * hash(stream));
    }

    /** Other processes read what is kept: of hash codes only those of texts are the same in all of them. */
    private static long hash(StreamKey stream) {
        return 31L * stream.venue().hashCode() + stream.symbol().hashCode();
    }

    /** The finaliser of MurmurHash3. */
    private static long mixed(long value) {
        long hash = (value ^ (value >>> 33)) * 0xff51afd7ed558ccdL;
        hash = (hash ^ (hash >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return hash ^ (hash >>> 33);
    }

    // ---------------------------------------------------------------- keeping

    private static long crc(byte[] bytes) {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        return crc.getValue();
    }

    /** The bits of one id. Who would set others for it must not read our filters. */
    private static long[] canary() {
        SimpleBloomFilter bits = new SimpleBloomFilter(Filter.shape(SMALLEST_FILTER_IDS));
        bits.merge(hasher(hash(new StreamKey("venue", "symbol"), "id")));
        return bits.asBitMapArray();
    }

    void write(DataOutputStream out) throws IOException {
        out.writeInt(Arrays.hashCode(canary()));
        out.writeLong(dropped);
        out.writeInt(streams.size());
        for (Map.Entry<StreamKey, Bitmaps> of : new TreeMap<>(streams).entrySet()) {
            SnapshotFormat.writeText(out, of.getKey().venue());
            SnapshotFormat.writeText(out, of.getKey().symbol());
            out.writeInt(of.getValue().slices.size());
            for (Bitmap slice : of.getValue().slices) {
                out.writeLong(slice.from);
                out.writeLong(slice.to);
                out.writeLong(slice.lowest);
                out.writeLong(slice.highest);
                out.writeLong(slice.newest);
                out.writeLong(slice.count);
                ByteArrayOutputStream serialized = new ByteArrayOutputStream();
                slice.ids.serialize(new DataOutputStream(serialized));
                out.writeInt(serialized.size());
                serialized.writeTo(out);
                out.writeLong(crc(serialized.toByteArray()));
            }
        }
        out.writeInt(filters.size());
        for (Filter filter : filters) {
            out.writeInt(filter.capacity);
            out.writeInt(filter.count);
            out.writeLong(filter.oldest);
            out.writeLong(filter.newest);
            for (long word : filter.bits.asBitMapArray()) {
                out.writeLong(word);
            }
        }
    }

    void read(DataInputStream in) throws IOException {
        if (in.readInt() != Arrays.hashCode(canary())) {
            throw new IOException("its filters hash otherwise");
        }
        dropped = in.readLong();
        int count = in.readInt();
        for (int i = 0; i < count; i++) {
            Bitmaps of = new Bitmaps();
            streams.put(new StreamKey(SnapshotFormat.readText(in), SnapshotFormat.readText(in)), of);
            int slices = in.readInt();
            for (int k = 0; k < slices; k++) {
                Bitmap slice = new Bitmap(in.readLong(), in.readLong());
                slice.lowest = in.readLong();
                slice.highest = in.readLong();
                slice.newest = in.readLong();
                slice.count = in.readLong();
                byte[] serialized = in.readNBytes(in.readInt());
                // Roaring takes what memory a damaged length asks for.
                if (in.readLong() != crc(serialized)) {
                    throw new IOException("a bitmap is damaged");
                }
                slice.ids.deserialize(new DataInputStream(new ByteArrayInputStream(serialized)));
                slice.countContainers();
                slice.bytes = bytes(slice);
                bytes += slice.bytes;
                of.slices.add(slice);
            }
        }
        int kept = in.readInt();
        for (int i = 0; i < kept; i++) {
            int capacity = in.readInt();
            if (capacity < 1 || capacity > LARGEST_FILTER_IDS) {
                throw new IOException("a filter of " + capacity + " ids cannot be");
            }
            int filled = in.readInt();
            long oldest = in.readLong();
            long newest = in.readLong();
            // No more memory is taken than there is to read.
            int length = BitMaps.numberOfBitMaps(Filter.shape(capacity).getNumberOfBits());
            long[] words = new long[Math.min(length, 1 << 13)];
            for (int k = 0; k < length; k++) {
                if (k == words.length) {
                    words = Arrays.copyOf(words, Math.min(length, 2 * k));
                }
                words[k] = in.readLong();
            }
            Filter filter = new Filter(capacity);
            filter.count = filled;
            filter.oldest = oldest;
            filter.newest = newest;
            filter.bits.merge(BitMapExtractor.fromBitMapArray(words));
            filters.addLast(filter);
            bytes += Filter.bytes(capacity);
        }
        expiresAfter = oldestEnd();
        keepWithinBound();
    }
}
