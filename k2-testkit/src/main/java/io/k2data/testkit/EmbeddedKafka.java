package io.k2data.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;

/**
 * A real Kafka broker of one node, for tests: in this JVM, or in a child process that can be killed and started again.
 *
 * <p>It listens on a free port of 127.0.0.1, creates no topics by itself, keeps records for ever and takes any record
 * timestamp, since market data for tests is old or made up. Records may have 10 MB.
 *
 * <p>A broker in this JVM logs through slf4j like everything else here, and much at level INFO: set the loggers {@code
 * kafka}, {@code org.apache.kafka} and {@code state.change.logger} to WARN or above. A child logs to {@code broker.log} in its directory.
 *
 * <p>Methods may be called from any thread; they block until what they do is done.
 */
public final class EmbeddedKafka implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final Broker broker;
    private boolean closed;

    private EmbeddedKafka(Broker broker) {
        this.broker = broker;
    }

    /**
     * Starts a broker in this JVM, on a temporary directory that {@link #close} deletes. It takes about two seconds and
     * 200 MB. While it runs, a fatal fault of the broker throws in the broker's thread and leaves the JVM alive.
     *
     * @return the broker, ready
     * @throws IllegalStateException if it did not start
     */
    public static EmbeddedKafka inProcess() {
        try {
            EmbeddedKafka kafka = new EmbeddedKafka(new InProcessBroker());
            kafka.start();
            return kafka;
        } catch (IOException e) {
            throw new UncheckedIOException("no temporary directory for the embedded Kafka broker", e);
        }
    }

    /**
     * Starts a broker in a child process with a heap of 512 MB, so that it can be {@linkplain #kill killed}. It runs on
     * this JVM's class path and ends when this JVM ends, however that ends. The directory survives: a broker that was
     * there before comes back with its port, cluster id, topics and records.
     *
     * @param directory where the broker keeps everything; created if it does not exist; one broker at a time
     * @return the broker, ready
     * @throws IllegalStateException if it did not start; the message has the end of its log
     */
    public static EmbeddedKafka childProcess(Path directory) {
        EmbeddedKafka kafka = new EmbeddedKafka(new ChildProcessBroker(directory));
        kafka.start();
        return kafka;
    }

    /**
     * Returns what clients take as {@code bootstrap.servers}. It stays the same over {@link #kill} and {@link #start}.
     *
     * @return host and port
     */
    public String bootstrapServers() {
        return broker.bootstrapServers();
    }

    /**
     * Creates a topic that keeps its records for ever, and waits until all its partitions can be written to.
     *
     * @param name the topic's name
     * @param partitions how many partitions, 1 or more
     * @throws IllegalStateException if it could not be created, for instance since it exists
     */
    public void createTopic(String name, int partitions) {
        createTopic(name, partitions, Map.of());
    }

    /**
     * Creates a topic, and waits until all its partitions can be written to.
     *
     * @param name the topic's name
     * @param partitions how many partitions, 1 or more
     * @param config settings of the topic; {@code retention.ms} is -1 unless given here
     * @throws IllegalStateException if it could not be created, for instance since it exists
     */
    public void createTopic(String name, int partitions, Map<String, String> config) {
        Map<String, String> settings = new HashMap<>(config);
        settings.putIfAbsent("retention.ms", "-1");
        NewTopic topic = new NewTopic(name, partitions, (short) 1).configs(settings);
        asAdmin("create topic " + name, admin -> {
            admin.createTopics(List.of(topic)).all().get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            awaitWritable(admin, Set.of(name));
        });
    }

    /** Waits until all the topics that a broker comes back with can be written to. */
    private static void awaitAllWritable(Admin admin)
            throws ExecutionException, InterruptedException, TimeoutException {
        awaitWritable(
                admin,
                admin.listTopics(new ListTopicsOptions().listInternal(true))
                        .names()
                        .get(TIMEOUT.toSeconds(), TimeUnit.SECONDS));
    }

    /**
     * Waits until every partition answers as a leader. The broker publishes a leader's name before the log behind it
     * takes records, and a producer that comes in between may lose its first batch: the batch is refused, the next one
     * in flight is accepted, and from then on the first is out of order whenever it is tried again (KAFKA-15591). So it
     * is not enough to see a leader; but the end of a log is only told where records are taken, too.
     */
    private static void awaitWritable(Admin admin, Set<String> topics)
            throws ExecutionException, InterruptedException, TimeoutException {
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        while (System.nanoTime() < deadline) {
            try {
                Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
                // The broker may not have heard of a topic that the controller made; asking for ends fails loudly then.
                admin.describeTopics(topics)
                        .allTopicNames()
                        .get(TIMEOUT.toSeconds(), TimeUnit.SECONDS)
                        .forEach((name, topic) -> topic.partitions()
                                .forEach(partition -> ends.put(
                                        new TopicPartition(name, partition.partition()), OffsetSpec.latest())));
                admin.listOffsets(ends).all().get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
                return;
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof RetriableException)) {
                    throw e;
                }
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
        throw new TimeoutException();
    }

    private interface AdminTask {
        void run(Admin admin) throws ExecutionException, InterruptedException, TimeoutException;
    }

    private void asAdmin(String what, AdminTask task) {
        try (Admin admin = admin()) {
            task.run(admin);
        } catch (ExecutionException e) {
            throw new IllegalStateException("could not " + what + ": " + e.getCause(), e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException("could not " + what + " within " + TIMEOUT.toSeconds() + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("could not " + what + ": interrupted", e);
        }
    }

    /**
     * Opens an admin client, for whatever this class has no method for.
     *
     * @return the client, owned by the caller
     */
    public Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", bootstrapServers()));
    }

    /**
     * Ends the child process at once, as {@code kill -9} does, and waits until it is gone. What was acknowledged is in
     * its files; {@link #start} brings it back.
     *
     * @throws IllegalStateException if the broker is in this JVM, or closed
     */
    public synchronized void kill() {
        requireOpen();
        broker.kill();
    }

    /**
     * Starts the child process again after {@link #kill}, on the same port and directory, and waits until all partitions
     * can be written to; does nothing if it runs.
     *
     * @throws IllegalStateException if it did not start (the message has the end of its log), or is closed
     */
    public synchronized void start() {
        requireOpen();
        if (broker.running()) {
            return;
        }
        boolean usedBefore = broker.start();
        if (usedBefore) {
            try {
                asAdmin("reach the topics of the broker", EmbeddedKafka::awaitAllWritable);
            } catch (RuntimeException e) {
                broker.kill();
                throw e;
            }
        }
    }

    /**
     * Tells whether the broker's process is alive.
     *
     * @return false after {@link #kill}, {@link #close}, or if the child died by itself
     */
    public synchronized boolean isRunning() {
        return broker.running();
    }

    /** Ends the broker in order, and deletes the directory if it was a temporary one. */
    @Override
    public synchronized void close() {
        closed = true;
        broker.close();
    }

    Broker broker() {
        return broker;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the embedded Kafka broker is closed");
        }
    }
}
