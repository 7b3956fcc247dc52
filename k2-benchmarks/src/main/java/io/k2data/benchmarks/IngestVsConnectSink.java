package io.k2data.benchmarks;

import static java.util.Objects.requireNonNull;

import io.k2data.benchmarks.CommittedTrades.Content;
import io.k2data.benchmarks.Contender.Usage;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToDoubleFunction;
import org.apache.iceberg.catalog.TableIdentifier;
import org.jspecify.annotations.Nullable;

/**
 * How fast does K2 take a topic into Iceberg, and at what CPU, beside Iceberg's own Kafka Connect sink? One broker in a
 * process of its own holds JSON trades in 8 partitions; K2 and the sink, each in a new JVM, take them in turns.
 *
 * <p>The clock runs from the first records that a consumer of the contender got until this process sees all rows in
 * the table through Iceberg's catalog, which it asks every 20 ms, of both in the same way. Nobody is told to finish: both commit by the same interval. CPU is that of the contender's
 * process between those two moments, so without the start of its JVM; the broker's is told apart.
 *
 * <p>After each run the process is ended, and a plain DuckDB reads the committed files: as many rows as records, all of
 * different trades, the quantities' sum as sent, and the same rows in every run of both.
 *
 * <p>{@code k2-benchmarks/run IngestVsConnectSink [--records N] [--runs N]}
 */
public final class IngestVsConnectSink {
    private static final String USAGE = """
            usage: k2-benchmarks/run IngestVsConnectSink [--records N] [--runs N] [--tasks N] [--commit-interval-ms N] [--peer-java FILE]
              --records N             JSON trades in the topic (2000000)
              --runs N                measured runs of each, after one of each to warm up (3)
              --tasks N               tasks of the sink (2)
              --commit-interval-ms N  how often either commits (1000)
              --peer-java FILE        the java of a JDK 17 for the sink, if this is a later one""";
    /** Both have it from the start, as servers are run: a heap that grows and shrinks costs as much as it happens to. */
    static final String INITIAL_HEAP = "-Xms1g";

    private static final int PARTITIONS = 8;
    private static final Duration PATIENCE = Duration.ofMinutes(15);
    private static final long LOOK_NANOS = Duration.ofMillis(20).toNanos();

    private final int records;
    private final long commitIntervalMillis;
    private final ConnectSink sink;
    private final EmbeddedKafka kafka;
    private final ProcessHandle broker;
    private final Path directory;
    private final FeedTruth truth;
    private @Nullable Map<String, BigInteger> fingerprints;
    private boolean right = true;

    /** What one run took; CPU in microseconds a record. */
    private record Run(double rowsPerSecond, double cpuMicros, double brokerCpuMicros) {}

    private enum Side {
        K2("K2"),
        K2_UNJUDGED("K2 without sequence tracking and deduplication"),
        SINK("Kafka Connect sink");

        private final String title;

        Side(String title) {
            this.title = title;
        }
    }

