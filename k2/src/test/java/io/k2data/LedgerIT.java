package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.Freshness;
import io.k2data.api.PartitionContext;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.dedup.Deduplicators;
import io.k2data.iceberg.Warehouses;
import io.k2data.kafka.JsonEventSerializer;
import io.k2data.sequence.SequenceTrackers;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The ledger of sequence numbers outlives processes: by checkpoints in the commits, however the process ended. */
class LedgerIT {
    private static final int KILLS = Boolean.getBoolean("k2.full") ? 20 : 4;
    private static final Duration WINDOW = Duration.ofSeconds(20);
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final StreamKey STREAM = new StreamKey("venue", "SYM");
    private static final Instant START = Instant.parse("2026-01-05T00:00:00Z");

    @TempDir
    Path directory;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

    @Test
    void aGapThatOpenedLongBeforeTheDedupWindowStaysOpenAcrossRestartsUntilLateArrivalsFillIt() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("old", 1);
            try (K2 k2 = k2(kafka, "warehouse")) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, "old").start();
                send(kafka, START, LongStream.rangeClosed(1, 10));
                send(kafka, START, LongStream.rangeClosed(14, 20));
                // Two hours are far more than the two windows that a rebuild reads.
                send(kafka, START.plusSeconds(7_200), LongStream.rangeClosed(21, 40));
                k2.view(Freshness.now(PATIENCE)).close();
                assertThat(ledger(ingest).gaps()).containsExactly(new Range(11, 13));
            }
            try (K2 k2 = k2(kafka, "warehouse")) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, "old").start();
                assertThat(ledger(ingest).gaps()).containsExactly(new Range(11, 13));
                assertThat(meters.get("k2.state.opened")
                                .tags("state", "tracker", "from", "checkpoint")
                                .counter()
                                .count())
                        .isEqualTo(1);
                send(kafka, START.plusSeconds(7_300), LongStream.of(12));
                k2.view(Freshness.now(PATIENCE)).close();
                assertThat(ledger(ingest).gaps()).containsExactly(new Range(11, 11), new Range(13, 13));
                assertThat(ledger(ingest).late()).isEqualTo(1);
            }
            try (K2 follower = k2(kafka, "warehouse")) {
                assertThat(ledger(follower.follow(EventTypes.TRADE, "old").start())
                                .missing())
                        .isEqualTo(2);
            }
            try (K2 k2 = k2(kafka, "warehouse")) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, "old").start();
                send(kafka, START.plusSeconds(9_000), LongStream.of(11, 13, 41));
                k2.view(Freshness.now(PATIENCE)).close();
                assertThat(ledger(ingest)).isEqualTo(new StreamLedger(STREAM, 1, 41, List.of(), 3, 0, 0, 0));
            }
        }
    }

    @Test
    void aWriterThatIsKilledAgainAndAgainEndsWithTheLedgerOfOneThatNeverDied() throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("trades", 3);
            // A hundred events a second of record time: each batch is several windows long.
            FeedSimulator feed = FeedSimulator.builder()
                    .seed(seed)
                    .symbols(30)
                    .gapRate(0.004)
                    .lateRate(0.004)
                    .duplicateRate(0.02)
                    .duplicateDistance(400)
                    .malformedRate(0.005)
                    .eventsPerSecond(100)
                    .build();
            for (int killed = 0; killed < KILLS; killed++) {
                Process writer = IngestProcess.launch(kafka.bootstrapServers(), "trades", directory, "", 0, WINDOW);
                if (random.nextInt(4) > 0) {
                    awaitStarted(writer);
                }
                CompletableFuture<Void> sending = CompletableFuture.runAsync(
                        () -> Feeds.send(kafka.bootstrapServers(), "trades", feed, 5_000 + random.nextInt(5_000)));
                assertThat(writer.waitFor(random.nextInt(1_500), TimeUnit.MILLISECONDS))
                        .as("the writer left by itself; seed %s, see its log", seed)
                        .isFalse();
                writer.destroyForcibly().waitFor();
                sending.get();
            }
            Feeds.send(kafka.bootstrapServers(), "trades", feed, 500);
            try (K2 broken = k2(kafka, "warehouse");
                    K2 whole = k2(kafka, "whole")) {
                Ingest one = broken.ingest(EventTypes.TRADE, "trades").start();
                Ingest other = whole.ingest(EventTypes.TRADE, "trades").start();
                String run = "seed " + seed;
                assertThat(rows(broken)).as(run).isEqualTo(rows(whole));
                List<StreamLedger> ledger = one.streams();
                assertThat(ledger).as(run).isEqualTo(other.streams());
                assertThat(ledger.stream().mapToLong(StreamLedger::missing).sum())
                        .isPositive();
                assertThat(ledger.stream().mapToLong(StreamLedger::duplicates).sum())
                        .isPositive();
                one.close();
                other.close();
                assertThat(one.tally()).as(run).isEqualTo(other.tally());
                System.out.println("LedgerIT: kills " + KILLS + ", " + one.tally() + ", " + run);
            }
        }
    }

    @Test
    void whoeverStartsWhileTheTableGoesOnAndDropsWhatItNamedReadsItAgain() throws Exception {
        AtomicInteger opened = new AtomicInteger();
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("old", 1);
            try (K2 writer = builder(kafka, "warehouse")
                    .checkpoints(Duration.ofMillis(100), 1 << 20)
                    .build()) {
                Ingest ingest = writer.ingest(EventTypes.TRADE, "old").start();
                send(kafka, START, LongStream.rangeClosed(1, 10));
                awaitStored(ingest, 10);
                SequenceTrackerFactory trackers = SequenceTrackers.inMemory();
                SequenceTrackerFactory overtaken = new SequenceTrackerFactory() {
                    @Override
                    public String name() {
                        return trackers.name();
                    }

                    @Override
                    public SequenceTracker open(PartitionContext context, @Nullable InputStream snapshot)
                            throws IOException {
                        // Its checkpoint is read; before the deduplicator's is, the writer goes on.
                        if (opened.incrementAndGet() == 1) {
                            send(kafka, START, LongStream.rangeClosed(12, 20));
                            awaitStored(ingest, 19);
                            Warehouses.local(directory.resolve("warehouse"))
                                    .loadTable(TableIdentifier.of("k2", "trades"))
                                    .expireSnapshots()
                                    .expireOlderThan(System.currentTimeMillis())
                                    .retainLast(1)
                                    .commit();
                        }
                        return trackers.open(context, snapshot);
                    }
                };
                try (K2 follower = builder(kafka, "warehouse")
                        .spool(directory.resolve("spool-follower"))
                        .sequenceTracker(overtaken)
                        .build()) {
                    StreamLedger ledger =
                            ledger(follower.follow(EventTypes.TRADE, "old").start());
                    assertThat(opened).hasValue(2);
                    assertThat(ledger).isEqualTo(ledger(ingest));
                    assertThat(ledger.gaps()).containsExactly(new Range(11, 11));
                }
            }
        }
    }

    private K2 k2(EmbeddedKafka kafka, String warehouse) {
        return builder(kafka, warehouse).build();
    }

    private K2.Builder builder(EmbeddedKafka kafka, String warehouse) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve(warehouse))
                .spool(directory.resolve("spool-" + warehouse))
                .deduplicator(Deduplicators.exact(
                        Deduplicators.ExactConfig.builder().window(WINDOW).build()))
                .commitInterval(Duration.ofMillis(200))
                .meterRegistry(meters);
    }

    private static StreamLedger ledger(Ingest ingest) {
        return ingest.streams().stream()
                .filter(each -> each.stream().equals(STREAM))
                .findFirst()
                .orElseThrow();
    }

    private static String rows(K2 k2) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select count(*) || ' rows, ' || sum(hash(kafka_partition,"
                        + " kafka_offset, venue, symbol, trade_id))::varchar from trades")) {
            row.next();
            return row.getString(1);
        }
    }

    private static void send(EmbeddedKafka kafka, Instant at, LongStream numbers) {
        JsonEventSerializer<Trade> json = new JsonEventSerializer<>(EventTypes.TRADE);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            numbers.forEach(number -> {
                Trade trade = Trade.of(STREAM.venue(), STREAM.symbol(), number)
                        .at(at)
                        .priced(BigDecimal.ONE, BigDecimal.TEN)
                        .sequence(number)
                        .build();
                var unused = producer.send(
                        new ProducerRecord<>("old", 0, at.toEpochMilli(), null, json.serialize("old", trade)));
            });
        }
    }

    private static void awaitStored(Ingest ingest, long rows) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (ingest.tally().stored() < rows && System.nanoTime() < deadline) {
            LockSupport.parkNanos(10_000_000);
        }
        assertThat(ingest.tally().stored()).isEqualTo(rows);
    }

    private void awaitStarted(Process process) throws Exception {
        // The reader is dropped, not closed: nothing else is read.
        String line = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8), 1)
                .readLine();
        assertThat(line)
                .as(() -> "the writer's log is " + directory.resolve("ingest.log"))
                .isNotNull()
                .startsWith("started");
    }
}
