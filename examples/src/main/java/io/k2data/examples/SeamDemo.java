package io.k2data.examples;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** One question, asked the usual way and K2's way, while the process that ingests is killed again and again. */
public final class SeamDemo {
    static final String TOPIC = "trades";

    private static final String USAGE = """
            usage: examples/run SeamDemo [--seconds N] [--seed N]
              --seconds N   how long to ask and kill (60)
              --seed N      another seed (1)
            The last line of the output is one JSON object. Exits with 1 if K2 gave a single wrong row.""";

    private static final int PARTITIONS = 4;
    private static final int RECORDS_PER_SECOND = 1_000;

    /** The usual rule is two minutes with commits each minute or so; here commits come every 2 s. */
    private static final Duration USUAL_CUT = Duration.ofSeconds(4);

    private static final ObjectMapper JSON = new ObjectMapper();

    private final EmbeddedKafka kafka;
    private final Path directory;
    private final Random random;
    private final Map<String, Long> firstOffsets = new LinkedHashMap<>();
    private final Map<String, Integer> firstPartitions = new HashMap<>();
    private final KafkaConsumer<byte[], byte[]> log;
    private final List<TopicPartition> partitions = new ArrayList<>();
    private int questions;
    private int kills;
    private long usualWrong;
    private long k2Wrong;

