package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Freshness;
import io.k2data.api.FreshnessException;
import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.TableRolledBackException;
import io.k2data.api.TopicRecreatedException;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.dedup.Deduplicators;
import io.k2data.iceberg.Warehouses;
import io.k2data.pipeline.Health;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.StreamSupport;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

class K2IT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
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
                .commitInterval(Duration.ofMillis(300));
    }

    @Test
    void aFeedIsTakenWholeAndAnsweredAcrossTheSeamAndAfterARestart() throws Exception {
        kafka.createTopic(topic, 4);
        FeedSimulator feed = FeedSimulator.builder()
                .seed(7)
                .symbols(50)
                .gapRate(0.002)
                .lateRate(0.002)
                .duplicateRate(0.01)
                .malformedRate(0.01)
                .build();
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = builder().meterRegistry(meters).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            for (int i = 0; i < 5; i++) {
                Feeds.send(kafka.bootstrapServers(), topic, feed, 10_000);
                assertAnswer(k2, feed.truth());
            }
            assertGaps(ingest, feed.truth());
            assertThat(ingest.health().status()).isEqualTo(Health.Status.RUNNING);
            awaitCommitted(ingest, feed.truth().records());
            assertThat(meters.get("k2.records")
                            .tag("outcome", "stored")
                            .functionCounter()
                            .count())
                    .isEqualTo((double) feed.truth().trades());
        }
        assertThat(meters.getMeters()).isEmpty();
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertAnswer(k2, feed.truth());
            Feeds.send(kafka.bootstrapServers(), topic, feed, 10_000);
            assertAnswer(k2, feed.truth());
            assertGaps(ingest, feed.truth());
            ingest.close();
            Tally tally = ingest.tally();
            FeedTruth truth = feed.truth();
            assertThat(tally)
                    .isEqualTo(new Tally(
                            truth.records(), truth.trades(), truth.duplicates(), truth.malformedRecords(), 0, 0, 0, 0));
        }
    }

    private static void assertAnswer(K2 k2, FeedTruth truth) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery(
                        "select count(*), sum(quantity), count(distinct (venue, symbol, trade_id)) from trades")) {
            rows.next();
            assertThat(rows.getLong(1)).isEqualTo(truth.trades());
            assertThat(rows.getBigDecimal(2)).isEqualByComparingTo(truth.quantity());
            assertThat(rows.getLong(3)).isEqualTo(truth.trades());
        }
    }

    private static void assertGaps(Ingest ingest, FeedTruth truth) {
        assertThat(ingest.streams().stream()
                        .mapToLong(stream -> stream.missing())
                        .sum())
                .isEqualTo(truth.missing());
        assertThat(ingest.streams().stream()
                        .mapToLong(stream -> stream.gaps().size())
                        .sum())
                .isEqualTo(truth.gaps());
    }

    @Test
    void eachKindOfBrokenRecordIsInTheDeadLettersWithItsReasonAndAllOthersAreStored() throws Exception {
        kafka.createTopic(topic, 1);
        String good =
                "{\"venue\":\"X\",\"symbol\":\"A\",\"trade_id\":%d,\"event_time\":1723075200000000,\"price\":\"1.5\","
                        + "\"quantity\":\"2\"}";
        Map<String, String> broken = new TreeMap<>(Map.of(
                "malformed", "{\"venue\":\"X\",\"symbol\":\"A\",\"trade_id\":1,\"event_ti",
                "wrong-type", good.formatted(2).replace("\"1.5\"", "true"),
                "missing-field", good.formatted(3).replace("\"price\":\"1.5\",", ""),
                "does-not-fit", good.formatted(4).replace("1.5", "1234567890123456789012345678901234567890"),
                "empty-value", "",
                "event-time-out-of-bounds", good.formatted(5).replace("1723075200000000", "17230752000000000")));
        Map<Long, String> expected = new TreeMap<>();
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            int id = 100;
            for (Map.Entry<String, String> each : broken.entrySet()) {
                send(producer, good.formatted(id++));
                expected.put(send(producer, each.getValue()), each.getKey());
            }
            send(producer, good.formatted(id));
        }
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(ids(k2)).containsExactly(100L, 101L, 102L, 103L, 104L, 105L, 106L);
            ingest.close();
            assertThat(ingest.tally()).isEqualTo(new Tally(13, 7, 0, 6, 0, 0, 0, 0));
        }
        Map<Long, String> found = new TreeMap<>();
        for (ConsumerRecord<byte[], byte[]> letter : readAll(topic + ".k2-dlq")) {
            Map<String, String> headers = new HashMap<>();
            StreamSupport.stream(letter.headers().spliterator(), false)
                    .forEach(header -> headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8)));
            assertThat(headers)
                    .containsEntry("k2.topic", topic)
                    .containsEntry("k2.partition", "0")
                    .containsKeys("k2.topic.id", "k2.error");
            found.put(Long.valueOf(headers.get("k2.offset")), headers.get("k2.reason"));
            assertThat(new String(letter.value(), StandardCharsets.UTF_8))
                    .isEqualTo(broken.get(headers.get("k2.reason")));
        }
        assertThat(found).isEqualTo(expected);
    }

    /** With room for few ids nearly every duplicate is a suspect, which is looked up among all rows, held, live and stored. */
    @Test
    void aDeduplicatorThatForgetsStillStoresEveryIdOnce() throws Exception {
        kafka.createTopic(topic, 2);
        FeedSimulator feed = FeedSimulator.builder()
                .seed(13)
                .symbols(10)
                .duplicateRate(0.05)
                .duplicateDistance(200)
                .build();
        Feeds.send(kafka.bootstrapServers(), topic, feed, 600);
        Deduplicators.ExactConfig few =
                Deduplicators.ExactConfig.builder().maxIds(50).build();
        try (K2 k2 = builder().deduplicator(Deduplicators.exact(few)).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertAnswer(k2, feed.truth());
            ingest.close();
            assertThat(ingest.tally().stored()).isEqualTo(feed.truth().trades());
            assertThat(ingest.tally().duplicate()).isEqualTo(feed.truth().duplicates());
        }
    }

    @Test
    void ofTwoWholeWritersOnOnePartitionEachRowIsStoredOnce() throws Exception {
        kafka.createTopic(topic, 2);
        FeedSimulator feed =
                FeedSimulator.builder().seed(11).symbols(20).duplicateRate(0.01).build();
        try (K2 one = builder().build();
                K2 two = builder().build()) {
            Ingest first = one.ingest(EventTypes.TRADE, topic).start();
            Ingest second = two.ingest(EventTypes.TRADE, topic).start();
            for (int i = 0; i < 6; i++) {
                Feeds.send(kafka.bootstrapServers(), topic, feed, 5_000);
                assertAnswer(one, feed.truth());
                assertAnswer(two, feed.truth());
            }
            first.close();
            second.close();
        }
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertAnswer(k2, feed.truth());
            ingest.close();
            assertThat(ingest.tally().stored()).isEqualTo(feed.truth().trades());
            assertThat(ingest.tally().duplicate()).isEqualTo(feed.truth().duplicates());
        }
    }

    @Test
    void aTableRolledBackByAnotherToolStopsTheIngestByName() throws Exception {
        kafka.createTopic(topic, 1);
        FeedSimulator feed = FeedSimulator.builder().seed(3).symbols(5).build();
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            Feeds.send(kafka.bootstrapServers(), topic, feed, 1_000);
            awaitCommitted(ingest, 1_000);
            Table table =
                    Warehouses.local(directory.resolve("warehouse")).loadTable(TableIdentifier.of("k2", "trades"));
            table.manageSnapshots()
                    .rollbackTo(table.history().get(0).snapshotId())
                    .commit();
            Feeds.send(kafka.bootstrapServers(), topic, feed, 1_000);
            assertThatThrownBy(() -> {
                        while (true) {
                            k2.view(Freshness.now(PATIENCE)).close();
                        }
                    })
                    .isInstanceOf(TableRolledBackException.class)
                    .hasMessageContaining(topic + "-0");
            while (ingest.health().status() != Health.Status.FAILED) {
                Thread.onSpinWait();
            }
            assertThat(ingest.health().cause()).contains("rolled back");
        }
        try (K2 k2 = builder().build()) {
            assertThatThrownBy(() -> k2.ingest(EventTypes.TRADE, topic).start())
                    .isInstanceOf(TableRolledBackException.class);
        }
    }

    @Test
    void aTopicThatWasRecreatedStopsByName() throws Exception {
        kafka.createTopic(topic, 1);
        FeedSimulator feed = FeedSimulator.builder().seed(3).symbols(5).build();
        Feeds.send(kafka.bootstrapServers(), topic, feed, 100);
        try (K2 k2 = builder().build()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            assertAnswer(k2, feed.truth());
        }
        try (Admin admin = kafka.admin()) {
            admin.deleteTopics(List.of(topic)).all().get();
        }
        kafka.createTopic(topic, 1);
        try (K2 k2 = builder().build()) {
            assertThatThrownBy(() -> k2.ingest(EventTypes.TRADE, topic).start())
                    .isInstanceOf(TopicRecreatedException.class)
                    .hasMessageContaining("recreated");
        }
    }

    @Test
    void aPartitionThatTheTopicGrowsIsReadFromItsBeginning() throws Exception {
        kafka.createTopic(topic, 1);
        FeedSimulator feed = FeedSimulator.builder().seed(5).symbols(40).build();
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            Feeds.send(kafka.bootstrapServers(), topic, feed, 500);
            assertAnswer(k2, feed.truth());
            try (Admin admin = kafka.admin()) {
                admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3)))
                        .all()
                        .get();
            }
            Feeds.send(kafka.bootstrapServers(), topic, feed, 500);
            assertAnswer(k2, feed.truth());
            awaitCommitted(ingest, 1_000);
            assertThat(ingest.committed().keySet())
                    .extracting(LogPartition::partition)
                    .containsExactly(0, 1, 2);
            assertThat(ingest.committed().values()).allMatch(state -> state.startOffset() == 0);
        }
    }

    @Test
    void aMissedDeadlineFailsAndNamesThePartitionsThatLag() {
        kafka.createTopic(topic, 1);
        Feeds.send(
                kafka.bootstrapServers(), topic, FeedSimulator.builder().seed(1).build(), 50_000);
        try (K2 k2 = builder().build()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            assertThatThrownBy(() -> k2.view(Freshness.now(Duration.ofNanos(1))))
                    .isInstanceOf(FreshnessException.class)
                    .hasMessageContaining(topic + "-0");
        }
    }

    @Test
    void settingsAreRefusedTogether() {
        assertThatThrownBy(() -> K2.builder()
                        .kafka(Map.of("auto.offset.reset", "latest"))
                        .commitInterval(Duration.ZERO)
                        .memoryLimitBytes(5)
                        .deduplicator("bogus")
                        .build())
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("bootstrap.servers")
                .hasMessageContaining("auto.offset.reset")
                .hasMessageContaining("warehouse")
                .hasMessageContaining("commit-interval")
                .hasMessageContaining("memory-limit-bytes")
                .hasMessageContaining("bogus");
        assertThatThrownBy(() -> K2.fromProperties(Map.of("k2.commit-interval", "soon", "k2.nonsense", "1")))
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("k2.commit-interval")
                .hasMessageContaining("k2.nonsense");
    }

    @Test
    void anUnknownTopicIsAClearErrorAtStart() {
        try (K2 k2 = builder().build()) {
            assertThatThrownBy(
                            () -> k2.ingest(EventTypes.TRADE, "no-such-topic").start())
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining("no-such-topic");
        }
    }

    private static List<Long> ids(K2 k2) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery("select trade_id from trades order by 1")) {
            List<Long> ids = new ArrayList<>();
            while (rows.next()) {
                ids.add(rows.getLong(1));
            }
            return ids;
        }
    }

    private static void awaitCommitted(Ingest ingest, long records) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (ingest.committed().values().stream()
                        .map(PartitionState::tally)
                        .mapToLong(Tally::consumed)
                        .sum()
                < records) {
            assertThat(System.nanoTime()).as("waiting for %s records", records).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static KafkaProducer<byte[], byte[]> producer() {
        return new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private long send(KafkaProducer<byte[], byte[]> producer, String value) throws Exception {
        return producer.send(new ProducerRecord<>(
                        topic,
                        0,
                        1723075200000L,
                        "X/A".getBytes(StandardCharsets.UTF_8),
                        value.getBytes(StandardCharsets.UTF_8)))
                .get()
                .offset();
    }

    private static List<ConsumerRecord<byte[], byte[]>> readAll(String from) {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, kafka.bootstrapServers()),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(from).stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                consumer.poll(Duration.ofMillis(200)).forEach(all::add);
            }
            return all;
        }
    }
}
