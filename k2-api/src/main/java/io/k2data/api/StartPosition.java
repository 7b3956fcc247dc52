package io.k2data.api;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where a table begins to take a topic. It matters once: from the first commit on the table's own offsets decide, whatever
 * is asked for.
 */
public sealed interface StartPosition {
    /**
     * Begins with the oldest record that the log still has.
     *
     * @return the position
     */
    static StartPosition earliest() {
        return Edge.EARLIEST;
    }

    /**
     * Begins with what is written after the ingest started.
     *
     * @return the position
     */
    static StartPosition latest() {
        return Edge.LATEST;
    }

    /**
     * Begins at given offsets: those of an earlier export, say, or the next offsets of another sink that was stopped.
     *
     * @param next by partition number, the first offset to take; every partition of the topic must be there
     * @return the position
     */
    static StartPosition offsets(Map<Integer, Long> next) {
        return new Offsets(next);
    }

    /** One end of the log. */
    enum Edge implements StartPosition {
        /** The oldest record. */
        EARLIEST,
        /** The next record. */
        LATEST
    }

    /**
     * Given offsets.
     *
     * @param next by partition number, the first offset to take, 0 or more
     */
    record Offsets(Map<Integer, Long> next) implements StartPosition {
        /** Copies the map and checks its numbers. */
        public Offsets {
            next = Collections.unmodifiableMap(new TreeMap<>(next));
            next.forEach((partition, offset) -> {
                if (partition < 0 || offset < 0) {
                    throw new IllegalArgumentException(
                            "partition and offset must be 0 or more, got " + partition + " and " + offset);
                }
            });
        }
    }
}
