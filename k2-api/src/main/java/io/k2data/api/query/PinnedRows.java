package io.k2data.api.query;

import io.k2data.api.LogPartition;
import java.util.Map;

/** Rows of a {@link QuerySource} that do not change any more. Used by one thread at a time. */
public interface PinnedRows extends AutoCloseable {
    /**
     * Returns which ranges of the log the rows are of: every row comes from one of them, and every record in them that made a
     * row has it here.
     *
     * @return by partition; empty for rows that come from no log
     */
    Map<LogPartition, LogRange> ranges();

    /**
     * Returns the rows. They can be read more than once, until this is closed.
     *
     * @return the rows, in the form that costs least
     */
    SourceRows rows();

    /** Lets go of the rows. Closing twice does nothing. */
    @Override
    void close();

    /**
     * A range of one partition's offsets.
     *
     * @param from the first offset
     * @param to the offset after the last, at least {@code from}
     */
    record LogRange(long from, long to) {
        /** Checks the order. */
        public LogRange {
            if (from < 0 || to < from) {
                throw new IllegalArgumentException("no range: " + from + " to " + to);
            }
        }
    }
}
