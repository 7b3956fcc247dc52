package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.dedup.DeduplicatorFactory;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.degradation.PriorityTiers;
import io.k2data.pipeline.StoredRows.StateKind;
import io.k2data.pipeline.StoredRows.StateSnapshot;
import io.k2data.pipeline.StoredRows.StoredCheckpoint;
import io.k2data.snapshot.SnapshotFormat;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps what judges a partition, its tracker and its deduplicator, beyond the process: cuts checkpoints of them when
 * generations are sealed, and opens them from the checkpoints that the table's commits kept.
 *
 * <p><b>Why a checkpoint cannot be wrong.</b> It is cut by the thread that owns the state, at the seal, together with the
 * partition's offset; and the table names it in the same property that holds this offset, written by the same commit. So one
 * whose commit did not land, was fenced, or lost this partition on the way is named by nobody. Whoever opens it adds the rows
 * that were committed after it, told by the table's history and not by their offsets, since a record that was put off or
 * repaired is stored far below.
 *
 * <p><b>When one is cut.</b> A deduplicator's at most once an interval, and so that cutting takes at most a fiftieth of the
 * thread's time; what is due together is spread over several seals. One that grew too large is not kept, and is rebuilt from
 * the table's ids of two windows. A tracker forgets what is older than that when it is rebuilt, and it has seen more than the
 * rows: duplicates have numbers too. So a small one is cut with every commit that the rows alone would not explain, and after
 * a crash says exactly what it would have said without. A partition that rests is cut anew now and then, before the snapshot
 * that holds its checkpoint expires.
 *
 * <p>Ingest thread only.
 */
final class Checkpoints {
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
    private static final SnapshotFormat TRACKER = new SnapshotFormat("checkpoint-tracker", 1);
    private static final SnapshotFormat DEDUPLICATOR = new SnapshotFormat("checkpoint-deduplicator", 1);
    private static final int REBUILD_BATCH = 4096;
    /** A tracker up to this size is cut with every commit that needs it. */
    private static final int SMALL_BYTES = 256 << 10;
    /** What one seal may cut while the partitions stay here, so that reading does not stand still for long. */
    private static final long SEAL_BYTES = 16L << 20;
    /** Cutting takes at most one part of this many of the thread's time. */
    private static final long SHARE = 50;
    /** How much longer to wait before trying again what was too large. */
    private static final long LARGE_PATIENCE = 10;
    /** Well within the hour that snapshots are kept for by default. */
    private static final long REST_NANOS = TimeUnit.MINUTES.toNanos(10);

    private final String table;
    private final StoredRows store;
    private final SequenceTrackerFactory trackers;
    private final DeduplicatorFactory deduplicators;
    private final PipelineSettings settings;
    private final Function<String, PriorityTiers> tiersOf;
    private final LongSupplier nanos;
    private final Timer cutTimer;
    private final Map<StateKind, Map<Origin, Counter>> opened = new EnumMap<>(StateKind.class);

    /** Where state came from when it was opened. */
    private enum Origin {
        /** A checkpoint, and the rows since. */
        CHECKPOINT,
        /** The table's rows of two windows, as no checkpoint was kept. */
        TABLE,
        /** The same, although the table names a checkpoint. */
        TABLE_INSTEAD
    }

    Checkpoints(
            String table,
            StoredRows store,
            SequenceTrackerFactory trackers,
            DeduplicatorFactory deduplicators,
            PipelineSettings settings,
            Function<String, PriorityTiers> tiersOf,
            MeterRegistry meters,
            Tags tags,
            Consumer<Meter> registered,
            LongSupplier nanos) {
        this.table = table;
        this.store = store;
        this.trackers = trackers;
        this.deduplicators = deduplicators;
        this.settings = settings;
        this.tiersOf = tiersOf;
        this.nanos = nanos;
        this.cutTimer = Timer.builder("k2.checkpoint.duration")
                .description("time that the ingest thread stood still to cut a checkpoint")
                .tags(tags)
                .register(meters);
        registered.accept(cutTimer);
        for (StateKind kind : StateKind.values()) {
            Map<Origin, Counter> counters = new EnumMap<>(Origin.class);
            for (Origin origin : Origin.values()) {
                Counter counter = Counter.builder("k2.state.opened")
                        .description("trackers and deduplicators opened with a partition, by what they began from;"
                                + " table-instead: the table names a checkpoint that was of no use")
                        .tags(tags)
                        .tag("state", word(kind))
                        .tag("from", word(origin))
                        .register(meters);
                registered.accept(counter);
                counters.put(origin, counter);
            }
            opened.put(kind, counters);
        }
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }

