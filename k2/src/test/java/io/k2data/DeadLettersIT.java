package io.k2data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.DeadLetterRepair;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

class DeadLettersIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long TIME = 1_772_357_400_000L;
    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    private String topic;
    private KafkaProducer<byte[], byte[]> producer;

    @BeforeAll
    static void startKafka() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stopKafka() {
        kafka.close();
    }

    @BeforeEach
    void nameTopic(TestInfo test) {
        topic = test.getTestMethod().orElseThrow().getName();
        producer = new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()), new ByteArraySerializer(), new ByteArraySerializer());
    }

    @AfterEach
    void closeProducer() {
        producer.close();
    }

    private K2.Builder builder() {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200));
    }

    private static String trade(long id, String price) {
        return "{\"venue\":\"X\",\"symbol\":\"A\",\"trade_id\":" + id + ",\"event_time\":" + TIME * 1000
                + ",\"price\":\"" + price + "\",\"quantity\":1}";
    }

    private long send(String value) throws Exception {
        return producer.send(new ProducerRecord<>(topic, 0, TIME, null, value.getBytes(UTF_8)))
                .get()
                .offset();
    }

    private static List<String> rows(K2 k2) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet result = statement.executeQuery(
                        "select trade_id, kafka_offset, epoch_ms(kafka_time) from trades order by 1, 2")) {
            while (result.next()) {
                assertThat(result.getLong(3)).isEqualTo(TIME);
                rows.add(result.getLong(1) + "@" + result.getLong(2));
            }
        }
        return rows;
    }

    /** Some feed writes decimal commas. */
    private static Optional<byte[]> repaired(DeadLetter letter) {
        String text = new String(letter.record().value(), UTF_8);
        return text.contains("\"1,5\"")
                ? Optional.of(text.replace("\"1,5\"", "\"1.5\"").getBytes(UTF_8))
                : Optional.empty();
    }

    @Test
    void aRepairedDeadLetterIsStoredOnceAtItsOriginalPosition() throws Exception {
        kafka.createTopic(topic, 1);
        send(trade(1, "1.5"));
        send(trade(2, "1,5"));
        send("nonsense");
        send(trade(3, "1.5"));
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(rows(k2)).containsExactly("1@0", "3@3");
            ingest.close();
            assertThat(ingest.tally()).isEqualTo(new Tally(4, 2, 0, 2, 0, 0, 0, 0));
        }
        try (K2 k2 = builder().build();
                DeadLetters letters = k2.deadLetters(EventTypes.TRADE, topic)) {
            assertThat(letters.list())
                    .extracting(letter -> letter.record().offset() + " " + letter.reason() + " " + letter.copies())
                    .containsExactly("1 wrong-type 1", "2 malformed 1");
            assertThat(letters.replay(DeadLettersIT::repaired))
                    .isEqualTo(new DeadLetterRepair.Outcome(1, 0, 0, 1, 0, Map.of()));
            assertThat(letters.replay(DeadLettersIT::repaired))
                    .isEqualTo(new DeadLetterRepair.Outcome(0, 1, 0, 1, 0, Map.of()));
            // A repair that repairs nothing tells why.
            DeadLetterRepair.Outcome bad = letters.replay(letter -> Optional.of("{}".getBytes(UTF_8)));
            assertThat(bad.stillRejected()).hasSize(2);
            assertThat(bad.stillRejected().values())
                    .allMatch(reason -> reason.getMessage().contains("missing: venue"));
        }
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(rows(k2)).containsExactly("1@0", "2@1", "3@3");
            assertThat(ingest.tally()).isEqualTo(new Tally(4, 3, 0, 1, 0, 0, 0, 0));
            assertThat(ingest.committed().values())
                    .extracting(PartitionState::repairs)
                    .containsExactly(1L);
        }
    }

    @Test
    void aRepairedRecordWhoseIdIsKnownStaysRejectedAsADuplicate() throws Exception {
        kafka.createTopic(topic, 1);
        send(trade(1, "1,5"));
        send(trade(1, "1.5"));
        send(trade(2, "1,5"));
        send(trade(2, "1,5"));
        try (K2 k2 = builder().build();
                DeadLetters letters = k2.deadLetters(EventTypes.TRADE, topic)) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(rows(k2)).containsExactly("1@1");
            ingest.close();
            assertThat(letters.replay(DeadLettersIT::repaired))
                    .isEqualTo(new DeadLetterRepair.Outcome(1, 0, 2, 0, 0, Map.of()));
            assertThat(letters.replay(DeadLettersIT::repaired))
                    .isEqualTo(new DeadLetterRepair.Outcome(0, 1, 2, 0, 0, Map.of()));
        }
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(rows(k2)).containsExactly("1@1", "2@2");
            assertThat(ingest.tally()).isEqualTo(new Tally(4, 2, 0, 2, 0, 0, 0, 0));
        }
    }

    /**
     * Writer and follower judge records on the ground of the ids they know. A repair makes an id known: what either holds
     * uncommitted has to be judged again, or the id would come twice.
     */
    @Test
    void writerAndFollowerNeverShowAnIdTwiceWhileDeadLettersAreRepairedUnderThem() throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        kafka.createTopic(topic, 1);
        AtomicBoolean sent = new AtomicBoolean();
        Set<Long> ids = new HashSet<>();
        try (K2 k2 = builder().commitInterval(Duration.ofMillis(700)).build();
                K2 other = builder().build();
                DeadLetters letters = k2.deadLetters(EventTypes.TRADE, topic)) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            Ingest followed = other.follow(EventTypes.TRADE, topic).start();
            CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> {
                try {
                    for (int i = 0; i < 400; i++) {
                        // Broken first, and then well: whichever is stored first makes the other a duplicate.
                        long id = random.nextInt(150);
                        ids.add(id);
                        send(trade(id, random.nextInt(3) == 0 ? "1,5" : "1.5"));
                        Thread.onSpinWait();
                        if (i % 20 == 0) {
                            LockSupport.parkNanos(100_000_000L);
                        }
                    }
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                } finally {
                    sent.set(true);
                }
            });
            int asked = 0;
            while (!sent.get()) {
                letters.replay(DeadLettersIT::repaired);
                for (K2 each : List.of(k2, other)) {
                    assertThat(rows(each))
                            .as("seed %s", seed)
                            .extracting(row -> row.substring(0, row.indexOf('@')))
                            .doesNotHaveDuplicates();
                    asked++;
                }
            }
            sending.get();
            rows(k2);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (ingest.tally().consumed() < 400) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                Thread.onSpinWait();
            }
            letters.replay(DeadLettersIT::repaired);
            assertThat(rows(k2)).as("seed %s", seed).hasSize(ids.size()).isEqualTo(rows(other));
            assertThat(asked).isPositive();
            followed.close();
            ingest.close();
        }
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(rows(k2)).as("seed %s", seed).hasSize(ids.size());
            Tally tally = ingest.tally();
            assertThat(tally.consumed()).isEqualTo(400);
            assertThat(tally.stored()).isEqualTo(ids.size());
        }
    }

    @Test
    void aDeadLetterThatWasSentAgainIsOneLetterWithTwoCopies() throws Exception {
        kafka.createTopic(topic, 1);
        try (K2 one = builder().build();
                K2 two = builder().build();
                DeadLetters letters = one.deadLetters(EventTypes.TRADE, topic)) {
            // Two writers on one partition both read the record; one of them commits past it, the other is fenced.
            one.ingest(EventTypes.TRADE, topic).start();
            two.ingest(EventTypes.TRADE, topic).start();
            send(trade(1, "1,5"));
            rows(one);
            rows(two);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (letters.list().stream().mapToInt(DeadLetter::copies).sum() < 2) {
                assertThat(System.nanoTime()).isLessThan(deadline);
            }
            assertThat(letters.list()).hasSize(1);
            while (letters.replay(DeadLettersIT::repaired).storedBefore() == 0) {
                assertThat(System.nanoTime()).isLessThan(deadline);
            }
            assertThat(rows(one)).containsExactly("1@0");
            assertThat(rows(two)).containsExactly("1@0");
        }
    }
}
