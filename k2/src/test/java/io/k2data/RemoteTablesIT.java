package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Freshness;
import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.iceberg.Warehouses;
import io.k2data.pipeline.Health;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tables in S3, behind a JDBC catalog and behind a REST catalog; and what K2 says when they are not there. */
class RemoteTablesIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String SECRET = "Zq7-very-secret-key";
    private static EmbeddedKafka kafka;
    private static S3Server s3;

    @TempDir
    static Path shared;

    @TempDir
    Path directory;

    @BeforeAll
    static void startServers() throws Exception {
        kafka = EmbeddedKafka.inProcess();
        s3 = S3Server.start(shared);
    }

    @AfterAll
    static void stopServers() {
        s3.close();
        kafka.close();
    }

    private K2.Builder builder(Map<String, String> catalog) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .catalog("remote", catalog)
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(300));
    }

    private Map<String, String> jdbc(String warehouse) {
        Map<String, String> catalog = new HashMap<>(s3.properties(SECRET));
        catalog.put("type", "jdbc");
        catalog.put("uri", "jdbc:sqlite:" + directory.resolve("catalog.db"));
        catalog.put("warehouse", "s3://" + S3Server.BUCKET + "/" + warehouse);
        return catalog;
    }

    private static void assertAnswer(K2 k2, FeedTruth truth) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery(
                        "select count(*), sum(quantity), count(distinct (venue, symbol, trade_id)) from trades")) {
            rows.next();
            assertThat(rows.getLong(1)).isEqualTo(truth.trades());
            assertThat(rows.getBigDecimal(2)).isEqualByComparingTo(truth.quantity());
            assertThat(rows.getLong(3)).isEqualTo(truth.trades());
        }
    }

    private void feedAndAsk(String topic, Map<String, String> catalog) throws SQLException {
        kafka.createTopic(topic, 2);
        FeedSimulator feed =
                FeedSimulator.builder().seed(5).symbols(20).duplicateRate(0.01).build();
        for (int start = 0; start < 2; start++) {
            try (K2 k2 = builder(catalog).build()) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
                for (int i = 0; i < 4; i++) {
                    Feeds.send(kafka.bootstrapServers(), topic, feed, 2_000);
                    assertAnswer(k2, feed.truth());
                }
                ingest.close();
                assertThat(ingest.tally().stored()).isEqualTo(feed.truth().trades());
            }
        }
        try (K2 k2 = builder(catalog).build()) {
            k2.follow(EventTypes.TRADE, topic).start();
            assertAnswer(k2, feed.truth());
        }
        assertNoSecret(catalog);
    }

    /** The table's metadata, all of it, as anybody may read it. */
    private static void assertNoSecret(Map<String, String> properties) {
        Catalog catalog = Warehouses.open("remote", properties);
        Table table = catalog.loadTable(TableIdentifier.of("k2", "trades"));
        assertThat(table.properties().toString()).doesNotContain(SECRET);
        String location = ((org.apache.iceberg.HasTableOperations) table)
                .operations()
                .current()
                .metadataFileLocation();
        try (InputStream in = table.io().newInputFile(location).newStream()) {
            assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8))
                    .contains("k2.p.")
                    .doesNotContain(SECRET);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void tablesInS3BehindAJdbcCatalogAnswerAsLocalOnesDo() throws Exception {
        feedAndAsk("jdbc", jdbc("jdbc"));
    }

    @Test
    void tablesInS3BehindARestCatalogAnswerAsLocalOnesDo() throws Exception {
        Catalog behind = Warehouses.open("behind", jdbc("rest"));
        try (RestCatalogServer rest = RestCatalogServer.start(behind, SECRET)) {
            Map<String, String> catalog = new HashMap<>(s3.properties(SECRET));
            catalog.remove("warehouse");
            catalog.put("type", "rest");
            catalog.put("uri", rest.uri());
            catalog.put("token", SECRET);
            catalog.put("io-impl", "org.apache.iceberg.aws.s3.S3FileIO");
            feedAndAsk("rest", catalog);
            Table table = behind.loadTable(TableIdentifier.of("k2", "trades"));
            // The published field ids, whatever the server numbered first.
            assertThat(table.schema().findField("kafka_time").fieldId()).isEqualTo(19);
            assertThat(table.schema().findField("venue").fieldId()).isEqualTo(1);
        }
    }

    @Test
    void aCacheThatIsSmallerThanTheTableAnswersWhatNeedsFewFilesAndNamesWhatNeedsTooMany() throws Exception {
        kafka.createTopic("cache", 1);
        FeedSimulator feed = FeedSimulator.builder().seed(6).symbols(20).build();
        Map<String, String> catalog = jdbc("cache");
        try (K2 k2 = builder(catalog).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, "cache").start();
            for (int i = 0; i < 6; i++) {
                Feeds.send(kafka.bootstrapServers(), "cache", feed, 2_000);
                assertAnswer(k2, feed.truth());
                long sent = (i + 1) * 2_000L;
                while (ingest.tally().consumed() < sent) {
                    LockSupport.parkNanos(10_000_000);
                }
            }
            ingest.close();
        }
        try (K2 k2 = builder(catalog).cacheBytes(180 << 10).build()) {
            k2.follow(EventTypes.TRADE, "cache").start();
            try (View view = k2.view(Freshness.asFreshAsIs());
                    Statement statement = view.connection().createStatement()) {
                for (long offset : new long[] {100, 11_900, 5_000}) {
                    try (ResultSet rows =
                            statement.executeQuery("select count(*) from trades where kafka_offset = " + offset)) {
                        rows.next();
                        assertThat(rows.getLong(1)).isEqualTo(1);
                    }
                    View.Files files = view.filesRead().get("trades");
                    assertThat(files.read()).isEqualTo(1);
                    assertThat(files.of()).isGreaterThanOrEqualTo(6);
                }
                assertThatThrownBy(() -> statement.executeQuery("select count(*) from trades"))
                        .isInstanceOf(K2Exception.Stop.class)
                        .hasMessageContaining("raise cache-bytes");
            }
        }
    }

    @Test
    void aCatalogThatIsNotThereIsAClearErrorWithoutASecret() throws Exception {
        Map<String, String> base = new HashMap<>(s3.properties(SECRET));
        base.put("io-impl", "org.apache.iceberg.aws.s3.S3FileIO");

        Map<String, String> away = new HashMap<>(base);
        away.put("type", "rest");
        away.put("uri", "http://localhost:1");
        away.put("token", SECRET);
        assertThatThrownBy(() -> builder(away).build())
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("cannot open catalog 'remote' (rest)")
                .satisfies(RemoteTablesIT::tellsNoSecret);

        Map<String, String> driver = new HashMap<>(base);
        driver.put("type", "jdbc");
        driver.put("uri", "jdbc:nonsense://u:" + SECRET + "@host/db?password=" + SECRET);
        driver.put("jdbc.password", SECRET);
        assertThatThrownBy(() -> builder(driver).build())
                .isInstanceOf(K2Exception.class)
                .hasMessageContaining("catalog 'remote' (jdbc)")
                .satisfies(RemoteTablesIT::tellsNoSecret);

        assertThatThrownBy(() -> builder(Map.of("catalog-impl", "com.acme.Missing", "token", SECRET))
                        .build())
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("com.acme.Missing is not on the class path")
                .hasMessageContaining("catalog.io-impl")
                .satisfies(RemoteTablesIT::tellsNoSecret);

        Catalog behind = Warehouses.open("behind", jdbc("refused"));
        try (RestCatalogServer rest = RestCatalogServer.start(behind, "another")) {
            Map<String, String> refused = new HashMap<>(base);
            refused.put("type", "rest");
            refused.put("uri", rest.uri());
            refused.put("token", SECRET);
            assertThatThrownBy(() -> builder(refused).build())
                    .isInstanceOf(K2Exception.class)
                    .satisfies(RemoteTablesIT::tellsNoSecret);
        }
    }

    @Test
    void nothingThatIsLoggedWhileS3RefusesGivesASecretAway() throws Exception {
        kafka.createTopic("refused", 1);
        Map<String, String> catalog = jdbc("refused-bucket");
        catalog.put("warehouse", "s3://no-such-bucket/warehouse");
        PrintStream before = System.err;
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        try (K2 k2 = builder(catalog).build()) {
            assertThatThrownBy(() -> k2.ingest(EventTypes.TRADE, "refused").start())
                    .isInstanceOf(K2Exception.class)
                    .hasMessageContaining("k2.trades")
                    .satisfies(RemoteTablesIT::tellsNoSecret);
        } finally {
            System.setErr(before);
        }
        assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain(SECRET);
        try (Stream<Path> left = Files.list(directory.resolve("spool"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aStoreThatRefusesIsSaidAndWaitedForAndNothingIsLost() throws Exception {
        kafka.createTopic("weather", 2);
        FeedSimulator feed =
                FeedSimulator.builder().seed(9).symbols(20).duplicateRate(0.01).build();
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        PrintStream before = System.err;
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        try (RefusingProxy proxy = RefusingProxy.before(s3.endpoint())) {
            Map<String, String> catalog = jdbc("weather");
            catalog.put("s3.endpoint", proxy.endpoint().toString());
            try (K2 k2 = builder(catalog).meterRegistry(meters).build()) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, "weather").start();
                Feeds.send(kafka.bootstrapServers(), "weather", feed, 1_000);
                assertAnswer(k2, feed.truth());
                for (RefusingProxy.Mode mode : List.of(RefusingProxy.Mode.UNAVAILABLE, RefusingProxy.Mode.CLOSED)) {
                    proxy.mode(mode);
                    Feeds.send(kafka.bootstrapServers(), "weather", feed, 1_000);
                    await(() -> ingest.health().status() == Health.Status.RETRYING);
                    assertThat(ingest.health().cause()).contains("trades").doesNotContain(SECRET);
                    assertThat(ingest.ready()).isFalse();
                    assertThat(meters.get("k2.healthy").gauge().value()).isZero();
                    proxy.mode(RefusingProxy.Mode.PASS);
                    await(() -> ingest.health().status() == Health.Status.RUNNING);
                    assertAnswer(k2, feed.truth());
                }
                await(() -> ingest.tally().consumed() == feed.truth().records());
                assertThat(ingest.tally().stored()).isEqualTo(feed.truth().trades());
                assertThat(meters.get("k2.healthy").gauge().value()).isEqualTo(1);
            }
        } finally {
            System.setErr(before);
        }
        assertThat(log.toString(StandardCharsets.UTF_8)).contains("trades").doesNotContain(SECRET);
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(120).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("still waiting").isLessThan(deadline);
            LockSupport.parkNanos(20_000_000L);
        }
    }

    private static void tellsNoSecret(Throwable error) {
        StringWriter all = new StringWriter();
        error.printStackTrace(new PrintWriter(all));
        assertThat(all.toString()).doesNotContain(SECRET);
        List<Throwable> chain = new ArrayList<>();
        for (Throwable e = error; e != null; e = e.getCause()) {
            chain.add(e);
        }
        assertThat(chain.toString()).doesNotContain(SECRET);
    }
}
