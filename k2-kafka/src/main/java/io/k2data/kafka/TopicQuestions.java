package io.k2data.kafka;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.TopicRecreatedException;
import io.k2data.pipeline.EventLog.Bounds;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** Asks a cluster about one topic: who it is, and what it holds. Safe for any thread; every question blocks. */
final class TopicQuestions {
    /** A topic that was just created may not be known to every broker yet. */
    private static final Duration MISSING_TOPIC_PATIENCE = Duration.ofSeconds(2);

    private static final long MISSING_TOPIC_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    /** Kafka's own time-outs come first; this one is for a client that died. */
    private static final int MARGIN_MILLIS = 5_000;

    private final Admin admin;
    private final ClientSettings settings;
    private final Failures failures;
    private final String topic;
    private final int timeoutMillis;
    private volatile @Nullable String clusterId;
    private volatile List<LogPartition> known = List.of();

    TopicQuestions(Admin admin, ClientSettings settings, Failures failures, String topic) {
        this.admin = admin;
        this.settings = settings;
        this.failures = failures;
        this.topic = topic;
        this.timeoutMillis = settings.timeoutMillis();
    }

    /** What the topic's partitions hold, for readers of the settings' isolation level. */
    Map<LogPartition, Bounds> bounds() {
        KafkaFuture<TopicDescription> description = describe();
        // Freshness is asked for often, and a topic rarely changes: ask about the partitions known so far meanwhile.
        List<LogPartition> before = known;
        Offsets offsets = before.isEmpty() ? null : new Offsets(names(before), settings.isolation());
        List<LogPartition> now = partitions(description);
        if (offsets == null || !now.equals(before)) {
            offsets = new Offsets(names(now), settings.isolation());
        }
        Map<TopicPartition, Long> starts = offsets.starts();
        Map<TopicPartition, Long> ends = offsets.ends();
        Map<LogPartition, Bounds> bounds = new TreeMap<>();
        for (LogPartition partition : now) {
            TopicPartition name = name(partition);
            long start = Objects.requireNonNull(starts.get(name));
            // Asked in two requests: retention may have moved the start past an end that was told before.
            bounds.put(partition, new Bounds(start, Math.max(start, Objects.requireNonNull(ends.get(name)))));
        }
        return Collections.unmodifiableMap(bounds);
    }

    /** The topic's partitions as they are now. */
    List<LogPartition> current() {
        return partitions(describe());
    }

    /** Checks that partitions are those of the topic as it is now. */
    void requireCurrent(Collection<LogPartition> partitions) {
        List<LogPartition> now = partitions(describe());
        LogPartition one = now.get(0);
        for (LogPartition partition : partitions) {
            if (!partition.topic().equals(topic)) {
                throw new IllegalArgumentException(partition + " is no partition of topic " + topic);
            }
            if (!partition.clusterId().equals(one.clusterId())
                    || !partition.topicId().equals(one.topicId())) {
                throw new TopicRecreatedException(
                        "topic " + topic + " with id " + partition.topicId() + " on cluster " + partition.clusterId()
                                + " is asked for, but it is now " + one.topicId() + " on cluster " + one.clusterId()
                                + ": the topic was recreated, or this is another cluster",
                        null);
            }
            if (!now.contains(partition)) {
                throw new K2Exception.Retry(
                        partition + " is asked for, but the cluster tells of " + now.size() + " partitions only", null);
            }
        }
    }

    /** Says of which positions the log does not hold what comes next; empty if it holds all. */
    String lostRanges(Map<TopicPartition, Long> positions) {
        // To the high watermark: a position above the last stable offset is in the log all the same.
        Offsets offsets = new Offsets(positions.keySet(), IsolationLevel.READ_UNCOMMITTED);
        Map<TopicPartition, Long> starts = offsets.starts();
        Map<TopicPartition, Long> ends = offsets.ends();
        List<String> lost = new ArrayList<>();
        positions.forEach((partition, position) -> {
            long start = Objects.requireNonNull(starts.get(partition));
            long end = Objects.requireNonNull(ends.get(partition));
            if (position < start) {
                lost.add(partition + ": offsets [" + position + ", " + start
                        + ") are gone from the log, which begins at " + start
                        + " now: retention or a deletion took them before they were read");
            } else if (position > Math.max(start, end)) {
                lost.add(partition + ": the next offset " + position + " is beyond the log's end " + end
                        + ": the log was truncated, or it is another log");
            }
        });
        Collections.sort(lost);
        return String.join("; ", lost);
    }

    /** Where a partition begins now. */
    long start(TopicPartition partition) {
        return Objects.requireNonNull(new Offsets(List.of(partition), IsolationLevel.READ_UNCOMMITTED)
                .starts()
                .get(partition));
    }

