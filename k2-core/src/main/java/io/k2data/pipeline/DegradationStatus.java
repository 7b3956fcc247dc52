package io.k2data.pipeline;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * How an ingest stands under load.
 *
 * @param level the level
 * @param cause why it last changed, in words; empty if it never did
 * @param transitions how many times it changed since the start
 * @param lagRecords how many records the log holds that were not read yet
 * @param memoryShare the share of the scarcest memory in use; 1 is full
 * @param shed by tier, how many records were put off since the start
 * @param deferredRecords how many records are put off now, those not committed yet among them
 * @param deferredRanges in how many ranges they are
 * @param recent the last changes of the level, oldest first, 64 at most
 */
public record DegradationStatus(
        DegradationLevel level,
        String cause,
        long transitions,
        long lagRecords,
        double memoryShare,
        Map<PriorityTier, Long> shed,
        long deferredRecords,
        long deferredRanges,
        List<Transition> recent) {
    /** Copies the collections. */
    public DegradationStatus {
        shed = Map.copyOf(shed);
        recent = List.copyOf(recent);
    }

    /**
     * A change of the level.
     *
     * @param time when
     * @param from the level before
     * @param to the level after
     * @param cause why, in words
     */
    public record Transition(Instant time, DegradationLevel from, DegradationLevel to, String cause) {}
}
