package io.k2data.api;

import java.util.Set;

/**
 * Another writer moved partitions of the table since they were read here, so a commit was refused, or what was being opened
 * is no longer what the table names. K2 reloads those partitions from the table and goes on.
 */
public final class FencedException extends K2Exception.Retry {
    private static final long serialVersionUID = 1L;

    private final transient Set<LogPartition> partitions;

    /**
     * Makes one.
     *
     * @param message what happened, and to what
     * @param partitions those that were moved; none if the table as a whole has to be read again
     */
    public FencedException(String message, Set<LogPartition> partitions) {
        super(message, null);
        this.partitions = Set.copyOf(partitions);
    }

    /**
     * Returns the partitions that were moved by another writer.
     *
     * @return the partitions; none if the table as a whole has to be read again
     */
    public Set<LogPartition> partitions() {
        return partitions;
    }
}
