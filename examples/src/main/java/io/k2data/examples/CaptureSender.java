package io.k2data.examples;

import io.k2data.testkit.Feeds;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** Sends what recordings hold to Kafka: one record per event, at the time it was received. */
final class CaptureSender {
    private static final int PARTITIONS = 4;
    private static final int PROGRESS_EVENTS = 500_000;

    private CaptureSender() {}

    /**
     * What was sent, and is acknowledged.
     *
     * @param events how many events of each table
     * @param ignored how many lines held none
     */
    record Sent(Map<String, Long> events, long ignored) {
        long to(String table) {
            return events.getOrDefault(table, 0L);
        }
    }

    /** Creates the topics that are not there, to keep what they are given: recordings are older than Kafka likes. */
    static void createMissing(String bootstrapServers, Collection<String> topics) throws IOException {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers))) {
            Set<String> there = admin.listTopics().names().get();
            List<NewTopic> missing = new ArrayList<>();
            for (String topic : topics) {
                if (!there.contains(topic)) {
                    missing.add(new NewTopic(topic, Optional.of(PARTITIONS), Optional.empty())
                            .configs(Map.of("retention.ms", "-1")));
                }
            }
            admin.createTopics(missing).all().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while creating topics", e);
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw new IOException("cannot create topics at " + bootstrapServers + ": " + e.getCause(), e);
            }
        }
    }

    /** Sends everything; the topic of a table is named as the table, after a prefix. */
    static Sent send(String bootstrapServers, String topicPrefix, Recordings recordings) throws IOException {
        Map<String, Long> events = new TreeMap<>();
        long ignored = 0;
        long sent = 0;
        AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(bootstrapServers), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (CapturedLine line = recordings.next();
                    line != null && failure.get() == null;
                    line = recordings.next()) {
                if (line.events().isEmpty()) {
                    ignored++;
                }
                for (CapturedLine.Event event : line.events()) {
                    // The callback says the same, without keeping a future per record.
                    var unused = producer.send(
                            new ProducerRecord<>(
                                    topicPrefix + event.table(),
                                    null,
                                    line.receivedNanos() / 1_000_000,
                                    event.key(),
                                    event.value()),
                            (metadata, e) -> failure.compareAndSet(null, e));
                    events.merge(event.table(), 1L, Long::sum);
                    if (++sent % PROGRESS_EVENTS == 0) {
                        System.err.println("sent " + sent + " events...");
                    }
                }
            }
            producer.flush();
        }
        Exception failed = failure.get();
        if (failed != null) {
            throw new IOException("Kafka did not take an event: " + failed.getMessage(), failed);
        }
        return new Sent(events, ignored);
    }
}
