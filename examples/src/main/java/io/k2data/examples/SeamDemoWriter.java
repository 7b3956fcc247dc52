package io.k2data.examples;

import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;

/**
 * The process that {@link SeamDemo} kills: it ingests, and answers each line of its input, a file name, by writing the cut
 * and the ids of all trades into that file.
 */
final class SeamDemoWriter {
    private SeamDemoWriter() {}

    public static void main(String[] args) throws IOException, SQLException {
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", args[0]))
                .warehouse(Path.of(args[1]))
                .spool(Path.of(args[2]))
                .commitInterval(Duration.ofSeconds(2))
                .build()) {
            k2.ingest(EventTypes.TRADE, SeamDemo.TOPIC).start();
            System.out.println("started");
            BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String file = questions.readLine(); file != null; file = questions.readLine()) {
                answer(k2, Path.of(file));
                System.out.println("answered");
            }
        }
    }

    private static void answer(K2 k2, Path file) throws IOException, SQLException {
        try (View view = k2.view(Freshness.now(Duration.ofSeconds(30)));
                Statement statement = view.connection().createStatement();
                ResultSet rows =
                        statement.executeQuery("select venue || '/' || symbol || '/' || trade_id from trades");
                PrintWriter out = new PrintWriter(Files.newBufferedWriter(file))) {
            view.cut().tables().values().forEach(table -> table.partitions()
                    .forEach((partition, cut) -> out.println("cut " + partition.partition() + " " + cut.liveEnd())));
            while (rows.next()) {
                out.println(rows.getString(1));
            }
        }
    }
}
