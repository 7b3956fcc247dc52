package io.k2data.benchmarks;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.degradation.DegradationPolicies;
import io.k2data.degradation.DegradationPolicies.ThresholdConfig;
import io.k2data.degradation.PriorityTiers;
import io.k2data.kafka.RowFormats;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Does what is critical keep flowing while more comes than the table takes? The same feed twice, once with degradation and
 * once without: at ease for a while, then at nearly three times the rate that the table is made to take, then at ease
 * until all is in. The delay of a record is from its Kafka timestamp, set as it is sent, to the moment its batch was taken
 * up, which is its {@code ingestion_time}; told apart by tier, for records sent during the overload. Each run must end with
 * every record that was sent.
 *
 * <p>{@code k2-benchmarks/run CriticalDelay [OVERLOAD_SECONDS]}
 */
public final class CriticalDelay {
    private static final int CAPACITY = 2_500;
    private static final int AT_EASE = 1_000;
    private static final int OVERLOAD = 7_000;
    private static final Duration BEFORE = Duration.ofSeconds(3);
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    /** Each venue has half as much as the one before it: 53, 27, 13 and 7 % of the feed. */
    private static final String[] VENUES = {"low", "normal", "high", "critical"};

    private static final PriorityTiers TIERS =
            PriorityTiers.parse("low low/*\nnormal normal/*\nhigh high/*\ncritical critical/*");

    private CriticalDelay() {}

