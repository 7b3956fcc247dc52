package io.k2data.api;

import java.util.Objects;

/**
 * What a tracker or deduplicator is opened for.
 *
 * @param table the table that the partition feeds
 * @param partition the partition; one instance is opened for each
 * @param role whether the instance may change state that others share
 */
public record PartitionContext(String table, LogPartition partition, Role role) {
    /** Checks that all parts are there. */
    public PartitionContext {
        Objects.requireNonNull(table, "table");
        Objects.requireNonNull(partition, "partition");
        Objects.requireNonNull(role, "role");
    }

    /** What the instance's owner does with the verdicts. */
    public enum Role {
        /** Commits what it judged. */
        WRITER,
        /** Only shows what it judged; must leave shared state as it is. */
        FOLLOWER
    }
}