    private IngestVsConnectSink(
            int records,
            long commitIntervalMillis,
            ConnectSink sink,
            EmbeddedKafka kafka,
            ProcessHandle broker,
            Path directory,
            FeedTruth truth) {
        this.records = records;
        this.commitIntervalMillis = commitIntervalMillis;
        this.sink = sink;
        this.kafka = kafka;
        this.broker = broker;
        this.directory = directory;
        this.truth = truth;
    }

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        int records = 2_000_000;
        int runs = 3;
        int tasks = 2;
        int commitIntervalMillis = 1_000;
        String peerJava = null;
        for (int i = 0; i < args.length; i += 2) {
            if (args[i].equals("--help") || args[i].equals("-h")) {
                System.out.println(USAGE);
                return;
            }
            String value = i + 1 < args.length ? args[i + 1] : "";
            switch (args[i]) {
                case "--records" -> records = number(args[i], value);
                case "--runs" -> runs = number(args[i], value);
                case "--tasks" -> tasks = number(args[i], value);
                case "--commit-interval-ms" -> commitIntervalMillis = number(args[i], value);
                case "--peer-java" -> peerJava = value;
                default -> refuse("unknown option " + args[i]);
            }
        }
        if (peerJava == null) {
            // Hadoop, without which the sink cannot write Parquet, needs what JDK 24 took away.
            if (Runtime.version().feature() > 23) {
                refuse("the sink does not run on JDK " + Runtime.version().feature() + ": give --peer-java");
            }
            peerJava = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        }
        ConnectSink sink = ConnectSink.resolve(peerJava, tasks, commitIntervalMillis);
        boolean right;
        try (Scratch scratch = Scratch.create("k2-ingest-vs-connect-sink");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"))) {
            ProcessHandle broker =
                    ProcessHandle.current().children().findFirst().orElseThrow();
            kafka.createTopic(FetchWatch.TOPIC, PARTITIONS);
            // No duplicates: the sink would store them, and both have to come to the same rows. No times as ISO text:
            // the sink's column for them is of numbers.
            FeedSimulator feed =
                    FeedSimulator.builder().seed(1).symbols(500).isoTimeRate(0).build();
            Feeds.Sent sent = Feeds.send(kafka.bootstrapServers(), FetchWatch.TOPIC, feed, records);
            System.err.printf(
                    Locale.ROOT,
                    "%d records of %d bytes in %d partitions; JDK %s, %d processors, load %.1f%n",
                    records,
                    sent.bytes() / records,
                    PARTITIONS,
                    Runtime.version(),
                    Runtime.getRuntime().availableProcessors(),
                    load());
            System.err.println("sink: " + sink.settings() + "; K2: commit interval " + commitIntervalMillis + " ms");
            right = new IngestVsConnectSink(
                            records, commitIntervalMillis, sink, kafka, broker, scratch.directory(), feed.truth())
                    .race(runs);
        }
        if (!right) {
            System.exit(1);
        }
    }

    private static int number(String option, String value) {
        try {
            int number = Integer.parseInt(value);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Refused below.
        }
        refuse(option + ": '" + value + "', expected a whole number of 1 or more");
        return 0;
    }

    private static void refuse(String problem) {
        System.err.println(problem + "\n" + USAGE);
        System.exit(2);
    }

    private boolean race(int runs) throws Exception {
        run(Side.K2, "warm-up");
        run(Side.SINK, "warm-up");
        List<Run> k2 = new ArrayList<>();
        List<Run> peer = new ArrayList<>();
        for (int i = 1; i <= runs; i++) {
            k2.add(run(Side.K2, "run-" + i));
            peer.add(run(Side.SINK, "run-" + i));
        }
        Run unjudged = run(Side.K2_UNJUDGED, "run-1");
        double k2Rows = median(k2, Run::rowsPerSecond);
        double peerRows = median(peer, Run::rowsPerSecond);
        double k2Cpu = median(k2, Run::cpuMicros);
        double peerCpu = median(peer, Run::cpuMicros);
        System.out.printf(
                Locale.ROOT,
                "{\"rowsPerSecondRatio\":%.2f,\"cpuPerRecordRatio\":%.3f,\"k2RowsPerSecond\":%.0f,"
                        + "\"sinkRowsPerSecond\":%.0f,\"k2CpuMicrosPerRecord\":%.2f,\"sinkCpuMicrosPerRecord\":%.2f,"
                        + "\"records\":%d,\"runs\":%d,\"k2BrokerCpuMicrosPerRecord\":%.2f,"
                        + "\"sinkBrokerCpuMicrosPerRecord\":%.2f,\"k2UnjudgedRowsPerSecond\":%.0f,"
                        + "\"k2UnjudgedCpuMicrosPerRecord\":%.2f,\"rowsRight\":%b}%n",
                k2Rows / peerRows,
                k2Cpu / peerCpu,
                k2Rows,
                peerRows,
                k2Cpu,
                peerCpu,
                records,
                runs,
                median(k2, Run::brokerCpuMicros),
                median(peer, Run::brokerCpuMicros),
                unjudged.rowsPerSecond(),
                unjudged.cpuMicros(),
                right);
        return right;
    }

    private Run run(Side side, String name) throws Exception {
        double loadBefore = load();
        try (Scratch scratch = new Scratch(Files.createDirectory(directory.resolve(side + "-" + name)));
                CommittedTrades committed = new CommittedTrades(
                        scratch.directory().resolve("warehouse"),
                        side == Side.SINK ? ConnectSink.TABLE : TableIdentifier.of("k2", FetchWatch.TOPIC))) {
            if (side == Side.SINK) {
                kafka.createTopic(ConnectSink.controlTopic(name), 1);
                ConnectSink.createTable(committed.catalog());
            }
            Usage start;
            Usage first;
            Usage all;
            Usage end;
            try (Contender contender = side == Side.SINK
                    ? sink.start(name, kafka.bootstrapServers(), scratch.directory(), records, broker)
                    : startK2(side, scratch.directory())) {
                end = awaitRows(contender, committed);
                first = marked(contender, FetchWatch.FIRST);
                all = marked(contender, FetchWatch.ALL);
                start = first;
            }
            Usage used = end.since(start);
            Run run = new Run(
                    records / (used.nanos() / 1e9),
                    used.cpuNanos() / 1e3 / records,
                    used.brokerCpuNanos() / 1e3 / records);
            Content content = committed.content();
            boolean rowsRight = isRight(content);
            right &= rowsRight;
            System.err.printf(
                    Locale.ROOT,
                    "%s %s: %.2f s (%.2f from the last to their commit), %.0f rows/s; CPU a"
                            + " record %.2f us, broker %.2f us; CPU before the clock %.1f s; %d commits, %d files of"
                            + " %.1f MB; load %.1f before; rows %s%n",
                    side.title,
                    name,
                    used.nanos() / 1e9,
                    end.since(all).nanos() / 1e9,
                    run.rowsPerSecond(),
                    run.cpuMicros(),
                    run.brokerCpuMicros(),
                    start.cpuNanos() / 1e9,
                    content.commits(),
                    content.files(),
                    content.bytes() / 1e6,
                    loadBefore,
                    rowsRight ? "right" : "WRONG: " + content + ", unlike the first run in " + different(content));
            if (!rowsRight) {
                Path kept = Files.createTempDirectory("k2-wrong-rows").resolve("run");
                Files.move(scratch.directory(), kept);
                System.err.println("the warehouse of that run is kept in " + kept);
            }
            return run;
        }
    }

    private Contender startK2(Side side, Path own) throws IOException {
        return Contender.start(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                System.getProperty("java.class.path"),
                List.of(
                        INITIAL_HEAP,
                        // With DuckDB's limit of 1 GB as much as Connect has.
                        "-Xmx1g",
                        "-D" + FetchWatch.RECORDS_PROPERTY + "=" + records,
                        IngestVsConnectSinkK2.class.getName(),
                        kafka.bootstrapServers(),
                        own.resolve("warehouse").toString(),
                        Long.toString(commitIntervalMillis),
                        Boolean.toString(side == Side.K2)),
                own.resolve("k2.log"),
                broker);
    }

    private Usage awaitRows(Contender contender, CommittedTrades committed) throws IOException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < deadline) {
            if (committed.rows() >= records) {
                return contender.usage();
            }
            contender.requireWell();
            LockSupport.parkNanos(LOOK_NANOS);
        }
        throw contender.failed("had committed " + committed.rows() + " of " + records + " rows after " + PATIENCE);
    }

    private static Usage marked(Contender contender, String mark) throws IOException {
        Usage usage = contender.at(mark);
        if (usage == null) {
            throw contender.failed("did not say '" + mark + "'");
        }
        return usage;
    }

    /** All rows, each trade once, nothing changed, and the same rows as in every run before. */
    private boolean isRight(Content content) {
        if (fingerprints == null) {
            fingerprints = content.fingerprints();
        }
        return content.rows() == records
                && content.ids() == truth.trades()
                && truth.trades() == records
                && content.quantity().compareTo(truth.quantity()) == 0
                && content.fingerprints().equals(fingerprints);
    }

    private List<String> different(Content content) {
        return requireNonNull(fingerprints).entrySet().stream()
                .filter(first -> !first.getValue().equals(content.fingerprints().get(first.getKey())))
                .map(Map.Entry::getKey)
                .toList();
    }

    private static double load() {
        return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    }

    private static double median(List<Run> runs, ToDoubleFunction<Run> value) {
        double[] sorted = runs.stream().mapToDouble(value).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
