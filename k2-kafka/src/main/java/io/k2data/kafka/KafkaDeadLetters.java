package io.k2data.kafka;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.LogRecord;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the dead letters of a topic. For one thread. */
public final class KafkaDeadLetters implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(KafkaDeadLetters.class);
    private static final Duration POLL = Duration.ofMillis(200);

    private final String topic;
    private final String source;
    private final Failures failures;
    private final TopicQuestions questions;
    private final Admin admin;
    private final KafkaConsumer<byte[], byte[]> consumer;

    private KafkaDeadLetters(
            String source,
            ClientSettings settings,
            Failures failures,
            Admin admin,
            KafkaConsumer<byte[], byte[]> consumer) {
        this.source = source;
        this.topic = source + DeadLetters.SUFFIX;
        this.failures = failures;
        this.admin = admin;
        this.consumer = consumer;
        this.questions = new TopicQuestions(admin, settings, failures, source);
    }

    /**
     * Opens the dead letters of a topic. Makes the clients and does not wait for the cluster.
     *
     * @param clientSettings settings of the Kafka clients, by Kafka's names
     * @param source the topic whose records they are
     * @return the dead letters; the caller closes them
     * @throws InvalidSettingsException listing all settings that are wrong
     * @throws K2Exception.Stop if a client does not start with these settings all the same
     */
    public static KafkaDeadLetters open(Map<String, ?> clientSettings, String source) {
        Objects.requireNonNull(source, "source");
        ClientSettings settings = ClientSettings.of(clientSettings);
        Failures failures = new Failures(settings);
        Admin admin;
        try {
            admin = Admin.create(settings.admin());
        } catch (KafkaException e) {
            throw failures.ofConstruction("admin client", e);
        }
        try {
            return new KafkaDeadLetters(
                    source,
                    settings,
                    failures,
                    admin,
                    new KafkaConsumer<>(settings.consumer(), new ByteArrayDeserializer(), new ByteArrayDeserializer()));
        } catch (KafkaException e) {
            admin.close(Duration.ZERO);
            throw failures.ofConstruction("consumer", e);
        }
    }

    /**
     * Reads all dead letters that stand there now, of the topic as it is now: those of a topic that was deleted and made
     * again are passed over. Blocks for the network; all letters are held in memory.
     *
     * @return one entry per record and table, in order of arrival, with the number of copies; empty if there is no topic of
     *     dead letters
     * @throws K2Exception.Retry if the cluster cannot be reached
     */
    public List<DeadLetter> list() {
        LogPartition one = questions.bounds().keySet().iterator().next();
        Map<Position, DeadLetter> letters = new LinkedHashMap<>();
        try {
            List<TopicPartition> partitions = consumer.listTopics().getOrDefault(topic, List.of()).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            if (partitions.isEmpty()) {
                return List.of();
            }
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    add(letters, one, record);
                }
            }
        } catch (KafkaException e) {
            throw failures.of("cannot read " + topic, e, "K2 needs READ and DESCRIBE on it");
        }
        return List.copyOf(letters.values());
    }

    private record Position(String table, int partition, long offset) {}

    private void add(Map<Position, DeadLetter> letters, LogPartition one, ConsumerRecord<byte[], byte[]> record) {
        Map<String, String> ours = new LinkedHashMap<>();
        List<LogRecord.Header> own = new ArrayList<>();
        for (Header header : record.headers()) {
            if (DeadLetters.HEADERS.contains(header.key()) && header.value() != null) {
                ours.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
            } else {
                own.add(new LogRecord.Header(header.key(), header.value()));
            }
        }
        Position position = position(ours);
        if (position == null) {
            LOG.atWarn().log("{}-{} at {} is no dead letter of K2's", topic, record.partition(), record.offset());
            return;
        }
        if (!one.topicId().equals(ours.get("k2.topic.id"))) {
            return;
        }
        LogPartition partition = new LogPartition(one.clusterId(), one.topicId(), source, position.partition());
        DeadLetter letter = new DeadLetter(
                new LogRecord(
                        partition,
                        position.offset(),
                        record.timestamp(),
                        record.key(),
                        record.value(),
                        List.copyOf(own)),
                position.table(),
                ours.getOrDefault("k2.reason", ""),
                ours.getOrDefault("k2.error", ""),
                1);
        letters.merge(
                position,
                letter,
                (first, again) -> new DeadLetter(
                        first.record(), first.table(), first.reason(), first.error(), first.copies() + 1));
    }

    private static @Nullable Position position(Map<String, String> headers) {
        String partition = headers.get("k2.partition");
        String offset = headers.get("k2.offset");
        if (partition == null || offset == null) {
            return null;
        }
        try {
            return new Position(
                    headers.getOrDefault("k2.table", ""), Integer.parseInt(partition), Long.parseLong(offset));
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /** Closes the clients. */
    @Override
    public void close() {
        try (admin) {
            consumer.close();
        }
    }
}
