package io.k2data.kafka;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.EventLog.Ownership;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A member of a consumer group that fetches nothing. The group says which partitions are ours; what is read, and from
 * where, is the reading consumer's business, which knows no group. So a rebalance touches nothing but the partitions that
 * come and go, and the group's offsets cannot decide anything: they are written for those who watch lag, never read.
 *
 * <p>It is polled by the thread that reads, so that a reader that hangs loses its partitions.
 */
final class GroupMember implements ConsumerRebalanceListener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GroupMember.class);

    private final String topic;
    private final Ownership ownership;
    private final TopicQuestions questions;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Map<TopicPartition, LogPartition> owned = new HashMap<>();
    private final Set<TopicPartition> unknown = new HashSet<>();

    GroupMember(ClientSettings settings, String group, String topic, TopicQuestions questions, Ownership ownership) {
        this.topic = topic;
        this.ownership = ownership;
        this.questions = questions;
        this.consumer =
                new KafkaConsumer<>(settings.member(group), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        try {
            consumer.subscribe(List.of(topic), this);
        } catch (KafkaException e) {
            consumer.close(CloseOptions.timeout(Duration.ZERO));
            throw e;
        }
    }

    void poll(Duration timeout) {
        consumer.poll(timeout);
        if (!unknown.isEmpty()) {
            Set<LogPartition> gained = new TreeSet<>();
            for (LogPartition partition : questions.current()) {
                TopicPartition name = new TopicPartition(topic, partition.partition());
                if (unknown.remove(name)) {
                    owned.put(name, partition);
                    gained.add(partition);
                }
            }
            if (!gained.isEmpty()) {
                ownership.gained(gained);
            }
        }
    }

    /** Writes the offsets of partitions that are ours; an answer is not waited for, and a refusal only noted. */
    void inform(Map<LogPartition, LogOffset> next) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        owned.forEach((name, partition) -> {
            LogOffset offset = next.get(partition);
            if (offset != null) {
                offsets.put(name, new OffsetAndMetadata(offset.offset(), epoch(offset.leaderEpoch()), ""));
            }
        });
        if (!offsets.isEmpty()) {
            consumer.commitAsync(offsets, (ignored, error) -> {
                if (error != null) {
                    LOG.atDebug().setCause(error).log("the group was not told the offsets of {}", topic);
                }
            });
        }
    }

    private static Optional<Integer> epoch(OptionalInt epoch) {
        return epoch.isPresent() ? Optional.of(epoch.getAsInt()) : Optional.empty();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        // Never fetched, so any position will do; without one the consumer would look for the group's.
        partitions.forEach(partition -> consumer.seek(partition, 0));
        consumer.pause(partitions);
        unknown.addAll(partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        Set<LogPartition> leaving = forget(partitions);
        if (!leaving.isEmpty()) {
            ownership.leaving(leaving);
        }
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        Set<LogPartition> lost = forget(partitions);
        if (!lost.isEmpty()) {
            ownership.lost(lost);
        }
    }

    private Set<LogPartition> forget(Collection<TopicPartition> partitions) {
        unknown.removeAll(partitions);
        Set<LogPartition> known = partitions.stream()
                .filter(owned::containsKey)
                .map(owned::get)
                .collect(Collectors.toCollection(TreeSet::new));
        owned.keySet().removeAll(partitions);
        return known;
    }

    /** Leaves the group. */
    @Override
    public void close() {
        close(Duration.ofSeconds(2));
    }

    void close(Duration timeout) {
        consumer.close(CloseOptions.timeout(timeout));
    }
}
