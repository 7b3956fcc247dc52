package io.k2data.pipeline;

import io.k2data.api.FencedException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.event.EventType;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores repaired dead letters at the positions their records had, by commits of its own: the rows, and the records moved
 * from {@code rejected} to {@code stored}, in one atomic step under the same compare-and-set as every commit. A writer that
 * runs meanwhile is fenced by it, reads the table again, and judges what it had not committed anew; so an id that became
 * known by a repair is not stored a second time.
 *
 * <p>Doing it twice is harmless: a position that has a row already is left alone. A repaired record whose id stands at
 * another position within the dedup window is a duplicate; it stays among the rejected. One thread.
 */
public final class DeadLetterRepair {
    private static final Logger LOG = LoggerFactory.getLogger(DeadLetterRepair.class);
    private static final int LETTERS_PER_COMMIT = 5_000;
    private static final int ATTEMPTS = 50;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final EventType<?> type;
    private final RowDecoder decoder;
    private final RowChecker checker;
    private final EventStore store;
    private final long windowMillis;
    private final Clock clock;
    private final int[] idIndexes;

    /**
     * Makes one.
     *
     * @param type the event type
     * @param format how repaired values read
     * @param store a store of the table beside the ingest's; stays the caller's
     * @param windowMillis the dedup window, in milliseconds
     * @param settings the ingest's settings, for the bounds of event times
     * @param clock tells the ingestion time of rows
     */
    public DeadLetterRepair(
            EventType<?> type,
            RowFormat format,
            EventStore store,
            long windowMillis,
            PipelineSettings settings,
            Clock clock) {
        this.type = type;
        store.load();
        this.decoder = format.open(type, store.columns(), UnknownFields.REJECT);
        this.checker = new RowChecker(type, store.columns(), settings);
        this.store = store;
        this.windowMillis = windowMillis;
        this.clock = clock;
        this.idIndexes = type.idColumns().stream()
                .mapToInt(column -> type.index(column.name()))
                .toArray();
    }

    /**
     * What became of dead letters.
     *
     * @param stored repaired and stored now
     * @param storedBefore with a row at their position already
     * @param duplicate repaired, but their id stands at another position
     * @param left not touched by the repair
     * @param notPassed beyond the table's offsets, so that the ingest has yet to reach them
     * @param stillRejected by letter, why the repaired value is rejected too
     */
    public record Outcome(
            long stored,
            long storedBefore,
            long duplicate,
            long left,
            long notPassed,
            Map<DeadLetter, Rejection> stillRejected) {}

    /**
     * Repairs and stores.
     *
     * @param letters the letters, each once
     * @param repair gives the repaired value, or nothing to leave a letter alone; called once for each
     * @return what became of them
     * @throws K2Exception if the table cannot be read or committed to; what was committed before stands
     */
    public Outcome replay(Collection<DeadLetter> letters, Function<? super DeadLetter, Optional<byte[]>> repair) {
        Run run = new Run();
        Map<LogPartition, List<Repaired>> byPartition = new TreeMap<>();
        for (DeadLetter letter : letters) {
            Optional<byte[]> value = repair.apply(letter);
            if (value.isEmpty()) {
                run.left++;
                continue;
            }
            LogRecord old = letter.record();
            LogRecord repaired = new LogRecord(
                    old.partition(), old.offset(), old.timestampMillis(), old.key(), value.get(), old.headers());
            try {
                @Nullable Object @Nullable [] values = decoder.decode(repaired);
                if (values == null) {
                    run.left++;
                    continue;
                }
                checker.check(values, old.timestampMillis());
                byPartition
                        .computeIfAbsent(old.partition(), partition -> new ArrayList<>())
                        .add(new Repaired(old, values));
            } catch (Rejection rejection) {
                run.stillRejected.put(letter, rejection);
            }
        }
        byPartition.forEach((partition, all) -> {
            for (int from = 0; from < all.size(); from += LETTERS_PER_COMMIT) {
                store(run, partition, all.subList(from, Math.min(all.size(), from + LETTERS_PER_COMMIT)));
            }
        });
        return new Outcome(
                run.stored, run.storedBefore, run.duplicate, run.left, run.notPassed, Map.copyOf(run.stillRejected));
    }

