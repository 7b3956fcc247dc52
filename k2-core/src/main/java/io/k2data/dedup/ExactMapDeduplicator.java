package io.k2data.dedup;

import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.DedupVerdict;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.dedup.Deduplicators.ExactConfig;
import io.k2data.snapshot.SnapshotFormat;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Remembers sightings one by one, the older ones in less room, and knows what it may have forgotten.
 *
 * <p><b>What has to be remembered.</b> A record at time t can be the duplicate of sightings in [t - window, t +
 * window]. Times in a log are only roughly in order, so a sighting is kept until the highest time seen is more than two
 * windows ahead of it: a record that is up to one window behind the highest still finds all that it could repeat.
 *
 * <p><b>What may have been forgotten.</b> {@code horizon} is such a time that every sighting registered after it is
 * still here. It rises to the time of each sighting that is dropped, for its age or because even {@link OlderIds} had no
 * room for it. It also rises with {@link #register}, to just below two windows before the highest time: who registers has a table with
 * older rows that this instance was never shown. A record that finds no sighting is new if t - window is above the
 * horizon, and a suspect otherwise. So an instance that has run all along and one that was rebuilt from the table
 * differ at most in who has to look a late record up, never in the verdict that comes of it.
 *
 * <p><b>What there is no room for.</b> Beyond the bound on ids the oldest sightings move to {@link OlderIds}, which tell
 * hardly more than that an id is none of theirs: it is new then, and otherwise a suspect.
 *
 * <p><b>How.</b> Sightings lie in a ring of parallel arrays in the order they were registered, which is very nearly the
 * order of time, so that the oldest is dropped in O(1). A sighting with an older time than the ring's first one stays
 * somewhat longer than it need; it does no harm. Over the ring lies a hash table with chaining: {@code buckets} gives
 * the youngest sighting of a chain, {@code next} the one before it. Sightings of the same id, several if it was
 * accepted again after the window, are in the same chain. A map from id to position would need a list for those, and a
 * second structure to drop the oldest.
 */
final class ExactMapDeduplicator implements Deduplicator {
    private static final Logger LOG = LoggerFactory.getLogger(ExactMapDeduplicator.class);
    private static final SnapshotFormat FORMAT = new SnapshotFormat("dedup-ids", 1);
    private static final int NONE = -1;
    /** The ring makes room for a part of this many, so that moving sightings is not done one by one. */
    private static final int MOVES = 16;

    private static final int LARGEST_MOVE = 1 << 15;

    private final int partition;
    private final long windowMillis;
    private final int maxIds;
    private final Map<StreamKey, Stream> streams = new HashMap<>();
    private final OlderIds older;

    private Stream[] stream;
    /** The integer id; of a text id its hash code. */
    private long[] id;

    private @Nullable String[] text;
    private long[] offset;
    private long[] time;
    private int[] next;
    private int[] buckets;
    private int head;
    private int count;
    private int nextStream;

    private long highest = Long.MIN_VALUE;
    private long horizon = Long.MIN_VALUE;
    private boolean closed;
    private boolean warned;

    ExactMapDeduplicator(ExactConfig config, int partition) {
        this.partition = partition;
        this.windowMillis = config.window().toMillis();
        this.maxIds = config.maxIds();
        this.older = new OlderIds(windowMillis, config.olderBytes());
        int capacity = Math.min(1024, maxIds);
        stream = new Stream[capacity];
        id = new long[capacity];
        text = new String[capacity];
        offset = new long[capacity];
        time = new long[capacity];
        next = new int[capacity];
        buckets = emptyBuckets(capacity);
    }

    static ExactMapDeduplicator restore(ExactConfig config, int partition, InputStream snapshot) throws IOException {
        return FORMAT.read(snapshot, in -> {
            ExactMapDeduplicator restored = new ExactMapDeduplicator(config, partition);
            restored.read(in);
            return restored;
        });
    }

    @Override
    public int judge(DedupBatch batch, int from) {
        requireOpen();
        Objects.checkFromToIndex(from, batch.size(), batch.size());
        for (int i = from; i < batch.size(); i++) {
            DedupVerdict verdict = judgeOne(batch, i);
            batch.verdict(i, verdict);
            if (verdict == DedupVerdict.Suspect.INSTANCE) {
                return i + 1;
            }
        }
        return batch.size();
    }

    private DedupVerdict judgeOne(DedupBatch batch, int index) {
        Stream of = streams.get(batch.stream(index));
        String textId = batch.textId(index);
        long longId = textId == null ? batch.longId(index) : textId.hashCode();
        long at = batch.logTimeMillis(index);
        int first = NONE;
        if (of != null) {
            for (int i = buckets[bucket(of, longId)]; i != NONE; i = next[i]) {
                if (stream[i] == of && id[i] == longId && Objects.equals(text[i], textId)) {
                    if (offset[i] == batch.offset(index)) {
                        return DedupVerdict.New.INSTANCE; // a replay, and registered already
                    }
                    if (inWindow(time[i], at) && (first == NONE || offset[i] < offset[first])) {
                        first = i;
                    }
                }
            }
        }
        if (first != NONE) {
            return new DedupVerdict.Duplicate(partition, offset[first]);
        }
        if (minus(at, windowMillis) <= horizon
                || (!older.isEmpty()
                        && (textId == null
                                ? older.mayHold(batch.stream(index), longId, at)
                                : older.mayHold(batch.stream(index), textId, at)))) {
            return DedupVerdict.Suspect.INSTANCE;
        }
        add(batch.stream(index), longId, textId, batch.offset(index), at);
        return DedupVerdict.New.INSTANCE;
    }

    @Override
    public void register(DedupBatch batch, int from, int to) {
        requireOpen();
        Objects.checkFromToIndex(from, to, batch.size());
        for (int i = from; i < to; i++) {
            String textId = batch.textId(i);
            long longId = textId == null ? batch.longId(i) : textId.hashCode();
            if (!registered(streams.get(batch.stream(i)), longId, textId, batch.offset(i))) {
                add(batch.stream(i), longId, textId, batch.offset(i), batch.logTimeMillis(i));
            }
            horizon = Math.max(horizon, minus(oldestKept(), 1));
        }
    }

    private boolean registered(@Nullable Stream of, long longId, @Nullable String textId, long at) {
        if (of != null) {
            for (int i = buckets[bucket(of, longId)]; i != NONE; i = next[i]) {
                if (stream[i] == of && id[i] == longId && offset[i] == at && Objects.equals(text[i], textId)) {
                    return true;
                }
            }
        }
        return false;
    }

    private void add(StreamKey key, long longId, @Nullable String textId, long newOffset, long newTime) {
        highest = Math.max(highest, newTime);
        while (count > 0 && time[head] < oldestKept()) {
            horizon = Math.max(horizon, time[head]);
            removeOldest();
        }
        if (count == maxIds) {
            moveOldest(Math.min(LARGEST_MOVE, Math.max(1, maxIds / MOVES)));
        }
        older.expire(oldestKept());
        horizon = Math.max(horizon, older.dropped());
        if (!warned && horizon > minus(highest, windowMillis) && count > 0) {
            warned = true;
            LOG.atWarn()
                    .log(
                            "partition {}: there is no room for the ids of one dedup window, so that every record has to be"
                                    + " looked up in the table: raise dedup.older-bytes or dedup.max-ids",
                            partition);
        }
        if (count == time.length) {
            grow();
        }
        int slot = (int) (((long) head + count) % time.length);
        stream[slot] = streams.computeIfAbsent(key, absent -> new Stream(absent, nextStream++));
        stream[slot].sightings++;
        id[slot] = longId;
        text[slot] = textId;
        offset[slot] = newOffset;
        time[slot] = newTime;
        link(slot);
        count++;
    }

    /** Integers by stream and slice of time, so that the bitmaps get them in runs. */
    private void moveOldest(int moved) {
        List<Integer> slots = new ArrayList<>(moved);
        for (int n = 0; n < moved; n++) {
            int slot = (int) (((long) head + n) % time.length);
            String textId = text[slot];
            if (textId != null) {
                older.add(stream[slot].key, textId, time[slot]);
            } else {
                slots.add(slot);
            }
        }
        slots.sort(Comparator.comparingInt((Integer slot) -> stream[slot].number)
                .thenComparingLong(slot -> older.sliceOf(time[slot]))
                .thenComparingLong(slot -> id[slot]));
        long[] ids = new long[slots.size()];
        for (int from = 0; from < slots.size(); ) {
            Stream of = stream[slots.get(from)];
            long slice = older.sliceOf(time[slots.get(from)]);
            long oldest = Long.MAX_VALUE;
            long newest = Long.MIN_VALUE;
            int to = from;
            while (to < slots.size() && stream[slots.get(to)] == of && older.sliceOf(time[slots.get(to)]) == slice) {
                int slot = slots.get(to);
                ids[to++] = id[slot];
                oldest = Math.min(oldest, time[slot]);
                newest = Math.max(newest, time[slot]);
            }
            older.add(of.key, ids, from, to, oldest, newest);
            from = to;
        }
        for (int n = 0; n < moved; n++) {
            removeOldest();
        }
    }

    private void removeOldest() {
        Stream of = stream[head];
        int bucket = bucket(of, id[head]);
        if (buckets[bucket] == head) {
            buckets[bucket] = next[head];
        } else {
            int i = buckets[bucket];
            while (next[i] != head) {
                i = next[i];
            }
            next[i] = next[head];
        }
        if (--of.sightings == 0) {
            streams.remove(of.key);
        }
        text[head] = null;
        head = head + 1 == time.length ? 0 : head + 1;
        count--;
    }

    private void grow() {
        int capacity = (int) Math.min(2L * time.length, maxIds);
        // The oldest moves to slot 0; the ring is full, so nothing but sightings moves.
        int tail = time.length - head;
        stream = unrolled(stream, Arrays.copyOfRange(stream, head, head + capacity), tail);
        id = unrolled(id, Arrays.copyOfRange(id, head, head + capacity), tail);
        text = unrolled(text, Arrays.copyOfRange(text, head, head + capacity), tail);
        offset = unrolled(offset, Arrays.copyOfRange(offset, head, head + capacity), tail);
        time = unrolled(time, Arrays.copyOfRange(time, head, head + capacity), tail);
        head = 0;
        next = new int[capacity];
        buckets = emptyBuckets(capacity);
        for (int i = 0; i < count; i++) {
            link(i);
        }
    }

    private <A> A unrolled(A ring, A larger, int tail) {
        System.arraycopy(ring, 0, larger, tail, head);
        return larger;
    }

    private void link(int slot) {
        int bucket = bucket(stream[slot], id[slot]);
        next[slot] = buckets[bucket];
        buckets[bucket] = slot;
    }

    /** Ids are often consecutive, in each of many streams: mix both well (the finaliser is that of MurmurHash3). */
    private int bucket(Stream of, long longId) {
        long hash = longId + of.hash;
        hash = (hash ^ (hash >>> 33)) * 0xff51afd7ed558ccdL;
        hash = (hash ^ (hash >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return (int) (hash ^ (hash >>> 33)) & (buckets.length - 1);
    }

    private static int[] emptyBuckets(int capacity) {
        int[] empty = new int[1 << (32 - Integer.numberOfLeadingZeros(capacity - 1))];
        Arrays.fill(empty, NONE);
        return empty;
    }

    private boolean inWindow(long one, long other) {
        // The difference can exceed a signed long, not an unsigned one.
        return Long.compareUnsigned(Math.max(one, other) - Math.min(one, other), windowMillis) <= 0;
    }

    private long oldestKept() {
        return minus(highest, 2 * windowMillis);
    }

    static long minus(long value, long positive) {
        return value < Long.MIN_VALUE + positive ? Long.MIN_VALUE : value - positive;
    }

    static long plus(long value, long positive) {
        return value > Long.MAX_VALUE - positive ? Long.MAX_VALUE : value + positive;
    }

    @Override
    public void snapshot(OutputStream out) throws IOException {
        requireOpen();
        FORMAT.write(out, this::write);
    }

    private void write(DataOutputStream out) throws IOException {
        out.writeLong(highest);
        out.writeLong(horizon);
        older.write(out);
        out.writeInt(streams.size());
        Map<Stream, Integer> numbers = new HashMap<>();
        for (Stream of : new TreeMap<>(streams).values()) {
            numbers.put(of, numbers.size());
            SnapshotFormat.writeText(out, of.key.venue());
            SnapshotFormat.writeText(out, of.key.symbol());
        }
        out.writeInt(count);
        for (int n = 0; n < count; n++) {
            int i = (int) (((long) head + n) % time.length);
            String textId = text[i];
            out.writeInt(Objects.requireNonNull(numbers.get(stream[i])));
            out.writeLong(offset[i]);
            out.writeLong(time[i]);
            out.writeBoolean(textId != null);
            if (textId != null) {
                SnapshotFormat.writeText(out, textId);
            } else {
                out.writeLong(id[i]);
            }
        }
    }

    private void read(DataInputStream in) throws IOException {
        highest = in.readLong();
        horizon = in.readLong();
        older.read(in);
        int known = in.readInt();
        List<StreamKey> keys = new ArrayList<>();
        for (int i = 0; i < known; i++) {
            keys.add(new StreamKey(SnapshotFormat.readText(in), SnapshotFormat.readText(in)));
        }
        int sightings = in.readInt();
        for (int i = 0; i < sightings; i++) {
            StreamKey key = keys.get(in.readInt());
            long at = in.readLong();
            long atTime = in.readLong();
            String textId = in.readBoolean() ? SnapshotFormat.readText(in) : null;
            add(key, textId == null ? in.readLong() : textId.hashCode(), textId, at, atTime);
        }
    }

    @Override
    public void close() {
        closed = true;
        // Whoever still holds the instance need not hold its memory.
        stream = new Stream[0];
        id = new long[0];
        text = new String[0];
        offset = new long[0];
        time = new long[0];
        next = new int[0];
        buckets = new int[0];
        streams.clear();
        older.clear();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the deduplicator is closed");
        }
    }

    /** A stream as long as it has sightings here, so that streams are bounded as ids are. */
    private static final class Stream {
        final StreamKey key;
        final long hash;
        /** To sort by; whether it was given away before does not matter much. */
        final int number;

        int sightings;

        Stream(StreamKey key, int number) {
            this.key = key;
            this.number = number;
            this.hash = key.hashCode() * 0x9E3779B97F4A7C15L;
        }
    }
}
