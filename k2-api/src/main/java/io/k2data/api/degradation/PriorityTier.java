package io.k2data.api.degradation;

/** How important a stream is under load, the most important first; the order counts. */
public enum PriorityTier {
    /** Flows at every level, for example the twenty symbols that matter most. */
    CRITICAL,
    /** Deferred at {@link DegradationLevel#CIRCUIT_BREAK} only, for example the hundred symbols that matter next. */
    HIGH,
    /** Deferred from {@link DegradationLevel#AGGRESSIVE} on; what a stream is of which nothing is said. */
    NORMAL,
    /** Deferred from {@link DegradationLevel#GRACEFUL} on, for example reference data. */
    LOW
}
