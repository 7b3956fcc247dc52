package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.InvalidSettingsException;
import io.k2data.api.View;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.api.event.EventTypes;
import io.k2data.degradation.PriorityTiers;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** What is put off under load is named, comes back, and is counted at every moment. The levels are a script's. */
class DeferralIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int PARTITIONS = 3;
    private static final PriorityTiers TIERS = PriorityTiers.builder()
            .put(PriorityTier.CRITICAL, "alpha/BTC-USDT", "beta/BTC-USDT")
            .put(PriorityTier.HIGH, "alpha/ETH-USDT", "alpha/SOL-USDT")
            .put(PriorityTier.LOW, "beta/*")
            .build();

    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    private String topic;
    private final ScriptedPolicy policy = new ScriptedPolicy();
    private final FeedSimulator feed = FeedSimulator.builder()
            .seed(11)
            .venues("alpha", "beta")
            .symbols(30)
            .gapRate(0.002)
            .lateRate(0.002)
            .duplicateRate(0.02)
            .malformedRate(0.005)
            .build();
    /** By tier, the records sent that hold a trade sent for the first time. */
    private final Map<PriorityTier, Long> sent = new TreeMap<>();

    @BeforeAll
    static void startKafka() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stopKafka() {
        kafka.close();
    }

    @BeforeEach
    void makeTopic(TestInfo test) {
        topic = test.getTestMethod().orElseThrow().getName();
        kafka.createTopic(topic, PARTITIONS);
    }

    private K2.Builder plain() {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers(), "max.poll.records", 500))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200));
    }

    private K2.Builder degrading() {
        return plain().degradationPolicy(policy).tiers(TIERS);
    }

    private void send(int records) {
        List<SimulatedRecord> batch = feed.take(records);
        for (SimulatedRecord record : batch) {
            if (record.label() instanceof SimulatedRecord.Label.Good
                    || record.label() instanceof SimulatedRecord.Label.Late) {
                sent.merge(TIERS.tierOf(record.key()), 1L, Long::sum);
            }
        }
        Feeds.send(kafka.bootstrapServers(), topic, batch.iterator(), records);
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline)
                    .as("time over PATIENCE, waiting for %s", what)
                    .isNegative();
            LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
        }
    }

    private void go(Ingest ingest, DegradationLevel level) {
        policy.want(level);
        await(level.name(), () -> ingest.degradation().level() == level);
    }

    private long sentOf(Predicate<PriorityTier> tiers) {
        return sent.entrySet().stream()
                .filter(entry -> tiers.test(entry.getKey()))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    @Test
    void whatIsPutOffIsNamedByEveryAnswerAndComesBack() throws Exception {
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = degrading().meterRegistry(meters).build();
                K2 other = plain().spool(directory.resolve("other")).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            send(5_000);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
            Ingest follower = other.follow(EventTypes.TRADE, topic).start();
            long allBefore = sentOf(tier -> true);

            go(ingest, DegradationLevel.AGGRESSIVE);
            long importantBefore = sentOf(tier -> tier.compareTo(PriorityTier.HIGH) <= 0);
            send(10_000);
            long important = sentOf(tier -> tier.compareTo(PriorityTier.HIGH) <= 0) - importantBefore;
            try (View view = k2.view(Freshness.now(PATIENCE))) {
                assertThat(count(view, "select count(*) from trades")).isEqualTo(allBefore + important);
                long deferred = count(view, "select sum(records) from deferred where table_name = 'trades'");
                assertThat(deferred).isEqualTo(deferred(view.cut())).isPositive();
                assertThat(count(view, "select count(distinct tier) from deferred"))
                        .isEqualTo(2);
                assertThat(count(
                                view,
                                "select count(*) from deferred where tiers_version = '" + TIERS.version() + "'"
                                        + " and from_time <= to_time and from_offset < to_offset"))
                        .isEqualTo(count(view, "select count(*) from deferred"));
                assertThat(ingest.degradation().deferredRecords()).isEqualTo(deferred);
            }
            assertThat(ingest.streams().stream()
                            .flatMap(stream -> stream.gaps().stream())
                            .count())
                    .as("gaps of what flows, and none of what is put off")
                    .isLessThanOrEqualTo(feed.truth().gaps());
            awaitCommitted(ingest);
            assertThat(ingest.tally().deferred()).isPositive();

            // What flows again lies behind a hole, which is no gap.
            go(ingest, DegradationLevel.GRACEFUL);
            send(5_000);
            assertThat(rows(k2)).isPositive();
            assertThat(ingest.streams().stream()
                            .flatMap(stream -> stream.deferred().stream())
                            .count())
                    .isPositive();

            go(ingest, DegradationLevel.NORMAL);
            await("the backfill", () -> ingest.degradation().deferredRecords() == 0);
            // Until they are committed, what was brought in is named as put off.
            awaitCommitted(ingest);
            send(5_000);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
            try (View view = k2.view(Freshness.now(PATIENCE))) {
                assertThat(count(view, "select count(*) from deferred")).isZero();
            }
            assertGaps(ingest, feed.truth());
            awaitCommitted(ingest);
            await("the follower", () -> rows(other) == feed.truth().trades());
            assertThat(follower.degradation().level()).isEqualTo(DegradationLevel.NORMAL);
            assertThat(sum(meters, "k2.messages.shed"))
                    .isEqualTo(sum(meters, "k2.backfill.records"))
                    .isPositive();
            assertThat(meters.get("k2.degradation.transitions")
                            .tags("from", "AGGRESSIVE", "to", "GRACEFUL")
                            .counter()
                            .count())
                    .isEqualTo(1);
            assertThat(meters.get("k2.degradation.level").gauge().value()).isZero();
            ingest.close();
            FeedTruth truth = feed.truth();
            assertThat(ingest.tally())
                    .isEqualTo(new Tally(
                            truth.records(), truth.trades(), truth.duplicates(), truth.malformedRecords(), 0, 0, 0, 0));
        }
        TopicAndTable.checkDeferred(kafka, topic, directory.resolve("warehouse"), feed.truth(), "script");
    }

    @Test
    void whatWasPutOffBeforeARestartIsBroughtInAfterIt() throws Exception {
        try (K2 k2 = degrading().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            send(2_000);
            go(ingest, DegradationLevel.GRACEFUL);
            send(5_000);
            assertThat(rows(k2)).isLessThan(feed.truth().trades());
        }
        // No policy, and other tiers: those that the records were put off by are in the table.
        try (K2 k2 = plain().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            await("the backfill", () -> ingest.degradation().deferredRecords() == 0);
            awaitCommitted(ingest);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
            assertGaps(ingest, feed.truth());
        }
        TopicAndTable.checkDeferred(kafka, topic, directory.resolve("warehouse"), feed.truth(), "restart");
    }

    @Test
    void anOpenCircuitLetsOnlyWhatIsCriticalThroughAndMovesOnThroughTheLog() throws Exception {
        try (K2 k2 = degrading().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            send(2_000);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
            go(ingest, DegradationLevel.CIRCUIT_BREAK);
            long criticalBefore = sentOf(tier -> tier == PriorityTier.CRITICAL);
            long before = feed.truth().trades();
            send(5_000);
            long critical = sentOf(tier -> tier == PriorityTier.CRITICAL) - criticalBefore;
            assertThat(rows(k2)).as("fresh to the end of the log, all the same").isEqualTo(before + critical);
            assertThat(ingest.degradation().shed().get(PriorityTier.CRITICAL)).isZero();
            assertThat(ingest.degradation().shed().get(PriorityTier.HIGH)).isPositive();
            go(ingest, DegradationLevel.NORMAL);
            await("the backfill", () -> ingest.degradation().deferredRecords() == 0);
            awaitCommitted(ingest);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
        }
    }

    @Test
    void recordsWithoutAKeyAreDecodedFirstAndFallIntoTheSameTiers() throws Exception {
        List<SimulatedRecord> batch = feed.take(3_000);
        try (K2 k2 = degrading().build();
                KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                        Map.of("bootstrap.servers", kafka.bootstrapServers()),
                        new ByteArraySerializer(),
                        new ByteArraySerializer())) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            go(ingest, DegradationLevel.GRACEFUL);
            for (SimulatedRecord record : batch) {
                // One partition: without keys, copies of a record would land on different ones.
                producer.send(new ProducerRecord<>(topic, 0, null, null, record.value()));
            }
            producer.flush();
            assertThat(rows(k2)).isPositive().isLessThan(feed.truth().trades());
            assertThat(ingest.degradation().shed().get(PriorityTier.LOW)).isPositive();
            go(ingest, DegradationLevel.NORMAL);
            await("the backfill", () -> ingest.degradation().deferredRecords() == 0);
            awaitCommitted(ingest);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
            assertThat(ingest.tally().rejected()).isEqualTo(feed.truth().malformedRecords());
        }
    }

    @Test
    void whatRetentionTakesBeforeTheBackfillIsCountedAsLost() throws Exception {
        long lost;
        try (K2 k2 = degrading().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            send(2_000);
            go(ingest, DegradationLevel.GRACEFUL);
            send(5_000);
            assertThat(rows(k2)).isPositive();
            awaitCommitted(ingest);
        }
        Map<TopicPartition, RecordsToDelete> middle = new HashMap<>();
        try (K2 k2 = degrading().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            ingest.committed().forEach((partition, state) -> state.deferred()
                    .forEach(deferral -> middle.put(
                            new TopicPartition(topic, partition.partition()),
                            RecordsToDelete.beforeOffset((deferral.fromOffset() + deferral.toOffset()) / 2))));
            go(ingest, DegradationLevel.GRACEFUL);
        }
        kafka.admin().deleteRecords(middle).all().get();
        policy.want(DegradationLevel.NORMAL);
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = degrading().meterRegistry(meters).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            await("the backfill", () -> ingest.degradation().deferredRecords() == 0);
            awaitCommitted(ingest);
            Tally tally = ingest.tally();
            lost = tally.lost();
            assertThat(lost).isPositive();
            assertThat(tally.deferred()).isZero();
            assertThat(tally.consumed())
                    .isEqualTo(tally.stored() + tally.duplicate() + tally.rejected() + lost)
                    .isEqualTo(feed.truth().records());
            assertThat(meters.get("k2.backfill.records")
                            .tag("outcome", "lost")
                            .counter()
                            .count())
                    .isEqualTo((double) lost);
            assertThat(meters.get("k2.records")
                            .tag("outcome", "lost")
                            .functionCounter()
                            .count())
                    .isEqualTo((double) lost);
            assertThat(rows(k2)).isEqualTo(tally.stored());
        }
    }

    @Test
    void retentionThatMayBeQuickerThanTheBackfillIsKnown() {
        kafka.createTopic("kept-a-week", PARTITIONS, Map.of("retention.ms", "604800000"));
        topic = "kept-a-week";
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = degrading().meterRegistry(meters).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(meters.get("k2.log.retention").gauge().value()).isNaN();
            go(ingest, DegradationLevel.GRACEFUL);
            send(1_000);
            assertThat(rows(k2)).isPositive();
            await("the retention", () -> meters.get("k2.log.retention").gauge().value() == 604_800);
            // The feed's records are months old.
            assertThat(meters.get("k2.deferred.age").gauge().value()).isGreaterThan(604_800 / 2.0);
        }
    }

    @Test
    void otherTiersCountFromTheNextLookAtTheirFile() throws Exception {
        Path file = directory.resolve("tiers.txt");
        Files.writeString(file, "low alpha/*\n");
        try (K2 k2 = plain().degradationPolicy(policy).tiers(file).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            go(ingest, DegradationLevel.GRACEFUL);
            send(2_000);
            assertThat(rows(k2)).isPositive();
            assertThat(venues(k2)).containsExactly("beta");
            Path next = directory.resolve("next.txt");
            Files.writeString(next, "low beta/*\n");
            Files.move(next, file, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
            await("the other tiers", () -> {
                send(500);
                return venues(k2).size() == 2;
            });
            go(ingest, DegradationLevel.NORMAL);
            await("the backfill", () -> ingest.degradation().deferredRecords() == 0);
            awaitCommitted(ingest);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
        }
    }

    @Test
    void anEnrichmentIsSkippedUnderLoadAndNoFaultOfItLosesARow() throws Exception {
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = degrading().meterRegistry(meters).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic)
                    .enrich(row -> {
                        String symbol = String.valueOf(row.value("symbol"));
                        if (symbol.startsWith("DOGE")) {
                            throw new IllegalStateException("no such instrument");
                        }
                        row.set("message_id", symbol.substring(symbol.indexOf('-') + 1));
                    })
                    .start();
            send(2_000);
            long before = feed.truth().trades();
            assertThat(rows(k2)).isEqualTo(before);
            long enriched = rows(k2, "where message_id is not null and symbol not like 'DOGE%'");
            assertThat(enriched).isEqualTo(rows(k2, "where symbol not like 'DOGE%'"));
            assertThat(meters.get("k2.enrichment.failures").counter().count()).isPositive();
            go(ingest, DegradationLevel.SOFT);
            send(2_000);
            assertThat(rows(k2)).isEqualTo(feed.truth().trades());
            assertThat(rows(k2, "where message_id is not null")).isEqualTo(enriched);
            assertThat(ingest.degradation().deferredRecords()).isZero();
        }
    }

    @Test
    void badSettingsOfTiersAndPolicyAreRefusedTogether() throws Exception {
        Path file = directory.resolve("tiers.txt");
        Files.writeString(file, "urgent alpha/BTC\nlow alpha/ETH\nhigh alpha/ETH\n");
        assertThatThrownBy(
                        () -> plain().tiers(file).commitInterval(Duration.ZERO).build())
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("line 1: tier 'urgent'")
                .hasMessageContaining("line 3: 'alpha/ETH' is high here and low in line 2")
                .hasMessageContaining("commit-interval");
        assertThatThrownBy(() -> plain().degradationPolicy("unheard-of").build())
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("unheard-of");
    }

    private static double sum(SimpleMeterRegistry meters, String name) {
        return meters.find(name).counters().stream()
                .mapToDouble(counter -> counter.count())
                .sum();
    }

    private static long deferred(Cut cut) {
        return cut.tables().get("trades").partitions().values().stream()
                .flatMap(partition -> partition.deferred().stream())
                .mapToLong(Deferral::records)
                .sum();
    }

    private static long rows(K2 k2) {
        return rows(k2, "");
    }

    private static long rows(K2 k2, String where) {
        try (View view = k2.view(Freshness.now(PATIENCE))) {
            assertThat(count(
                            view,
                            "select count(*) from (select venue, symbol, trade_id from trades group by all"
                                    + " having count(*) > 1)"))
                    .as("ids that are there more than once")
                    .isZero();
            return count(view, "select count(*) from trades " + where);
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private static List<String> venues(K2 k2) {
        List<String> venues = new ArrayList<>();
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select distinct venue from trades order by venue")) {
            while (row.next()) {
                venues.add(row.getString(1));
            }
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
        return venues;
    }

    private static long count(View view, String sql) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    private void awaitCommitted(Ingest ingest) {
        await("the commit of all", () -> {
            long committed = ingest.progress().values().stream().allMatch(each -> each.uncommittedRecords() == 0)
                    ? ingest.tally().consumed()
                    : -1;
            return committed == feed.truth().records()
                    && ingest.tally().deferred() == ingest.degradation().deferredRecords();
        });
    }

    private static void assertGaps(Ingest ingest, FeedTruth truth) {
        Iterator<Long> found = List.of(
                        ingest.streams().stream()
                                .mapToLong(stream -> stream.missing())
                                .sum(),
                        ingest.streams().stream()
                                .mapToLong(stream -> stream.gaps().size())
                                .sum(),
                        ingest.streams().stream()
                                .mapToLong(stream -> stream.deferred().size())
                                .sum())
                .iterator();
        assertThat(found.next()).as("missing").isEqualTo(truth.missing());
        assertThat(found.next()).as("gaps").isEqualTo(truth.gaps());
        assertThat(found.next()).as("deferred").isZero();
    }
}