    /** Counters of one call. */
    private static final class Run {
        private long stored;
        private long storedBefore;
        private long duplicate;
        private long left;
        private long notPassed;
        private final Map<DeadLetter, Rejection> stillRejected = new HashMap<>();
    }

    @SuppressWarnings("ArrayRecordComponent")
    private record Repaired(LogRecord record, @Nullable Object[] values) {}

    private void store(Run run, LogPartition partition, List<Repaired> repaired) {
        for (int attempt = 1; ; attempt++) {
            try {
                storeOnce(run, partition, repaired);
                return;
            } catch (FencedException e) {
                // The writer committed in between. What is stored, and what is a duplicate, may be another by now.
                if (attempt == ATTEMPTS) {
                    throw e;
                }
                LOG.atInfo().log("{}: the writer was first, trying again: {}", partition, e.getMessage());
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    private void storeOnce(Run run, LogPartition partition, List<Repaired> repaired) {
        PartitionState state = store.load().get(partition);
        List<Repaired> passed = repaired.stream()
                .filter(each -> state != null
                        && each.record().offset() >= state.startOffset()
                        && each.record().offset() < state.next().offset())
                .toList();
        Set<Long> before = store.storedOffsets(
                partition, passed.stream().map(each -> each.record().offset()).toList());
        store.begin(state == null ? Map.of() : Map.of(partition, state.next().offset()));
        long now = micros(clock.instant());
        List<Row> rows = new ArrayList<>();
        long duplicate = 0;
        for (Repaired each : passed) {
            LogRecord record = each.record();
            if (before.contains(record.offset())) {
                continue;
            }
            Row row = new Row(partition, record.offset(), record.timestampMillis(), now, each.values());
            if (isDuplicate(row, rows)) {
                duplicate++;
            } else {
                rows.add(row);
            }
        }
        if (!rows.isEmpty()) {
            PartitionState known = Objects.requireNonNull(state);
            store.append(rows, Map.of());
            commit(store.seal(List.of(known.repaired(rows.size()))));
        }
        run.stored += rows.size();
        run.storedBefore += before.size();
        run.duplicate += duplicate;
        run.notPassed += repaired.size() - passed.size();
    }

    private void commit(EventStore.Generation generation) {
        for (int attempt = 1; ; attempt++) {
            try {
                store.commit(generation);
                return;
            } catch (FencedException | K2Exception.Stop e) {
                throw e;
            } catch (K2Exception e) {
                if (attempt == ATTEMPTS) {
                    throw e;
                }
                LOG.atWarn()
                        .log("a commit of repaired dead letters did not go through, trying again: {}", e.getMessage());
                LockSupport.parkNanos(PAUSE_NANOS * Math.min(attempt, 10));
            }
        }
    }

    private boolean isDuplicate(Row row, List<Row> others) {
        Object id = id(row);
        if (id == null) {
            return false;
        }
        StreamKey stream = stream(row);
        boolean amongOthers = others.stream()
                .anyMatch(other -> id.equals(id(other))
                        && stream.equals(stream(other))
                        && Math.abs(other.logTimeMillis() - row.logTimeMillis()) <= windowMillis);
        if (amongOthers) {
            return true;
        }
        DedupBatch asked = new DedupBatch();
        if (id instanceof Long number) {
            asked.add(stream, number, row.offset(), row.logTimeMillis());
        } else {
            asked.add(stream, (String) id, row.offset(), row.logTimeMillis());
        }
        return store.sightings(row.partition(), asked, 0, 1, windowMillis)[0] != StoredRows.NOT_SIGHTED;
    }

    private @Nullable Object id(Row row) {
        for (int index : idIndexes) {
            if (row.values()[index] != null) {
                return row.values()[index];
            }
        }
        return null;
    }

    private StreamKey stream(Row row) {
        return new StreamKey(
                Objects.requireNonNull((String) row.values()[type.index("venue")]),
                Objects.requireNonNull((String) row.values()[type.index("symbol")]));
    }

    private static long micros(Instant time) {
        return time.getEpochSecond() * 1_000_000L + time.getNano() / 1000;
    }
}
