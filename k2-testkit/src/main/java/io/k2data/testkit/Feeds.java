package io.k2data.testkit;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** Sends simulated records to Kafka. */
public final class Feeds {
    private Feeds() {}

    /**
     * What was sent and acknowledged.
     *
     * @param records how many records
     * @param bytes their keys and values together, uncompressed
     * @param byPartition how many records in each partition that got any; each is also one more than the partition's last
     *     offset if the topic was empty
     * @param elapsed from the first record to the last acknowledgement
     */
    public record Sent(long records, long bytes, SortedMap<Integer, Long> byPartition, Duration elapsed) {}

    /**
     * Returns producer settings that lose and reorder nothing: idempotent, acknowledged by all replicas, compressed with
     * lz4, in large batches.
     *
     * @param bootstrapServers the brokers
     * @return a new map; the caller may change it
     */
    public static Map<String, Object> producerSettings(String bootstrapServers) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrapServers);
        settings.put("acks", "all");
        settings.put("enable.idempotence", true);
        settings.put("compression.type", "lz4");
        settings.put("linger.ms", 5);
        settings.put("batch.size", 256 * 1024);
        settings.put("buffer.memory", 64L * 1024 * 1024);
        return settings;
    }

    /**
     * Sends records with a producer of {@link #producerSettings}, and returns when all are acknowledged. The key decides
     * the partition.
     *
     * @param bootstrapServers the brokers
     * @param topic the topic, which must exist
     * @param feed the records
     * @param count how many, 0 or more; fewer if the feed ends
     * @return what was sent
     * @throws IllegalStateException if a record could not be sent
     */
    public static Sent send(String bootstrapServers, String topic, Iterator<SimulatedRecord> feed, long count) {
        try (Producer<byte[], byte[]> producer = new KafkaProducer<>(
                producerSettings(bootstrapServers), new ByteArraySerializer(), new ByteArraySerializer())) {
            return send(producer, topic, feed, count);
        }
    }

    /**
     * Sends records with the caller's producer, and returns when all are acknowledged; the producer stays open, and a
     * transaction, if there is one, too.
     *
     * @param producer the producer
     * @param topic the topic, which must exist
     * @param feed the records
     * @param count how many, 0 or more; fewer if the feed ends
     * @return what was sent
     * @throws IllegalStateException if a record could not be sent
     */
    public static Sent send(
            Producer<byte[], byte[]> producer, String topic, Iterator<SimulatedRecord> feed, long count) {
        long start = System.nanoTime();
        // Acknowledgements come on the producer's one I/O thread; flush() makes them visible here.
        Acknowledged acknowledged = new Acknowledged();
        long records = 0;
        long bytes = 0;
        while (records < count && feed.hasNext() && acknowledged.failure.get() == null) {
            SimulatedRecord record = feed.next();
            // The callback says the same, without keeping a future per record.
            var unused = producer.send(
                    new ProducerRecord<>(topic, null, record.timestampMillis(), record.key(), record.value()),
                    (metadata, failure) -> {
                        if (failure == null) {
                            acknowledged.count(metadata.partition());
                        } else {
                            acknowledged.failure.compareAndSet(null, failure);
                        }
                    });
            records++;
            bytes += record.key().length + record.value().length;
        }
        producer.flush();
        Exception failure = acknowledged.failure.get();
        if (failure != null) {
            throw new IllegalStateException("could not send to topic " + topic + ": " + failure, failure);
        }
        return new Sent(records, bytes, acknowledged.byPartition(), Duration.ofNanos(System.nanoTime() - start));
    }

    private static final class Acknowledged {
        private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
        private long[] counts = new long[16];

        private synchronized void count(int partition) {
            if (partition >= counts.length) {
                counts = Arrays.copyOf(counts, Math.max(counts.length * 2, partition + 1));
            }
            counts[partition]++;
        }

        private synchronized SortedMap<Integer, Long> byPartition() {
            SortedMap<Integer, Long> byPartition = new TreeMap<>();
            for (int partition = 0; partition < counts.length; partition++) {
                if (counts[partition] > 0) {
                    byPartition.put(partition, counts[partition]);
                }
            }
            return byPartition;
        }
    }
}
