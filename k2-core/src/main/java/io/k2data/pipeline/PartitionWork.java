package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.degradation.PriorityTiers;
import io.k2data.snapshot.SnapshotFormat;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** A partition as the ingest thread works on it: where it is, what it counted, and the state it judges with. */
final class PartitionWork {
    final LogPartition partition;
    final SequenceTracker tracker;
    final Deduplicator deduplicator;
    private final long startOffset;
    private final long repairs;
    /** What of it is put off. */
    final DeferralLedger ledger;

    /** While something is put off: by stream, where it was last seen, and the holes that cross what is put off. */
    private final Map<StreamKey, Long> lastSeen = new HashMap<>();

    private final Map<StreamKey, List<Range>> deferredHoles = new HashMap<>();
    private long backfills;
    private boolean backfilled;
    private LogOffset next;
    private long consumed;
    private long stored;
    private long duplicate;
    private long rejected;
    private long deferred;
    private long lost;
    private long skipped;
    private long foreign;
    private boolean moved;
    /** Counts what {@link #tracker} saw that replaying the table's rows in order of their offsets would not show. */
    private long unrepeatable;

    final Checkpoints.Watch trackerWatch = new Checkpoints.Watch(StoredRows.StateKind.TRACKER);
    final Checkpoints.Watch deduplicatorWatch = new Checkpoints.Watch(StoredRows.StateKind.DEDUPLICATOR);

    PartitionWork(PartitionState from, SequenceTracker tracker, Deduplicator deduplicator) {
        this.partition = from.partition();
        this.tracker = tracker;
        this.deduplicator = deduplicator;
        this.startOffset = from.startOffset();
        this.repairs = from.repairs();
        this.backfills = from.backfills();
        this.ledger = new DeferralLedger(from.deferred());
        this.next = from.next();
        Tally tally = from.tally();
        this.consumed = tally.consumed();
        this.stored = tally.stored();
        this.duplicate = tally.duplicate();
        this.rejected = tally.rejected();
        this.deferred = tally.deferred();
        this.lost = tally.lost();
        this.skipped = tally.skipped();
        this.foreign = tally.foreign();
    }

    LogOffset next() {
        return next;
    }

    /** Moves on, over records of which each has one outcome; offsets in between that held none are skipped. */
    void advance(LogOffset to, Outcomes of) {
        long gone = to.offset() - next.offset() - of.records() - of.foreign;
        if (gone < 0) {
            throw new IllegalStateException(partition + ": " + (of.records() + of.foreign) + " records between offsets "
                    + next.offset() + " and " + to.offset());
        }
        consumed += of.records();
        stored += of.stored;
        duplicate += of.duplicate;
        rejected += of.rejected;
        deferred += of.deferred;
        skipped += gone;
        foreign += of.foreign;
        moved |= to.offset() != next.offset();
        unrepeatable += of.duplicate + of.deferred;
        next = to;
    }

    /**
     * Brings records in that were put off, up to an offset.
     *
     * @return how many are gone from the log, which shows when the entry was read to its end
     */
    long backfill(DeferralLedger.Entry entry, long to, Outcomes of) {
        long records = of.records() + of.foreign;
        long gone = ledger.advance(entry, to, records);
        // What turns out to be another type's was counted as consumed when nobody had looked into it.
        consumed -= of.foreign;
        foreign += of.foreign;
        stored += of.stored;
        duplicate += of.duplicate;
        rejected += of.rejected;
        lost += gone;
        deferred -= records + gone;
        moved = true;
        backfilled = true;
        unrepeatable++;
        if (ledger.isEmpty()) {
            lastSeen.clear();
        }
        return gone;
    }

    /** What became of some records. */
    static final class Outcomes {
        long stored;
        long duplicate;
        long rejected;
        long deferred;
        long foreign;

        long records() {
            return stored + duplicate + rejected + deferred;
        }

        void clear() {
            stored = 0;
            duplicate = 0;
            rejected = 0;
            deferred = 0;
            foreign = 0;
        }
    }

