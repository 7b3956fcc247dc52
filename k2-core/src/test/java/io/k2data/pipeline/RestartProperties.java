package io.k2data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DeduplicatorFactory;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.dedup.Deduplicators;
import io.k2data.pipeline.StoredRows.StateSnapshot;
import io.k2data.sequence.SequenceTrackers;
import io.k2data.sequence.SequenceTrackers.InMemoryConfig;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A partition that is judged with crashes in between, at random points, against one that is judged without: the rows, the
 * counts and the ledger of sequence numbers must be the same. The feed has gaps that stay open far longer than the dedup
 * window, late numbers that fill them, duplicates, and streams that begin anew.
 */
class RestartProperties {
    private static final LogPartition PARTITION = new LogPartition("cluster", "topic-id", "trades", 0);
    private static final long START_MILLIS =
            Instant.parse("2024-08-08T00:00:00Z").toEpochMilli();
    private static final int RECORDS = 3_000;

    static LongStream seeds() {
        long first = Long.getLong("k2.seed", System.nanoTime());
        return LongStream.range(first, first + (Boolean.getBoolean("k2.full") ? 400 : 40));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void crashesChangeNeitherRowsNorCountsNorLedger(long seed) {
        Random random = new Random(seed);
        List<Row> log = log(random);
        Run whole = new Run(log, 16 << 20);
        whole.takeAll(random);
        Run broken = new Run(log, 16 << 20);
        int crashes = 0;
        while (broken.work.next().offset() < log.size()) {
            broken.take(random);
            int what = random.nextInt(10);
            if (what < 4) {
                broken.commit(false);
            } else if (what == 4) {
                // The commit landed, and nobody was told.
                broken.commit(false);
                broken.crash();
                crashes++;
            } else if (what == 5) {
                // Cut, written, and never committed.
                broken.cut(false);
                broken.crash();
                crashes++;
            } else if (what == 6) {
                broken.crash();
                crashes++;
            } else if (what == 7) {
                broken.commit(true);
                broken.crash();
                crashes++;
            }
        }
        broken.commit(false);
        broken.crash();
        String run = "seed " + seed + ", " + crashes + " crashes";
        assertThat(broken.table.offsets()).as(run).isEqualTo(whole.table.offsets());
        assertThat(broken.work.state().tally())
                .as(run)
                .isEqualTo(whole.work.state().tally());
        assertThat(broken.work.streams()).as(run).isEqualTo(whole.work.streams());
        assertThat(broken.instead()).as(run).isZero();
        assertThat(whole.work.streams().stream()
                        .mapToLong(StreamLedger::duplicates)
                        .sum())
                .as("the feed has duplicates, %s", run)
                .isPositive();
    }

    @Test
    void withoutCheckpointsTheSameComparisonFindsThatOldGapsAreForgotten() {
        Random random = new Random(7);
        List<Row> log = log(random);
        Run whole = new Run(log, 0);
        whole.takeAll(random);
        List<StreamLedger> before = whole.work.streams();
        whole.crash();
        assertThat(whole.work.streams()).isNotEqualTo(before);
        assertThat(whole.work.streams().stream()
                        .mapToLong(StreamLedger::missing)
                        .sum())
                .isLessThan(before.stream().mapToLong(StreamLedger::missing).sum());
    }

    @Test
    void anotherImplementationOrWindowIsRebuiltFromTheTableAndSaidSo() {
        Random random = new Random(8);
        List<Row> log = log(random);
        Run run = new Run(log, 16 << 20);
        run.takeAll(random);
        run.deduplicators = Deduplicators.exact(Deduplicators.ExactConfig.builder()
                .window(Duration.ofSeconds(50))
                .build());
        run.crash();
        assertThat(run.instead()).isEqualTo(1);
        run.trackers = named("other", run.trackers);
        run.crash();
        assertThat(run.instead()).isEqualTo(3);
    }

    @Test
    void whatIsTooLargeIsNotKeptAndAnOlderCheckpointGoesOnToServe() {
        Random random = new Random(9);
        List<Row> log = log(random);
        Run whole = new Run(log, 16 << 20);
        whole.takeAll(random);
        // Room for the tracker and for few ids.
        Run small = new Run(log, 3_000);
        small.takeAll(random);
        assertThat(small.keptDeduplicators).isLessThan(whole.keptDeduplicators);
        List<StreamLedger> before = small.work.streams();
        small.crash();
        assertThat(small.work.streams()).isEqualTo(before).isEqualTo(whole.work.streams());
    }

    private static SequenceTrackerFactory named(String name, SequenceTrackerFactory factory) {
        return new SequenceTrackerFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public SequenceTracker open(PartitionContext context, @Nullable InputStream snapshot) throws IOException {
                return factory.open(context, snapshot);
            }
        };
    }

    /** One record a second and half of a window in all directions; 500 records are some five windows. */
    private static List<Row> log(Random random) {
        List<Row> log = new ArrayList<>();
        TreeMap<Integer, Long> next = new TreeMap<>();
        List<long[]> late = new ArrayList<>();
        for (long offset = 0; offset < RECORDS; offset++) {
            long time = START_MILLIS + offset * 1000 + random.nextInt(4_000);
            int stream = random.nextInt(5);
            long sequence = next.merge(stream, 1L, Long::sum);
            int what = random.nextInt(100);
            if (what < 4) {
                // Left out, and perhaps told late, long after the window has passed.
                long missing = 1 + random.nextInt(3);
                next.merge(stream, missing, Long::sum);
                if (random.nextBoolean()) {
                    late.add(new long[] {stream, sequence, offset + random.nextInt(RECORDS / 2)});
                }
                sequence += missing;
            } else if (what < 12 && offset > 0) {
                // The same again, or what was said long ago.
                Row copied = log.get((int) Math.max(0, offset - 1 - random.nextInt(what < 9 ? 20 : 400)));
                log.add(new Row(PARTITION, offset, time, time * 1000, copied.values()));
                continue;
            } else if (what == 12 && random.nextInt(4) == 0) {
                next.put(stream, 1L);
                sequence = 1;
            }
            long now = offset;
            long[] due =
                    late.stream().filter(each -> each[2] <= now).findFirst().orElse(null);
            if (due != null) {
                late.remove(due);
                next.merge(stream, -1L, Long::sum);
                stream = (int) due[0];
                sequence = due[1];
            }
            log.add(row(offset, time, "S" + stream, sequence, offset));
        }
        return log;
    }

