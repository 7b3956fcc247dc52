package io.k2data.api.degradation;

/**
 * How much an ingest takes on, from everything to the least; the order counts. What a level leaves out is deferred, not
 * lost: the log still has it.
 */
public enum DegradationLevel {
    /** Everything is taken and enriched. */
    NORMAL,
    /** Everything is taken; optional enrichment is skipped. */
    SOFT,
    /** {@link PriorityTier#LOW} is deferred as well. */
    GRACEFUL,
    /** {@link PriorityTier#NORMAL} is deferred as well. */
    AGGRESSIVE,
    /**
     * Nothing is taken until what is in flight has drained; then only {@link PriorityTier#CRITICAL}. All else is deferred,
     * so that the reading goes on and lag falls.
     */
    CIRCUIT_BREAK
}