    /**
     * Notes where a stream was seen, and says whether a hole in its numbers lies across records that are put off. Called
     * for every number while something is.
     */
    boolean seen(StreamKey stream, long offset, SequenceVerdict verdict, Function<String, PriorityTiers> tiersOf) {
        long before = lastSeen.getOrDefault(stream, -1L);
        if (offset > before) {
            lastSeen.put(stream, offset);
        }
        if (!(verdict instanceof SequenceVerdict.Gap gap) || !ledger.reaches(stream, before, offset, tiersOf)) {
            return false;
        }
        deferredHoles.computeIfAbsent(stream, key -> new ArrayList<>()).add(new Range(gap.from(), gap.to()));
        return true;
    }

    /** The streams' ledgers, with what is missing only because it was put off told apart. */
    List<StreamLedger> streams() {
        List<StreamLedger> all = tracker.ledger();
        return deferredHoles.isEmpty()
                ? all
                : all.stream()
                        .map(each -> each.deferring(deferredHoles.getOrDefault(each.stream(), List.of())))
                        .toList();
    }

    /** Once nothing is put off any more, what is still missing is missing. Returns how many gaps that makes. */
    long closeHoles() {
        if (deferredHoles.isEmpty()) {
            return 0;
        }
        long left = streams().stream().mapToLong(each -> each.deferred().size()).sum();
        deferredHoles.clear();
        return left;
    }

    /** The state as of now. */
    PartitionState state() {
        return new PartitionState(
                partition,
                startOffset,
                next,
                new Tally(consumed, stored, duplicate, rejected, deferred, lost, skipped, foreign),
                repairs,
                backfilled ? backfills + 1 : backfills,
                ledger.snapshot());
    }

    boolean hasStored() {
        return stored > 0;
    }

    long unrepeatable() {
        return unrepeatable;
    }

    /** Writes what {@link #seen} noted. */
    void writeHoles(DataOutputStream out) throws IOException {
        out.writeInt(lastSeen.size());
        for (Map.Entry<StreamKey, Long> seen : lastSeen.entrySet()) {
            write(out, seen.getKey());
            out.writeLong(seen.getValue());
        }
        out.writeInt(deferredHoles.size());
        for (Map.Entry<StreamKey, List<Range>> holes : deferredHoles.entrySet()) {
            write(out, holes.getKey());
            out.writeInt(holes.getValue().size());
            for (Range hole : holes.getValue()) {
                out.writeLong(hole.from());
                out.writeLong(hole.to());
            }
        }
    }

    private static void write(DataOutputStream out, StreamKey stream) throws IOException {
        SnapshotFormat.writeText(out, stream.venue());
        SnapshotFormat.writeText(out, stream.symbol());
    }

    /** What {@link #writeHoles} wrote. */
    record Holes(Map<StreamKey, Long> lastSeen, Map<StreamKey, List<Range>> deferred) {
        static Holes read(DataInputStream in) throws IOException {
            Map<StreamKey, Long> lastSeen = new HashMap<>();
            for (int left = in.readInt(); left > 0; left--) {
                lastSeen.put(stream(in), in.readLong());
            }
            Map<StreamKey, List<Range>> deferred = new HashMap<>();
            for (int left = in.readInt(); left > 0; left--) {
                List<Range> holes = deferred.computeIfAbsent(stream(in), key -> new ArrayList<>());
                for (int ranges = in.readInt(); ranges > 0; ranges--) {
                    holes.add(new Range(in.readLong(), in.readLong()));
                }
            }
            return new Holes(lastSeen, deferred);
        }

        private static StreamKey stream(DataInputStream in) throws IOException {
            return new StreamKey(SnapshotFormat.readText(in), SnapshotFormat.readText(in));
        }
    }

    /** Goes on from holes that were noted before. */
    void resume(Holes holes) {
        lastSeen.putAll(holes.lastSeen());
        deferredHoles.putAll(holes.deferred());
    }

    boolean moved() {
        return moved;
    }

    void sealed() {
        moved = false;
        if (backfilled) {
            backfills++;
            backfilled = false;
        }
    }

    void close() {
        try (tracker) {
            deduplicator.close();
        }
    }
}
