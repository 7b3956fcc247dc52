package io.k2data.benchmarks;

import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.dedup.Deduplicators;
import io.k2data.dedup.Deduplicators.ExactConfig;
import io.k2data.sequence.SequenceTrackers;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What does judging a record cost, beside the collections one would reach for? Per record, in batches of 10,000 over 100
 * streams; the state begins empty and grows to a million ids, which are remembered one by one, or all but 50,000 of them
 * tightly. The naive baselines keep what the question needs and
 * nothing else: no window, no positions, no gaps.
 *
 * <p>{@code k2-benchmarks/run JudgementBenchmark}
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5)
@Measurement(iterations = 10)
@Fork(value = 2, jvmArgsAppend = "-Xmx2g")
@SuppressWarnings("NullAway.Init") // JMH calls the set-up methods before the benchmarks
public class JudgementBenchmark {
    private static final int RECORDS = 1_000_000;
    private static final int BATCH = 10_000;
    private static final int STREAMS = 100;

    private final StreamKey[] streams = new StreamKey[STREAMS];
    private final int[] streamOf = new int[RECORDS];
    private final long[] sequenceOf = new long[RECORDS];
    private SequenceTracker tracker;
    private Deduplicator deduplicator;
    private Deduplicator tight;

    /** Deals a million records to the streams; one in a hundred comes again. */
    @Setup(Level.Trial)
    public void deal() {
        SplittableRandom random = new SplittableRandom(42);
        long[] next = new long[STREAMS];
        for (int i = 0; i < STREAMS; i++) {
            streams[i] = new StreamKey("VENUE", "SYMBOL" + i);
        }
        for (int i = 0; i < RECORDS; i++) {
            int stream = random.nextInt(STREAMS);
            streamOf[i] = stream;
            sequenceOf[i] = random.nextInt(100) == 0 && next[stream] > 0 ? next[stream] - 1 : next[stream]++;
        }
    }

    /**
     * Opens fresh state.
     *
     * @throws IOException never
     */
    @Setup(Level.Invocation)
    public void open() throws IOException {
        PartitionContext context = new PartitionContext(
                "trades", new LogPartition("cluster", "topic-id", "trades", 0), PartitionContext.Role.WRITER);
        tracker = SequenceTrackers.inMemory().open(context, null);
        deduplicator = Deduplicators.exact(ExactConfig.builder().maxIds(RECORDS).build())
                .open(context, null);
        tight = Deduplicators.exact(ExactConfig.builder().maxIds(50_000).build())
                .open(context, null);
    }

    /**
     * K2's tracker.
     *
     * @return the tracker
     */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public Object tracker() {
        SequenceBatch batch = new SequenceBatch();
        for (int from = 0; from < RECORDS; from += BATCH) {
            batch.clear();
            for (int i = from; i < from + BATCH; i++) {
                batch.add(streams[streamOf[i]], sequenceOf[i], i);
            }
            tracker.observe(batch);
        }
        return tracker;
    }

    /**
     * A map from stream to highest number.
     *
     * @return the map
     */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public Object trackerNaive() {
        Map<StreamKey, Long> highest = new HashMap<>();
        for (int i = 0; i < RECORDS; i++) {
            highest.merge(streams[streamOf[i]], sequenceOf[i], Math::max);
        }
        return highest;
    }

    /**
     * K2's deduplicator with room for all.
     *
     * @return the deduplicator
     */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public Object deduplicator() {
        return judge(deduplicator, false);
    }

    /**
     * The same where most ids have to move into bitmaps.
     *
     * @return the deduplicator
     */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public Object deduplicatorOlder() {
        return judge(tight, false);
    }

    /**
     * The same with texts, where most have to move into filters.
     *
     * @return the deduplicator
     */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public Object deduplicatorOlderTexts() {
        return judge(tight, true);
    }

    private Object judge(Deduplicator judging, boolean texts) {
        DedupBatch batch = new DedupBatch();
        for (int from = 0; from < RECORDS; from += BATCH) {
            batch.clear();
            for (int i = from; i < from + BATCH; i++) {
                if (texts) {
                    batch.add(streams[streamOf[i]], Long.toString(sequenceOf[i]), i, 1_700_000_000_000L + i);
                } else {
                    batch.add(streams[streamOf[i]], sequenceOf[i], i, 1_700_000_000_000L + i);
                }
            }
            for (int judged = judging.judge(batch, 0); judged < BATCH; judged = judging.judge(batch, judged)) {
                judging.register(batch, judged - 1, judged);
            }
        }
        return judging;
    }

    /**
     * A hash set of ids.
     *
     * @return the set
     */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public Object deduplicatorNaive() {
        record Id(StreamKey stream, long id) {}
        Set<Id> seen = new HashSet<>();
        for (int i = 0; i < RECORDS; i++) {
            seen.add(new Id(streams[streamOf[i]], sequenceOf[i]));
        }
        return seen;
    }
}
