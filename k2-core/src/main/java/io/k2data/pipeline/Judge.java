package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.DedupVerdict;
import io.k2data.api.event.EventType;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceVerdict;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Passes decoded events of one partition through sequence tracking and, last of all, deduplication. Nothing is rejected
 * after it was registered there. Ingest thread only; buffers are reused.
 */
final class Judge {
    private static final int MAX_KEYS = 100_000;
    private static final int RECENT_KEYS = 4096;
    private static final int MOST_ASKED = 1024;

    private final StoredRows store;
    private final long windowMillis;
    private final OnSequence onSequence;
    /** Brings rows that were accepted before to where the store finds them. */
    private final Runnable publish;

    private final Map<String, Map<String, StreamKey>> keys = new HashMap<>();
    private int known;
    private final @Nullable StreamKey[] recent = new StreamKey[RECENT_KEYS];
    private final List<Row> candidates = new ArrayList<>();
    /** By candidate, where its id stands in the batch of ids; -1 for none. */
    private int[] idOf = new int[1024];

    private final SequenceBatch sequences = new SequenceBatch();
    private final DedupBatch ids = new DedupBatch();
    /** What the store said of the ids of this batch that it was asked for. */
    private long[] sightings = {};

    private int askedFrom;
    private int askedTo;
    private int suspects;

    private final int[] idIndexes;
    private final int sequenceIndex;
    private final int venueIndex;
    private final int symbolIndex;

    Judge(EventType<?> type, StoredRows store, long windowMillis, OnSequence onSequence, Runnable publish) {
        this.store = store;
        this.windowMillis = windowMillis;
        this.onSequence = onSequence;
        this.publish = publish;
        this.idIndexes = type.idColumns().stream()
                .mapToInt(column -> type.index(column.name()))
                .toArray();
        this.sequenceIndex =
                type.sequenceColumn().map(column -> type.index(column.name())).orElse(-1);
        this.venueIndex = type.index("venue");
        this.symbolIndex = type.index("symbol");
    }

    /** Told of every verdict on a sequence number. */
    @FunctionalInterface
    interface OnSequence {
        /** Called in order of judging. */
        void accept(PartitionWork work, StreamKey stream, long offset, SequenceVerdict verdict);
    }

    void clear() {
        candidates.clear();
        sequences.clear();
        ids.clear();
    }

    int size() {
        return candidates.size();
    }

    void add(Row row) {
        // Both columns are required text, and were checked.
        StreamKey stream = stream((String) required(row, venueIndex), (String) required(row, symbolIndex));
        Object id = null;
        for (int i = 0; i < idIndexes.length && id == null; i++) {
            id = row.values()[idIndexes[i]];
        }
        if (sequenceIndex >= 0 && row.values()[sequenceIndex] instanceof Long sequence) {
            sequences.add(stream, sequence, row.offset());
        }
        if (id instanceof Long number) {
            ids.add(stream, number, row.offset(), row.logTimeMillis());
        } else if (id instanceof String text) {
            ids.add(stream, text, row.offset(), row.logTimeMillis());
        }
        if (candidates.size() == idOf.length) {
            idOf = Arrays.copyOf(idOf, 2 * idOf.length);
        }
        idOf[candidates.size()] = id == null ? -1 : ids.size() - 1;
        candidates.add(row);
    }

    /**
     * The same key for the same stream: a feed has thousands of them, and each comes thousands of times. Decoders give the
     * same text objects again, so the first look is for those.
     */
    private StreamKey stream(String venue, String symbol) {
        int hash = venue.hashCode() * 31 + symbol.hashCode();
        int slot = (hash ^ (hash >>> 15)) & (RECENT_KEYS - 1);
        StreamKey key = recent[slot];
        if (key == null || !isOf(key, venue, symbol)) {
            key = known(venue, symbol);
            recent[slot] = key;
        }
        return key;
    }

    @SuppressWarnings("ReferenceEquality") // equal objects are found the slow way
    private static boolean isOf(StreamKey key, String venue, String symbol) {
        return key.symbol() == symbol && key.venue() == venue;
    }

    private StreamKey known(String venue, String symbol) {
        Map<String, StreamKey> symbols = keys.get(venue);
        StreamKey key = symbols == null ? null : symbols.get(symbol);
        if (key == null) {
            if (++known > MAX_KEYS) {
                // Streams without end are somebody's mistake; this is only a cache.
                keys.clear();
                known = 1;
            }
            key = new StreamKey(venue, symbol);
            keys.computeIfAbsent(venue, name -> new HashMap<>()).put(symbol, key);
        }
        return key;
    }

    private static Object required(Row row, int index) {
        return Objects.requireNonNull(row.values()[index]);
    }

    /** Judges what was added, gives the rows that are to be stored, and says how many they are. */
    int judge(PartitionWork work, Consumer<Row> accepted) {
        work.tracker.observe(sequences);
        for (int i = 0; i < sequences.size(); i++) {
            onSequence.accept(work, sequences.stream(i), sequences.offset(i), sequences.verdict(i));
        }
        askedTo = 0;
        suspects = 0;
        int judged = 0;
        while (judged < ids.size()) {
            int before = judged;
            judged = work.deduplicator.judge(ids, judged);
            if (judged <= before || judged > ids.size()) {
                throw new IllegalStateException("the deduplicator judged up to " + judged + " from " + before + " of "
                        + ids.size() + " entries");
            }
            if (ids.verdict(judged - 1) instanceof DedupVerdict.Suspect) {
                confirm(work, judged - 1);
            }
        }
        int count = 0;
        for (int i = 0; i < candidates.size(); i++) {
            if (idOf[i] < 0 || !(ids.verdict(idOf[i]) instanceof DedupVerdict.Duplicate)) {
                accepted.accept(candidates.get(i));
                count++;
            }
        }
        return count;
    }

    /**
     * Looks a suspect up where all rows are: in the table and its live segments, and among those about to join them. One
     * in a batch may come alone. The second one hardly does: a gateway sends again what it sent hours ago, and what
     * follows is asked for with it.
     */
    private void confirm(PartitionWork work, int suspect) {
        DedupVerdict.Duplicate found = earlierInBatch(work.partition, suspect);
        if (found == null) {
            if (suspect >= askedTo) {
                int to = suspects == 0 ? suspect + 1 : Math.min(ids.size(), suspect + MOST_ASKED);
                publish.run();
                sightings = store.sightings(work.partition, ids, suspect, to, windowMillis);
                askedFrom = suspect;
                askedTo = to;
            }
            suspects++;
            long offset = sightings[suspect - askedFrom];
            if (offset != StoredRows.NOT_SIGHTED) {
                found = new DedupVerdict.Duplicate(work.partition.partition(), offset);
            }
        }
        if (found == null) {
            work.deduplicator.register(ids, suspect, suspect + 1);
            ids.verdict(suspect, DedupVerdict.New.INSTANCE);
        } else {
            ids.verdict(suspect, found);
        }
    }

    private DedupVerdict.@Nullable Duplicate earlierInBatch(LogPartition partition, int suspect) {
        for (int i = 0; i < suspect; i++) {
            String text = ids.textId(i);
            boolean same = (text != null || ids.longId(i) == ids.longId(suspect))
                    && Objects.equals(text, ids.textId(suspect))
                    && ids.stream(i).equals(ids.stream(suspect));
            if (same
                    && ids.verdict(i) instanceof DedupVerdict.New
                    && Math.abs(ids.logTimeMillis(i) - ids.logTimeMillis(suspect)) <= windowMillis) {
                return new DedupVerdict.Duplicate(partition.partition(), ids.offset(i));
            }
        }
        return null;
    }
}
