package io.k2data.examples;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.K2Exception;
import io.k2data.api.TopicRecreatedException;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.kafka.common.KafkaException;

/** Replays real exchange recordings through Kafka, K2 and Iceberg, and says what became of every event. */
public final class ReplayCapture {
    private static final String USAGE = """
            usage: examples/run ReplayCapture --format F --venue NAME [options] FILE...
              --format F               how the recordings read:
                  binance-ws           a line is receive time in epoch nanoseconds, a space, a message of Binance's WebSocket;
                                       trades and best bids and offers (bookTicker) are taken
                  hitbtc-ws            a line is receive time in epoch seconds, a colon, a space, a message of HitBTC's
                                       WebSocket; trades are taken
                  binance-csv          Binance's archives as on data.binance.vision, spot or futures, trades or aggTrades (not
                                       both into one warehouse: their ids are numbered apart)
                  k2-jsonl             a line is an event in K2's own JSON, a trade or a quote
              --venue NAME             the venue to store; k2-jsonl has it in the events
              --symbol NAME            binance-csv: the symbol to store; by default what the file's name begins with
              --warehouse DIR          keep the tables there; by default they go when the example ends
              --bootstrap-servers LIST use this Kafka instead of one that lives as long as the example; topics that are
                                       missing are created, to keep records for ever as those that are there should: a
                                       recording is older than Kafka keeps records by default. Nothing is deleted
              --topic-prefix TEXT      what the names of the topics begin with, before trades and quotes; by default nothing
              --query SQL              print the rows of this query over the tables trades and quotes, as CSV; may be given
                                       several times, an empty line comes between
              FILE...                  recordings, plain, gzipped or zipped; several are merged by receive time
            A line that cannot be read is sent as it is, for K2 to reject. The last line of the output is one JSON object: the
            counts of everything the tables hold, also from before if warehouse and topics were there.
            Exits with 0 only if every event sent is accounted for and every query was answered.""";

    private static final List<String> OPTIONS = List.of(
            "--format", "--venue", "--symbol", "--warehouse", "--bootstrap-servers", "--topic-prefix", "--query");
    private static final Freshness NOW = Freshness.now(Duration.ofMinutes(10));

    private ReplayCapture() {}

