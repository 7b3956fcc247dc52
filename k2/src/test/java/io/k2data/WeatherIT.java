package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Freshness;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.Health;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an ingest needs goes away and comes back: it says so meanwhile, and carries on where it stopped. */
class WeatherIT {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String TOPIC = "trades";

    @TempDir
    Path directory;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final FeedSimulator feed =
            FeedSimulator.builder().seed(11).symbols(20).duplicateRate(0.01).build();

    @Test
    void aBrokerThatIsKilledAndComesBack() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.childProcess(directory.resolve("kafka"))) {
            kafka.createTopic(TOPIC, 2);
            try (K2 k2 = k2(kafka)) {
                Ingest ingest = started(k2, kafka);
                kafka.kill();
                awaitTrouble(ingest, "Kafka at");
                kafka.start();
                goesOn(k2, ingest, kafka);
            }
        }
    }

    @Test
    void aCatalogThatIsLockedByAnother() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, 2);
            try (K2 k2 = k2(kafka)) {
                Ingest ingest = started(k2, kafka);
                Path database;
                try (var files = Files.list(directory.resolve("warehouse"))) {
                    database = files.filter(file -> file.toString().endsWith(".db"))
                            .findFirst()
                            .orElseThrow();
                }
                try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database);
                        Statement statement = connection.createStatement()) {
                    statement.execute("pragma busy_timeout = 10000");
                    statement.execute("begin exclusive");
                    Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 500);
                    awaitTrouble(ingest, "k2.trades");
                    statement.execute("rollback");
                }
                goesOn(k2, ingest, kafka);
            }
        }
    }

    @Test
    void aWarehouseThatCannotBeWrittenTo() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, 2);
            try (K2 k2 = k2(kafka)) {
                Ingest ingest = started(k2, kafka);
                Path data = directory.resolve("warehouse/k2/trades/data");
                Path away = directory.resolve("away");
                Files.move(data, away);
                Files.createFile(data);
                Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 500);
                awaitTrouble(ingest, "cannot write a data file");
                Files.delete(data);
                Files.move(away, data);
                goesOn(k2, ingest, kafka);
            }
        }
    }

    @Test
    void aDrainedIngestHasCommittedAllAndStillAnswers() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, 2);
            try (K2 k2 = k2(kafka)) {
                Ingest ingest = started(k2, kafka);
                assertThat(ingest.progress().values()).allSatisfy(partition -> {
                    assertThat(partition.liveEnd()).isEqualTo(partition.tableOffset() + partition.uncommittedRecords());
                    assertThat(partition.lagRecords()).isZero();
                });
                assertThat(ingest.drain(PATIENCE)).isTrue();
                assertThat(ingest.health().status()).isEqualTo(Health.Status.DRAINED);
                assertThat(ingest.ready()).isFalse();
                assertThat(ingest.tally().consumed()).isEqualTo(feed.truth().records());
                assertAll(k2);
                Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 10);
                assertThatThrownBy(() -> k2.view(Freshness.now(PATIENCE)))
                        .isInstanceOf(K2Exception.Retry.class)
                        .hasMessageContaining("DRAINED");
                k2.view(Freshness.asFreshAsIs()).close();
            }
        }
    }

    private K2 k2(EmbeddedKafka kafka) {
        return K2.builder()
                .kafka(Map.of(
                        "bootstrap.servers",
                        kafka.bootstrapServers(),
                        "request.timeout.ms",
                        2_000,
                        "default.api.timeout.ms",
                        3_000))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200))
                .meterRegistry(meters)
                .build();
    }

    private Ingest started(K2 k2, EmbeddedKafka kafka) throws SQLException {
        Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
        Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 2_000);
        assertAll(k2);
        await(() -> ingest.tally().consumed() == feed.truth().records());
        await(ingest::ready);
        assertThat(healthy()).isEqualTo(1);
        return ingest;
    }

    private void awaitTrouble(Ingest ingest, String cause) {
        await(() -> ingest.health().status() == Health.Status.RETRYING);
        assertThat(ingest.health().cause()).contains(cause);
        assertThat(ingest.ready()).isFalse();
        assertThat(healthy()).isZero();
    }

    private void goesOn(K2 k2, Ingest ingest, EmbeddedKafka kafka) throws SQLException {
        Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 500);
        await(() -> ingest.health().status() == Health.Status.RUNNING);
        assertAll(k2);
        await(() -> ingest.tally().consumed() == feed.truth().records());
        assertThat(ingest.tally().stored()).isEqualTo(feed.truth().trades());
        await(ingest::ready);
        assertThat(healthy()).isEqualTo(1);
    }

    private double healthy() {
        return meters.get("k2.healthy").gauge().value();
    }

    private void assertAll(K2 k2) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select count(*), sum(quantity) from trades")) {
            row.next();
            assertThat(row.getLong(1)).isEqualTo(feed.truth().trades());
            assertThat(row.getBigDecimal(2)).isEqualByComparingTo(feed.truth().quantity());
        }
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("still waiting after %s", PATIENCE).isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }
}
