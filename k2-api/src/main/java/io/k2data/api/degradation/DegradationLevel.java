package io.k2data.api.degradation;

import java.util.List;

/**
 * How much an ingest takes on, from everything to the least; the order counts. What a level leaves out is deferred, not
 * lost: the log still has it.
 */
public enum DegradationLevel {
    /** Everything is taken and enriched. */
    NORMAL(0),
    /** Everything is taken; optional enrichment is skipped. */
    SOFT(1),
    /** {@link PriorityTier#LOW} is deferred as well. */
    GRACEFUL(2),
    /** {@link PriorityTier#NORMAL} is deferred as well. */
    AGGRESSIVE(3),
    /**
     * Nothing is taken until what is in flight has drained; then only {@link PriorityTier#CRITICAL}. All else is deferred,
     * so that the reading goes on and lag falls.
     */
    CIRCUIT_BREAK(4);

    private static final List<DegradationLevel> BY_NUMBER = List.of(values());

    private final int number;

    DegradationLevel(int number) {
        this.number = number;
    }

    /**
     * Returns the level's number, as metrics show it.
     *
     * @return 0 for NORMAL to 4 for CIRCUIT_BREAK
     */
    public int number() {
        return number;
    }

    /**
     * Returns the level of a number.
     *
     * @param number 0 to 4
     * @return the level
     */
    public static DegradationLevel numbered(int number) {
        return BY_NUMBER.get(number);
    }
}
