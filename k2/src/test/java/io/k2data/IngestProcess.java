package io.k2data;

import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.LogPartition;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** A process that ingests until it is killed, or until its standard input ends: then it catches up, commits and leaves. */
final class IngestProcess {
    private IngestProcess() {}

    static Process launch(String bootstrapServers, String topic, Path directory) throws IOException {
        return launch(bootstrapServers, topic, directory, "");
    }

    /** Launches a member of a group; of none if its id is empty. */
    static Process launch(String bootstrapServers, String topic, Path directory, String group) throws IOException {
        return new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        IngestProcess.class.getName(),
                        bootstrapServers,
                        topic,
                        directory.toString(),
                        group))
                .redirectError(ProcessBuilder.Redirect.appendTo(new File(directory.toFile(), "ingest.log")))
                .start();
    }

    public static void main(String[] args) throws IOException {
        try (K2 k2 = K2.builder()
                .kafka(Map.of(
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
            System.in.transferTo(OutputStream.nullOutputStream());
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
}
