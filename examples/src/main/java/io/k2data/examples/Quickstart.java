package io.k2data.examples;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A million trades into Kafka, into Iceberg, one SQL answer across the seam, and the proof that none is lost. */
public final class Quickstart {
    private static final String USAGE = """
            usage: examples/run Quickstart [--records N] [--seed N] [--warehouse DIR]
              --records N      how many records to simulate (1000000)
              --seed N         another seed, another feed (42)
              --warehouse DIR  keep the table there; by default it goes when the example ends""";

    private Quickstart() {}

    /**
     * Runs it; exits with 0 only if every check holds.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        Arguments arguments = Arguments.parse(USAGE, List.of("--records", "--seed", "--warehouse"), args);
        int records = arguments.number(USAGE, "--records", 1_000_000);
        int seed = arguments.number(USAGE, "--seed", 42);
        String kept = arguments.text("--warehouse");
        List<String> wrong = new ArrayList<>();
        System.err.println("starting a Kafka broker in this process...");
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("trades", 8);
            Path warehouse =
                    kept != null ? Path.of(kept) : workspace.directory().resolve("warehouse");
            try (K2 k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(warehouse)
                    .commitInterval(Duration.ofSeconds(5))
                    .build()) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, "trades").start();
                FeedSimulator feed = FeedSimulator.builder()
                        .seed(seed)
                        .symbols(100)
                        .gapRate(0.0005)
                        .lateRate(0.0005)
                        .duplicateRate(0.005)
                        .malformedRate(0.0005)
                        .build();
                System.err.println("sending " + records + " simulated trades while they are read...");
                long began = System.nanoTime();
                int last = Math.max(1, records / 20);
                Feeds.send(kafka.bootstrapServers(), "trades", feed, records - last);
                k2.view(Freshness.now(Duration.ofMinutes(5))).close();
                awaitCommitted(ingest, records - last);
                Feeds.send(kafka.bootstrapServers(), "trades", feed, last);

                // Kafka has acknowledged the last of them a moment ago, and most are committed: now ask.
                long asked = System.nanoTime();
                FeedTruth truth = feed.truth();
                try (View view = k2.view(Freshness.now(Duration.ofMinutes(5)));
                        Statement statement = view.connection().createStatement()) {
                    double waited = (System.nanoTime() - asked) / 1e6;
                    long inTable = sum(view, true);
                    long inKafka = sum(view, false);
                    System.out.printf(
                            Locale.ROOT,
                            "%,d records in %.1f s; the last query waited %.0f ms until everything acknowledged was in%n",
                            records,
                            (asked - began) / 1e9,
                            waited);
                    System.out.printf(
                            Locale.ROOT,
                            "the cut: %,d log records in Iceberg snapshot %s, %,d after it from Kafka's tail%n",
                            inTable,
                            view.cut().tables().values().iterator().next().snapshotId(),
                            inKafka);
                    check(wrong, inTable > 0 && inKafka > 0, "the answer does not span the seam");
                    String question = "select venue, symbol, count(*), sum(quantity) from trades"
                            + " group by all order by 3 desc, 2 limit 5";
                    System.out.println(question);
                    try (ResultSet rows = statement.executeQuery(question)) {
                        while (rows.next()) {
                            System.out.printf(
                                    Locale.ROOT,
                                    "  %-10s %-12s %,9d %18s%n",
                                    rows.getString(1),
                                    rows.getString(2),
                                    rows.getLong(3),
                                    rows.getBigDecimal(4).stripTrailingZeros().toPlainString());
                        }
                    }
                    try (ResultSet all = statement.executeQuery("select count(*), sum(quantity) from trades")) {
                        all.next();
                        check(wrong, all.getLong(1) == truth.trades(), "expected " + truth.trades() + " trades");
                        check(
                                wrong,
                                all.getBigDecimal(2).compareTo(truth.quantity()) == 0,
                                "expected a volume of " + truth.quantity());
                    }
                }
                long gaps = ingest.streams().stream()
                        .mapToLong(s -> s.gaps().size())
                        .sum();
                long missing = ingest.streams().stream()
                        .mapToLong(StreamLedger::missing)
                        .sum();
                System.out.printf(
                        Locale.ROOT,
                        "sequence ledger: %,d gaps open, %,d trades never sent by the venue%n",
                        gaps,
                        missing);
                check(
                        wrong,
                        missing == truth.missing() && gaps == truth.gaps(),
                        "the feed has " + truth.gaps() + " gaps");

                ingest.close();
                Tally tally = ingest.tally();
                System.out.printf(
                        Locale.ROOT,
                        "conservation: consumed %,d = stored %,d + duplicate %,d + rejected %,d + deferred %,d + lost %,d%n",
                        tally.consumed(),
                        tally.stored(),
                        tally.duplicate(),
                        tally.rejected(),
                        tally.deferred(),
                        tally.lost());
                check(
                        wrong,
                        tally.equals(new Tally(
                                records, truth.trades(), truth.duplicates(), truth.malformedRecords(), 0, 0, 0, 0)),
                        "the simulator sent " + truth.trades() + " trades, " + truth.duplicates() + " duplicates, "
                                + truth.malformedRecords() + " malformed");
            }
            if (kept != null) {
                System.out.println("the table is in " + warehouse.toAbsolutePath());
            }
        }
        wrong.forEach(problem -> System.out.println("WRONG: " + problem));
        System.out.println(wrong.isEmpty() ? "all checks hold" : wrong.size() + " checks failed");
        System.exit(wrong.isEmpty() ? 0 : 1);
    }

    private static void awaitCommitted(Ingest ingest, long records) throws InterruptedException {
        while (ingest.tally().consumed() < records) {
            Thread.sleep(20);
        }
    }

    private static long sum(View view, boolean committed) {
        long sum = 0;
        for (Cut.TableCut table : view.cut().tables().values()) {
            for (Cut.PartitionCut partition : table.partitions().values()) {
                sum += committed
                        ? partition.tableOffset() - partition.startOffset()
                        : partition.liveEnd() - partition.tableOffset();
            }
        }
        return sum;
    }

    private static void check(List<String> wrong, boolean holds, String problem) {
        if (!holds) {
            wrong.add(problem);
        }
    }
}
