package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.k2data.api.K2Exception;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends rejected records to the topic of dead letters. The ingest thread sends, any thread flushes and closes. */
final class DeadLetters {
    private static final Logger LOG = LoggerFactory.getLogger(DeadLetters.class);
    static final String SUFFIX = ".k2-dlq";

    /** What a dead letter has more than its record. */
    static final Set<String> HEADERS =
            Set.of("k2.table", "k2.topic", "k2.topic.id", "k2.partition", "k2.offset", "k2.reason", "k2.error");

    /** Room for the headers that a dead letter has more than its record. */
    private static final int HEADERS_BYTES = 64 << 10;

    /** Kafka's own time-outs come first; this one is for a client that died. */
    private static final int MARGIN_MILLIS = 5_000;

    private static final long NOT_YET_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final Admin admin;
    private final ClientSettings settings;
    private final Failures failures;
    private final String sourceTopic;
    private final String topic;
    private final AtomicReference<@Nullable Unsent> unsent = new AtomicReference<>();
    private volatile @Nullable KafkaProducer<byte[], byte[]> producer;

    /** How many partitions the topic has; 0 until that is known, and again after a failure, since it may be gone. */
    private volatile int partitions;

    /** A dead letter that was not acknowledged. */
    private record Unsent(String position, Exception error) {}

    DeadLetters(Admin admin, ClientSettings settings, Failures failures, String sourceTopic) {
        this.admin = admin;
        this.settings = settings;
        this.failures = failures;
        this.sourceTopic = sourceTopic;
        this.topic = sourceTopic + SUFFIX;
    }

    void send(String table, LogRecord record, Rejection rejection) {
        int count = partitions;
        if (count == 0) {
            count = prepareTopic();
            partitions = count;
        }
        String position = record.partition() + " at offset " + record.offset();
        ProducerRecord<byte[], byte[]> letter = new ProducerRecord<>(
                topic,
                record.partition().partition() % count,
                // Old formats have records without a timestamp; a producer takes none below 0.
                record.timestampMillis() < 0 ? null : record.timestampMillis(),
                record.key(),
                record.value());
        Headers headers = letter.headers();
        record.headers().forEach(header -> headers.add(header.key(), header.value()));
        headers.add("k2.table", text(table))
                .add("k2.topic", text(record.partition().topic()))
                .add("k2.topic.id", text(record.partition().topicId()))
                .add("k2.partition", text(record.partition().partition()))
                .add("k2.offset", text(record.offset()))
                .add("k2.reason", text(rejection.reason().code()))
                .add("k2.error", text(rejection.getMessage()));
        try {
            // What fails here fails through the callback too, and flush() tells.
            var unused = producer().send(letter, (metadata, error) -> {
                if (error != null) {
                    unsent.compareAndSet(null, new Unsent(position, error));
                }
            });
        } catch (KafkaException e) {
            throw failures.of("cannot send the dead letter of " + position, e, advice());
        }
    }

    void flush() {
        KafkaProducer<byte[], byte[]> current = producer;
        if (current == null) {
            return;
        }
        try {
            current.flush();
        } catch (KafkaException e) {
            throw failures.of("cannot flush the dead letters of " + sourceTopic, e, advice());
        }
        Unsent first = unsent.getAndSet(null);
        if (first != null) {
            partitions = 0;
            throw failures.of(
                    "the dead letter of " + first.position() + " was not acknowledged", first.error(), advice());
        }
    }

    void close(Duration timeout) {
        KafkaProducer<byte[], byte[]> current = producer;
        if (current != null) {
            current.close(timeout);
        }
    }

    private KafkaProducer<byte[], byte[]> producer() {
        KafkaProducer<byte[], byte[]> current = producer;
        if (current == null) {
            try {
                current =
                        new KafkaProducer<>(settings.producer(), new ByteArraySerializer(), new ByteArraySerializer());
            } catch (KafkaException e) {
                throw failures.ofConstruction("producer of dead letters", e);
            }
            producer = current;
        }
        return current;
    }

    private static byte[] text(Object value) {
        return value.toString().getBytes(UTF_8);
    }

    private String advice() {
        return "Dead letters go to topic " + topic + ": K2 needs WRITE and DESCRIBE on it, and its max.message.bytes,"
                + " as the producer's max.request.size and buffer.memory, must take records of " + sourceTopic
                + " with a few headers more";
    }

