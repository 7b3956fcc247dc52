package io.k2data.pipeline;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.sequence.SequenceTracker;

/** A partition as the ingest thread works on it: where it is, what it counted, and the state it judges with. */
final class PartitionWork {
    final LogPartition partition;
    final SequenceTracker tracker;
    final Deduplicator deduplicator;
    private final long startOffset;
    private final long repairs;
    private LogOffset next;
    private long consumed;
    private long stored;
    private long duplicate;
    private long rejected;
    private final long deferred;
    private final long lost;
    private long skipped;
    private long foreign;
    private boolean moved;

    PartitionWork(PartitionState from, SequenceTracker tracker, Deduplicator deduplicator) {
        this.partition = from.partition();
        this.tracker = tracker;
        this.deduplicator = deduplicator;
        this.startOffset = from.startOffset();
        this.repairs = from.repairs();
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
    void advance(LogOffset to, long newStored, long newDuplicate, long newRejected, long newForeign) {
        long records = newStored + newDuplicate + newRejected;
        long gone = to.offset() - next.offset() - records - newForeign;
        if (gone < 0) {
            throw new IllegalStateException(partition + ": " + (records + newForeign) + " records between offsets "
                    + next.offset() + " and " + to.offset());
        }
        consumed += records;
        stored += newStored;
        duplicate += newDuplicate;
        rejected += newRejected;
        skipped += gone;
        foreign += newForeign;
        moved |= to.offset() != next.offset();
        next = to;
    }

    /** The state as of now. */
    PartitionState state() {
        return new PartitionState(
                partition,
                startOffset,
                next,
                new Tally(consumed, stored, duplicate, rejected, deferred, lost, skipped, foreign),
                repairs);
    }

    boolean moved() {
        return moved;
    }

    void sealed() {
        moved = false;
    }

    void close() {
        try (tracker) {
            deduplicator.close();
        }
    }
}