    /**
     * Runs it.
     *
     * @param args how long the overload lasts, in seconds (20)
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run CriticalDelay [OVERLOAD_SECONDS]");
            return;
        }
        int seconds = args.length > 0 ? Integer.parseInt(args[0]) : 20;
        Measured with = run(true, seconds);
        Measured without = run(false, seconds);
        boolean right = with.isComplete() & without.isComplete();
        System.out.printf(
                Locale.ROOT,
                "{\"criticalP50MillisWith\":%d,\"criticalP99MillisWith\":%d,\"criticalP50MillisWithout\":%d,"
                        + "\"criticalP99MillisWithout\":%d,\"secondsToAllWith\":%.1f,\"secondsToAllWithout\":%.1f,"
                        + "\"stored\":%d,\"lost\":%d,\"complete\":%b}%n",
                with.p50(),
                with.p99(),
                without.p50(),
                without.p99(),
                with.secondsToAll(),
                without.secondsToAll(),
                with.tally().stored(),
                with.tally().lost() + without.tally().lost(),
                right);
        System.exit(right ? 0 : 1);
    }

    private record Measured(long p50, long p99, double secondsToAll, Tally tally, long sent) {
        /** Every record that was sent is in the table, or known to be there twice. */
        boolean isComplete() {
            return tally.consumed() == sent
                    && tally.stored() + tally.duplicate() == sent
                    && tally.deferred() == 0
                    && tally.lost() == 0;
        }
    }

    private static Measured run(boolean degrading, int seconds) throws Exception {
        System.out.println(degrading ? "with degradation" : "without degradation");
        try (Scratch scratch = Scratch.create("k2-critical-delay");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"));
                K2 k2 = k2(kafka, scratch.directory(), degrading)) {
            kafka.createTopic("trades", 4);
            Ingest ingest = k2.ingest(EventTypes.TRADE, "trades", (type, columns, unknown) -> {
                        RowDecoder decoder = RowFormats.json().open(type, columns, unknown);
                        Toll toll = new Toll();
                        return record -> {
                            toll.pay();
                            return decoder.decode(record);
                        };
                    })
                    .start();
            Instant began;
            Instant ended;
            long started = System.nanoTime();
            long sent;
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                    Feeds.producerSettings(kafka.bootstrapServers()),
                    new ByteArraySerializer(),
                    new ByteArraySerializer())) {
                FeedSimulator feed = FeedSimulator.builder()
                        .seed(3)
                        .venues(VENUES)
                        .startTime(Instant.now())
                        .eventsPerSecond(1_000_000)
                        .build();
                sent = send(producer, feed, AT_EASE, BEFORE);
                began = Instant.now();
                sent += send(producer, feed, OVERLOAD, Duration.ofSeconds(seconds));
                ended = Instant.now();
                sent += send(producer, feed, AT_EASE, BEFORE);
            }
            long all = sent;
            awaitStored(ingest, all);
            double toAll = (System.nanoTime() - started) / 1e9;
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement()) {
                long p50 = 0;
                long p99 = 0;
                try (ResultSet row = statement.executeQuery("select venue, count(*), quantile_disc(delay, 0.5),"
                        + " quantile_disc(delay, 0.99), max(delay) from (select venue, epoch_ms(ingestion_time) -"
                        + " epoch_ms(kafka_time) as delay from trades where epoch_ms(kafka_time) between "
                        + began.toEpochMilli() + " and " + ended.toEpochMilli() + ") group by venue order by 3")) {
                    while (row.next()) {
                        System.out.printf(
                                Locale.ROOT,
                                "  %-8s  %,9d records   delay p50 %,8d ms   p99 %,8d ms   longest %,8d ms%n",
                                row.getString(1),
                                row.getLong(2),
                                row.getLong(3),
                                row.getLong(4),
                                row.getLong(5));
                        if (row.getString(1).equals("critical")) {
                            p50 = row.getLong(3);
                            p99 = row.getLong(4);
                        }
                    }
                }
                System.out.printf(
                        Locale.ROOT,
                        "  all in the table after %.1f s; %d changes of level%n",
                        toAll,
                        ingest.degradation().transitions());
                return new Measured(p50, p99, toAll, ingest.tally(), all);
            } catch (SQLException e) {
                throw new IllegalStateException("the table cannot be asked", e);
            }
        }
    }

    private static K2 k2(EmbeddedKafka kafka, Path directory, boolean degrading) {
        K2.Builder builder = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers(), "max.poll.records", 500))
                .warehouse(directory.resolve("warehouse"))
                .commitInterval(Duration.ofSeconds(1));
        if (degrading) {
            builder.degradationPolicy(DegradationPolicies.thresholds(ThresholdConfig.builder()
                            .soft(CAPACITY / 10, 0.7)
                            .graceful(3 * CAPACITY / 10, 0.8)
                            .aggressive(6 * CAPACITY / 10, 0.9)
                            .circuitBreak(4 * CAPACITY, 0.95)
                            .cooldown(Duration.ofSeconds(5))
                            .build()))
                    .tiers(TIERS);
        }
        return builder.build();
    }

    private static long send(KafkaProducer<byte[], byte[]> producer, FeedSimulator feed, int perSecond, Duration time) {
        long began = System.nanoTime();
        long sent = 0;
        for (long now = began; now - began < time.toNanos(); now = System.nanoTime()) {
            for (long due = (now - began) / 1_000_000 * perSecond / 1000; sent < due; sent++) {
                SimulatedRecord record = feed.next();
                var unused = producer.send(
                        new ProducerRecord<>("trades", null, System.currentTimeMillis(), record.key(), record.value()));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
        }
        producer.flush();
        return sent;
    }

    private static void awaitStored(Ingest ingest, long records) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (ingest.tally().consumed() < records || ingest.tally().deferred() > 0) {
            if (System.nanoTime() - deadline > 0) {
                throw new IllegalStateException("not all is in the table after " + PATIENCE + ": " + ingest.tally());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    /** What a record that is taken costs, in waiting. One thread. */
    private static final class Toll {
        private static final long PRICE_NANOS = 1_000_000_000L / CAPACITY;
        private static final long SHORTEST_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

        private long due;

        void pay() {
            long now = System.nanoTime();
            due = Math.max(due, now) + PRICE_NANOS;
            while (due - now > SHORTEST_NANOS) {
                LockSupport.parkNanos(due - now);
                now = System.nanoTime();
            }
        }
    }
}
