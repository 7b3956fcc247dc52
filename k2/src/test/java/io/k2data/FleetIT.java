package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Freshness;
import io.k2data.api.LogPartition;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.Health;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** Several writers of one table, members of a consumer group. */
class FleetIT {
    private static final boolean FULL = Boolean.getBoolean("k2.full");
    private static final int PARTITIONS = 6;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    private String topic;

    @BeforeAll
    static void startKafka() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stopKafka() {
        kafka.close();
    }

    @BeforeEach
    void createTopic(TestInfo test) {
        topic = "fleet-" + test.getTestMethod().orElseThrow().getName();
        kafka.createTopic(topic, PARTITIONS);
    }

    private static FeedSimulator feed(long seed) {
        return FeedSimulator.builder()
                .seed(seed)
                .symbols(40)
                .gapRate(0.001)
                .lateRate(0.002)
                .duplicateRate(0.02)
                .malformedRate(0.002)
                .build();
    }

    @Test
    void everyRowIsStoredOnceWhileMembersComeAndGo() throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        FeedSimulator feed = feed(seed);
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> {
            while (!stop.get()) {
                Feeds.send(kafka.bootstrapServers(), topic, feed, 200);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
        });
        List<Member> members = new ArrayList<>();
        int answers = 0;
        try {
            members.add(new Member());
            for (int change = 0; change < (FULL ? 60 : 10); change++) {
                if (members.size() == 1 || (members.size() < 4 && random.nextBoolean())) {
                    members.add(new Member());
                } else {
                    members.remove(random.nextInt(members.size())).close();
                }
                // A question at any moment of a rebalance is answered exactly, or not at all.
                for (int question = 0; question < 5; question++) {
                    Member asked = members.get(random.nextInt(members.size()));
                    assertThat(asked.ingest.committed().keySet())
                            .as("partitions known, seed %s", seed)
                            .hasSize(PARTITIONS);
                    asked.requireNoDoubles(seed);
                    answers++;
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(400)));
                }
            }
            stop.set(true);
            sending.get();
            FeedTruth truth = feed.truth();
            for (Member member : members) {
                member.requireAll(truth, seed);
                assertThat(member.ingest.health().status()).isEqualTo(Health.Status.RUNNING);
            }
        } finally {
            stop.set(true);
            members.forEach(Member::close);
        }
        String found = TopicAndTable.check(kafka, topic, directory.resolve("warehouse"), feed.truth(), "seed " + seed);
        System.out.println("FleetIT: answers during rebalances " + answers + ", " + found + ", seed " + seed);
    }

    @Test
    void membersDivideThePartitionsAndSurvivorsTakeThoseOfADeadOne() throws Exception {
        FeedSimulator feed = feed(1);
        try (Member one = new Member();
                Member two = new Member()) {
            one.awaitOwned(PARTITIONS / 2);
            two.awaitOwned(PARTITIONS / 2);
            Set<LogPartition> both = new HashSet<>(one.owned());
            both.addAll(two.owned());
            assertThat(both).hasSize(PARTITIONS);
            Feeds.send(kafka.bootstrapServers(), topic, feed, 5_000);
            one.requireAll(feed.truth(), 1);
            two.requireAll(feed.truth(), 1);
            two.close();
            one.awaitOwned(PARTITIONS);
            Feeds.send(kafka.bootstrapServers(), topic, feed, 1_000);
            one.requireAll(feed.truth(), 1);
        }
        TopicAndTable.check(kafka, topic, directory.resolve("warehouse"), feed.truth(), "divided");
    }

    @Test
    void aMemberThatReadsItsOwnPartitionsAloneWritesThemAndRefusesViews() throws Exception {
        FeedSimulator feed = feed(2);
        try (K2 k2 = builder("own").build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic)
                    .group("group-" + topic, Ingest.Reading.OWN)
                    .start();
            assertThatThrownBy(() -> k2.view(Freshness.asFreshAsIs()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("reads only its own partitions");
            Feeds.send(kafka.bootstrapServers(), topic, feed, 5_000);
            await(() -> ingest.tally().consumed() == feed.truth().records());
        }
        TopicAndTable.check(kafka, topic, directory.resolve("warehouse"), feed.truth(), "own");
    }

    @Test
    void aMemberThatWasTakenForDeadAndWakesUpDoublesNothing() throws Exception {
        FeedSimulator feed = feed(3);
        AtomicBoolean stop = new AtomicBoolean();
        Process one = IngestProcess.launch(kafka.bootstrapServers(), topic, directory, "zombies");
        Process two = IngestProcess.launch(kafka.bootstrapServers(), topic, directory, "zombies");
        CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> {
            while (!stop.get()) {
                Feeds.send(kafka.bootstrapServers(), topic, feed, 200);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
        });
        try {
            awaitLine(one, "started");
            awaitLine(two, "started");
            for (int round = 0; round < (FULL ? 5 : 1); round++) {
                Process sleeper = round % 2 == 0 ? one : two;
                LockSupport.parkNanos(Duration.ofSeconds(3).toNanos());
                signal("STOP", sleeper);
                // Past the session's time-out, so that the other one takes its partitions.
                LockSupport.parkNanos(Duration.ofSeconds(9).toNanos());
                signal("CONT", sleeper);
            }
            LockSupport.parkNanos(Duration.ofSeconds(3).toNanos());
            stop.set(true);
            sending.get();
            one.getOutputStream().close();
            two.getOutputStream().close();
            awaitLine(one, "done");
            awaitLine(two, "done");
        } finally {
            stop.set(true);
            one.destroyForcibly();
            two.destroyForcibly();
        }
        TopicAndTable.check(kafka, topic, directory.resolve("warehouse"), feed.truth(), "zombie");
    }

    private static void signal(String name, Process process) throws Exception {
        assertThat(new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
    }

    private void awaitLine(Process process, String start) throws Exception {
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8), 1);
        assertThat(lines.readLine()).as(this::log).isNotNull().startsWith(start);
    }

    private String log() {
        try {
            return "the members' log: " + Files.readString(directory.resolve("ingest.log"));
        } catch (IOException e) {
            return "the members left no log: " + e;
        }
    }

    private static void await(java.util.function.BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("still waiting after %s", PATIENCE).isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    private K2.Builder builder(String spool) {
        return K2.builder()
                .kafka(Map.of(
                        "bootstrap.servers",
                        kafka.bootstrapServers(),
                        "session.timeout.ms",
                        6_000,
                        "heartbeat.interval.ms",
                        300))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve(spool))
                .memoryLimitBytes(128L << 20)
                .commitInterval(Duration.ofMillis(500));
    }

    private final class Member implements AutoCloseable {
        private final K2 k2;
        private final Ingest ingest;

        Member() {
            k2 = builder("spool").build();
            ingest = k2.ingest(EventTypes.TRADE, topic).group("group-" + topic).start();
        }

        Set<LogPartition> owned() {
            return ingest.pipelines().get(0).committed().keySet();
        }

        void awaitOwned(int partitions) {
            await(() -> owned().size() == partitions);
        }

        void requireNoDoubles(long seed) throws SQLException {
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement();
                    ResultSet row = statement.executeQuery(
                            "select count(*) - count(distinct (venue, symbol, trade_id)) from trades")) {
                row.next();
                assertThat(row.getLong(1)).as("doubled rows, seed %s", seed).isZero();
            }
        }

        void requireAll(FeedTruth truth, long seed) throws SQLException {
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement();
                    ResultSet row = statement.executeQuery("select count(*), sum(quantity) from trades")) {
                row.next();
                assertThat(row.getLong(1)).as("rows, seed %s", seed).isEqualTo(truth.trades());
                assertThat(row.getBigDecimal(2)).isEqualByComparingTo(truth.quantity());
            }
        }

        @Override
        public void close() {
            k2.close();
        }
    }
}
