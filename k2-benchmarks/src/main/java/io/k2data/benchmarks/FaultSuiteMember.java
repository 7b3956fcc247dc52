package io.k2data.benchmarks;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.dedup.Deduplicators;
import io.k2data.dedup.Deduplicators.ExactConfig;
import io.k2data.pipeline.Health;
import io.k2data.pipeline.PartitionState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * A member of the group in {@link FaultSuite}. It ingests, and asks itself questions all the while; when its standard input
 * ends it catches up and leaves in order. It says what it does on standard output.
 */
final class FaultSuiteMember {
    static final String GROUP = "fault-suite";
    /** Long enough that the files of a run do not take all the time there is for questions, and nothing compacts them. */
    private static final Duration COMMIT_INTERVAL = Duration.ofSeconds(2);

    private static final long PAUSE_NANOS = Duration.ofMillis(300).toNanos();
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration CATCH_UP = Duration.ofMinutes(4);

    private FaultSuiteMember() {}

    /** Takes the brokers, the topic, the suite's directory, the member's own, and whether it reads all partitions. */
    public static void main(String[] args) throws Exception {
        Path directory = Path.of(args[2]);
        Path own = Path.of(args[3]);
        Ingest.Reading reading = Ingest.Reading.valueOf(args[4]);
        AtomicBoolean leaving = new AtomicBoolean();
        try (K2 k2 = K2.builder()
                // So few that most ids are older ones, and many a duplicate has to be looked up.
                .deduplicator(
                        Deduplicators.exact(ExactConfig.builder().maxIds(1_000).build()))
                .kafka(Map.of(
                        "bootstrap.servers",
                        args[0],
                        "max.poll.records",
                        1_000,
                        "session.timeout.ms",
                        6_000,
                        "heartbeat.interval.ms",
                        500))
                .catalog(FaultyCatalog.over(directory.resolve("warehouse"), directory, own), directory)
                .spool(own.resolve("spool"))
                .memoryLimitBytes(192L << 20)
                .commitInterval(COMMIT_INTERVAL)
                .checkpoints(Duration.ofSeconds(5), 16 << 20)
                .clock(new JumpingClock(own))
                .build()) {
            Ingest ingest = start(k2, args[1], reading);
            System.out.println("started");
            Thread questions = new Thread(() -> ask(k2, leaving), "questions");
            if (reading == Ingest.Reading.ALL) {
                questions.start();
            }
            while (System.in.read() >= 0) {
                // The parent sends nothing; it closes the stream.
            }
            leaving.set(true);
            questions.join();
            if (reading == Ingest.Reading.ALL) {
                awaitCommitted(k2, ingest);
            }
            Health health = ingest.health();
            ingest.close();
            System.out.println("left " + health.status());
        }
    }

    private static Ingest start(K2 k2, String topic, Ingest.Reading reading) throws InterruptedException {
        while (true) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).group(GROUP, reading);
            try {
                return ingest.start();
            } catch (K2Exception.Retry e) {
                // What a supervisor does: try again later.
                System.err.println("did not start: " + e.getMessage());
                Thread.sleep(1_000);
            }
        }
    }

    /** Waits until the members have committed what the topic holds now. */
    private static void awaitCommitted(K2 k2, Ingest ingest) {
        long deadline = System.nanoTime() + CATCH_UP.toNanos();
        Cut cut;
        try (View view = k2.view(Freshness.now(CATCH_UP))) {
            cut = view.cut();
        }
        Map<LogPartition, Cut.PartitionCut> partitions =
                Objects.requireNonNull(cut.tables().get(ingest.table())).partitions();
        while (!partitions.entrySet().stream()
                .allMatch(entry ->
                        isCommitted(ingest, entry.getKey(), entry.getValue().liveEnd()))) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("not committed within " + CATCH_UP + ": " + ingest.committed());
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    private static boolean isCommitted(Ingest ingest, LogPartition partition, long end) {
        PartitionState state = ingest.committed().get(partition);
        return state != null && state.next().offset() >= end;
    }

    private static void ask(K2 k2, AtomicBoolean leaving) {
        while (!leaving.get()) {
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement();
                    ResultSet row = statement.executeQuery(
                            "select count(*) - count(distinct (venue, symbol, trade_id)) from trades")) {
                row.next();
                System.out.println(row.getLong(1) == 0 ? "answer" : "WRONG " + view.cut());
            } catch (K2Exception.Retry e) {
                // Refused rather than wrong, while a fault lasts.
                System.out.println("refused");
                System.err.println("refused: " + e.getMessage());
            } catch (SQLException e) {
                System.out.println("refused");
                System.err.println(e);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    /** Where the suite says by how many milliseconds a member's clock is off. */
    static Path clock(Path own) {
        return own.resolve("clock-offset");
    }

    /** The system's clock, off by what the suite says. */
    private static final class JumpingClock extends Clock {
        private static final long LOOK_NANOS = Duration.ofMillis(100).toNanos();

        private final Path offset;
        private long lookedNanos = System.nanoTime() - LOOK_NANOS;
        private long offsetMillis;

        JumpingClock(Path own) {
            this.offset = clock(own);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            throw new UnsupportedOperationException("instants have no zone");
        }

        @Override
        public synchronized Instant instant() {
            long now = System.nanoTime();
            if (now - lookedNanos >= LOOK_NANOS) {
                lookedNanos = now;
                try {
                    if (Files.exists(offset)) {
                        offsetMillis = Long.parseLong(Files.readString(offset));
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            return Instant.now().plusMillis(offsetMillis);
        }
    }

    static String[] arguments(String brokers, String topic, Path directory, Path own, Ingest.Reading reading)
            throws IOException {
        return new String[] {brokers, topic, directory.toString(), own.toString(), reading.name()};
    }
}
