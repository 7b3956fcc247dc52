package io.k2data;

import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.LogPartition;
import io.k2data.api.View;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.event.EventTypes;
import io.k2data.dedup.Deduplicators;
import io.k2data.degradation.PriorityTiers;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/** A process that ingests until it is killed, or until its standard input ends: then it catches up, commits and leaves. */
final class IngestProcess {
    private static final PriorityTiers TIERS = PriorityTiers.parse(
            "critical alpha/BTC-USDT\nhigh alpha/*\nlow beta/*\nlow beta/BTC-USDT\nnormal beta/ETH-USDT");

    private IngestProcess() {}

    static Process launch(String bootstrapServers, String topic, Path directory) throws IOException {
        return launch(bootstrapServers, topic, directory, "");
    }

    /** Launches a member of a group; of none if its id is empty. */
    static Process launch(String bootstrapServers, String topic, Path directory, String group) throws IOException {
        return launch(bootstrapServers, topic, directory, group, 0);
    }

    /** Launches a writer whose degradation level wanders about, if the seed of that is not 0. */
    static Process launch(String bootstrapServers, String topic, Path directory, String group, long wanderingSeed)
            throws IOException {
        return launch(bootstrapServers, topic, directory, group, wanderingSeed, Duration.ofHours(24));
    }

    /** Launches a writer with another dedup window. */
    static Process launch(
            String bootstrapServers, String topic, Path directory, String group, long wanderingSeed, Duration window)
            throws IOException {
        return new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        IngestProcess.class.getName(),
                        bootstrapServers,
                        topic,
                        directory.toString(),
                        group,
                        Long.toString(wanderingSeed),
                        window.toString()))
                .redirectError(ProcessBuilder.Redirect.appendTo(new File(directory.toFile(), "ingest.log")))
                .start();
    }

    public static void main(String[] args) throws IOException {
        ScriptedPolicy policy = new ScriptedPolicy();
        long wanderingSeed = Long.parseLong(args[4]);
        K2.Builder builder = K2.builder()
                .deduplicator(Deduplicators.exact(Deduplicators.ExactConfig.builder()
                        .window(Duration.parse(args[5]))
                        .build()));
        if (wanderingSeed != 0) {
            builder.degradationPolicy(policy).tiers(TIERS);
        }
        try (K2 k2 = builder.kafka(Map.of(
                        "bootstrap.servers",
                        args[0],
                        "max.poll.records",
                        500,
                        "session.timeout.ms",
                        6_000,
                        "heartbeat.interval.ms",
                        500))
                .warehouse(Path.of(args[2], "warehouse"))
                .spool(Path.of(args[2], "spool"))
                .commitInterval(Duration.ofMillis(100))
                .generationRows(2_000)
                .build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, args[1]);
            if (!args[3].isEmpty()) {
                ingest.group(args[3]);
            }
            ingest.start();
            System.out.println("started");
            AtomicBoolean ended = new AtomicBoolean();
            Thread wanderer = new Thread(() -> wander(policy, new Random(wanderingSeed), ended), "wanderer");
            if (wanderingSeed != 0) {
                wanderer.setDaemon(true);
                wanderer.start();
            }
            System.in.transferTo(OutputStream.nullOutputStream());
            ended.set(true);
            policy.want(DegradationLevel.NORMAL);
            while (ingest.degradation().deferredRecords() > 0) {
                LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
            }
            try (View view = k2.view(Freshness.now(Duration.ofMinutes(2)))) {
                // Beside other members of a group, what they hold is theirs to commit.
                Map<LogPartition, Cut.PartitionCut> held =
                        view.cut().tables().get("trades").partitions();
                while (!args[3].isEmpty()
                        && held.entrySet().stream()
                                .anyMatch(entry -> ingest.committed()
                                                .get(entry.getKey())
                                                .next()
                                                .offset()
                                        < entry.getValue().liveEnd())) {
                    LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
                }
            }
            ingest.close();
            System.out.println("done " + ingest.tally());
        }
    }

    /** Mostly at NORMAL, where what was put off is brought in, and now and then anywhere else for a moment. */
    private static void wander(ScriptedPolicy policy, Random random, AtomicBoolean ended) {
        while (!ended.get()) {
            policy.want(random.nextBoolean() ? DegradationLevel.NORMAL : DegradationLevel.numbered(random.nextInt(5)));
            LockSupport.parkNanos(Duration.ofMillis(20 + random.nextInt(250)).toNanos());
        }
    }
}
