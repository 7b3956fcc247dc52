package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A writer killed with {@code kill -9} at random moments while a feed with duplicates and broken records comes in. What is
 * in the table is then checked by code that shares nothing with the pipeline: a plain consumer, a plain JSON parser and a
 * plain DuckDB. Five kills; thirty with {@code -Pfull}.
 */
class KillNineIT {
    private static final int KILLS = Boolean.getBoolean("k2.full") ? 30 : 5;
    private static final int PARTITIONS = 4;
    private static final String TOPIC = "trades";

    @TempDir
    Path directory;

    @Test
    void everyRowIsStoredOnceHoweverOftenTheWriterIsKilled() throws Exception {
        kill(false);
    }

    /** Its level wanders about: records are put off all the while, and brought in again. */
    @Test
    void everyRowIsStoredOnceAlsoWhereTheWriterIsKilledWhilePuttingOffAndBringingIn() throws Exception {
        kill(true);
    }

    private void kill(boolean wandering) throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, PARTITIONS);
            FeedSimulator feed = FeedSimulator.builder()
                    .seed(seed)
                    .venues("alpha", "beta")
                    .symbols(20)
                    .gapRate(0.001)
                    .lateRate(0.002)
                    .duplicateRate(0.02)
                    .malformedRate(0.005)
                    .build();
            int killed = 0;
            while (killed < KILLS) {
                Process writer = IngestProcess.launch(
                        kafka.bootstrapServers(), TOPIC, directory, "", wandering ? 1 + random.nextInt(1_000_000) : 0);
                if (random.nextInt(4) > 0) {
                    awaitLine(writer, "started");
                }
                CompletableFuture<Void> sending = CompletableFuture.runAsync(
                        () -> Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 5_000 + random.nextInt(10_000)));
                boolean exited = writer.waitFor(random.nextInt(1500), TimeUnit.MILLISECONDS);
                assertThat(exited)
                        .as("the writer left by itself; seed %s, see its log", seed)
                        .isFalse();
                writer.destroyForcibly().waitFor();
                killed++;
                sending.get();
            }
            Process last =
                    IngestProcess.launch(kafka.bootstrapServers(), TOPIC, directory, "", wandering ? seed | 1 : 0);
            awaitLine(last, "started");
            Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 1_000);
            last.getOutputStream().close();
            awaitLine(last, "done");
            assertThat(last.waitFor()).isZero();
            Path warehouse = directory.resolve("warehouse");
            String found = wandering
                    ? TopicAndTable.checkDeferred(kafka, TOPIC, warehouse, feed.truth(), "seed " + seed)
                    : TopicAndTable.check(kafka, TOPIC, warehouse, feed.truth(), "seed " + seed);
            System.out.println("KillNineIT: kills " + KILLS + (wandering ? " under wandering load, " : ", ") + found
                    + ", seed " + seed);
        }
    }

    private void awaitLine(Process process, String start) throws Exception {
        // The reader is dropped, not closed: later lines are read by later calls.
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8), 1);
        String line = lines.readLine();
        assertThat(line)
                .as(() -> "the writer's log is " + directory.resolve("ingest.log"))
                .isNotNull()
                .startsWith(start);
    }
}
