package io.k2data.benchmarks;

import io.k2data.api.PartitionContext;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.DedupVerdict;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.dedup.DeduplicatorFactory;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.StreamLedger;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Sequence tracking and deduplication that find nothing, to see what the real ones cost. */
final class Unjudged {
    private Unjudged() {}

    /** Takes every number for the next. */
    static final class Trackers implements SequenceTrackerFactory {
        @Override
        public String name() {
            return "none";
        }

        @Override
        public SequenceTracker open(PartitionContext context, @Nullable InputStream snapshot) {
            return new Tracker();
        }
    }

    private static final class Tracker implements SequenceTracker {
        @Override
        public void observe(SequenceBatch batch) {
            for (int i = 0; i < batch.size(); i++) {
                batch.verdict(i, SequenceVerdict.InOrder.INSTANCE);
            }
        }

        @Override
        public List<StreamLedger> ledger() {
            return List.of();
        }

        @Override
        public void snapshot(OutputStream out) {}

        @Override
        public void close() {}
    }

    /** Takes every id for new. */
    static final class Deduplicators implements DeduplicatorFactory {
        @Override
        public String name() {
            return "none";
        }

        @Override
        public Duration window() {
            return Duration.ofMillis(1);
        }

        @Override
        public Deduplicator open(PartitionContext context, @Nullable InputStream snapshot) {
            return new NoDeduplicator();
        }
    }

    private static final class NoDeduplicator implements Deduplicator {
        @Override
        public int judge(DedupBatch batch, int from) {
            for (int i = from; i < batch.size(); i++) {
                batch.verdict(i, DedupVerdict.New.INSTANCE);
            }
            return batch.size();
        }

        @Override
        public void register(DedupBatch batch, int from, int to) {}

        @Override
        public void snapshot(OutputStream out) {}

        @Override
        public void close() {}
    }
}
