package io.k2data.api;

import java.util.OptionalInt;

/**
 * The next offset to read from a partition, with the leader epoch that lets Kafka notice a truncated log.
 *
 * @param offset the next offset, 0 or more; never "last + 1" of a record, since control records follow records too
 * @param leaderEpoch the epoch of the last record read, if one is known
 */
public record LogOffset(long offset, OptionalInt leaderEpoch) {
    /** Checks the range. */
    public LogOffset {
        if (offset < 0) {
            throw new IllegalArgumentException("offset must be 0 or more, got " + offset);
        }
    }

    /**
     * Returns an offset whose leader epoch is not known.
     *
     * @param offset the next offset, 0 or more
     * @return the offset
     */
    public static LogOffset of(long offset) {
        return new LogOffset(offset, OptionalInt.empty());
    }
}
