package io.k2data.api.dedup;

import io.k2data.api.StreamKey;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Ids to judge, each with its stream and position, and room for the verdicts. An id is an integer or a text; the two
 * never equal each other. Reusable and not thread-safe.
 */
public final class DedupBatch {
    private StreamKey[] streams = new StreamKey[64];
    private long[] longIds = new long[64];
    private @Nullable String[] textIds = new String[64];
    private long[] offsets = new long[64];
    private long[] logTimesMillis = new long[64];
    private @Nullable DedupVerdict[] verdicts = new DedupVerdict[64];
    private int size;

    /** Makes an empty batch. */
    public DedupBatch() {}

    /** Empties the batch. */
    public void clear() {
        Arrays.fill(streams, 0, size, null);
        Arrays.fill(textIds, 0, size, null);
        Arrays.fill(verdicts, 0, size, null);
        size = 0;
    }

    /**
     * Adds an integer id.
     *
     * @param stream its stream
     * @param id the id
     * @param offset the record's offset in the partition
     * @param logTimeMillis the record's Kafka timestamp, epoch milliseconds
     */
    public void add(StreamKey stream, long id, long offset, long logTimeMillis) {
        int index = next(stream, offset, logTimeMillis);
        longIds[index] = id;
    }

    /**
     * Adds a text id.
     *
     * @param stream its stream
     * @param id the id
     * @param offset the record's offset in the partition
     * @param logTimeMillis the record's Kafka timestamp, epoch milliseconds
     */
    public void add(StreamKey stream, String id, long offset, long logTimeMillis) {
        int index = next(stream, offset, logTimeMillis);
        textIds[index] = id;
    }

    private int next(StreamKey stream, long offset, long logTimeMillis) {
        if (size == offsets.length) {
            int larger = size * 2;
            streams = Arrays.copyOf(streams, larger);
            longIds = Arrays.copyOf(longIds, larger);
            textIds = Arrays.copyOf(textIds, larger);
            offsets = Arrays.copyOf(offsets, larger);
            logTimesMillis = Arrays.copyOf(logTimesMillis, larger);
            verdicts = Arrays.copyOf(verdicts, larger);
        }
        streams[size] = stream;
        offsets[size] = offset;
        logTimesMillis[size] = logTimeMillis;
        return size++;
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
     * Returns an entry's text id.
     *
     * @param index 0 to size - 1
     * @return the id, or null if it is an integer
     */
    public @Nullable String textId(int index) {
        return textIds[index];
    }

    /**
     * Returns an entry's integer id.
     *
     * @param index 0 to size - 1
     * @return the id; without meaning if {@link #textId} is not null
     */
    public long longId(int index) {
        return longIds[index];
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
     * Returns an entry's Kafka timestamp.
     *
     * @param index 0 to size - 1
     * @return epoch milliseconds
     */
    public long logTimeMillis(int index) {
        return logTimesMillis[index];
    }

    /**
     * Sets an entry's verdict; for deduplicators, and for a caller who resolved a suspect.
     *
     * @param index 0 to size - 1
     * @param verdict the verdict
     */
    public void verdict(int index, DedupVerdict verdict) {
        verdicts[index] = verdict;
    }

    /**
     * Returns an entry's verdict.
     *
     * @param index 0 to size - 1
     * @return the verdict
     * @throws IllegalStateException if the entry was not judged yet
     */
    public DedupVerdict verdict(int index) {
        DedupVerdict verdict = verdicts[index];
        if (verdict == null) {
            throw new IllegalStateException("entry " + index + " was not judged");
        }
        return verdict;
    }
}