    /**
     * Runs it; exits with 0 only if every event is accounted for.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        Arguments arguments = Arguments.parse(USAGE, OPTIONS, args);
        CaptureFormat.Opener format = CaptureFormat.known().get(arguments.text("--format", ""));
        if (format == null) {
            throw Arguments.refuse(
                    USAGE,
                    "--format: expected one of "
                            + String.join(", ", CaptureFormat.known().keySet()));
        }
        if (arguments.text("--symbol") != null && !"binance-csv".equals(arguments.text("--format"))) {
            throw Arguments.refuse(USAGE, "--symbol is for binance-csv; elsewhere the events name their symbols");
        }
        List<Path> files = arguments.rest().stream().map(Path::of).toList();
        if (files.isEmpty()) {
            throw Arguments.refuse(USAGE, "no FILE given");
        }
        boolean done = false;
        try (Recordings recordings = open(files, format, arguments)) {
            done = replay(recordings, arguments);
        } catch (NoSuchFileException e) {
            System.err.println("no such file: " + e.getFile());
        } catch (IOException e) {
            System.err.println(e.getMessage());
        } catch (KafkaException e) {
            System.err.println(e.getMessage()
                    + (e.getCause() == null ? "" : ": " + e.getCause().getMessage()));
        } catch (K2Exception e) {
            System.err.println(e.getMessage());
            if (e instanceof TopicRecreatedException && arguments.text("--bootstrap-servers") == null) {
                System.err.println("hint: the broker in this process is a new Kafka cluster in each run; name another"
                        + " --warehouse, or a Kafka that stays with --bootstrap-servers");
            }
        }
        System.exit(done ? 0 : 1);
    }

    private static Recordings open(List<Path> files, CaptureFormat.Opener format, Arguments arguments)
            throws IOException {
        try {
            return Recordings.open(
                    files, file -> format.open(file, arguments.text("--venue", ""), arguments.text("--symbol")));
        } catch (IllegalArgumentException e) {
            throw Arguments.refuse(USAGE, String.valueOf(e.getMessage()));
        }
    }

    private static boolean replay(Recordings recordings, Arguments arguments) throws IOException, SQLException {
        String prefix = arguments.text("--topic-prefix", "");
        String servers = arguments.text("--bootstrap-servers");
        String kept = arguments.text("--warehouse");
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka embedded = servers == null ? startKafka() : null) {
            String bootstrapServers = embedded == null ? Objects.requireNonNull(servers) : embedded.bootstrapServers();
            CaptureSender.createMissing(bootstrapServers, List.of(prefix + "trades", prefix + "quotes"));
            try (K2 k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", bootstrapServers))
                    .warehouse(
                            kept != null ? Path.of(kept) : workspace.directory().resolve("warehouse"))
                    .commitInterval(Duration.ofSeconds(2))
                    .build()) {
                Ingest trades = k2.ingest(EventTypes.TRADE, prefix + "trades").start();
                Ingest quotes = k2.ingest(EventTypes.QUOTE, prefix + "quotes").start();
                Map<String, Long> before;
                try (View view = k2.view(NOW)) {
                    before = ends(view.cut());
                }
                CaptureSender.Sent sent = CaptureSender.send(bootstrapServers, prefix, recordings);
                System.err.println("sent " + sent.events() + ", ignored " + sent.ignored() + " lines");
                CaptureReport report;
                boolean answered;
                // What the program prints is UTF-8, whatever the terminal's character set.
                PrintStream out =
                        new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
                try (View view = k2.view(NOW)) {
                    report = CaptureReport.of(trades, view);
                    answered = answer(view, arguments.texts("--query"), out);
                }
                boolean whole = true;
                for (Ingest ingest : List.of(trades, quotes)) {
                    ingest.close();
                    whole &= isWhole(ingest, before.getOrDefault(ingest.table(), 0L) + sent.to(ingest.table()));
                }
                out.println(report.json(List.of(trades, quotes), sent.ignored()));
                out.flush();
                return whole && answered;
            }
        }
    }

    private static EmbeddedKafka startKafka() {
        System.err.println("starting a Kafka broker in this process...");
        return EmbeddedKafka.inProcess();
    }

    /** Where the log ends: by table, the sum over the partitions. */
    private static Map<String, Long> ends(Cut cut) {
        Map<String, Long> ends = new TreeMap<>();
        cut.tables()
                .forEach((table, tableCut) -> ends.put(
                        table,
                        tableCut.partitions().values().stream()
                                .mapToLong(Cut.PartitionCut::liveEnd)
                                .sum()));
        return ends;
    }

    /** Says whether a table has taken exactly what was sent, which is what makes the log end where it should. */
    private static boolean isWhole(Ingest ingest, long expectedEnd) {
        Tally tally = ingest.tally();
        long end = ingest.committed().values().stream()
                .mapToLong(state -> state.next().offset())
                .sum();
        boolean conserved = tally.consumed()
                == tally.stored() + tally.duplicate() + tally.rejected() + tally.deferred() + tally.lost();
        boolean whole = end == expectedEnd && conserved && tally.foreign() == 0;
        if (!whole) {
            System.err.println("NOT ALL IS ACCOUNTED FOR in " + ingest.table() + ": the table offsets add up to " + end
                    + ", expected " + expectedEnd + "; " + tally);
        }
        return whole;
    }

    private static boolean answer(View view, List<String> queries, PrintStream out) {
        String separator = "";
        for (String query : queries) {
            try (Statement statement = view.connection().createStatement();
                    ResultSet rows = statement.executeQuery(query)) {
                out.print(separator);
                Csv.print(rows, out);
            } catch (SQLException e) {
                // It ended the cut, and the queries after it with it.
                System.err.println("the query failed: " + query + System.lineSeparator() + e.getMessage());
                return false;
            }
            separator = System.lineSeparator();
        }
        return true;
    }
}
