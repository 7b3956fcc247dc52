package io.k2data.benchmarks;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.event.EventTypes;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How long does it take to begin with a partition that a table holds many ids of, with checkpoints and without? One
 * partition, all of its ids within the dedup window; from {@link Ingest#start} to its return, in a K2 that has done so once
 * before. The two tables take turns. Also: how long the ingest thread stood still for the largest checkpoint.
 *
 * <p>{@code k2-benchmarks/run TakeOver [RECORDS [RUNS]]}
 */
public final class TakeOver {
    private static final long LOOK_NANOS = Duration.ofMillis(20).toNanos();
    private static final String TOPIC = "trades";
    private static final int KEPT_BYTES = 64 << 20;

    private TakeOver() {}

    /**
     * Runs it.
     *
     * @param args records (500,000) and runs (5)
     * @throws IOException if a temporary directory cannot be made or removed
     */
    public static void main(String[] args) throws IOException {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run TakeOver [RECORDS [RUNS]]");
            return;
        }
        int records = args.length > 0 ? Integer.parseInt(args[0]) : 500_000;
        int runs = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        try (Scratch scratch = Scratch.create("k2-take-over");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"))) {
            kafka.createTopic(TOPIC, 1);
            FeedSimulator feed = FeedSimulator.builder()
                    .seed(1)
                    .symbols(500)
                    .duplicateRate(0.005)
                    .build();
            System.err.println("sending " + records + " records...");
            Feeds.send(kafka.bootstrapServers(), TOPIC, feed, records);
            Path with = scratch.directory().resolve("with");
            Path without = scratch.directory().resolve("without");
            double cutMillis = fill(kafka, with, KEPT_BYTES, records);
            fill(kafka, without, 0, records);
            double[] fromCheckpoint = new double[runs];
            double[] fromTable = new double[runs];
            // The first of each warms up.
            for (int run = -1; run < runs; run++) {
                double one = begin(kafka, with, KEPT_BYTES, "checkpoint");
                double other = begin(kafka, without, 0, "table");
                if (run >= 0) {
                    fromCheckpoint[run] = one;
                    fromTable[run] = other;
                    System.err.printf(Locale.ROOT, "run %d: %.3f s, without %.3f s%n", run + 1, one, other);
                }
            }
            System.out.printf(
                    Locale.ROOT,
                    "{\"records\":%d,\"runs\":%d,\"secondsFromCheckpointMedian\":%.3f,\"secondsFromTableMedian\":%.3f,"
                            + "\"largestCutMillis\":%.1f}%n",
                    records,
                    runs,
                    median(fromCheckpoint),
                    median(fromTable),
                    cutMillis);
        }
    }

    private static K2 k2(EmbeddedKafka kafka, Path directory, int bytes, SimpleMeterRegistry meters) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .checkpoints(Duration.ofMinutes(1), bytes)
                .meterRegistry(meters)
                .build();
    }

    /** Takes the topic, and leaves in order. */
    private static double fill(EmbeddedKafka kafka, Path directory, int bytes, int records) {
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = k2(kafka, directory, bytes, meters)) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            while (ingest.tally().consumed() < records) {
                LockSupport.parkNanos(LOOK_NANOS);
            }
            Timer cuts = meters.get("k2.checkpoint.duration").timer();
            return cuts.max(TimeUnit.MILLISECONDS);
        }
    }

    private static double begin(EmbeddedKafka kafka, Path directory, int bytes, String from) {
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = k2(kafka, directory, bytes, meters)) {
            long began = System.nanoTime();
            k2.ingest(EventTypes.TRADE, TOPIC).start();
            double seconds = (System.nanoTime() - began) / 1e9;
            for (String state : new String[] {"tracker", "deduplicator"}) {
                double opened = meters.get("k2.state.opened")
                        .tags("state", state, "from", from)
                        .counter()
                        .count();
                if (opened != 1) {
                    throw new IllegalStateException("the " + state + " was not opened from the " + from);
                }
            }
            return seconds;
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
