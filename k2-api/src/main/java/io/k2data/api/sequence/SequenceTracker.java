package io.k2data.api.sequence;

import java.io.IOException;
import java.io.OutputStream;
import java.util.List;

/**
 * Answers one question: what does this sequence number say about its stream? One instance serves one partition.
 *
 * <p>State is a function of the set of numbers seen in the stream's current epoch: missing is what lies between the
 * lowest and the highest seen and was not seen, in whatever order they came.
 *
 * <p>All methods are called by one thread at a time, the partition's owner. {@link #observe} is on the hot path; an
 * implementation that must wait for a network waits once per batch. Whoever opened the instance closes it.
 */
public interface SequenceTracker extends AutoCloseable {
    /**
     * Judges every entry of the batch in order and registers the numbers.
     *
     * @param batch the numbers; the tracker sets every entry's verdict and keeps no reference to the batch
     */
    void observe(SequenceBatch batch);

    /**
     * Returns what is known of every stream.
     *
     * @return one entry per stream, in order of stream
     */
    List<StreamLedger> ledger();

    /**
     * Writes the whole state, so that {@link SequenceTrackerFactory#open} with it gives an instance of the same
     * verdicts.
     *
     * @param out where to write; not closed
     * @throws IOException if writing fails
     */
    void snapshot(OutputStream out) throws IOException;

    /** Releases what the instance holds. */
    @Override
    void close();
}
