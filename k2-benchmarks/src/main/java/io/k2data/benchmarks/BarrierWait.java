package io.k2data.benchmarks;

import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * How long does the read barrier wait? While a producer sends at a steady rate, a probe record is sent and acknowledged,
 * and a view is asked for with {@link Freshness#now} and, for comparison, {@link Freshness#asFreshAsIs}. The difference of
 * the two is what freshness costs. Every probe must be in its view. Broker in its own process; producer, writer and, with
 * the role {@code follower}, both writer and follower in this one, so that they share its processors.
 *
 * <p>{@code k2-benchmarks/run BarrierWait [RATE [TRIALS [writer|follower]]]}
 */
public final class BarrierWait {
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final int WARM_UP = 100;

    private BarrierWait() {}

    /**
     * Runs it.
     *
     * @param args records a second (50,000), trials (1,000), and who is asked (writer)
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run BarrierWait [RATE [TRIALS [writer|follower]]]");
            return;
        }
        int rate = args.length > 0 ? Integer.parseInt(args[0]) : 50_000;
        int trials = args.length > 1 ? Integer.parseInt(args[1]) : 1_000;
        boolean follower = args.length > 2 && args[2].equals("follower");
        try (Scratch scratch = Scratch.create("k2-barrier-wait");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"))) {
            kafka.createTopic("trades", 8);
            Thread producer = new Thread(() -> produce(kafka.bootstrapServers(), rate), "producer");
            producer.setDaemon(true);
            try (K2 writer = k2(kafka, scratch.directory())) {
                writer.ingest(EventTypes.TRADE, "trades").start();
                producer.start();
                if (follower) {
                    try (K2 second = k2(kafka, scratch.directory())) {
                        second.follow(EventTypes.TRADE, "trades").start();
                        measure(kafka, second, rate, trials, "follower");
                    }
                } else {
                    measure(kafka, writer, rate, trials, "writer");
                }
            }
        }
        // The producer is a daemon; it ends here.
        System.exit(0);
    }

    private static K2 k2(EmbeddedKafka kafka, Path directory) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .build();
    }

    private static void produce(String bootstrapServers, int rate) {
        FeedSimulator feed = FeedSimulator.builder().seed(1).symbols(500).build();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(bootstrapServers), new ByteArraySerializer(), new ByteArraySerializer())) {
            long began = System.nanoTime();
            for (long sent = 0; !Thread.interrupted(); sent++) {
                SimulatedRecord record = feed.next();
                var unused = producer.send(
                        new ProducerRecord<>("trades", null, record.timestampMillis(), record.key(), record.value()));
                if (sent % 100 == 0) {
                    long ahead = began + sent * 1_000_000_000L / rate - System.nanoTime();
                    if (ahead > 0) {
                        LockSupport.parkNanos(ahead);
                    }
                }
            }
        }
    }

    private static void measure(EmbeddedKafka kafka, K2 k2, int rate, int trials, String role) throws Exception {
        Map<String, Object> settings = new HashMap<>(Feeds.producerSettings(kafka.bootstrapServers()));
        settings.put("linger.ms", 0);
        FeedSimulator probes = FeedSimulator.builder().seed(2).symbols(50).build();
        double[] now = new double[trials];
        double[] asIs = new double[trials];
        long missing = 0;
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int trial = -WARM_UP; trial < trials; trial++) {
                SimulatedRecord record = probes.next();
                RecordMetadata acknowledged = producer.send(new ProducerRecord<>(
                                "trades", null, record.timestampMillis(), record.key(), record.value()))
                        .get();
                long began = System.nanoTime();
                double waited;
                try (View view = k2.view(Freshness.now(PATIENCE))) {
                    waited = (System.nanoTime() - began) / 1e6;
                    missing += shows(view, acknowledged) ? 0 : 1;
                }
                began = System.nanoTime();
                k2.view(Freshness.asFreshAsIs()).close();
                if (trial >= 0) {
                    now[trial] = waited;
                    asIs[trial] = (System.nanoTime() - began) / 1e6;
                    if (trial % 200 == 0) {
                        System.err.println("trial " + trial + " of " + trials);
                    }
                }
            }
        }
        Arrays.sort(now);
        Arrays.sort(asIs);
        System.out.printf(
                Locale.ROOT,
                "{\"role\":\"%s\",\"rate\":%d,\"trials\":%d,\"missing\":%d,\"nowMillisMedian\":%.1f,\"nowMillisP99\":%.1f,"
                        + "\"asIsMillisMedian\":%.1f,\"extraWaitMillisMedian\":%.1f}%n",
                role,
                rate,
                trials,
                missing,
                now[trials / 2],
                now[trials * 99 / 100],
                asIs[trials / 2],
                now[trials / 2] - asIs[trials / 2]);
        if (missing > 0) {
            System.exit(1);
        }
    }

    private static boolean shows(View view, RecordMetadata record) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet found = statement.executeQuery("select count(*) from trades where kafka_partition = "
                        + record.partition() + " and kafka_offset = " + record.offset())) {
            found.next();
            return found.getLong(1) == 1;
        }
    }
}
