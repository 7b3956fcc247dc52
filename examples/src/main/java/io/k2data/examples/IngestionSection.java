package io.k2data.examples;

import io.k2data.DeadLetters;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.MalformedKind;
import io.k2data.testkit.SimulatedRecord;
import java.sql.Statement;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.jspecify.annotations.Nullable;

/** From Kafka to the table: nothing lost, nothing twice, and what the venue did not send is known. */
final class IngestionSection implements DemoSection {
    private static final String TOPIC = "demo-ingestion";
    private static final int PARTITIONS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int RECORDS_PER_SECOND = 20_000;

    @Override
    public String name() {
        return "ingestion";
    }

    @Override
    public String title() {
        return "from Kafka to the table, with every record accounted for";
    }

    @Override
    public void run(DemoStage stage) throws Exception {
        stage.kafka().createTopic(TOPIC, PARTITIONS);
        FeedSimulator simulator = FeedSimulator.builder()
                .seed(2)
                .gapRate(0.0005)
                .lateRate(0.001)
                .duplicateRate(0.005)
                .malformedRate(0.0005)
                .build();
        AtomicReference<@Nullable SimulatedRecord> last = new AtomicReference<>();
        try (DemoFeed feed = new DemoFeed(stage, TOPIC, simulator, record -> {
                    if (record.label() == SimulatedRecord.Label.Good.INSTANCE) {
                        last.set(record);
                    }
                });
                K2 k2 = stage.k2(this, Duration.ofSeconds(1))) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            showFeed(stage, k2, ingest, feed);
            FeedTruth truth = feed.truth();
            showConservation(stage, k2, ingest, truth);
            showGaps(stage, k2, ingest, truth);
            showDeadLetters(stage, k2, truth);
            showDuplicate(stage, k2, ingest, feed, Objects.requireNonNull(last.get()));
        }
    }

    private void showFeed(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed) throws Exception {
        stage.step("A feed with the faults of real ones", """
                Trades of two venues and 48 streams go into Kafka, and K2 takes them from there into an Iceberg
                table, in this process. The feed leaves numbers out, sends some trades late, some twice, and
                breaks some records. It keeps the truth, and what K2 says below is checked against that.""");
        int records = stage.size(60_000, 30 * RECORDS_PER_SECOND);
        long began = System.nanoTime();
        CompletableFuture<Void> sending = CompletableFuture.runAsync(() -> {
            if (stage.size(1, 0) == 1) {
                feed.send(records);
            } else {
                feed.send(records, RECORDS_PER_SECOND);
            }
        });
        boolean done = false;
        while (!done) {
            try {
                sending.get(1, TimeUnit.SECONDS);
                done = true;
            } catch (TimeoutException e) {
                showProgress(stage, k2, ingest, feed, began);
            }
        }
        k2.view(Freshness.now(PATIENCE)).close();
        showProgress(stage, k2, ingest, feed, began);
        stage.liveEnd();
        stage.checks()
                .await(() -> ingest.tally().consumed() == records, "all records are committed within " + PATIENCE);
        stage.say("The rest was committed a second later; until then it could be asked for all the same.");
        stage.checks()
                .that(
                        ingest.tally().consumed() == records,
                        "all %,d records are in the table's offsets".formatted(records));
    }

    private static void showProgress(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed, long began) {
        long sent = feed.sent();
        long read = 0;
        try (View view = k2.view(Freshness.asFreshAsIs())) {
            for (Cut.TableCut table : view.cut().tables().values()) {
                read += table.partitions().values().stream()
                        .mapToLong(Cut.PartitionCut::liveEnd)
                        .sum();
            }
        }
        stage.live(
                "%5.1f s   sent %,9d   can be queried %,9d (%,7.0f a second)   committed %,9d",
                (System.nanoTime() - began) / 1e9,
                sent,
                read,
                read / ((System.nanoTime() - began) / 1e9),
                ingest.tally().consumed());
    }

    private void showConservation(DemoStage stage, K2 k2, Ingest ingest, FeedTruth truth) throws Exception {
        stage.step("Where did every record go?", """
                Each commit holds the rows, the next offset of every partition, and these counts, together. They
                add up at any time: a record that is nowhere would show.""");
        Tally tally = ingest.tally();
        ingest.committed()
                .forEach((partition, state) -> stage.say(
                        "%s  offsets %,d to %,d: %s",
                        partition, state.startOffset(), state.next().offset(), Shown.conservation(state.tally())));
        stage.say("all of them: %s", Shown.conservation(tally));
        Checks checks = stage.checks();
        checks.that(
                ingest.committed().values().stream().allMatch(state -> state.tally()
                        .conserves(state.startOffset(), state.next().offset())),
                "the sum is right in every partition");
        checks.that(
                tally.equals(new Tally(
                        truth.records(), truth.trades(), truth.duplicates(), truth.malformedRecords(), 0, 0, 0, 0)),
                "and every count is the feed's own");
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement()) {
            List<List<@Nullable Object>> answer = stage.ask(
                    statement,
                    "select count(*) as trades, count(distinct (venue, symbol, trade_id)) as different,"
                            + " sum(quantity) as volume from trades");
            checks.that(
                    answer.equals(List.of(List.of(
                            truth.trades(), truth.trades(), truth.quantity().setScale(10)))),
                    "SQL counts the same trades, each once, and their volume to the last digit");
        }
    }

    private void showGaps(DemoStage stage, K2 k2, Ingest ingest, FeedTruth truth) throws Exception {
        stage.step("What did the venue not send?", """
                Venues number their messages. A hole is data that never came, and a backtest over it is wrong
                without a sign. K2 keeps a ledger per venue and symbol; a trade that comes late closes its hole.""");
        List<StreamLedger> ledger = ingest.streams();
        List<StreamLedger> worst = ledger.stream()
                .filter(stream -> !stream.gaps().isEmpty())
                .sorted(Comparator.comparingLong(StreamLedger::missing).reversed())
                .limit(5)
                .toList();
        for (StreamLedger stream : worst) {
            stage.say(
                    "%-18s %d to %d: %,4d missing, %,3d came late; %s",
                    stream.stream(),
                    stream.first(),
                    stream.highest(),
                    stream.missing(),
                    stream.late(),
                    Shown.text(Shown.ranges(stream.gaps()), 48));
        }
        stage.say(
                "all %d streams: %,d gaps, %,d numbers missing, %,d came late, %,d came again",
                ledger.size(),
                ledger.stream().mapToLong(stream -> stream.gaps().size()).sum(),
                ledger.stream().mapToLong(StreamLedger::missing).sum(),
                ledger.stream().mapToLong(StreamLedger::late).sum(),
                ledger.stream().mapToLong(StreamLedger::duplicates).sum());
        Map<StreamKey, List<Range>> found =
                ledger.stream().collect(Collectors.toMap(StreamLedger::stream, StreamLedger::gaps));
        Map<StreamKey, List<Range>> left = new TreeMap<>();
        truth.streams().forEach((stream, told) -> left.put(stream, told.gaps()));
        Checks checks = stage.checks();
        checks.that(found.equals(left), "these are exactly the numbers that the feed left out, stream by stream");
        checks.that(
                ledger.stream().mapToLong(StreamLedger::late).sum() == truth.late(),
                "and as many came late as it held back");
        StreamLedger shown = worst.get(0);
        Range gap = shown.gaps().get(0);
        stage.say("The first gap of %s, %s, in the table:", shown.stream(), Shown.ranges(List.of(gap)));
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement()) {
            List<List<@Nullable Object>> around = stage.ask(
                    statement,
                    "select source_sequence, trade_id, price, quantity from trades where venue = '"
                            + shown.stream().venue() + "' and symbol = '"
                            + shown.stream().symbol() + "'\n  and source_sequence between "
                            + (gap.from() - 1) + " and " + (gap.to() + 1) + " order by source_sequence");
            checks.that(
                    around.stream().map(row -> row.get(0)).toList().equals(List.of(gap.from() - 1, gap.to() + 1)),
                    "the rows on both sides are there, and nothing between them");
        }
    }

    private void showDeadLetters(DemoStage stage, K2 k2, FeedTruth truth) throws Exception {
        stage.step("What could not be a row?", """
                A record that the table cannot hold exactly is not bent until it fits, and does not stop the
                others. It goes to the topic %s.k2-dlq as it came, with its position and the reason.
                (examples/run DeadLetterDemo shows the way back from there.)""".formatted(TOPIC));
        List<DeadLetter> letters;
        try (DeadLetters reading = k2.deadLetters(EventTypes.TRADE, TOPIC)) {
            letters = reading.list();
        }
        Map<String, DeadLetter> examples = new LinkedHashMap<>();
        letters.forEach(letter -> examples.putIfAbsent(letter.reason(), letter));
        examples.values().forEach(DeadLetterTool::print);
        DeadLetterTool.printSummary(letters);
        Map<String, Long> expected = new TreeMap<>();
        truth.malformed().forEach((kind, count) -> {
            if (count > 0) {
                expected.put(reason(kind), count);
            }
        });
        Map<String, Long> found = letters.stream()
                .collect(Collectors.groupingBy(DeadLetter::reason, TreeMap::new, Collectors.counting()));
        stage.checks()
                .that(found.equals(expected), "every record that the feed broke is there, for what was done to it");
    }

    private static String reason(MalformedKind kind) {
        return switch (kind) {
            case TRUNCATED -> "malformed";
            case WRONG_TYPE -> "wrong-type";
            case MISSING_FIELD -> "missing-field";
            case TOO_MANY_DIGITS -> "does-not-fit";
            case EMPTY_VALUE -> "empty-value";
        };
    }

    private void showDuplicate(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed, SimulatedRecord sent)
            throws Exception {
        stage.step("What is a duplicate?", """
                The same venue, symbol and trade id at another position in Kafka, within 24 hours. Bytes and
                times do not decide. The same position read again, after a crash, is no duplicate: it is that
                record. Here a gateway reconnects and sends a trade once more, ten seconds later.""");
        Trade trade = Objects.requireNonNull(sent.trade());
        long before = ingest.tally().duplicate();
        RecordMetadata again = feed.sendOne(sent.key(), sent.value(), sent.timestampMillis() + 10_000);
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement()) {
            List<List<@Nullable Object>> rows = stage.ask(
                    statement,
                    "select kafka_partition, kafka_offset, kafka_time, price, quantity from trades\n  where venue = '"
                            + trade.venue() + "' and symbol = '" + trade.symbol() + "' and trade_id = "
                            + trade.tradeId());
            stage.say(
                    "Kafka has it at %s-%d @ %,d too, acknowledged a moment ago.",
                    TOPIC, again.partition(), again.offset());
            Checks checks = stage.checks();
            checks.that(
                    rows.size() == 1
                            && Objects.equals(rows.get(0).get(0), again.partition())
                            && rows.get(0).get(1) instanceof Long first
                            && first < again.offset(),
                    "the view has read that, and shows one row: the first");
            checks.await(() -> ingest.tally().duplicate() > before, "the duplicate is counted within " + PATIENCE);
            stage.say("Counted: %s", Shown.conservation(ingest.tally()));
            checks.that(ingest.tally().duplicate() == before + 1, "it is one more among the duplicates");
        }
    }
}
