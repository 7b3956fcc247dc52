package io.k2data.sequence;

import io.k2data.api.StreamKey;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.sequence.SequenceTrackers.InMemoryConfig;
import io.k2data.snapshot.SnapshotFormat;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Holds, for each stream, the lowest and the highest number seen and the gaps between: the set of numbers seen, in the
 * form that stays small while a feed is healthy.
 */
final class GapListSequenceTracker implements SequenceTracker {
    private static final SnapshotFormat FORMAT = new SnapshotFormat("sequence-gap-list", 1);

    private final InMemoryConfig config;
    private final Map<StreamKey, Stream> streams = new HashMap<>();
    private boolean closed;

    GapListSequenceTracker(InMemoryConfig config) {
        this.config = config;
    }

    static GapListSequenceTracker restore(InMemoryConfig config, InputStream snapshot) throws IOException {
        return FORMAT.read(snapshot, in -> {
            GapListSequenceTracker tracker = new GapListSequenceTracker(config);
            int count = in.readInt();
            for (int i = 0; i < count; i++) {
                StreamKey key = new StreamKey(SnapshotFormat.readText(in), SnapshotFormat.readText(in));
                tracker.streams.put(key, new Stream(config, in));
            }
            return tracker;
        });
    }

    @Override
    public void observe(SequenceBatch batch) {
        requireOpen();
        for (int i = 0; i < batch.size(); i++) {
            Stream stream = streams.get(batch.stream(i));
            if (stream == null) {
                streams.put(batch.stream(i), new Stream(config, batch.sequence(i)));
                batch.verdict(i, SequenceVerdict.First.INSTANCE);
            } else {
                batch.verdict(i, stream.observe(batch.sequence(i)));
            }
        }
    }

    @Override
    public List<StreamLedger> ledger() {
        requireOpen();
        List<StreamLedger> ledger = new ArrayList<>(streams.size());
        new TreeMap<>(streams).forEach((key, stream) -> ledger.add(stream.ledger(key)));
        return ledger;
    }

    @Override
    public void snapshot(OutputStream out) throws IOException {
        requireOpen();
        FORMAT.write(out, data -> {
            data.writeInt(streams.size());
            for (Map.Entry<StreamKey, Stream> entry : new TreeMap<>(streams).entrySet()) {
                SnapshotFormat.writeText(data, entry.getKey().venue());
                SnapshotFormat.writeText(data, entry.getKey().symbol());
                entry.getValue().write(data);
            }
        });
    }

    @Override
    public void close() {
        closed = true;
        streams.clear();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the tracker is closed");
        }
    }

    private static final class Stream {
        private final InMemoryConfig config;
        private final GapList gaps = new GapList();
        private long first;
        private long highest;
        /** All gaps abandoned in this epoch lie between the two; none was if from is above to. */
        private long abandonedFrom = Long.MAX_VALUE;

        private long abandonedTo = Long.MIN_VALUE;
        private long late;
        private long duplicates;
        private long resets;
        private long abandoned;

        Stream(InMemoryConfig config, long number) {
            this.config = config;
            this.first = number;
            this.highest = number;
        }

        Stream(InMemoryConfig config, DataInputStream in) throws IOException {
            this.config = config;
            first = in.readLong();
            highest = in.readLong();
            abandonedFrom = in.readLong();
            abandonedTo = in.readLong();
            late = in.readLong();
            duplicates = in.readLong();
            resets = in.readLong();
            abandoned = in.readLong();
            int count = in.readInt();
            long below = first;
            for (int i = 0; i < count; i++) {
                long from = in.readLong();
                long to = in.readLong();
                if (from <= below || to < from || to >= highest) {
                    throw new IllegalArgumentException("gap " + from + ".." + to);
                }
                gaps.addHighest(from, to);
                below = to;
            }
            keepBound();
        }

        void write(DataOutputStream out) throws IOException {
            out.writeLong(first);
            out.writeLong(highest);
            out.writeLong(abandonedFrom);
            out.writeLong(abandonedTo);
            out.writeLong(late);
            out.writeLong(duplicates);
            out.writeLong(resets);
            out.writeLong(abandoned);
            out.writeInt(gaps.size());
            for (Range gap : gaps.ranges()) {
                out.writeLong(gap.from());
                out.writeLong(gap.to());
            }
        }

        StreamLedger ledger(StreamKey key) {
            return new StreamLedger(key, first, highest, gaps.ranges(), late, duplicates, resets, abandoned);
        }

        SequenceVerdict observe(long number) {
            if (number > highest) {
                return ahead(number);
            }
            if (gaps.fill(number)) {
                return late(number);
            }
            // The difference can exceed a signed long, not an unsigned one.
            if (Long.compareUnsigned(highest - number, config.resetDistance()) >= 0) {
                return reset(number);
            }
            if (number < first) {
                if (number + 1 < first) {
                    gaps.addLowest(number + 1, first - 1);
                }
                first = number;
                return late(number);
            }
            if (abandonedFrom <= number && number <= abandonedTo) {
                return late(number);
            }
            duplicates++;
            return SequenceVerdict.Duplicate.INSTANCE;
        }

        private SequenceVerdict ahead(long number) {
            long from = highest + 1;
            highest = number;
            if (from == number) {
                return SequenceVerdict.InOrder.INSTANCE;
            }
            gaps.addHighest(from, number - 1);
            keepBound();
            return new SequenceVerdict.Gap(from, number - 1);
        }

        private SequenceVerdict late(long number) {
            late++;
            keepBound();
            return new SequenceVerdict.Late(number);
        }

        private SequenceVerdict reset(long number) {
            SequenceVerdict verdict = new SequenceVerdict.Reset(highest);
            gaps.ranges().forEach(this::countAbandoned);
            gaps.clear();
            abandonedFrom = Long.MAX_VALUE;
            abandonedTo = Long.MIN_VALUE;
            first = number;
            highest = number;
            resets++;
            return verdict;
        }

        private void keepBound() {
            while (gaps.size() > config.maxOpenGaps()) {
                Range lowest = gaps.removeLowest();
                abandonedFrom = Math.min(abandonedFrom, lowest.from());
                abandonedTo = Math.max(abandonedTo, lowest.to());
                countAbandoned(lowest);
            }
        }

        private void countAbandoned(Range gap) {
            long sum = abandoned + gap.length();
            abandoned = sum < 0 ? Long.MAX_VALUE : sum;
        }
    }
}
