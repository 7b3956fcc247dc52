package io.k2data.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
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
        try (Admin admin = admin()) {
            admin.createTopics(List.of(topic)).all().get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            awaitLeaders(admin, name, partitions);
        } catch (ExecutionException e) {
            throw new IllegalStateException("could not create topic " + name + ": " + e.getCause(), e.getCause());
        } catch (TimeoutException e) {
            throw new IllegalStateException("topic " + name + " was not ready after " + TIMEOUT, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while creating topic " + name, e);
        }
    }

    /** The answer to a creation comes from the controller; the broker itself may learn of the topic a little later. */
    private static void awaitLeaders(Admin admin, String name, int partitions)
            throws ExecutionException, InterruptedException, TimeoutException {
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        while (System.nanoTime() < deadline) {
            try {
                TopicDescription topic = admin.describeTopics(List.of(name))
                        .allTopicNames()
                        .get(TIMEOUT.toSeconds(), TimeUnit.SECONDS)
                        .get(name);
                if (topic != null
                        && topic.partitions().size() == partitions
                        && topic.partitions().stream()
                                .noneMatch(p -> p.leader() == null || p.leader().isEmpty())) {
                    return;
                }
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof RetriableException)) {
                    throw e;
                }
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
        throw new TimeoutException();
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
     * Starts the child process again after {@link #kill}, on the same port and directory; does nothing if it runs.
     *
     * @throws IllegalStateException if it did not start (the message has the end of its log), or is closed
     */
    public synchronized void start() {
        requireOpen();
        if (!broker.running()) {
            broker.start();
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