    /** Finds the topic, or creates it; returns how many partitions it has. */
    private int prepareTopic() {
        try {
            return get(describe(topic)).partitions().size();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
                throw failures.of("cannot ask for topic " + topic, e, advice());
            }
        } catch (InterruptedException | TimeoutException e) {
            throw failures.of("cannot ask for topic " + topic, e);
        }
        return create();
    }

    private int create() {
        Map<String, String> plain = Map.of(
                TopicConfig.RETENTION_MS_CONFIG,
                "-1",
                TopicConfig.CLEANUP_POLICY_CONFIG,
                TopicConfig.CLEANUP_POLICY_DELETE);
        Map<String, String> exact = new HashMap<>(plain);
        // The records' own times stay, however old or far ahead they are.
        exact.put(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "CreateTime");
        exact.put(TopicConfig.MESSAGE_TIMESTAMP_BEFORE_MAX_MS_CONFIG, String.valueOf(Long.MAX_VALUE));
        exact.put(TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG, String.valueOf(Long.MAX_VALUE));
        try {
            TopicDescription like = get(describe(sourceTopic));
            exact.putAll(copied());
            try {
                create(like, exact);
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof InvalidConfigurationException)) {
                    throw e;
                }
                // A broker too old for one of these settings.
                create(like, plain);
            }
            LOG.atInfo().addKeyValue("topic", topic).log("created the topic of dead letters");
            awaitWritable(like.partitions().size());
            return like.partitions().size();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TopicExistsException) {
                return createdByAnother(e);
            }
            throw uncreated(e);
        } catch (InterruptedException | TimeoutException e) {
            throw uncreated(e);
        }
    }

    /** Another member of the group had a dead letter at the same time, as a rule of the same broken batch. */
    private int createdByAnother(ExecutionException exists) {
        try {
            int count = get(describe(topic)).partitions().size();
            awaitWritable(count);
            return count;
        } catch (ExecutionException | InterruptedException | TimeoutException e) {
            e.addSuppressed(exists);
            throw uncreated(e);
        }
    }

    private void create(TopicDescription like, Map<String, String> config)
            throws ExecutionException, InterruptedException, TimeoutException {
        // As durable as the source: rejected records are data too.
        short replicas = (short) like.partitions().get(0).replicas().size();
        NewTopic wanted = new NewTopic(topic, like.partitions().size(), replicas).configs(config);
        get(admin.createTopics(List.of(wanted), new CreateTopicsOptions().timeoutMs(settings.timeoutMillis()))
                .all());
    }

    /**
     * Waits until every partition answers as a leader. A broker names a new partition's leader before its log takes
     * records; an idempotent producer that comes in between can lose its first batch, and then stays out of order until its
     * delivery time-out (KAFKA-15591). The end of a log is only told where records are taken, too.
     */
    private void awaitWritable(int count) throws ExecutionException, InterruptedException, TimeoutException {
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        for (int i = 0; i < count; i++) {
            ends.put(new TopicPartition(topic, i), OffsetSpec.latest());
        }
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(settings.timeoutMillis());
        while (true) {
            try {
                get(admin.listOffsets(ends, new ListOffsetsOptions().timeoutMs(settings.timeoutMillis()))
                        .all());
                return;
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof RetriableException) || System.nanoTime() - deadline > 0) {
                    throw e;
                }
                LockSupport.parkNanos(NOT_YET_PAUSE_NANOS);
                if (Thread.interrupted()) {
                    throw new InterruptedException();
                }
            }
        }
    }

    /** Settings of the source that its dead letters need too, as far as we may see them. */
    private Map<String, String> copied() throws InterruptedException, TimeoutException {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, sourceTopic);
        Map<String, String> copied = new HashMap<>();
        try {
            Config config = get(Objects.requireNonNull(admin.describeConfigs(
                            List.of(resource), new DescribeConfigsOptions().timeoutMs(settings.timeoutMillis()))
                    .values()
                    .get(resource)));
            ConfigEntry replicas = config.get(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG);
            if (replicas != null) {
                copied.put(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG, replicas.value());
            }
            ConfigEntry bytes = config.get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG);
            if (bytes != null) {
                long wanted = Math.min(Integer.MAX_VALUE, Long.parseLong(bytes.value()) + HEADERS_BYTES);
                copied.put(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, String.valueOf(wanted));
            }
        } catch (ExecutionException e) {
            LOG.atDebug()
                    .addKeyValue("topic", sourceTopic)
                    .log("its settings cannot be seen, so its dead letters get the broker's defaults");
        }
        return copied;
    }

    private KafkaFuture<TopicDescription> describe(String name) {
        return Objects.requireNonNull(
                admin.describeTopics(List.of(name), new DescribeTopicsOptions().timeoutMs(settings.timeoutMillis()))
                        .topicNameValues()
                        .get(name));
    }

    private <R> R get(KafkaFuture<R> future) throws ExecutionException, InterruptedException, TimeoutException {
        return future.get(settings.timeoutMillis() + MARGIN_MILLIS, TimeUnit.MILLISECONDS);
    }

    private K2Exception uncreated(Exception e) {
        return failures.of(
                "cannot create topic " + topic + " for dead letters",
                e,
                "Create it by hand, with as many partitions as " + sourceTopic + ", retention.ms=-1,"
                        + " message.timestamp.type=CreateTime and no bounds on timestamps, or grant K2 CREATE on it");
    }
}