    /** When a partition's state of one kind was cut last, and what that took. */
    static final class Watch {
        private final StateKind kind;
        private boolean wasCut;
        private long cutAt;
        private long tookNanos;
        private long bytes;
        private long unrepeatable;
        private boolean tooLarge;

        Watch(StateKind kind) {
            this.kind = kind;
        }
    }

    // ---------------------------------------------------------------- cutting

    private record Due(PartitionWork partition, Watch watch) {}

    /**
     * Cuts what is due.
     *
     * @param all all partitions that are worked on, of which at least one has moved
     * @param leaving those that are worked on no longer after this seal, so that whoever comes next finds all of it
     */
    List<StateSnapshot> cut(Collection<PartitionWork> all, Set<LogPartition> leaving) {
        List<StateSnapshot> cut = new ArrayList<>();
        if (settings.checkpointBytes() == 0) {
            return cut;
        }
        long now = nanos.getAsLong();
        List<Due> due = new ArrayList<>();
        for (PartitionWork partition : all) {
            for (Watch watch : List.of(partition.trackerWatch, partition.deduplicatorWatch)) {
                if (partition.hasStored() && isDue(partition, watch, now, leaving.contains(partition.partition))) {
                    due.add(new Due(partition, watch));
                }
            }
        }
        due.sort(Comparator.comparingLong((Due each) -> each.watch.wasCut ? now - each.watch.cutAt : Long.MAX_VALUE)
                .reversed());
        long left = SEAL_BYTES;
        for (Due each : due) {
            boolean small = each.watch.wasCut && each.watch.bytes <= SMALL_BYTES;
            if (left > 0 || small || leaving.contains(each.partition.partition)) {
                StateSnapshot snapshot = cut(each.partition, each.watch);
                if (snapshot != null) {
                    cut.add(snapshot);
                }
                left -= each.watch.bytes;
            }
        }
        return cut;
    }

    private boolean isDue(PartitionWork partition, Watch watch, long now, boolean leaves) {
        if (!watch.wasCut) {
            // Whatever it was opened from is of an age that nobody here knows.
            return true;
        }
        long age = now - watch.cutAt;
        long interval = Math.max(settings.checkpointInterval().toNanos(), SHARE * watch.tookNanos);
        if (watch.tooLarge) {
            return age >= LARGE_PATIENCE * interval;
        }
        if (!partition.moved()) {
            return age >= Math.max(REST_NANOS, interval);
        }
        return leaves
                || age >= interval
                || watch.kind == StateKind.TRACKER
                        && watch.bytes <= SMALL_BYTES
                        && watch.unrepeatable != partition.unrepeatable();
    }

    /** Null if it is too large to be kept. */
    private @Nullable StateSnapshot cut(PartitionWork partition, Watch watch) {
        long began = nanos.getAsLong();
        Bounded out = new Bounded(settings.checkpointBytes());
        boolean kept = true;
        try {
            write(partition, watch.kind, out);
        } catch (TooLarge e) {
            kept = false;
            if (!watch.tooLarge) {
                LOG.atWarn()
                        .log(
                                "{}: the {} of {} has more than {} bytes of state and is not kept with the commits:{} raise"
                                        + " checkpoint-bytes if that takes too long, or matters",
                                table,
                                word(watch.kind),
                                partition.partition,
                                settings.checkpointBytes(),
                                watch.kind == StateKind.TRACKER
                                        ? " gaps that opened more than two dedup windows before a restart are forgotten by it;"
                                        : " it is rebuilt from the table at a restart or a take-over;");
            }
        } catch (IOException e) {
            throw new IllegalStateException("a snapshot of the " + word(watch.kind) + " could not be taken", e);
        }
        long ended = nanos.getAsLong();
        watch.wasCut = true;
        watch.cutAt = ended;
        watch.tookNanos = ended - began;
        watch.bytes = out.size();
        watch.unrepeatable = partition.unrepeatable();
        watch.tooLarge = !kept;
        cutTimer.record(watch.tookNanos, TimeUnit.NANOSECONDS);
        return kept ? new StateSnapshot(partition.partition, watch.kind, out.toByteArray()) : null;
    }

