package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.Health;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A spool on a disk that really is full: a small memory disk of its own, in a namespace where anybody may mount one. Where
 * the system allows none (Linux with user namespaces, or root, is needed) the test skips and says so.
 */
class FullDiskIT {
    private static final String TOPIC = "trades";
    private static final String MOUNT = "mount -t tmpfs -o size=16m tmpfs \"$1\" && shift && exec \"$@\"";

    @TempDir
    Path directory;

    @Test
    void aSpoolWithoutRoomIsSaidAndWaitedForAndNothingIsLost() throws Exception {
        Path disk = Files.createDirectories(directory.resolve("disk"));
        assumeTrue(mayMount(disk), "this system lets us mount no small disk, so there is none to fill");
        FeedSimulator feed =
                FeedSimulator.builder().seed(3).symbols(20).duplicateRate(0.01).build();
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, 2);
            Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 2_000);
            Process writer = new ProcessBuilder(inNamespace(
                            disk,
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx512m",
                            "-cp",
                            System.getProperty("java.class.path"),
                            FullDiskIT.class.getName(),
                            kafka.bootstrapServers(),
                            directory.toString()))
                    .redirectError(new File(directory.toFile(), "writer.log"))
                    .start();
            try (BufferedReader lines = writer.inputReader(StandardCharsets.UTF_8)) {
                assertThat(lines.readLine()).as(log()).isEqualTo("full");
                Feeds.send(kafka.bootstrapServers(), TOPIC, feed, 2_000);
                assertThat(lines.readLine()).as(log()).startsWith("RETRYING").containsIgnoringCase("space");
                writer.getOutputStream().close();
                assertThat(lines.readLine())
                        .as(log())
                        .isEqualTo("RUNNING " + feed.truth().trades() + " rows of "
                                + feed.truth().records() + " records");
            }
            assertThat(writer.waitFor(1, TimeUnit.MINUTES)).isTrue();
        }
    }

    private String log() {
        return "the writer's log is " + directory.resolve("writer.log");
    }

    private static List<String> inNamespace(Path disk, String... command) {
        List<String> all = new java.util.ArrayList<>(
                List.of("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", disk.toString()));
        all.addAll(List.of(command));
        return all;
    }

    private static boolean mayMount(Path disk) throws InterruptedException {
        try {
            Process probe = new ProcessBuilder(inNamespace(disk, "true"))
                    .redirectErrorStream(true)
                    .start();
            probe.getInputStream().transferTo(OutputStream.nullOutputStream());
            return probe.waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    /** The writer: fills its spool's disk, waits until that is said, makes room, and waits until all is well. */
    public static void main(String[] args) throws Exception {
        Path disk = Path.of(args[1], "disk");
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", args[0]))
                .warehouse(Path.of(args[1], "warehouse"))
                .spool(disk.resolve("spool"))
                .commitInterval(Duration.ofMillis(200))
                .build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            await(() -> ingest.tally().consumed() == 2_000);
            Path ballast = disk.resolve("ballast");
            try (OutputStream out = Files.newOutputStream(ballast)) {
                while (true) {
                    out.write(new byte[4096]);
                }
            } catch (IOException e) {
                System.out.println("full");
            }
            await(() -> ingest.health().status() == Health.Status.RETRYING);
            System.out.println("RETRYING " + ingest.health().cause());
            System.in.transferTo(OutputStream.nullOutputStream());
            Files.delete(ballast);
            long rows;
            try (View view = k2.view(Freshness.now(Duration.ofMinutes(2)));
                    Statement statement = view.connection().createStatement();
                    ResultSet row = statement.executeQuery("select count(*) from trades")) {
                row.next();
                rows = row.getLong(1);
            }
            await(() -> ingest.tally().stored() == rows && ingest.health().status() == Health.Status.RUNNING);
            System.out.println(ingest.health().status() + " " + rows + " rows of "
                    + ingest.tally().consumed() + " records");
        }
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofMinutes(3).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("waited in vain");
            }
            LockSupport.parkNanos(20_000_000L);
        }
    }
}
