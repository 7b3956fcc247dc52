package io.k2data.examples;

import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A process that only queries: it follows the topic beside the writer, and answers each line of its input. */
final class DemoFollower implements AutoCloseable {
    private final Process process;
    private final BufferedReader answers;

    private DemoFollower(Process process) {
        this.process = process;
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    public static void main(String[] args) throws IOException, SQLException {
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", args[0]))
                .warehouse(Path.of(args[1]))
                .spool(Path.of(args[2]))
                .build()) {
            k2.follow(EventTypes.TRADE, args[3]).start();
            System.out.println("following");
            BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            while (questions.readLine() != null) {
                System.out.println(Answer.of(k2).line());
            }
        }
    }

    /** Starts the process; returns when it follows. */
    static DemoFollower launch(String bootstrapServers, Path directory, String topic) throws IOException {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        DemoFollower.class.getName(),
                        bootstrapServers,
                        directory.resolve("warehouse").toString(),
                        directory.resolve("spool").toString(),
                        topic))
                .redirectError(ProcessBuilder.Redirect.appendTo(new File(directory.toFile(), "follower.log")))
                .start();
        DemoFollower follower = new DemoFollower(process);
        String first = follower.answers.readLine();
        if (first == null) {
            throw new IOException("the follower did not start; see " + directory.resolve("follower.log"));
        }
        return follower;
    }

    /** Asks it what it would answer now. */
    Answer ask() throws IOException {
        process.getOutputStream().write('\n');
        process.getOutputStream().flush();
        String line = answers.readLine();
        if (line == null) {
            throw new IOException("the follower has ended");
        }
        return Answer.parse(line);
    }

    /** Lets it end, and waits for that: its files are in a directory that goes. */
    @Override
    public void close() throws IOException, InterruptedException {
        process.getOutputStream().close();
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
    }

    /**
     * One answer, and the cut it is from.
     *
     * @param trades how many trades
     * @param volume the sum of their quantities, as plain digits
     * @param history records of the log that are answered from the table
     * @param live records of the log after them, answered from memory
     */
    record Answer(long trades, String volume, long history, long live) {
        /** Asks a K2 in this process. */
        static Answer of(K2 k2) throws SQLException {
            try (View view = k2.view(Freshness.now(Duration.ofMinutes(1)));
                    Statement statement = view.connection().createStatement();
                    ResultSet row = statement.executeQuery("select count(*), sum(quantity) from trades")) {
                row.next();
                Span span = Span.of(view);
                return new Answer(row.getLong(1), row.getBigDecimal(2).toPlainString(), span.history(), span.live());
            }
        }

        String line() {
            return trades + " " + volume + " " + history + " " + live;
        }

        static Answer parse(String line) {
            String[] parts = line.split(" ", 4);
            return new Answer(Long.parseLong(parts[0]), parts[1], Long.parseLong(parts[2]), Long.parseLong(parts[3]));
        }

        boolean sameAs(Answer other) {
            return trades == other.trades
                    && volume.equals(other.volume)
                    && history + live == other.history + other.live;
        }
    }

    /**
     * How far a view reaches.
     *
     * @param history records of the log in the snapshot
     * @param live records of the log after them
     */
    record Span(long history, long live) {
        static Span of(View view) {
            long history = 0;
            long live = 0;
            for (var table : view.cut().tables().values()) {
                for (var partition : table.partitions().values()) {
                    history += partition.tableOffset() - partition.startOffset();
                    live += partition.liveEnd() - partition.tableOffset();
                }
            }
            return new Span(history, live);
        }
    }
}
