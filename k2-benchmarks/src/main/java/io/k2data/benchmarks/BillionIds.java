package io.k2data.benchmarks;

import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.DedupVerdict;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.dedup.Deduplicators;
import io.k2data.dedup.Deduplicators.ExactConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.LongUnaryOperator;

/**
 * How much memory does a day of ids take, and what does one cost to judge? One deduplicator is shown as many trades as asked
 * for, of 1,000 symbols that count their ids up and leave out one in a hundred, over 24 hours; then old ids again, of
 * which not one may pass as new, and ids that were left out, of which each is new. With {@code --texts} the ids are texts,
 * and old and unknown ones are told apart by a filter.
 *
 * <p>{@code k2-benchmarks/run BillionIds [--ids N] [--texts]}
 */
public final class BillionIds {
    private static final String USAGE = """
            usage: k2-benchmarks/run BillionIds [--ids N] [--texts]
              --ids N   how many (1000000000)
              --texts   texts instead of integers; give the JVM 4.5 bytes for each""";

    private static final int STREAMS = 1_000;
    private static final int BATCH = 10_000;
    private static final int ASKED = 1_000_000;
    private static final int LEFT_OUT = 100;
    private static final long START = 1_767_600_000_000L;
    private static final long DAY_MILLIS = 24 * 3_600_000L;

    private final StreamKey[] streams = new StreamKey[STREAMS];
    private final DedupBatch batch = new DedupBatch();
    private final Deduplicator deduplicator;
    private final boolean texts;
    private long offset;
    private long mistaken;

    private BillionIds(long ids, boolean texts) throws IOException {
        this.texts = texts;
        for (int i = 0; i < STREAMS; i++) {
            streams[i] = new StreamKey("VENUE", "SYMBOL" + i);
        }
        ExactConfig.Builder config = ExactConfig.builder();
        if (texts) {
            config.olderBytes(Math.max(64L << 20, 4 * ids + ids / 4));
        }
        deduplicator = Deduplicators.exact(config.build())
                .open(
                        new PartitionContext(
                                "trades",
                                new LogPartition("cluster", "topic-id", "trades", 0),
                                PartitionContext.Role.WRITER),
                        null);
    }

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws IOException never
     */
    public static void main(String[] args) throws IOException {
        long ids = 1_000_000_000;
        boolean texts = false;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--help" -> {
                    System.out.println(USAGE);
                    return;
                }
                case "--texts" -> texts = true;
                case "--ids" -> ids = Long.parseLong(args[++i]);
                default -> {
                    System.err.println("unknown: " + args[i] + "\n" + USAGE);
                    System.exit(2);
                }
            }
        }
        new BillionIds(ids, texts).run(ids);
    }

    private void run(long ids) {
        System.gc();
        long before = used();
        long began = System.nanoTime();
        long reported = began;
        for (long sent = 0; sent < ids; ) {
            batch.clear();
            for (int i = 0; i < BATCH && sent < ids; i++, sent++) {
                add((int) (sent % STREAMS), sent(sent / STREAMS), START + (long) ((double) sent / ids * DAY_MILLIS));
            }
            judge();
            if (System.nanoTime() - reported > 10_000_000_000L) {
                reported = System.nanoTime();
                System.err.printf(Locale.ROOT, "%,d ids, heap in use %,d MB%n", sent, used() >> 20);
            }
        }
        double nanosPerId = (System.nanoTime() - began) / (double) ids;
        System.gc();
        long kept = used() - before;
        long perStream = ids / STREAMS;
        SplittableRandom random = new SplittableRandom(1);
        int asked = (int) Math.min(ASKED, ids / LEFT_OUT);
        long repeated = ask(asked, n -> sent(random.nextLong(perStream)), DedupVerdict.New.INSTANCE);
        // Each of them once, since it is known from then on.
        long unknown = ask(asked, n -> n / STREAMS * LEFT_OUT, DedupVerdict.Suspect.INSTANCE);
        System.out.printf(
                Locale.ROOT,
                "{\"ids\":%d,\"texts\":%b,\"megabytes\":%.0f,\"bytesPerId\":%.4f,\"nanosPerId\":%.0f,\"suspectWhileNew\":%d,"
                        + "\"oldAsked\":%d,\"oldTakenForNew\":%d,\"unknownAsked\":%d,\"unknownSuspected\":%d}%n",
                ids,
                texts,
                kept / 1048576.0,
                kept / (double) ids,
                nanosPerId,
                mistaken,
                asked,
                repeated,
                asked,
                unknown);
        deduplicator.close();
    }

    /** The n-th id of a stream that leaves each hundredth number out: 1 to 99, 101 to 199, ... */
    private static long sent(long n) {
        return n / (LEFT_OUT - 1) * LEFT_OUT + 1 + n % (LEFT_OUT - 1);
    }

    private void add(int stream, long id, long time) {
        if (texts) {
            batch.add(streams[stream], "trade-" + id, offset++, time);
        } else {
            batch.add(streams[stream], id, offset++, time);
        }
    }

    private void judge() {
        for (int judged = deduplicator.judge(batch, 0); ; judged = deduplicator.judge(batch, judged)) {
            if (batch.verdict(judged - 1) == DedupVerdict.Suspect.INSTANCE) {
                mistaken++;
                deduplicator.register(batch, judged - 1, judged);
            }
            if (judged == batch.size()) {
                return;
            }
        }
    }

    /** How many of the ids asked for, of the streams in turn, get a verdict. */
    private long ask(int asked, LongUnaryOperator idOf, DedupVerdict counted) {
        long count = 0;
        for (int n = 0; n < asked; n++) {
            batch.clear();
            add(n % STREAMS, idOf.applyAsLong(n), START + DAY_MILLIS);
            deduplicator.judge(batch, 0);
            count += batch.verdict(0) == counted ? 1 : 0;
        }
        return count;
    }

    private static long used() {
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
