package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class FeedsIT {
    private static final int PARTITIONS = 4;
    private static EmbeddedKafka kafka;

    @BeforeAll
    static void start() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stop() {
        kafka.close();
    }

    @Test
    void everyRecordArrivesInOrderInTheExpectedPartition() {
        kafka.createTopic("trades", PARTITIONS);
        List<SimulatedRecord> records = FeedSimulator.builder()
                .gapRate(0.01)
                .lateRate(0.01)
                .duplicateRate(0.05)
                .malformedRate(0.05)
                .build()
                .take(20_000);

        Feeds.Sent sent = Feeds.send(kafka.bootstrapServers(), "trades", records.iterator(), Long.MAX_VALUE);

        assertThat(sent.records()).isEqualTo(20_000);
        assertThat(sent.bytes())
                .isEqualTo(records.stream()
                        .mapToLong(record -> record.key().length + record.value().length)
                        .sum());
        Map<Integer, Long> expected = new TreeMap<>();
        records.forEach(record -> expected.merge(record.partition(PARTITIONS), 1L, Long::sum));
        assertThat(sent.byPartition()).isEqualTo(expected);
        for (int partition = 0; partition < PARTITIONS; partition++) {
            int wanted = partition;
            var inPartition = records.stream()
                    .filter(record -> record.partition(PARTITIONS) == wanted)
                    .iterator();
            try (var consumer = new KafkaConsumer<>(
                    Map.<String, Object>of("bootstrap.servers", kafka.bootstrapServers()),
                    new ByteArrayDeserializer(),
                    new ByteArrayDeserializer())) {
                var assigned = List.of(new TopicPartition("trades", partition));
                consumer.assign(assigned);
                consumer.seekToBeginning(assigned);
                while (inPartition.hasNext()) {
                    for (ConsumerRecord<byte[], byte[]> read : consumer.poll(Duration.ofSeconds(1))) {
                        SimulatedRecord record = inPartition.next();
                        assertThat(read.key()).isEqualTo(record.key());
                        assertThat(read.value()).isEqualTo(record.value());
                        assertThat(read.timestamp()).isEqualTo(record.timestampMillis());
                    }
                }
            }
        }
    }

    /** What a test does first: a broker that only seems ready loses the first batch of some partition here. */
    @Test
    void newTopicTakesAFloodAtOnce() {
        for (int round = 0; round < 10; round++) {
            List<SimulatedRecord> records =
                    FeedSimulator.builder().seed(round).build().take(10_000);
            Map<String, Object> settings = Feeds.producerSettings(kafka.bootstrapServers());
            settings.put("request.timeout.ms", 5_000);
            settings.put("delivery.timeout.ms", 10_000);
            try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
                kafka.createTopic("flood-" + round, 8);
                assertThat(Feeds.send(producer, "flood-" + round, records.iterator(), 10_000)
                                .records())
                        .isEqualTo(10_000);
            }
        }
    }

    @Test
    void callersProducerStaysOpenWithItsTransaction() {
        kafka.createTopic("transactional", 1);
        Map<String, Object> settings = new HashMap<>(Feeds.producerSettings(kafka.bootstrapServers()));
        settings.put("transactional.id", "feeds");
        FeedSimulator feed = FeedSimulator.builder().build();
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            Feeds.send(producer, "transactional", feed, 100);
            producer.abortTransaction();
            producer.beginTransaction();
            Feeds.Sent sent = Feeds.send(producer, "transactional", feed, 10);
            producer.commitTransaction();
            assertThat(sent.byPartition()).containsExactly(Map.entry(0, 10L));
        }
        assertThat(feed.truth().records()).isEqualTo(110);
    }

    @Test
    void refusedRecordIsAnError() {
        kafka.createTopic("small", 1, Map.of("max.message.bytes", "60"));
        assertThatThrownBy(() -> Feeds.send(
                        kafka.bootstrapServers(),
                        "small",
                        FeedSimulator.builder().build(),
                        10))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("small")
                .hasCauseInstanceOf(RecordTooLargeException.class);
    }
}
