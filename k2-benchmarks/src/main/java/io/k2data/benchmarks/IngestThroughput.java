package io.k2data.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * How many records a second does the whole pipeline take, and at what CPU? JSON trades in 8 partitions of a broker in its
 * own process; from the start of the ingest to the last record committed; sequence tracking and deduplication on.
 *
 * <p>{@code k2-benchmarks/run IngestThroughput [RECORDS [RUNS]]}
 */
public final class IngestThroughput {
    private static final long LOOK_NANOS = Duration.ofMillis(20).toNanos();

    private IngestThroughput() {}

    /**
     * Runs it.
     *
     * @param args records (2,000,000) and runs (3)
     * @throws IOException if a temporary directory cannot be made or removed
     */
    public static void main(String[] args) throws IOException {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run IngestThroughput [RECORDS [RUNS]]");
            return;
        }
        int records = args.length > 0 ? Integer.parseInt(args[0]) : 2_000_000;
        int runs = args.length > 1 ? Integer.parseInt(args[1]) : 3;
        boolean right = true;
        try (Scratch scratch = Scratch.create("k2-ingest-throughput");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"))) {
            kafka.createTopic("trades", 8);
            FeedSimulator feed = FeedSimulator.builder()
                    .seed(1)
                    .symbols(500)
                    .duplicateRate(0.005)
                    .build();
            System.err.println("sending " + records + " records...");
            Feeds.send(kafka.bootstrapServers(), "trades", feed, records);
            FeedTruth truth = feed.truth();
            double[] rates = new double[runs];
            double[] cpu = new double[runs];
            for (int run = 0; run < runs; run++) {
                OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
                try (K2 k2 = K2.builder()
                        .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                        .warehouse(scratch.directory().resolve("warehouse-" + run))
                        .commitInterval(Duration.ofSeconds(1))
                        .build()) {
                    long cpuBefore = system.getProcessCpuTime();
                    long began = System.nanoTime();
                    Ingest ingest = k2.ingest(EventTypes.TRADE, "trades").start();
                    while (ingest.tally().consumed() < records) {
                        LockSupport.parkNanos(LOOK_NANOS);
                    }
                    double seconds = (System.nanoTime() - began) / 1e9;
                    rates[run] = records / seconds;
                    cpu[run] = (system.getProcessCpuTime() - cpuBefore) / 1e3 / records;
                    Tally tally = ingest.tally();
                    right &= tally.stored() == truth.trades() && tally.duplicate() == truth.duplicates();
                    System.err.printf(
                            Locale.ROOT,
                            "run %d: %.2f s, %.0f records/s, %.2f us CPU a record, %s%n",
                            run + 1,
                            seconds,
                            rates[run],
                            cpu[run],
                            tally);
                }
            }
            System.out.printf(
                    Locale.ROOT,
                    "{\"records\":%d,\"runs\":%d,\"recordsPerSecondMedian\":%.0f,\"cpuMicrosPerRecordMedian\":%.2f,"
                            + "\"right\":%b}%n",
                    records,
                    runs,
                    median(rates),
                    median(cpu),
                    right);
        }
        if (!right) {
            System.exit(1);
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
