package io.k2data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.LostRangeException;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** What a log can hold that is no trade, or that no longer is there; the other kinds are in {@code K2IT}. */
class BadInputIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long TIME = 1_772_357_400_000L;
    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    private String topic;

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
    }

    private K2.Builder builder() {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200));
    }

    private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Feeds.producerSettings(kafka.bootstrapServers()));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static String trade(long id, String more) {
        return "{\"venue\":\"X\",\"symbol\":\"A\",\"trade_id\":" + id + ",\"event_time\":" + TIME * 1000
                + ",\"price\":1,\"quantity\":1" + more + "}";
    }

    private ProducerRecord<byte[], byte[]> record(String value) {
        return new ProducerRecord<>(topic, 0, TIME, null, value.getBytes(UTF_8));
    }

    private static List<Long> ids(View view) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery("select trade_id from trades order by 1")) {
            List<Long> ids = new ArrayList<>();
            while (rows.next()) {
                ids.add(rows.getLong(1));
            }
            return ids;
        }
    }

    private static List<Long> ids(K2 k2) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE))) {
            return ids(view);
        }
    }

    @Test
    void aValueOfFiveMegabytesIsADeadLetterInFullAndItsNeighboursAreStored() throws Exception {
        kafka.createTopic(topic, 1, Map.of("max.message.bytes", String.valueOf(8 << 20)));
        String junk = "x".repeat(5 << 20);
        try (KafkaProducer<byte[], byte[]> producer =
                producer(Map.of("max.request.size", 8 << 20, "compression.type", "none"))) {
            producer.send(record(trade(1, ""))).get();
            producer.send(record(trade(2, ",\"vendor_data\":\"" + junk + "\""))).get();
            producer.send(record(junk)).get();
            producer.send(record(trade(3, ""))).get();
        }
        try (K2 k2 = builder()
                        .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers(), "max.request.size", 8 << 20))
                        .build();
                DeadLetters letters = k2.deadLetters(EventTypes.TRADE, topic)) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(ids(k2)).containsExactly(1L, 3L);
            ingest.close();
            assertThat(ingest.tally()).isEqualTo(new Tally(4, 2, 0, 2, 0, 0, 0, 0));
            assertThat(letters.list()).extracting(DeadLetter::reason).containsExactly("does-not-fit", "malformed");
            assertThat(letters.list().get(1).record().value()).hasSize(5 << 20);
        }
    }

    @Test
    void abortedTransactionsAndControlRecordsAreSkippedAndTheBarrierDoesNotWaitForThem() throws Exception {
        kafka.createTopic(topic, 1);
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(record(trade(1, ""))).get();
            producer.send(record("broken")).get();
            producer.abortTransaction();
            producer.beginTransaction();
            producer.send(record(trade(2, ""))).get();
            producer.commitTransaction();
            producer.beginTransaction();
            producer.send(record(trade(3, ""))).get();
            producer.abortTransaction();
        }
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            // Markers are written a moment after commitTransaction() and abortTransaction() return.
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (true) {
                try (View view = k2.view(Freshness.now(PATIENCE))) {
                    Cut.PartitionCut cut = view.cut()
                            .tables()
                            .get("trades")
                            .partitions()
                            .values()
                            .iterator()
                            .next();
                    // Two records and a marker; one and a marker; one and a marker.
                    if (cut.liveEnd() == 7) {
                        assertThat(ids(view)).containsExactly(2L);
                        break;
                    }
                    assertThat(System.nanoTime()).isLessThan(deadline);
                }
            }
            ingest.close();
            assertThat(ingest.tally()).isEqualTo(new Tally(1, 1, 0, 0, 0, 0, 6, 0));
            try (DeadLetters letters = k2.deadLetters(EventTypes.TRADE, topic)) {
                assertThat(letters.list()).isEmpty();
            }
        }
    }

    @Test
    void offsetsThatAreGoneStopTheIngestAndFailTheQueryByName() throws Exception {
        kafka.createTopic(topic, 1);
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            producer.send(record(trade(1, ""))).get();
            try (K2 k2 = builder().build()) {
                k2.ingest(EventTypes.TRADE, topic).start();
                assertThat(ids(k2)).containsExactly(1L);
            }
            producer.send(record(trade(2, ""))).get();
            producer.send(record(trade(3, ""))).get();
        }
        try (Admin admin = kafka.admin()) {
            admin.deleteRecords(Map.of(new TopicPartition(topic, 0), RecordsToDelete.beforeOffset(2)))
                    .all()
                    .get();
        }
        try (K2 writer = builder().build();
                K2 follower = builder().build()) {
            assertThatThrownBy(() -> writer.ingest(EventTypes.TRADE, topic).start())
                    .isInstanceOf(LostRangeException.class)
                    .hasMessageContaining(topic + "-0: offsets [1, 2) are gone");
            assertThatThrownBy(() -> follower.follow(EventTypes.TRADE, topic).start())
                    .isInstanceOf(LostRangeException.class)
                    .hasMessageContaining(topic + "-0: offsets [1, 2) are gone");
        }
    }
}
