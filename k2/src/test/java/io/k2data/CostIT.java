package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Freshness;
import io.k2data.api.K2Exception;
import io.k2data.api.event.EventTypes;
import io.k2data.cost.CostEstimate;
import io.k2data.cost.CostInput;
import io.k2data.cost.CostInputs;
import io.k2data.cost.CostModel;
import io.k2data.cost.LineItem;
import io.k2data.cost.PriceBook;
import io.k2data.cost.StorageTier;
import io.k2data.iceberg.Warehouses;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.iceberg.catalog.Catalog;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The cost model beside what an ingest really wrote and asked for, and the meters that a dashboard derives costs from. */
class CostIT {
    private static final double SECONDS_PER_MONTH = 2_628_000;
    private static final Percentage TENTH = Percentage.withPercentage(10);
    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    @BeforeAll
    static void startBroker() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stopBroker() {
        kafka.close();
    }

    private Catalog catalog(String name) {
        return Warehouses.open(
                name,
                Map.of(
                        "type",
                        "jdbc",
                        "uri",
                        "jdbc:sqlite:" + directory.resolve(name + ".db"),
                        "warehouse",
                        directory.resolve(name).toString(),
                        "io-impl",
                        CountingFileIO.class.getName()));
    }

    /** Ingests a feed in generations of a MiB, whatever time that takes. */
    private Tally ingest(Catalog catalog, String topic, long seed, int records, SimpleMeterRegistry meters) {
        kafka.createTopic(topic, 2);
        FeedSimulator feed = FeedSimulator.builder()
                .seed(seed)
                .symbols(200)
                .startTime(Instant.parse("2026-11-26T10:00:00Z"))
                .eventsPerSecond(1_000)
                .build();
        Feeds.send(kafka.bootstrapServers(), topic, feed, records);
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers(), "max.poll.records", "200"))
                .catalog(catalog, directory)
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofHours(1))
                .generationBytes(1 << 20)
                .meterRegistry(meters)
                .build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            k2.view(Freshness.now(Duration.ofMinutes(2))).close();
            assertThat(ingest.drain(Duration.ofMinutes(1))).isTrue();
            meters.get("k2.storage.requests")
                    .tag("operation", "put")
                    .functionCounter()
                    .count();
            lastUse = Map.of(
                    "put", count(meters, "put"),
                    "get", count(meters, "get"),
                    "bytes",
                            meters.get("k2.storage.written.bytes")
                                    .functionCounter()
                                    .count(),
                    "files", meters.get("k2.storage.files").functionCounter().count(),
                    "table", meters.get("k2.table.bytes").gauge().value(),
                    "consumed", meters.get("k2.consumed.bytes").counter().count());
            return ingest.tally();
        }
    }

    private Map<String, Double> lastUse = Map.of();

    private static double count(SimpleMeterRegistry meters, String operation) {
        return meters.get("k2.storage.requests")
                .tag("operation", operation)
                .functionCounter()
                .count();
    }

    private static double quantity(CostEstimate estimate, String line) {
        return estimate.items().stream()
                .filter(item -> item.name().equals(line))
                .map(LineItem::quantity)
                .findFirst()
                .orElseThrow()
                .doubleValue();
    }

    @Test
    void whatARunWritesAndAsksForIsPredictedFromItsSettings() throws Exception {
        // One run to measure what no setting tells: bytes of a record in the log and in Parquet, requests of a commit.
        Map<CostInput, Double> gets;
        CostInputs.Builder inputs;
        Catalog measured = catalog("measured");
        try {
            ingest(measured, "measured", 1, 60_000, new SimpleMeterRegistry());
            inputs = CostProbe.topic(Map.of("bootstrap.servers", kafka.bootstrapServers()), "measured")
                    .applyTo(CostProbe.table(measured, "trades").applyTo(CostInputs.builder()));
            gets = Map.of(CostInput.GETS_PER_COMMIT, lastUse.get("get") / lastUse.get("files"));
        } finally {
            ((AutoCloseable) measured).close();
        }

        // Another run, more than three times as long. A "month" of the model is as long as it takes at 1,000 records a
        // second, so
        // that generations are cut by their size, as here.
        int records = 200_000;
        double rate = 1_000;
        double month = records / (rate * SECONDS_PER_MONTH);
        CostEstimate predicted = CostModel.of(PriceBook.awsUsEast1(), LocalDate.of(2026, 11, 27))
                .estimate(inputs.measured(gets, "meters of the first run")
                        .set(CostInput.RECORDS_PER_SECOND, rate)
                        .set(CostInput.COMMIT_INTERVAL_SECONDS, 3600)
                        .set(CostInput.GENERATION_MIB, 1)
                        .set(CostInput.TABLE_RETENTION_MONTHS, month)
                        .set(CostInput.KAFKA_RETENTION_HOURS, records / rate / 3600)
                        .set(CostInput.DISK_FILL, 1)
                        .set(CostInput.ZONES, 1)
                        .tiers(List.of(new StorageTier("standard", 0)))
                        .build());
        CountingFileIO.reset();
        Catalog predictedCatalog = catalog("predicted");
        try {
            Tally tally = ingest(predictedCatalog, "predicted", 2, records, new SimpleMeterRegistry());
            assertThat(tally.consumed()).isEqualTo(records);
        } finally {
            ((AutoCloseable) predictedCatalog).close();
        }
        double gib = 1L << 30;
        double predictedPuts = quantity(predicted, "Commits: PUT") * 1000 * month;
        double predictedGets = quantity(predicted, "Commits: GET") * 1000 * month;
        double predictedParquet = quantity(predicted, "Table storage: standard") * gib;
        double predictedLog = quantity(predicted, "Kafka disks") * gib;
        double log = kafka.admin().describeLogDirs(List.of(1)).allDescriptions().get().values().stream()
                .flatMap(each -> each.values().stream())
                .flatMap(each -> each.replicaInfos().entrySet().stream())
                .filter(each -> each.getKey().topic().equals("predicted"))
                .mapToLong(each -> each.getValue().size())
                .sum();
        System.out.printf(
                "predicted and counted: %.1f PUTs and %d, %.1f GETs and %d, %.0f bytes of Parquet and %d, %.0f in the log"
                        + " and %.0f%n",
                predictedPuts,
                CountingFileIO.PUTS.get(),
                predictedGets,
                CountingFileIO.GETS.get(),
                predictedParquet,
                CountingFileIO.PARQUET_BYTES.get(),
                predictedLog,
                log);
        assertThat((double) CountingFileIO.PUTS.get()).isCloseTo(predictedPuts, TENTH);
        assertThat((double) CountingFileIO.GETS.get()).isCloseTo(predictedGets, TENTH);
        assertThat((double) CountingFileIO.PARQUET_BYTES.get()).isCloseTo(predictedParquet, TENTH);
        assertThat(log).isCloseTo(predictedLog, TENTH);

        // The meters say what was counted: all but the metadata that the catalog wrote when it made the table.
        assertThat(lastUse.get("put")).isEqualTo(CountingFileIO.PUTS.get() - 1.0);
        assertThat(lastUse.get("get")).isCloseTo(CountingFileIO.GETS.get(), TENTH);
        assertThat(lastUse.get("bytes")).isEqualTo((double) CountingFileIO.PARQUET_BYTES.get());
        assertThat(lastUse.get("table")).isEqualTo(lastUse.get("bytes"));
    }

    @Test
    void aProbeReadsSettingsOfAnEmptyTopicAndNamesATableThatIsNotThere() throws Exception {
        kafka.createTopic("empty", 3, Map.of("retention.ms", "7200000"));
        CostProbe.Measured topic = CostProbe.topic(Map.of("bootstrap.servers", kafka.bootstrapServers()), "empty");
        assertThat(topic.inputs())
                .isEqualTo(Map.of(
                        CostInput.PARTITIONS, 3.0,
                        CostInput.REPLICATION, 1.0,
                        CostInput.BROKERS, 1.0,
                        CostInput.KAFKA_RETENTION_HOURS, 2.0));
        assertThatThrownBy(() -> CostProbe.topic(Map.of("bootstrap.servers", kafka.bootstrapServers()), "nowhere"))
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("cannot measure topic nowhere");
        try (AutoCloseable catalog = (AutoCloseable) catalog("none")) {
            assertThatThrownBy(() -> CostProbe.table((Catalog) catalog, "trades"))
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining("there is no table k2.trades");
        }
    }

    @Test
    void rulesAndDashboardUseNoMeterThatARunDoesNotExport() throws Exception {
        kafka.createTopic("scraped", 1);
        Feeds.send(
                kafka.bootstrapServers(),
                "scraped",
                FeedSimulator.builder().seed(3).symbols(20).build(),
                2_000);
        PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        String scrape;
        Catalog catalog = catalog("scraped");
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .catalog(catalog, directory)
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200))
                .meterRegistry(meters)
                .build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, "scraped").start();
            k2.view(Freshness.now(Duration.ofMinutes(2))).close();
            assertThat(ingest.drain(Duration.ofMinutes(1))).isTrue();
            scrape = meters.scrape();
        } finally {
            ((AutoCloseable) catalog).close();
        }
        Set<String> series = scrape.lines()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.substring(0, line.lastIndexOf(' ')))
                .collect(Collectors.toSet());
        Path operations = Path.of("../docs/operations");
        String rules = Files.readString(operations.resolve("cost-alerts.yml"));
        String dashboard = Files.readString(operations.resolve("cost-dashboard.json"));
        Set<String> used = new TreeSet<>();
        Matcher selector =
                Pattern.compile("\\b(k2_[a-z_]+)(?:\\{([^}]*)})?").matcher(rules + dashboard.replace("\\\"", "\""));
        while (selector.find()) {
            String name = selector.group(1);
            used.add(name);
            List<String> labels = selector.group(2) == null
                    ? List.of()
                    : List.of(selector.group(2).split(","));
            assertThat(series)
                    .as("a series for " + selector.group())
                    .anyMatch(each ->
                            each.startsWith(name + "{") && labels.stream().allMatch(each::contains));
        }
        assertThat(used)
                .contains(
                        "k2_table_bytes",
                        "k2_records_total",
                        "k2_storage_requests_total",
                        "k2_consumed_bytes_total",
                        "k2_storage_files_total");
        // What is recorded is defined once, and what is shown is recorded.
        Set<String> recorded = new TreeSet<>();
        Matcher record = Pattern.compile("record: (\\S+)").matcher(rules);
        while (record.find()) {
            assertThat(recorded.add(record.group(1))).as(record.group(1)).isTrue();
        }
        Matcher shown = Pattern.compile("k2:[a-z_]+:[a-z_]+").matcher(rules + dashboard);
        while (shown.find()) {
            assertThat(recorded).contains(shown.group());
        }
    }
}
