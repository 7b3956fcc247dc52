package io.k2data.api;

import java.util.Objects;

/**
 * One partition of one topic of one Kafka cluster, named so that a recreated topic or another cluster is never mistaken
 * for it.
 *
 * @param clusterId the Kafka cluster's id
 * @param topicId the topic's id, which changes when a topic is deleted and made again
 * @param topic the topic's name, for people
 * @param partition the partition number, 0 or more
 */
public record LogPartition(String clusterId, String topicId, String topic, int partition)
        implements Comparable<LogPartition> {
    /** Checks that all parts are there. */
    public LogPartition {
        Objects.requireNonNull(clusterId, "clusterId");
        Objects.requireNonNull(topicId, "topicId");
        Objects.requireNonNull(topic, "topic");
        if (partition < 0) {
            throw new IllegalArgumentException("partition must be 0 or more, got " + partition);
        }
    }

    /** Orders by cluster, topic id and partition number. */
    @Override
    public int compareTo(LogPartition other) {
        int order = clusterId.compareTo(other.clusterId);
        if (order == 0) {
            order = topicId.compareTo(other.topicId);
        }
        return order != 0 ? order : Integer.compare(partition, other.partition);
    }

    /** Returns {@code topic-partition}, as Kafka's own tools print it. */
    @Override
    public String toString() {
        return topic + "-" + partition;
    }
}
