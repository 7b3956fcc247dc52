package io.k2data.benchmarks;

import io.k2data.CostProbe;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.event.EventTypes;
import io.k2data.cost.CostInput;
import io.k2data.iceberg.TableStatus;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.iceberg.catalog.Catalog;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What do the cost model's measured inputs come to? Bytes of a trade in Kafka's log by codec, in Parquet by codec, and files,
 * metadata and requests of a commit. Sizes do not depend on the machine; nothing here is timed.
 *
 * <p>{@code k2-benchmarks/run CostFigures [RECORDS]}
 */
public final class CostFigures {
    private static final List<String> CODECS = List.of("none", "lz4", "snappy", "zstd");

    private CostFigures() {}

    /**
     * Runs it.
     *
     * @param args records (400,000)
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run CostFigures [RECORDS]");
            return;
        }
        int records = args.length > 0 ? Integer.parseInt(args[0]) : 400_000;
        try (Scratch scratch = Scratch.create("k2-cost-figures");
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            for (String codec : CODECS) {
                send(kafka, codec, records);
                Map<CostInput, Double> topic = CostProbe.topic(
                                Map.of("bootstrap.servers", kafka.bootstrapServers()), "trades-" + codec)
                        .inputs();
                say(
                        "Kafka, %s: %.1f bytes a record in the log",
                        codec, topic.getOrDefault(CostInput.WIRE_BYTES, Double.NaN));
                if (codec.equals("zstd")) {
                    say("key and value: %.1f bytes", topic.getOrDefault(CostInput.RECORD_BYTES, Double.NaN));
                }
            }
            for (int rows : new int[] {records / 40, records / 4}) {
                table(kafka, scratch.directory().resolve("rows-" + rows), rows);
            }
        }
    }

    private static void send(EmbeddedKafka kafka, String codec, int records) {
        kafka.createTopic("trades-" + codec, 4, Map.of("retention.ms", "-1"));
        Map<String, Object> settings = new HashMap<>(Feeds.producerSettings(kafka.bootstrapServers()));
        settings.put("compression.type", codec);
        FeedSimulator feed = FeedSimulator.builder()
                .seed(1)
                .symbols(500)
                .startTime(Instant.parse("2026-11-26T10:00:00Z"))
                .eventsPerSecond(10_000)
                .build();
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            Feeds.send(producer, "trades-" + codec, feed, records);
        }
    }

    /** Commits every so many rows, and looks at what that made. */
    private static void table(EmbeddedKafka kafka, Path directory, int rows) throws Exception {
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        double atStart;
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers(), "max.poll.records", "500"))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofHours(1))
                .generationRows(rows)
                .meterRegistry(meters)
                .build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, "trades-zstd").start();
            atStart = requests(meters, "get");
            k2.view(Freshness.now(Duration.ofMinutes(10))).close();
            ingest.drain(Duration.ofMinutes(10));
            double files = meters.get("k2.storage.files").functionCounter().count();
            say(
                    "table with a commit every %,d rows: %.0f data files, %.2f PUTs and %.2f GETs for each",
                    rows, files, requests(meters, "put") / files, (requests(meters, "get") - atStart) / files);
        }
        Catalog catalog = Warehouses.local(directory.resolve("warehouse"));
        try {
            CostProbe.table(catalog, "trades").inputs().forEach((input, value) -> say("  %s %.2f", input.key(), value));
            codecs(TableStatus.read(catalog, "trades"), directory);
        } finally {
            ((AutoCloseable) catalog).close();
        }
    }

    private static double requests(SimpleMeterRegistry meters, String operation) {
        return meters.get("k2.storage.requests")
                .tag("operation", operation)
                .functionCounter()
                .count();
    }

    /** The same files, row for row, under other codecs. */
    private static void codecs(TableStatus status, Path directory) throws Exception {
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            for (String codec : List.of("zstd", "snappy", "uncompressed")) {
                long bytes = 0;
                for (String file : status.files()) {
                    Path copy = directory.resolve(codec + ".parquet");
                    statement.execute("copy (select * from read_parquet('" + file.replaceFirst("^file:/+", "/")
                            + "')) to '" + copy + "' (format parquet, compression " + codec + ")");
                    bytes += Files.size(copy);
                }
                say("  Parquet, %s: %.2f bytes a row", codec, (double) bytes / status.rows());
            }
        }
    }

    private static void say(String format, Object... values) {
        System.out.println(String.format(Locale.ROOT, format, values));
    }
}
