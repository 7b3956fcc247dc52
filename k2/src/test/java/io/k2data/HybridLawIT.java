package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Law 3: a query over a snapshot and a live end gives the rows that the table will hold once everything below that end is
 * committed. Random feeds with duplicates in flight, random commit points, questions at random moments; each answer is kept
 * with its cut and compared, in the end, with the finished table. A follower is asked as the writer is, also while there is
 * no writer, after its own restart, and after snapshots expired: at one cut both give the same rows. Three seeds; twenty with {@code -Pfull}.
 */
class HybridLawIT {
    private static final int SEEDS = Boolean.getBoolean("k2.full") ? 20 : 3;
    private static final int TRIALS = Boolean.getBoolean("k2.full") ? 10_000 : 500;
    private static final Duration UNDER_FIRE =
            Boolean.getBoolean("k2.full") ? Duration.ofMinutes(10) : Duration.ofSeconds(10);
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    @Test
    void everyAnswerEqualsTheLaterTruthOfItsCut() throws Exception {
        long first = Long.getLong("k2.seed", System.nanoTime());
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            for (int i = 0; i < SEEDS; i++) {
                run(kafka, first + i);
            }
        }
    }

    private void run(EmbeddedKafka kafka, long seed) throws Exception {
        Random random = new Random(seed);
        String topic = "law-" + seed;
        kafka.createTopic(topic, 1 + random.nextInt(6));
        FeedSimulator feed = FeedSimulator.builder()
                .seed(seed)
                .symbols(30)
                .duplicateRate(0.05)
                .duplicateDistance(500)
                .lateRate(0.01)
                .malformedRate(0.01)
                .build();
        List<Answer> answers = new ArrayList<>();
        AtomicBoolean sent = new AtomicBoolean();
        AtomicBoolean acrossSeam = new AtomicBoolean();
        Random pace = new Random(seed);
        K2 writer = writer(kafka, topic, random);
        K2 follower = null;
        try {
            follower = follower(kafka, topic);
            CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> {
                try (KafkaProducer<byte[], byte[]> producer = producer(kafka)) {
                    long patience = System.nanoTime() + PATIENCE.toNanos();
                    // The writer may have been away all the while, or a slow machine have said little.
                    for (int burst = 0; burst < 100 || (!acrossSeam.get() && System.nanoTime() < patience); burst++) {
                        Feeds.send(producer, topic, feed, 1 + pace.nextInt(200));
                        LockSupport.parkNanos(1_000_000L * pace.nextInt(80));
                    }
                } finally {
                    sent.set(true);
                }
            });
            while (!sent.get()) {
                int what = random.nextInt(100);
                if (what < 2 || (writer == null && what > 80)) {
                    // The follower goes on without a writer for some answers, and does not mind its coming back.
                    if (writer == null) {
                        writer = writer(kafka, topic, random);
                    } else {
                        writer.close();
                        writer = null;
                    }
                } else if (what < 3) {
                    follower.close();
                    follower = follower(kafka, topic);
                } else if (what < 5) {
                    table(topic)
                            .expireSnapshots()
                            .expireOlderThan(System.currentTimeMillis())
                            .retainLast(1)
                            .commit();
                }
                boolean ofFollower = writer == null || random.nextBoolean();
                Freshness freshness = random.nextBoolean() ? Freshness.asFreshAsIs() : Freshness.now(PATIENCE);
                try (View view = (ofFollower ? follower : writer).view(freshness)) {
                    Answer answer = answer(view, ofFollower);
                    answers.add(answer);
                    if (answer.spansTheSeam()) {
                        acrossSeam.set(true);
                    }
                }
            }
            sending.get();
            if (writer == null) {
                writer = writer(kafka, topic, random);
            }
            try (View last = follower.view(Freshness.now(PATIENCE))) {
                answers.add(answer(last, true));
                assertThat(answers.get(answers.size() - 1).rowCount())
                        .as("the follower's last answer, seed %s", seed)
                        .isEqualTo(feed.truth().trades());
            }
            writer.view(Freshness.now(PATIENCE)).close();
        } finally {
            if (writer != null) {
                writer.close();
            }
            if (follower != null) {
                follower.close();
            }
        }
        TreeMap<Position, String> truth;
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve(topic))
                .spool(directory.resolve("spool"))
                .build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(ingest.tally().stored())
                    .as("seed %s", seed)
                    .isEqualTo(feed.truth().trades());
            assertThat(ingest.tally().duplicate())
                    .as("seed %s", seed)
                    .isEqualTo(feed.truth().duplicates());
            try (View view = k2.view(Freshness.asFreshAsIs())) {
                truth = answer(view, false).rows();
            }
        }
        assertThat(truth).as("seed %s", seed).hasSize((int) feed.truth().trades());
        for (Answer answer : answers) {
            TreeMap<Position, String> expected = new TreeMap<>();
            truth.forEach((position, row) -> {
                if (position.offset() < answer.liveEnds().get(position.partition())) {
                    expected.put(position, row);
                }
            });
            String by = answer.ofFollower() ? "follower" : "writer";
            assertThat(answer.rowCount())
                    .as("no row twice, %s, seed %s", by, seed)
                    .isEqualTo(answer.rows().size());
            assertThat(answer.rows())
                    .as("%s, seed %s, cut %s", by, seed, answer.liveEnds())
                    .isEqualTo(expected);
        }
        long acrossTheSeam = answers.stream().filter(Answer::spansTheSeam).count();
        long ofFollower = answers.stream().filter(Answer::ofFollower).count();
        assertThat(acrossTheSeam).as("answers from both sides, seed %s", seed).isPositive();
        assertThat(ofFollower).as("answers of the follower, seed %s", seed).isPositive();
        System.out.println("HybridLawIT: seed " + seed + ", answers " + answers.size() + ", of them across the seam "
                + acrossTheSeam + ", by the follower " + ofFollower + ", rows " + truth.size());
    }

    private K2 writer(EmbeddedKafka kafka, String topic, Random random) {
        K2 k2 = K2.builder()
                .kafka(Map.of(
                        "bootstrap.servers", kafka.bootstrapServers(), "max.poll.records", 50 + random.nextInt(400)))
                .warehouse(directory.resolve(topic))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(100 + random.nextInt(300)))
                .generationRows(100 + random.nextInt(1_500))
                .build();
        k2.ingest(EventTypes.TRADE, topic).start();
        return k2;
    }

    private K2 follower(EmbeddedKafka kafka, String topic) {
        K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve(topic))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200))
                .generationRows(500)
                .build();
        k2.follow(EventTypes.TRADE, topic).start();
        return k2;
    }

    private Table table(String topic) {
        return Warehouses.local(directory.resolve(topic)).loadTable(TableIdentifier.of("k2", "trades"));
    }

    private static Answer answer(View view, boolean ofFollower) throws SQLException {
        TreeMap<Position, String> rows = new TreeMap<>();
        long count = 0;
        try (Statement statement = view.connection().createStatement();
                ResultSet result =
                        statement.executeQuery("select kafka_partition, kafka_offset, venue || '/' || symbol ||"
                                + " '/' || trade_id || ' ' || price || ' ' || quantity || ' ' || epoch_us(event_time) from"
                                + " trades")) {
            while (result.next()) {
                rows.put(new Position(result.getInt(1), result.getLong(2)), result.getString(3));
                count++;
            }
        }
        TreeMap<Integer, Long> ends = new TreeMap<>();
        boolean history = false;
        boolean live = false;
        Cut.TableCut cut = view.cut().tables().get("trades");
        for (var entry : cut.partitions().entrySet()) {
            ends.put(entry.getKey().partition(), entry.getValue().liveEnd());
            history |= entry.getValue().tableOffset() > entry.getValue().startOffset();
            live |= entry.getValue().liveEnd() > entry.getValue().tableOffset();
        }
        return new Answer(rows, count, ends, history && live, ofFollower);
    }

    /**
     * Readers in a loop beside ingest and commits, with conditions that choose files. In its own view each answer equals what
     * is counted over all rows, where the condition can choose nothing; and in the end, over the finished table below its
     * cut. Ten seconds; ten minutes with {@code -Pfull}.
     */
    @Test
    void underFireEveryAnswerEqualsTheTruthOfItsCutWhateverFilesItsConditionChose() throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        AtomicBoolean done = new AtomicBoolean();
        AtomicLong chosen = new AtomicLong();
        Queue<Asked> asked = new ConcurrentLinkedQueue<>();
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("fire", 4);
            FeedSimulator feed = FeedSimulator.builder()
                    .seed(seed)
                    .symbols(20)
                    .duplicateRate(0.02)
                    .lateRate(0.01)
                    .eventsPerSecond(20)
                    .build();
            try (K2 writer = K2.builder()
                            .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                            .warehouse(directory.resolve("fire"))
                            .spool(directory.resolve("spool"))
                            .commitInterval(
                                    UNDER_FIRE.compareTo(Duration.ofMinutes(1)) > 0
                                            ? Duration.ofSeconds(3)
                                            : Duration.ofMillis(300))
                            .build();
                    KafkaProducer<byte[], byte[]> producer = producer(kafka)) {
                writer.ingest(EventTypes.TRADE, "fire").start();
                CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> {
                    while (!done.get()) {
                        Feeds.send(producer, "fire", feed, 200);
                        LockSupport.parkNanos(50_000_000);
                    }
                });
                List<CompletableFuture<Void>> readers = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                    Random random = new Random(seed + i);
                    readers.add(CompletableFuture.runAsync(() -> {
                        while (!done.get()) {
                            asked.add(ask(writer, random, chosen));
                        }
                    }));
                }
                long deadline = System.nanoTime() + UNDER_FIRE.toNanos();
                long patience = deadline + PATIENCE.toNanos();
                while (readers.stream().noneMatch(CompletableFuture::isDone)
                        && (System.nanoTime() < deadline
                                // A slow machine has said little by then.
                                || (System.nanoTime() < patience && (asked.size() < 60 || chosen.get() < 10)))) {
                    LockSupport.parkNanos(20_000_000);
                }
                done.set(true);
                sending.get();
                for (CompletableFuture<Void> reader : readers) {
                    reader.get();
                }
                try (View last = writer.view(Freshness.now(PATIENCE));
                        Statement statement = last.connection().createStatement()) {
                    for (Asked each : asked) {
                        try (ResultSet truth = statement.executeQuery("select count(*), sum(kafka_offset) from trades"
                                + " where " + each.condition() + " and " + each.cut())) {
                            truth.next();
                            assertThat(truth.getLong(1) + " " + truth.getLong(2))
                                    .as("seed %s, %s", seed, each)
                                    .isEqualTo(each.answer());
                        }
                    }
                }
            } finally {
                done.set(true);
            }
        }
        long acrossTheSeam = asked.stream().filter(Asked::spansTheSeam).count();
        assertThat(acrossTheSeam).as("answers from both sides, seed %s", seed).isPositive();
        assertThat(chosen.get())
                .as("answers from fewer files than there are, seed %s", seed)
                .isPositive();
        System.out.println("HybridLawIT: under fire, seed " + seed + ", answers " + asked.size()
                + ", of them across the" + " seam " + acrossTheSeam + ", from fewer files than there are " + chosen);
    }

    private static Asked ask(K2 k2, Random random, AtomicLong chosen) {
        try (View view = k2.view(random.nextInt(4) == 0 ? Freshness.now(PATIENCE) : Freshness.asFreshAsIs());
                Statement statement = view.connection().createStatement()) {
            String condition = condition(random);
            String answer;
            try (ResultSet found =
                    statement.executeQuery("select count(*), sum(kafka_offset) from trades where " + condition)) {
                found.next();
                answer = found.getLong(1) + " " + found.getLong(2);
            }
            View.Files files = view.filesRead().get("trades");
            if (files.read() < files.of()) {
                chosen.incrementAndGet();
            }
            try (ResultSet all = statement.executeQuery("select count(*) filter (where " + condition
                    + "), sum(kafka_offset) filter (where " + condition + ") from trades")) {
                all.next();
                assertThat(answer).as(condition).isEqualTo(all.getLong(1) + " " + all.getLong(2));
            }
            boolean history = false;
            boolean live = false;
            StringBuilder cut = new StringBuilder("(false");
            for (var entry : view.cut().tables().get("trades").partitions().entrySet()) {
                Cut.PartitionCut part = entry.getValue();
                cut.append(" or (kafka_partition = ")
                        .append(entry.getKey().partition())
                        .append(" and kafka_offset < ")
                        .append(part.liveEnd())
                        .append(')');
                history |= part.tableOffset() > part.startOffset();
                live |= part.liveEnd() > part.tableOffset();
            }
            return new Asked(condition, cut.append(')').toString(), answer, history && live);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String condition(Random random) {
        // The feed begins there, and goes an hour each three seconds or so.
        String time = Instant.parse("2026-01-05T00:00:00Z")
                .plusSeconds(random.nextInt(4 * 3600))
                .toString();
        String one = "kafka_offset " + (random.nextBoolean() ? "<" : ">=") + " " + random.nextInt(4_000);
        return switch (random.nextInt(6)) {
            case 0 -> "event_time >= '" + time + "' and event_time < timestamptz '" + time + "' + interval 15 minutes";
            case 1 -> "event_time < '" + time + "' and venue = 'binance'";
            case 2 -> "kafka_partition = " + random.nextInt(5) + " and " + one;
            case 3 -> "trade_id between " + random.nextInt(2_000) + " and " + (2_000 + random.nextInt(500));
            case 4 -> "(event_time > '" + time + "' or " + one + ") and venue in ('kraken', 'nowhere')";
            default -> "not (" + one + ") and event_time is not null";
        };
    }

    /** A condition, a condition for the rows of the cut that it was asked at, and the answer. */
    private record Asked(String condition, String cut, String answer, boolean spansTheSeam) {}

    @Test
    void whatKafkaAcknowledgedIsInTheNextAnswerOfWriterAndFollower() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("barrier", 3);
            FeedSimulator feed = FeedSimulator.builder().seed(99).symbols(10).build();
            try (K2 writer = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(directory.resolve("barrier"))
                    .spool(directory.resolve("spool"))
                    // The long run would read a thousand files for each answer otherwise, which is not what is tested
                    // here.
                    .commitInterval(Duration.ofSeconds(TRIALS > 1_000 ? 20 : 2))
                    .build()) {
                writer.ingest(EventTypes.TRADE, "barrier").start();
                try (K2 follower = follower(kafka, "barrier");
                        KafkaProducer<byte[], byte[]> producer = producer(kafka)) {
                    trials(feed, producer, writer, follower);
                }
            }
        }
    }

    private static void trials(FeedSimulator feed, KafkaProducer<byte[], byte[]> producer, K2 writer, K2 follower)
            throws Exception {
        for (int trial = 0; trial < TRIALS; trial++) {
            SimulatedRecord record = feed.next();
            RecordMetadata acknowledged = producer.send(new ProducerRecord<>(
                            "barrier", null, record.timestampMillis(), record.key(), record.value()))
                    .get();
            Freshness freshness = trial % 10 == 9
                    ? Freshness.atLeast(
                            "barrier", Map.of(acknowledged.partition(), acknowledged.offset() + 1), PATIENCE)
                    : Freshness.now(PATIENCE);
            for (K2 k2 : List.of(writer, follower)) {
                try (View view = k2.view(freshness);
                        Statement statement = view.connection().createStatement();
                        ResultSet found = statement.executeQuery("select count(*) from trades where kafka_partition = "
                                + acknowledged.partition() + " and kafka_offset = "
                                + acknowledged.offset())) {
                    found.next();
                    assertThat(found.getLong(1))
                            .as(
                                    "trial %s, %s, %s",
                                    trial,
                                    k2 == writer ? "writer" : "follower",
                                    new String(record.value(), StandardCharsets.UTF_8))
                            .isEqualTo(1);
                }
            }
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(EmbeddedKafka kafka) {
        return new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private record Position(int partition, long offset) implements Comparable<Position> {
        @Override
        public int compareTo(Position other) {
            int byPartition = Integer.compare(partition, other.partition);
            return byPartition != 0 ? byPartition : Long.compare(offset, other.offset);
        }
    }

    private record Answer(
            TreeMap<Position, String> rows,
            long rowCount,
            TreeMap<Integer, Long> liveEnds,
            boolean spansTheSeam,
            boolean ofFollower) {}
}
