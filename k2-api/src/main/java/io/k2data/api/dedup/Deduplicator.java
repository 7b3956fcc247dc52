package io.k2data.api.dedup;

import java.io.IOException;
import java.io.OutputStream;

/**
 * Answers one question: was this id sighted at another position within the window? One instance serves one partition.
 *
 * <p>The window is a function of two records alone: a sighting counts if the Kafka timestamps of the two differ by at
 * most the window. A record at the very position of a sighting is a replay, not a duplicate, and is new again: after a
 * crash the same position comes twice. What counts as a sighting is what was registered, by {@link #judge} with verdict
 * new or by {@link #register}; a duplicate registers nothing.
 *
 * <p>All methods are called by one thread at a time, the partition's owner. {@link #judge} is on the hot path; an
 * implementation that must wait for a network waits once per batch. Whoever opened the instance closes it.
 */
public interface Deduplicator extends AutoCloseable {
    /**
     * Judges entries in order, sets their verdicts and registers the new ones. It stops behind a suspect, since later
     * verdicts depend on how that one is resolved.
     *
     * @param batch the ids; no reference to it is kept
     * @param from the first entry to judge
     * @return the index after the last judged entry: {@code batch.size()}, or less if the entry before it is a suspect
     */
    int judge(DedupBatch batch, int from);

    /**
     * Registers entries at their positions without judging them: a suspect that proved new, or rows of the table when
     * state is rebuilt.
     *
     * @param batch the ids; verdicts are neither read nor set
     * @param from the first entry to register
     * @param to the entry after the last to register
     */
    void register(DedupBatch batch, int from, int to);

    /**
     * Writes the whole state, so that {@link DeduplicatorFactory#open} with it gives an instance of the same verdicts.
     *
     * @param out where to write; not closed
     * @throws IOException if writing fails
     */
    void snapshot(OutputStream out) throws IOException;

    /** Releases what the instance holds. */
    @Override
    void close();
}