    private void write(PartitionWork partition, StateKind kind, OutputStream out) throws IOException {
        switch (kind) {
            case TRACKER -> {
                TRACKER.write(out, data -> {
                    SnapshotFormat.writeText(data, trackers.name());
                    data.writeLong(partition.next().offset());
                    partition.writeHoles(data);
                });
                partition.tracker.snapshot(out);
            }
            case DEDUPLICATOR -> {
                DEDUPLICATOR.write(out, data -> {
                    SnapshotFormat.writeText(data, deduplicators.name());
                    data.writeLong(partition.next().offset());
                    data.writeLong(deduplicators.window().toMillis());
                });
                partition.deduplicator.snapshot(out);
            }
        }
    }

    private static final class TooLarge extends IOException {
        private static final long serialVersionUID = 1L;

        TooLarge(int bound) {
            super("more than " + bound + " bytes");
        }
    }

    /** Bytes in memory, up to a bound. */
    private static final class Bounded extends OutputStream {
        private final int bound;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Bounded(int bound) {
            this.bound = bound;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] from, int offset, int length) throws IOException {
            if (length > bound - bytes.size()) {
                throw new TooLarge(bound);
            }
            bytes.write(from, offset, length);
        }

        int size() {
            return bytes.size();
        }

        byte[] toByteArray() {
            return bytes.toByteArray();
        }
    }

    // ---------------------------------------------------------------- opening

    /** Opens what judges a partition, as the table's commits left it. */
    PartitionWork open(PartitionState state, PartitionContext.Role role) throws IOException {
        PartitionContext context = new PartitionContext(table, state.partition(), role);
        Opened<SequenceTracker> tracker = tracker(context);
        Opened<Deduplicator> deduplicator = null;
        PartitionWork work = null;
        try {
            deduplicator = deduplicator(context);
            work = new PartitionWork(state, tracker.instance, deduplicator.instance);
            if (tracker.holes != null && !work.ledger.isEmpty()) {
                work.resume(tracker.holes);
            }
            if (tracker.restored) {
                replaySince(work, StateKind.TRACKER);
            }
            if (deduplicator.restored) {
                replaySince(work, StateKind.DEDUPLICATOR);
            }
            if (state.tally().stored() > 0 && !(tracker.restored && deduplicator.restored)) {
                Rows rows = new Rows(work, !tracker.restored, !deduplicator.restored);
                // Twice the window: a record may be older than the newest by a window, and its sighting by another.
                store.replay(work.partition, 2 * deduplicators.window().toMillis(), rows);
                rows.flush();
            }
            if (tracker.restored || deduplicator.restored || state.tally().stored() > 0) {
                LOG.atInfo().log(
                        "{}: {} at {}: tracker from {}, deduplicator from {}",
                        table,
                        state.partition(),
                        state.next().offset(),
                        tracker.from(),
                        deduplicator.from());
            }
            PartitionWork ready = work;
            work = null;
            return ready;
        } finally {
            if (work != null) {
                work.close();
            } else if (deduplicator == null) {
                tracker.instance.close();
            }
        }
    }

    private void replaySince(PartitionWork work, StateKind kind) {
        Rows rows = new Rows(work, kind == StateKind.TRACKER, kind == StateKind.DEDUPLICATOR);
        store.replaySince(work.partition, kind, rows);
        rows.flush();
    }

    private record Opened<S>(S instance, boolean restored, long offset, PartitionWork.@Nullable Holes holes) {
        String from() {
            return restored ? "its checkpoint at " + offset : "the table's rows";
        }
    }

    private Opened<SequenceTracker> tracker(PartitionContext context) throws IOException {
        Opened<SequenceTracker> restored = restored(context, StateKind.TRACKER, in -> {
            Opened<String> head = TRACKER.read(in, data -> {
                String name = SnapshotFormat.readText(data);
                requireSame("implementation", name, trackers.name());
                return new Opened<>(name, true, data.readLong(), PartitionWork.Holes.read(data));
            });
            return new Opened<>(trackers.open(context, in), true, head.offset, head.holes);
        });
        return restored != null ? restored : new Opened<>(trackers.open(context, null), false, 0, null);
    }

    private Opened<Deduplicator> deduplicator(PartitionContext context) throws IOException {
        Opened<Deduplicator> restored = restored(context, StateKind.DEDUPLICATOR, in -> {
            long offset = DEDUPLICATOR.read(in, data -> {
                requireSame("implementation", SnapshotFormat.readText(data), deduplicators.name());
                long at = data.readLong();
                requireSame(
                        "window in ms", data.readLong(), deduplicators.window().toMillis());
                return at;
            });
            return new Opened<>(deduplicators.open(context, in), true, offset, null);
        });
        return restored != null ? restored : new Opened<>(deduplicators.open(context, null), false, 0, null);
    }

    private static void requireSame(String what, Object found, Object wanted) throws IOException {
        if (!found.equals(wanted)) {
            throw new IOException("it was written with another " + what + ": " + found + ", now it is " + wanted);
        }
    }

    /** Reads a checkpoint's content. */
    @FunctionalInterface
    private interface Reader<S> {
        Opened<S> read(InputStream in) throws IOException;
    }

    /** Null where it has to be rebuilt. */
    private <S> @Nullable Opened<S> restored(PartitionContext context, StateKind kind, Reader<S> reader) {
        StoredCheckpoint stored = store.checkpoint(context.partition(), kind);
        String problem = null;
        if (stored instanceof StoredCheckpoint.Found found) {
            try {
                Opened<S> opened = reader.read(new ByteArrayInputStream(found.content()));
                count(kind, Origin.CHECKPOINT);
                return opened;
            } catch (IOException e) {
                problem = e.getMessage();
            }
        } else if (stored instanceof StoredCheckpoint.Missing missing) {
            problem = missing.why();
        }
        count(kind, problem == null ? Origin.TABLE : Origin.TABLE_INSTEAD);
        if (problem != null) {
            LOG.atWarn()
                    .log(
                            "{}: the checkpoint that the table names for the {} of {} is of no use: {}. It is rebuilt from the"
                                    + " table's rows of the last {}{}",
                            table,
                            word(kind),
                            context.partition(),
                            problem,
                            deduplicators.window().multipliedBy(2),
                            kind == StateKind.TRACKER ? "; gaps that opened earlier are forgotten" : "");
        }
        return null;
    }

    private void count(StateKind kind, Origin origin) {
        Counter counter = opened.getOrDefault(kind, Map.of()).get(origin);
        if (counter != null) {
            counter.increment();
        }
    }

    /** Shows rows of the table to a tracker, a deduplicator, or both. */
    private final class Rows implements StoredRows.StoredRowVisitor {
        private final PartitionWork work;
        private final boolean toTracker;
        private final boolean toDeduplicator;
        private final SequenceBatch sequences = new SequenceBatch();
        private final DedupBatch ids = new DedupBatch();

        Rows(PartitionWork work, boolean toTracker, boolean toDeduplicator) {
            this.work = work;
            this.toTracker = toTracker;
            this.toDeduplicator = toDeduplicator;
        }

        @Override
        public void row(
                StreamKey stream, @Nullable Object id, @Nullable Long sequence, long offset, long logTimeMillis) {
            if (toTracker && sequence != null) {
                sequences.add(stream, sequence, offset);
            }
            if (toDeduplicator && id instanceof Long number) {
                ids.add(stream, number, offset, logTimeMillis);
            } else if (toDeduplicator && id instanceof String text) {
                ids.add(stream, text, offset, logTimeMillis);
            }
            if (sequences.size() >= REBUILD_BATCH || ids.size() >= REBUILD_BATCH) {
                flush();
            }
        }

        void flush() {
            work.tracker.observe(sequences);
            if (!work.ledger.isEmpty()) {
                for (int i = 0; i < sequences.size(); i++) {
                    work.seen(sequences.stream(i), sequences.offset(i), sequences.verdict(i), tiersOf);
                }
            }
            sequences.clear();
            work.deduplicator.register(ids, 0, ids.size());
            ids.clear();
        }
    }
}
