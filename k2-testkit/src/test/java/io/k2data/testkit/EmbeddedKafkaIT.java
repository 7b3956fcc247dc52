package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedKafkaIT {
    /** Far older than the broker's default retention of a week. */
    private static final long OLD = 1_000_000_000_000L;

    @TempDir
    Path directory;

    @Test
    void inProcessBrokerKeepsRecordsOfAnyTimeAndLeavesNoDirectory() throws Exception {
        Path storage;
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            storage = ((InProcessBroker) kafka.broker()).directory();
            assertThat(storage).isDirectory();
            kafka.createTopic("ticks", 3);

            List<String> sent = send(kafka, "ticks", IntStream.range(0, 1000));

            assertThat(read(kafka, "ticks", 3, sent.size())).containsExactlyInAnyOrderElementsOf(sent);
            assertThat(kafka.isRunning()).isTrue();
            assertThatThrownBy(kafka::kill).isInstanceOf(IllegalStateException.class);
        }
        assertThat(storage).doesNotExist();
    }

    @Test
    void twoBrokersShareAProcess() throws Exception {
        try (EmbeddedKafka one = EmbeddedKafka.inProcess();
                EmbeddedKafka other = EmbeddedKafka.inProcess()) {
            assertThat(one.bootstrapServers()).isNotEqualTo(other.bootstrapServers());
            one.createTopic("ticks", 1);
            other.createTopic("ticks", 1);
            send(one, "ticks", IntStream.range(0, 10));
            send(other, "ticks", IntStream.range(10, 20));
            assertThat(read(other, "ticks", 1, 10)).startsWith("value 10");
        }
    }

    @Test
    void topicKeepsItsRecordsForEverUnlessToldOtherwise() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess();
                var admin = kafka.admin()) {
            kafka.createTopic("kept", 1);
            kafka.createTopic("dropped", 1, Map.of("retention.ms", "60000"));
            var kept = new ConfigResource(ConfigResource.Type.TOPIC, "kept");
            var dropped = new ConfigResource(ConfigResource.Type.TOPIC, "dropped");
            var configs = admin.describeConfigs(List.of(kept, dropped)).all().get();
            assertThat(configs.get(kept)).isNotNull().satisfies(config -> assertThat(
                            config.get("retention.ms").value())
                    .isEqualTo("-1"));
            assertThat(configs.get(dropped)).isNotNull().satisfies(config -> assertThat(
                            config.get("retention.ms").value())
                    .isEqualTo("60000"));
            assertThatThrownBy(() -> kafka.createTopic("kept", 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("already exists");
        }
    }

    @Test
    void killedChildComesBackWithEverythingAcknowledged() throws Exception {
        Process second;
        String servers;
        List<String> sent = new ArrayList<>();
        try (EmbeddedKafka kafka = EmbeddedKafka.childProcess(directory)) {
            servers = kafka.bootstrapServers();
            kafka.createTopic("ticks", 3);
            sent.addAll(send(kafka, "ticks", IntStream.range(0, 5000)));
            Process first = process(kafka);

            kafka.kill();

            assertThat(first.isAlive()).isFalse();
            assertThat(first.exitValue()).isEqualTo(128 + 9);
            assertThat(kafka.isRunning()).isFalse();

            kafka.start();

            assertThat(kafka.bootstrapServers()).isEqualTo(servers);
            second = process(kafka);
            sent.addAll(send(kafka, "ticks", IntStream.range(5000, 6000)));
            assertThat(read(kafka, "ticks", 3, sent.size())).containsExactlyInAnyOrderElementsOf(sent);
        }
        assertThat(second.isAlive()).isFalse();
        assertThat(second.exitValue()).as("ended in order").isZero();

        try (EmbeddedKafka kafka = EmbeddedKafka.childProcess(directory)) {
            assertThat(kafka.bootstrapServers()).isEqualTo(servers);
            assertThat(read(kafka, "ticks", 3, sent.size())).containsExactlyInAnyOrderElementsOf(sent);
        }
    }

    @Test
    void childEndsWithItsParent() throws Exception {
        EmbeddedKafka kafka = EmbeddedKafka.childProcess(directory);
        Process child = process(kafka);
        // What the system does to the pipe when the parent dies.
        child.getOutputStream().close();
        assertThat(child.waitFor()).isZero();
        assertThat(kafka.isRunning()).isFalse();

        kafka.start();
        assertThat(kafka.isRunning()).isTrue();
        kafka.close();
        assertThatThrownBy(kafka::start).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void failureToStartTellsTheEndOfTheLog() throws Exception {
        Files.writeString(directory.resolve("server.properties"), "process.roles=nonsense\n", StandardCharsets.UTF_8);
        assertThatThrownBy(() -> EmbeddedKafka.childProcess(directory))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("exit code 1")
                .hasMessageContaining("EmbeddedKafkaMain.main");
    }

    private static Process process(EmbeddedKafka kafka) {
        return Objects.requireNonNull(((ChildProcessBroker) kafka.broker()).process());
    }

    private static List<String> send(EmbeddedKafka kafka, String topic, IntStream numbers) throws Exception {
        List<String> values = new ArrayList<>();
        List<Future<RecordMetadata>> acknowledgements = new ArrayList<>();
        try (var producer = new KafkaProducer<>(
                Map.<String, Object>of("bootstrap.servers", kafka.bootstrapServers(), "linger.ms", 5),
                new StringSerializer(),
                new StringSerializer())) {
            numbers.forEach(number -> {
                String value = "value " + number;
                values.add(value);
                acknowledgements.add(
                        producer.send(new ProducerRecord<>(topic, null, OLD + number, "key " + number, value)));
            });
        }
        for (Future<RecordMetadata> acknowledgement : acknowledgements) {
            acknowledgement.get();
        }
        return values;
    }

    private static List<String> read(EmbeddedKafka kafka, String topic, int partitions, int count) {
        try (var consumer = new KafkaConsumer<>(
                Map.<String, Object>of(
                        "bootstrap.servers", kafka.bootstrapServers(), "isolation.level", "read_committed"),
                new StringDeserializer(),
                new StringDeserializer())) {
            var assigned = IntStream.range(0, partitions)
                    .mapToObj(partition -> new TopicPartition(topic, partition))
                    .toList();
            consumer.assign(assigned);
            consumer.seekToBeginning(assigned);
            assertThat(consumer.endOffsets(assigned).values().stream()
                            .mapToLong(end -> end)
                            .sum())
                    .isEqualTo(count);
            List<String> values = new ArrayList<>();
            while (values.size() < count) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    assertThat(record.timestamp()).isBetween(OLD, OLD + 1_000_000);
                    values.add(record.value());
                }
            }
            return values;
        }
    }
}