    /** How long the topic keeps records; empty if for ever, or if we are not allowed to know. */
    Optional<Duration> retention() {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try {
            Config config = Objects.requireNonNull(admin.describeConfigs(
                                    List.of(resource), new DescribeConfigsOptions().timeoutMs(timeoutMillis))
                            .values()
                            .get(resource))
                    .get(timeoutMillis + MARGIN_MILLIS, TimeUnit.MILLISECONDS);
            ConfigEntry entry = config.get(TopicConfig.RETENTION_MS_CONFIG);
            long millis = entry == null ? -1 : Long.parseLong(entry.value());
            return millis < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(millis));
        } catch (ExecutionException e) {
            if (Failures.unwrap(e) instanceof AuthorizationException) {
                return Optional.empty();
            }
            throw unanswered(e);
        } catch (InterruptedException | TimeoutException e) {
            throw unanswered(e);
        }
    }

    private KafkaFuture<TopicDescription> describe() {
        return Objects.requireNonNull(
                admin.describeTopics(List.of(topic), new DescribeTopicsOptions().timeoutMs(timeoutMillis))
                        .topicNameValues()
                        .get(topic));
    }

    private List<LogPartition> partitions(KafkaFuture<TopicDescription> asked) {
        TopicDescription description = description(asked);
        if (description.topicId().equals(Uuid.ZERO_UUID)) {
            throw new K2Exception.Stop(
                    "topic " + topic + " has no topic id; K2 needs one to notice a recreated topic, and brokers give"
                            + " them from Kafka 2.8 on",
                    null);
        }
        String cluster = clusterId();
        String id = description.topicId().toString();
        List<LogPartition> partitions = description.partitions().stream()
                .map(partition -> new LogPartition(cluster, id, topic, partition.partition()))
                .sorted()
                .toList();
        known = partitions;
        return partitions;
    }

    private TopicDescription description(KafkaFuture<TopicDescription> asked) {
        KafkaFuture<TopicDescription> answer = asked;
        long deadline = System.nanoTime() + MISSING_TOPIC_PATIENCE.toNanos();
        while (true) {
            try {
                return answer.get(timeoutMillis + MARGIN_MILLIS, TimeUnit.MILLISECONDS);
            } catch (ExecutionException e) {
                if (!(Failures.unwrap(e) instanceof UnknownTopicOrPartitionException)) {
                    throw unanswered(e);
                }
                if (System.nanoTime() - deadline >= 0) {
                    throw new K2Exception.Stop(
                            "topic " + topic + " does not exist on the Kafka cluster at " + settings.bootstrapServers()
                                    + ": create it, or correct its name or bootstrap.servers; where the cluster has"
                                    + " access control, K2 needs DESCRIBE on the topic to see it",
                            Failures.unwrap(e));
                }
            } catch (InterruptedException | TimeoutException e) {
                throw unanswered(e);
            }
            LockSupport.parkNanos(MISSING_TOPIC_PAUSE_NANOS);
            if (Thread.interrupted()) {
                throw unanswered(new InterruptedException());
            }
            answer = describe();
        }
    }

    private String clusterId() {
        String id = clusterId;
        if (id == null) {
            id = answer(admin.describeCluster(new DescribeClusterOptions().timeoutMs(timeoutMillis))
                    .clusterId());
            clusterId = id;
        }
        return id;
    }

    private <R> R answer(KafkaFuture<R> future) {
        try {
            return future.get(timeoutMillis + MARGIN_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw unanswered(e);
        }
    }

    private K2Exception unanswered(Exception e) {
        return failures.of(
                "no answer about topic " + topic, e, "K2 needs DESCRIBE on the topic; see the settings of the clients");
    }

    private TopicPartition name(LogPartition partition) {
        return new TopicPartition(topic, partition.partition());
    }

    private List<TopicPartition> names(List<LogPartition> partitions) {
        return partitions.stream().map(this::name).toList();
    }

    /** First and last offsets, asked for at once, so that they cost one round trip. */
    private final class Offsets {
        private final KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> starts;
        private final KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> ends;

        Offsets(Collection<TopicPartition> partitions, IsolationLevel isolation) {
            this.starts = ask(partitions, OffsetSpec.earliest(), isolation);
            this.ends = ask(partitions, OffsetSpec.latest(), isolation);
        }

        private KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> ask(
                Collection<TopicPartition> partitions, OffsetSpec which, IsolationLevel isolation) {
            return admin.listOffsets(
                            partitions.stream().collect(Collectors.toMap(Function.identity(), partition -> which)),
                            new ListOffsetsOptions(isolation).timeoutMs(timeoutMillis))
                    .all();
        }

        Map<TopicPartition, Long> starts() {
            return offsets(starts);
        }

        Map<TopicPartition, Long> ends() {
            return offsets(ends);
        }

        private Map<TopicPartition, Long> offsets(KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> asked) {
            return answer(asked).entrySet().stream()
                    .collect(Collectors.toMap(
                            Map.Entry::getKey, entry -> entry.getValue().offset()));
        }
    }
}