    private SeamDemo(EmbeddedKafka kafka, Path directory, long seed) {
        this.kafka = kafka;
        this.directory = directory;
        this.random = new Random(seed);
        this.log = consumer();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            partitions.add(new TopicPartition(TOPIC, partition));
        }
        log.assign(partitions);
        log.seekToBeginning(partitions);
    }

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        Arguments arguments = Arguments.parse(USAGE, List.of("--seconds", "--seed"), args);
        int seconds = arguments.number(USAGE, "--seconds", 60);
        int seed = arguments.number(USAGE, "--seed", 1);
        boolean right;
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, PARTITIONS);
            SeamDemo demo = new SeamDemo(kafka, workspace.directory(), seed);
            AtomicBoolean done = new AtomicBoolean();
            CompletableFuture<Void> feed = CompletableFuture.runAsync(() -> demo.feed(seed, done));
            try {
                demo.run(seconds);
            } finally {
                done.set(true);
                feed.join();
                demo.log.close();
            }
            right = demo.report();
        }
        System.exit(right ? 0 : 1);
    }

    /** Trades at a steady pace. As in real recordings, the receiver's clock is 1.2 s behind the exchange's. */
    private void feed(int seed, AtomicBoolean done) {
        FeedSimulator feed = FeedSimulator.builder()
                .seed(seed)
                .symbols(30)
                .duplicateRate(0.01)
                .lateRate(0.005)
                .gapRate(0.002)
                .startTime(Instant.now().plusMillis(1_200))
                .eventsPerSecond(RECORDS_PER_SECOND)
                .recordTimeLag(Duration.ofMillis(-1_200))
                .build();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            long began = System.nanoTime();
            long sent = 0;
            while (!done.get()) {
                long due = (System.nanoTime() - began) / 1_000_000 * RECORDS_PER_SECOND / 1000;
                if (due > sent) {
                    Feeds.send(producer, TOPIC, feed, due - sent);
                    sent = due;
                }
                pause(20);
            }
        }
    }

    private void run(int seconds) throws Exception {
        System.err.printf(
                Locale.ROOT,
                "%,d trades a second, commits every 2 s; the usual way cuts at now minus %d s%n"
                        + "question   trades   wrong the usual way   wrong K2's way   kills%n",
                RECORDS_PER_SECOND,
                USUAL_CUT.toSeconds());
        long end = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
        while (System.nanoTime() < end) {
            Writer writer = Writer.launch(kafka.bootstrapServers(), directory);
            long killAt = System.nanoTime()
                    + Duration.ofMillis(3_000 + random.nextInt(5_000)).toNanos();
            CompletableFuture<Void> killing = CompletableFuture.runAsync(() -> {
                while (System.nanoTime() < killAt) {
                    pause(10);
                }
                writer.process().destroyForcibly();
            });
            try {
                while (writer.ask(directory.resolve("answer"))) {
                    judge();
                    pause(200);
                }
            } finally {
                killing.join();
                writer.process().waitFor();
                kills++;
            }
        }
    }

    /** Asks the usual way too, and counts what is wrong in both answers. */
    private void judge() throws IOException, SQLException {
        List<String> usual = new ArrayList<>();
        Map<Integer, Long> asked = askTheUsualWay(usual);
        Map<Integer, Long> cut = new HashMap<>();
        List<String> answered = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve("answer"))) {
            if (line.startsWith("cut ")) {
                String[] parts = line.split(" ", 3);
                cut.put(Integer.valueOf(parts[1]), Long.valueOf(parts[2]));
            } else {
                answered.add(line);
            }
        }
        readLog(asked, cut);
        long usualNow = wrong(usual, asked);
        long k2Now = wrong(answered, cut);
        questions++;
        usualWrong += usualNow;
        k2Wrong += k2Now;
        System.err.printf(Locale.ROOT, "%8d %8d %21d %16d %7d%n", questions, answered.size(), usualNow, k2Now, kills);
    }

    /** Rows that are missing below the cut, rows above it, and rows that come twice. */
    private long wrong(List<String> answer, Map<Integer, Long> cut) {
        Set<String> distinct = new HashSet<>(answer);
        long wrong = (long) answer.size() - distinct.size();
        Set<String> truth = new HashSet<>();
        firstOffsets.forEach((id, offset) -> {
            if (offset < cut.getOrDefault(firstPartitions.get(id), 0L)) {
                truth.add(id);
            }
        });
        wrong += truth.stream().filter(id -> !distinct.contains(id)).count();
        wrong += distinct.stream().filter(id -> !truth.contains(id)).count();
        return wrong;
    }

    /** The truth: every record that Kafka holds, read by a plain consumer up to the cuts that are asked about. */
    private void readLog(Map<Integer, Long> one, Map<Integer, Long> other) throws IOException {
        while (partitions.stream()
                .anyMatch(partition -> log.position(partition)
                        < Math.max(
                                one.getOrDefault(partition.partition(), 0L),
                                other.getOrDefault(partition.partition(), 0L)))) {
            for (ConsumerRecord<byte[], byte[]> record : log.poll(Duration.ofMillis(50))) {
                String id = id(record.value());
                if (firstOffsets.putIfAbsent(id, record.offset()) == null) {
                    firstPartitions.put(id, record.partition());
                }
            }
        }
    }

    private static String id(byte[] value) throws IOException {
        JsonNode json = JSON.readTree(value);
        return json.get("venue").asText() + "/" + json.get("symbol").asText() + "/"
                + json.get("trade_id").asText();
    }

    /** History up to now minus some seconds, Kafka from that time on, duplicates dropped by id. */
    private Map<Integer, Long> askTheUsualWay(List<String> answer) throws IOException, SQLException {
        Instant boundary = Instant.now().minus(USUAL_CUT);
        Set<String> ids = new HashSet<>(history(boundary));
        Map<Integer, Long> ends = new HashMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(partitions);
            consumer.endOffsets(partitions).forEach((partition, end) -> ends.put(partition.partition(), end));
            Map<TopicPartition, @Nullable OffsetAndTimestamp> from =
                    new HashMap<>(consumer.offsetsForTimes(partitions.stream()
                            .collect(Collectors.toMap(partition -> partition, p -> boundary.toEpochMilli()))));
            for (TopicPartition partition : partitions) {
                OffsetAndTimestamp found = from.get(partition);
                consumer.seek(partition, found == null ? ends.getOrDefault(partition.partition(), 0L) : found.offset());
            }
            while (partitions.stream()
                    .anyMatch(
                            partition -> consumer.position(partition) < ends.getOrDefault(partition.partition(), 0L))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
                    if (record.offset() < ends.getOrDefault(record.partition(), 0L)) {
                        ids.add(id(record.value()));
                    }
                }
            }
        }
        answer.addAll(ids);
        return ends;
    }

    private List<String> history(Instant boundary) throws IOException, SQLException {
        List<String> files = new ArrayList<>();
        Catalog catalog = Warehouses.local(directory.resolve("warehouse"));
        Table table = catalog.loadTable(TableIdentifier.of("k2", TOPIC));
        try (CloseableIterable<FileScanTask> tasks = table.newScan().planFiles()) {
            tasks.forEach(task -> files.add("'" + task.file().location() + "'"));
        }
        List<String> ids = new ArrayList<>();
        if (!files.isEmpty()) {
            try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                    Statement statement = duck.createStatement();
                    ResultSet rows = statement.executeQuery("select venue || '/' || symbol || '/' || trade_id from"
                            + " read_parquet([" + String.join(", ", files) + "]) where epoch_ms(event_time) < "
                            + boundary.toEpochMilli())) {
                while (rows.next()) {
                    ids.add(rows.getString(1));
                }
            }
        }
        return ids;
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        return new KafkaConsumer<>(
                Map.of("bootstrap.servers", kafka.bootstrapServers()),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
    }

    private boolean report() {
        System.out.printf(
                Locale.ROOT,
                "%d questions, %d kills. Wrong rows the usual way: %,d. Wrong rows K2's way: %,d.%n",
                questions,
                kills,
                usualWrong,
                k2Wrong);
        System.out.printf(
                Locale.ROOT,
                "{\"questions\":%d,\"kills\":%d,\"naiveWrongRows\":%d,\"k2WrongRows\":%d}%n",
                questions,
                kills,
                usualWrong,
                k2Wrong);
        return questions > 0 && kills > 0 && k2Wrong == 0;
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The child process. */
    private record Writer(Process process, BufferedReader answers) {
        static Writer launch(String bootstrapServers, Path directory) throws IOException {
            Process process = new ProcessBuilder(List.of(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx512m",
                            "-cp",
                            System.getProperty("java.class.path"),
                            SeamDemoWriter.class.getName(),
                            bootstrapServers,
                            directory.resolve("warehouse").toString(),
                            directory.resolve("spool").toString()))
                    .redirectError(ProcessBuilder.Redirect.appendTo(new File(directory.toFile(), "writer.log")))
                    .start();
            Writer writer = new Writer(
                    process,
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)));
            String first = writer.answers.readLine();
            if (first == null && process.isAlive()) {
                throw new IOException("the writer closed its output");
            }
            return writer;
        }

        /** Asks; false if the writer was killed before it had answered. */
        boolean ask(Path file) {
            try {
                process.getOutputStream().write((file + "\n").getBytes(StandardCharsets.UTF_8));
                process.getOutputStream().flush();
                return "answered".equals(answers.readLine());
            } catch (IOException e) {
                // Its end of the pipe is gone: it was killed while it was asked.
                return false;
            }
        }
    }
}