    private static Row row(long offset, long timeMillis, String symbol, long sequence, long id) {
        Trade trade = Trade.of("V", symbol, id)
                .at(Instant.ofEpochMilli(timeMillis))
                .priced(BigDecimal.ONE.setScale(12), BigDecimal.ONE.setScale(10))
                .sequence(sequence)
                .build();
        Object[] values = new Object[EventTypes.TRADE.columns().size()];
        for (int i = 0; i < values.length; i++) {
            Object value = EventTypes.TRADE.value(i, trade);
            values[i] = value instanceof Instant ? (Object) (timeMillis * 1000) : value;
        }
        return new Row(PARTITION, offset, timeMillis, timeMillis * 1000, values);
    }

    /** A partition of a table, and the process that works on it. */
    private static final class Run {
        private final List<Row> log;
        private final int checkpointBytes;
        private final MemoryTable table = new MemoryTable(PARTITION);
        private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
        private SequenceTrackerFactory trackers = SequenceTrackers.inMemory(
                InMemoryConfig.builder().resetDistance(60).maxOpenGaps(50).build());
        private DeduplicatorFactory deduplicators = Deduplicators.exact(Deduplicators.ExactConfig.builder()
                .window(Duration.ofSeconds(100))
                .maxIds(300)
                .build());
        private Checkpoints checkpoints;
        private Judge judge;
        private PartitionWork work;
        private long nanos;
        private int keptDeduplicators;

        Run(List<Row> log, int checkpointBytes) {
            this.log = log;
            this.checkpointBytes = checkpointBytes;
            table.state = new PartitionState(PARTITION, 0, LogOffset.of(0), Tally.ZERO);
            crash();
        }

        /** Another process begins where the table stands. */
        void crash() {
            if (work != null) {
                work.close();
            }
            table.live.clear();
            checkpoints = new Checkpoints(
                    "trades",
                    table,
                    trackers,
                    deduplicators,
                    PipelineSettings.DEFAULT.checkpoints(Duration.ofSeconds(1), checkpointBytes),
                    version -> {
                        throw new IllegalStateException(version);
                    },
                    meters,
                    Tags.empty(),
                    meter -> {},
                    () -> nanos);
            judge = new Judge(
                    EventTypes.TRADE,
                    table,
                    deduplicators.window().toMillis(),
                    (partition, stream, offset, verdict) -> {},
                    () -> {});
            try {
                work = checkpoints.open(table.state, Role.WRITER);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        void take(Random random) {
            int from = (int) work.next().offset();
            int to = Math.min(log.size(), from + 1 + random.nextInt(60));
            judge.clear();
            log.subList(from, to).forEach(judge::add);
            PartitionWork.Outcomes outcomes = new PartitionWork.Outcomes();
            outcomes.stored = judge.judge(work, table.live::add);
            outcomes.duplicate = to - from - outcomes.stored;
            work.advance(LogOffset.of(to), outcomes);
            nanos += random.nextInt(1_000_000_000);
        }

        void takeAll(Random random) {
            while (work.next().offset() < log.size()) {
                take(random);
                commit(false);
            }
        }

        List<StateSnapshot> cut(boolean leaving) {
            return work.moved() ? checkpoints.cut(List.of(work), leaving ? Set.of(PARTITION) : Set.of()) : List.of();
        }

        void commit(boolean leaving) {
            List<StateSnapshot> kept = cut(leaving);
            keptDeduplicators +=
                    kept.stream().anyMatch(each -> each.kind() == StoredRows.StateKind.DEDUPLICATOR) ? 1 : 0;
            PartitionState state = work.state();
            work.sealed();
            table.commit(state, kept);
        }

        long instead() {
            return (long) meters.find("k2.state.opened").tag("from", "table-instead").counters().stream()
                    .mapToDouble(counter -> counter.count())
                    .sum();
        }
    }

    @Test
    void theFeedHasWhatItClaims() {
        Random random = new Random(7);
        Run run = new Run(log(random), 0);
        TreeMap<String, Integer> verdicts = new TreeMap<>();
        run.judge = new Judge(
                EventTypes.TRADE,
                run.table,
                run.deduplicators.window().toMillis(),
                (partition, stream, offset, verdict) ->
                        verdicts.merge(verdict.getClass().getSimpleName(), 1, Integer::sum),
                () -> {});
        run.takeAll(random);
        assertThat(verdicts.keySet())
                .contains(
                        SequenceVerdict.Gap.class.getSimpleName(),
                        SequenceVerdict.Late.class.getSimpleName(),
                        SequenceVerdict.Reset.class.getSimpleName());
        assertThat(run.work.state().tally().duplicate()).isPositive();
        assertThat(new StreamKey("V", "S0"))
                .isIn(run.work.streams().stream().map(StreamLedger::stream).toList());
    }
}
