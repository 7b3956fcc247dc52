package io.k2data.kafka;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.LostRangeException;
import io.k2data.pipeline.EventLog;
import io.k2data.pipeline.LogBatch;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import java.time.Duration;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.LogTruncationException;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One topic of a Kafka cluster as an event log. It reads by assignment and from the offsets it is given. A consumer group
 * only says which partitions are ours, see {@link #join}.
 *
 * <p>Three clients: a consumer for the ingest thread, an admin client for whoever asks for {@link #bounds}, and, from
 * the first dead letter on, an idempotent producer; a fourth for a member of a group, and from the first
 * {@link #replay} on another consumer. The user's client settings go to each of them as far as it knows
 * them, and those that no client knows to all of them; {@link #OWNED_SETTINGS} are refused. Where the user sets
 * nothing, K2 reads {@code isolation.level=read_committed} and in large batches ({@code max.poll.records=20480},
 * {@code max.partition.fetch.bytes=4194304}, {@code fetch.max.wait.ms=100}, {@code receive.buffer.bytes=-1}: the system's).
 *
 * <p>Offsets that are gone or were changed are never passed over: {@link #assign} and {@link #poll} throw
 * {@link LostRangeException} with topic, partition and offsets.
 *
 * <p>Dead letters go to {@code <topic>.k2-dlq}, with the record's own key, value, headers and timestamp, and after
 * them the headers {@code k2.table}, {@code k2.topic}, {@code k2.topic.id}, {@code k2.partition}, {@code k2.offset}, {@code k2.reason},
 * {@code k2.error}, all UTF-8 text. The topic is created at the first dead letter if it is not there, with the
 * source's number of partitions and without an end to its retention.
 *
 * <p>Threads are as {@link EventLog} says.
 */
public final class KafkaEventLog implements EventLog {
    /**
     * The client settings that K2 sets itself and refuses from users: {@code enable.auto.commit},
     * {@code auto.offset.reset}, {@code key.deserializer}, {@code value.deserializer}, {@code key.serializer},
     * {@code value.serializer}, {@code transactional.id}. Besides, {@code acks} may only be {@code all}.
     */
    public static final Set<String> OWNED_SETTINGS = ClientSettings.OWNED;

    private static final Logger LOG = LoggerFactory.getLogger(KafkaEventLog.class);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);

    private final ClientSettings settings;
    private final String topic;
    private final Failures failures;
    private final TopicQuestions questions;
    private final Admin admin;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final DeadLetters deadLetters;
    private volatile boolean closed;

    /** Held while the consumer is in use, since it is made for one thread and another one may close this log. */
    private final ReentrantLock consuming = new ReentrantLock();

    // Guarded by consuming.
    private final Map<TopicPartition, LogPartition> assigned = new HashMap<>();
    private @Nullable GroupMember member;
    private @Nullable Replay replay;

    private boolean consumerClosed;

    private KafkaEventLog(
            ClientSettings settings,
            Failures failures,
            String topic,
            Admin admin,
            KafkaConsumer<byte[], byte[]> consumer) {
        this.settings = settings;
        this.topic = topic;
        this.failures = failures;
        this.admin = admin;
        this.consumer = consumer;
        this.questions = new TopicQuestions(admin, settings, failures, topic);
        this.deadLetters = new DeadLetters(admin, settings, failures, topic);
    }

    /**
     * Opens a topic. Makes the clients and does not wait for the cluster; {@link #bounds} is the first to ask it.
     *
     * @param clientSettings settings of the Kafka clients, by Kafka's names
     * @param topic the topic
     * @return the log; the caller closes it
     * @throws InvalidSettingsException listing all settings that are missing, refused or not what Kafka accepts; it shows
     *     no values
     * @throws K2Exception.Stop if a client does not start with these settings all the same
     */
    public static KafkaEventLog open(Map<String, ?> clientSettings, String topic) {
        Objects.requireNonNull(topic, "topic");
        ClientSettings settings = ClientSettings.of(clientSettings);
        Failures failures = new Failures(settings);
        Admin admin;
        try {
            admin = Admin.create(settings.admin());
        } catch (KafkaException e) {
            throw failures.ofConstruction("admin client", e);
        }
        try {
            return new KafkaEventLog(
                    settings,
                    failures,
                    topic,
                    admin,
                    new KafkaConsumer<>(settings.consumer(), new ByteArrayDeserializer(), new ByteArrayDeserializer()));
        } catch (KafkaException e) {
            admin.close(Duration.ZERO);
            throw failures.ofConstruction("consumer", e);
        }
    }

    /**
     * Returns what is wrong with client settings: those that K2 owns, and those that Kafka does not accept. It does not
     * miss {@code bootstrap.servers}; {@link #open} does.
     *
     * @param clientSettings settings of the Kafka clients
     * @return the problems, one sentence each that begins with the key and does not show the value; empty if there are
     *     none
     */
    public static List<String> problems(Map<String, ?> clientSettings) {
        return ClientSettings.problems(clientSettings);
    }

    /**
     * {@inheritDoc}
     *
     * <p>It waits ten seconds at most, or what the settings {@code default.api.timeout.ms} or else
     * {@code request.timeout.ms} say.
     *
     * @throws K2Exception.Retry if the cluster cannot be reached, or did not answer in time
     * @throws K2Exception.Stop if there is no such topic, or the cluster refuses us
     */
    @Override
    public Map<LogPartition, Bounds> bounds() {
        requireOpen();
        return questions.bounds();
    }

    /**
     * {@inheritDoc}
     *
     * <p>Blocks for the network, as long as {@link #bounds} does.
     *
     * @throws LostRangeException if the log does not hold what was asked for; it names every such partition
     * @throws io.k2data.api.TopicRecreatedException if the partitions are not those of the topic as it is now
     */
    @Override
    public void assign(Map<LogPartition, LogOffset> next) {
        enter();
        try {
            requireReadable(next);
            assigned.clear();
            read(next);
        } catch (KafkaException e) {
            throw failures.of("cannot begin to read " + topic, e);
        } finally {
            leaveConsumer();
        }
    }

    /**
     * {@inheritDoc}
     *
     * <p>Blocks for the network, as long as {@link #bounds} does.
     *
     * @throws LostRangeException if the log does not hold what was asked for; it names every such partition
     * @throws io.k2data.api.TopicRecreatedException if the partitions are not those of the topic as it is now
     */
    @Override
    public void add(Map<LogPartition, LogOffset> next) {
        enter();
        try {
            requireReadable(next);
            read(next);
        } catch (KafkaException e) {
            throw failures.of("cannot begin to read " + topic, e);
        } finally {
            leaveConsumer();
        }
    }

    @Override
    public void remove(Set<LogPartition> partitions) {
        enter();
        try {
            assigned.values().removeAll(partitions);
            consumer.assign(assigned.keySet());
        } catch (KafkaException e) {
            throw failures.of("cannot leave partitions of " + topic, e);
        } finally {
            leaveConsumer();
        }
    }

    private void requireReadable(Map<LogPartition, LogOffset> next) {
        if (next.isEmpty()) {
            return;
        }
        // Asked of the admin client: the consumer's own questions could be cut short by a wakeup.
        questions.requireCurrent(next.keySet());
        Map<TopicPartition, Long> positions = new HashMap<>();
        next.forEach((partition, from) -> positions.put(name(partition), from.offset()));
        String lost = questions.lostRanges(positions);
        if (!lost.isEmpty()) {
            throw new LostRangeException(lost, null);
        }
    }

    /** What is assigned already and not given anew goes on where it is. */
    private void read(Map<LogPartition, LogOffset> next) {
        next.keySet().forEach(partition -> assigned.put(name(partition), partition));
        consumer.assign(assigned.keySet());
        next.forEach((partition, from) ->
                consumer.seek(name(partition), new OffsetAndMetadata(from.offset(), epoch(from.leaderEpoch()), "")));
    }

    private TopicPartition name(LogPartition partition) {
        return new TopicPartition(topic, partition.partition());
    }

    /**
     * {@inheritDoc}
     *
     * <p>The group's member is a client of its own, with the settings given here and {@code group.id}; the user's
     * {@code group.id} and {@code group.instance.id} count for it alone. Partitions are moved by the cooperative sticky
     * assignor unless the settings say otherwise.
     *
     * @throws K2Exception.Stop if the client does not start with these settings
     */
    @Override
    public void join(String group, Ownership ownership) {
        enter();
        try {
            if (member != null) {
                throw new IllegalStateException("a group of " + topic + " was joined before");
            }
            member = new GroupMember(settings, group, topic, questions, ownership);
        } catch (KafkaException e) {
            throw failures.ofConstruction("member of group " + group, e);
        } finally {
            leaveConsumer();
        }
    }

    @Override
    public void leave() {
        enter();
        try {
            assigned.clear();
            consumer.unsubscribe();
            GroupMember joined = member;
            member = null;
            if (joined != null) {
                quietly("group's member", () -> joined.close(CLOSE_TIMEOUT));
            }
        } finally {
            leaveConsumer();
        }
    }

    @Override
    public void inform(Map<LogPartition, LogOffset> next) {
        enter();
        try {
            GroupMember joined = member;
            if (joined != null) {
                joined.inform(next);
            }
        } catch (KafkaException e) {
            throw failures.of("cannot tell the group of " + topic + " its offsets", e);
        } finally {
            leaveConsumer();
        }
    }

    /**
     * {@inheritDoc}
     *
     * <p>While the cluster cannot be reached nothing comes; {@link #bounds} is what tells the difference.
     *
     * @throws LostRangeException if the next offset is no longer in the log, or the log was truncated below it
     * @throws K2Exception.Retry if reading failed in a way that may pass
     * @throws K2Exception.Stop if the cluster refuses us
     */
    @Override
    public LogBatch poll(Duration timeout) {
        enter();
        try {
            GroupMember joined = member;
            if (joined != null) {
                joined.poll(assigned.isEmpty() ? timeout : Duration.ZERO);
            }
            return assigned.isEmpty() ? LogBatch.EMPTY : batch(pollAwake(timeout));
        } catch (LogTruncationException e) {
            throw new LostRangeException(truncated(e), e);
        } catch (OffsetOutOfRangeException e) {
            throw new LostRangeException(outOfRange(e.offsetOutOfRangePartitions()), e);
        } catch (NoOffsetForPartitionException e) {
            throw new LostRangeException("no offset to read from: " + names(e.partitions()), e);
        } catch (KafkaException e) {
            throw failures.of(
                    "cannot read " + topic,
                    e,
                    "K2 needs READ and DESCRIBE on the topic, and READ on the group where there is one; see the"
                            + " settings of the Kafka clients");
        } finally {
            leaveConsumer();
        }
    }

    @Override
    public OptionalLong lag() {
        enter();
        try {
            long sum = 0;
            boolean known = false;
            for (TopicPartition name : assigned.keySet()) {
                OptionalLong lag = consumer.currentLag(name);
                known |= lag.isPresent();
                sum += Math.max(0, lag.orElse(0));
            }
            return known ? OptionalLong.of(sum) : OptionalLong.empty();
        } catch (KafkaException e) {
            throw failures.of("cannot tell the lag of " + topic, e);
        } finally {
            leaveConsumer();
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws io.k2data.api.TopicRecreatedException if the partition is not one of the topic as it is now
     * @throws K2Exception.Retry if reading failed in a way that may pass
     * @throws K2Exception.Stop if the cluster refuses us
     */
    @Override
    public LogBatch replay(LogPartition partition, long from, long to, Duration timeout) {
        enter();
        try {
            Replay reader = replay;
            if (reader == null) {
                questions.requireCurrent(Set.of(partition));
                reader = new Replay(settings, questions);
                replay = reader;
            }
            return reader.read(partition, from, to, timeout);
        } catch (KafkaException e) {
            throw failures.of("cannot read " + partition + " again from offset " + from, e);
        } finally {
            leaveConsumer();
        }
    }

    /** {@inheritDoc} Where the cluster does not let us see the topic's settings, there is no answer. */
    @Override
    public Optional<Duration> retention() {
        requireOpen();
        return questions.retention();
    }

    /**
     * A wakeup ends a wait; it must not keep records back that are there already, or whoever wakes us often enough would
     * keep us from reading for good. One that comes between two polls is kept by the consumer for the next.
     */
    private ConsumerRecords<byte[], byte[]> pollAwake(Duration timeout) {
        try {
            return consumer.poll(timeout);
        } catch (WakeupException first) {
            try {
                return consumer.poll(Duration.ZERO);
            } catch (WakeupException second) {
                return ConsumerRecords.empty();
            }
        }
    }

    private LogBatch batch(ConsumerRecords<byte[], byte[]> polled) {
        Map<TopicPartition, OffsetAndMetadata> moved = polled.nextOffsets();
        if (moved.isEmpty() && polled.isEmpty()) {
            return LogBatch.EMPTY;
        }
        List<LogBatch.Run> runs = new ArrayList<>();
        for (TopicPartition name : polled.partitions()) {
            if (!moved.containsKey(name)) {
                // Last + 1 would stay short of control records, and then nobody could wait for the log's end.
                throw new K2Exception.Stop(
                        "records of " + name + " came without their next offset: a class in interceptor.classes makes"
                                + " its ConsumerRecords without next offsets; it has to pass them on",
                        null);
            }
            List<ConsumerRecord<byte[], byte[]>> records = polled.records(name);
            if (!records.isEmpty()) {
                runs.add(run(partition(name), records));
            }
        }
        Map<LogPartition, LogOffset> next = new TreeMap<>();
        moved.forEach((name, offset) -> next.put(
                partition(name),
                new LogOffset(
                        offset.offset(),
                        offset.leaderEpoch().map(OptionalInt::of).orElseGet(OptionalInt::empty))));
        return new LogBatch(runs, next);
    }

    /** Thousands of records that were just read would be gone from the processor's caches if all were copied first. */
    static LogBatch.Run run(LogPartition partition, List<ConsumerRecord<byte[], byte[]>> polled) {
        return new LogBatch.Run(partition, new AbstractList<>() {
            @Override
            public LogRecord get(int index) {
                return record(partition, polled.get(index));
            }

            @Override
            public int size() {
                return polled.size();
            }
        });
    }

    private static LogRecord record(LogPartition partition, ConsumerRecord<byte[], byte[]> record) {
        return new LogRecord(
                partition,
                record.offset(),
                record.timestamp(),
                record.key(),
                record.value(),
                headers(record.headers()));
    }

    private LogPartition partition(TopicPartition name) {
        return Objects.requireNonNull(assigned.get(name), () -> name + " was not asked for");
    }

    private static List<LogRecord.Header> headers(Headers headers) {
        Header[] all = headers.toArray();
        if (all.length == 0) {
            return List.of();
        }
        List<LogRecord.Header> copies = new ArrayList<>(all.length);
        for (Header header : all) {
            copies.add(new LogRecord.Header(header.key(), header.value()));
        }
        return copies;
    }

    private static Optional<Integer> epoch(OptionalInt epoch) {
        return epoch.isPresent() ? Optional.of(epoch.getAsInt()) : Optional.empty();
    }

    private static String truncated(LogTruncationException e) {
        return e.offsetOutOfRangePartitions().entrySet().stream()
                .map(entry -> {
                    OffsetAndMetadata divergent = e.divergentOffsets().get(entry.getKey());
                    return entry.getKey() + ": the log was truncated below the next offset " + entry.getValue()
                            + (divergent == null
                                    ? ""
                                    : "; it differs from what was read from offset " + divergent.offset() + " on")
                            + ", so records that were read may not be in Kafka any more";
                })
                .sorted()
                .collect(Collectors.joining("; "));
    }

    private String outOfRange(Map<TopicPartition, Long> positions) {
        try {
            String lost = questions.lostRanges(positions);
            if (!lost.isEmpty()) {
                return lost;
            }
        } catch (K2Exception e) {
            LOG.atDebug().setCause(e).log("cannot ask for the bounds of a lost range");
        }
        return positions.entrySet().stream()
                .map(entry -> entry.getKey() + ": the next offset " + entry.getValue() + " is not in the log")
                .sorted()
                .collect(Collectors.joining("; "));
    }

    private static String names(Collection<TopicPartition> partitions) {
        return partitions.stream().map(TopicPartition::toString).sorted().collect(Collectors.joining(", "));
    }

    /**
     * {@inheritDoc}
     *
     * <p>The first one creates the topic of dead letters where there is none, and waits for that. Later ones wait only
     * while the producer's buffer is full.
     *
     * @throws K2Exception.Retry if the topic of dead letters cannot be reached
     * @throws K2Exception.Stop if the cluster refuses to create it; the message says what there is to do
     */
    @Override
    public void deadLetter(String table, LogRecord record, Rejection rejection) {
        requireOpen();
        deadLetters.send(table, record, rejection);
    }

    /**
     * {@inheritDoc}
     *
     * @throws K2Exception.Stop if the cluster refuses one for good, for instance since it is too large for the topic of
     *     dead letters
     */
    @Override
    public void flushDeadLetters() {
        requireOpen();
        deadLetters.flush();
    }

    /** {@inheritDoc} Does nothing once the log is closed. */
    @Override
    public void wakeup() {
        if (!closed) {
            consumer.wakeup();
        }
    }

    /**
     * {@inheritDoc} Closing twice does nothing. Another thread may close, too: a poll under way then ends and closes the
     * consumer itself if it takes longer than two seconds to do so. Dead letters that were not flushed may be lost.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        consumer.wakeup();
        if (lockConsumer()) {
            try {
                closeConsumer();
            } finally {
                consuming.unlock();
            }
        } else {
            LOG.atWarn().addKeyValue("topic", topic).log("the consumer is still in use; it closes after that");
        }
        quietly("producer", () -> deadLetters.close(CLOSE_TIMEOUT));
        quietly("admin client", () -> admin.close(CLOSE_TIMEOUT));
    }

    private boolean lockConsumer() {
        try {
            return consuming.tryLock() || consuming.tryLock(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void enter() {
        consuming.lock();
        if (closed) {
            leaveConsumer();
            requireOpen();
        }
    }

    private void leaveConsumer() {
        try {
            if (closed) {
                closeConsumer();
            }
        } finally {
            consuming.unlock();
        }
    }

    private void closeConsumer() {
        if (!consumerClosed) {
            consumerClosed = true;
            GroupMember joined = member;
            if (joined != null) {
                quietly("group's member", () -> joined.close(CLOSE_TIMEOUT));
            }
            Replay reader = replay;
            if (reader != null) {
                quietly("consumer of what was put off", () -> reader.close(CLOSE_TIMEOUT));
            }
            quietly("consumer", () -> consumer.close(CloseOptions.timeout(CLOSE_TIMEOUT)));
        }
    }

    private void quietly(String client, Runnable close) {
        try {
            close.run();
        } catch (RuntimeException e) {
            LOG.atWarn()
                    .addKeyValue("topic", topic)
                    .setCause(failures.of("cannot close the " + client, e))
                    .log("a Kafka client did not close in order");
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the log of topic " + topic + " is closed");
        }
    }

    /** Names the topic. */
    @Override
    public String toString() {
        return "KafkaEventLog[" + topic + "]";
    }
}
