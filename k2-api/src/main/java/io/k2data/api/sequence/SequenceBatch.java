package io.k2data.api.sequence;

import io.k2data.api.StreamKey;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Sequence numbers to judge, and room for the verdicts. Reusable: the owner clears and fills it, hands it to
 * {@link SequenceTracker#observe}, and reads the verdicts. Not thread-safe.
 */
public final class SequenceBatch {
    private StreamKey[] streams = new StreamKey[64];
    private long[] sequences = new long[64];
    private long[] offsets = new long[64];
    private @Nullable SequenceVerdict[] verdicts = new SequenceVerdict[64];
    private int size;

    /** Makes an empty batch. */
    public SequenceBatch() {}

    /** Empties the batch. */
    public void clear() {
        Arrays.fill(streams, 0, size, null);
        Arrays.fill(verdicts, 0, size, null);
        size = 0;
    }

    /**
     * Adds a number.
     *
     * @param stream its stream
     * @param sequence the number
     * @param offset the offset of its record in the partition; rises from entry to entry
     */
    public void add(StreamKey stream, long sequence, long offset) {
        if (size == sequences.length) {
            int larger = size * 2;
            streams = Arrays.copyOf(streams, larger);
            sequences = Arrays.copyOf(sequences, larger);
            offsets = Arrays.copyOf(offsets, larger);
            verdicts = Arrays.copyOf(verdicts, larger);
        }
        streams[size] = stream;
        sequences[size] = sequence;
        offsets[size] = offset;
        size++;
    }

    /**
     * Returns the number of entries.
     *
     * @return 0 or more
     */
    public int size() {
        return size;
    }

    /**
     * Returns an entry's stream.
     *
     * @param index 0 to size - 1
     * @return the stream
     */
    public StreamKey stream(int index) {
        return streams[index];
    }

    /**
     * Returns an entry's sequence number.
     *
     * @param index 0 to size - 1
     * @return the number
     */
    public long sequence(int index) {
        return sequences[index];
    }

    /**
     * Returns an entry's offset.
     *
     * @param index 0 to size - 1
     * @return the offset
     */
    public long offset(int index) {
        return offsets[index];
    }

    /**
     * Sets an entry's verdict; for trackers.
     *
     * @param index 0 to size - 1
     * @param verdict the verdict
     */
    public void verdict(int index, SequenceVerdict verdict) {
        verdicts[index] = verdict;
    }

    /**
     * Returns an entry's verdict.
     *
     * @param index 0 to size - 1
     * @return the verdict
     * @throws IllegalStateException if the entry was not judged yet
     */
    public SequenceVerdict verdict(int index) {
        SequenceVerdict verdict = verdicts[index];
        if (verdict == null) {
            throw new IllegalStateException("entry " + index + " was not judged");
        }
        return verdict;
    }
}
