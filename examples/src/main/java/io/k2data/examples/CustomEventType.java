package io.k2data.examples;

import io.k2data.DeadLetters;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventType;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.kafka.JsonEventSerializer;
import io.k2data.kafka.UnreadableEventException;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.IngestPlan;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.jspecify.annotations.Nullable;

/** A record class of your own, with its table, its SQL relation, its duplicates and its gaps; as JSON and in your format. */
public final class CustomEventType {
    private static final String USAGE = """
            usage: examples/run CustomEventType
            Exits with 1 if what it finds is not what it sent.""";

    /** Executions of our own orders, as the order system knows them. */
    private record Fill(
            String venue,
            String symbol,
            String execId,
            String desk,
            BigDecimal price,
            BigDecimal quantity,
            Instant time,
            long seq) {}

    /** All that K2 has to know of it: table {@code fills}, its columns, what identifies a fill, and what numbers it. */
    private static final EventType<Fill> FILL = EventType.of("fills", Fill.class).stream(Fill::venue, Fill::symbol)
            .eventTime(Fill::time)
            .text("exec_id", Fill::execId)
            .text("desk", Fill::desk)
            .decimal("price", 18, 6, Fill::price)
            .decimal("quantity", 18, 2, Fill::quantity)
            .integer("seq", Fill::seq)
            .require("exec_id", "desk", "price", "quantity")
            .id("exec_id")
            .sequence("seq")
            .build();

    private static final List<String> DESKS = List.of("delta-one", "index", "pairs");
    private static final String SYMBOL = "SAP";
    private static final int FILLS = 300;
    private static final int NEVER_SENT = 120;

    private final Checks checks = new Checks();
    private final EmbeddedKafka kafka;
    private final Path directory;
    private final Instant open = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    private final Map<String, BigDecimal> notional = new TreeMap<>();

    private CustomEventType(EmbeddedKafka kafka, Path directory) {
        this.kafka = kafka;
        this.directory = directory;
        for (int seq = 1; seq <= FILLS; seq++) {
            if (seq != NEVER_SENT) {
                Fill fill = fill(seq);
                notional.merge(fill.desk(), fill.price().multiply(fill.quantity()), BigDecimal::add);
            }
        }
    }

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        Arguments.parse(USAGE, List.of(), args);
        int exitCode;
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            CustomEventType example = new CustomEventType(kafka, workspace.directory());
            example.asJsonOnATopicSharedWithTrades();
            example.inAFormatOfOnesOwn();
            exitCode = example.checks.result();
        }
        System.exit(exitCode);
    }

    /** Two event types on one topic: the header {@code k2.type} says which a record is. */
    private void asJsonOnATopicSharedWithTrades() throws Exception {
        System.out.println("1. Fills as K2's JSON, on one topic with trades; each type has its table and its offsets.");
        kafka.createTopic("orders", 1);
        int trades = 0;
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            JsonEventSerializer<Trade> tradeJson = new JsonEventSerializer<>(EventTypes.TRADE);
            for (int id = 1; id <= 2 * FILLS; id++, trades++) {
                Trade trade = Trade.of("XETR", SYMBOL, id)
                        .at(open.plusMillis(id))
                        .priced(price(id), BigDecimal.TEN)
                        .build();
                send(producer, "orders", "trades", tradeJson.serialize("orders", trade));
            }
            sendFills(producer, "orders", new JsonEventSerializer<>(FILL));
        }
        try (K2 k2 = k2("shared")) {
            Ingest tradeIngest = k2.ingest(EventTypes.TRADE, "orders").start();
            Ingest fillIngest = k2.ingest(FILL, "orders").start();
            try (View view = k2.view(Freshness.now(Duration.ofMinutes(1)))) {
                checkFills(view, fillIngest);
                checkShare(view, trades);
            }
            close(fillIngest, new Tally(FILLS, FILLS - 1, 1, 0, 0, 0, 0, trades));
            close(tradeIngest, new Tally(trades, trades, 0, 0, 0, 0, 0, FILLS));
        }
    }

    /** Any Kafka deserializer will do. What it cannot read goes to the dead letters with the reason it gives. */
    private void inAFormatOfOnesOwn() throws Exception {
        System.out.println("2. The same fills as lines of text, read by a Kafka Deserializer<Fill>.");
        kafka.createTopic("fill-lines", 1);
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            sendFills(producer, "fill-lines", CustomEventType::line);
            send(producer, "fill-lines", "fills", "XETR|SAP|E9|index|ten|1|0|9".getBytes(StandardCharsets.UTF_8));
        }
        // One table takes one topic, so these fills have a warehouse of their own.
        try (K2 k2 = k2("lines")) {
            Ingest ingest =
                    k2.ingest(FILL, "fill-lines", (topic, line) -> parsed(line)).start();
            try (View view = k2.view(Freshness.now(Duration.ofMinutes(1)))) {
                checkFills(view, ingest);
            }
            close(ingest, new Tally(FILLS + 1, FILLS - 1, 1, 1, 0, 0, 0, 0));
            try (DeadLetters letters = k2.deadLetters(FILL, "fill-lines")) {
                List<DeadLetter> rejected = letters.list();
                rejected.forEach(DeadLetterTool::print);
                checks.that(
                        rejected.size() == 1 && rejected.get(0).reason().equals("malformed"),
                        "the line that is no fill is in the dead letters, for the reason that the deserializer gave");
            }
        }
    }

    private void checkFills(View view, Ingest ingest) throws SQLException {
        String question = "select desk, count(*), sum(price * quantity) from fills group by desk order by desk";
        System.out.println("  " + question);
        Map<String, BigDecimal> found = new TreeMap<>();
        try (Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery(question)) {
            while (rows.next()) {
                System.out.printf(
                        Locale.ROOT,
                        "     %-10s %4d %16s%n",
                        rows.getString(1),
                        rows.getLong(2),
                        rows.getBigDecimal(3).stripTrailingZeros().toPlainString());
                found.put(rows.getString(1), rows.getBigDecimal(3).stripTrailingZeros());
            }
        }
        notional.replaceAll((desk, sum) -> sum.stripTrailingZeros());
        checks.that(found.equals(notional), "each desk's notional is what was sent, to the last digit");
        List<StreamLedger> ledger = ingest.streams();
        ledger.forEach(stream -> System.out.printf(
                Locale.ROOT,
                "  ledger: %s from %d to %d, never came: %s, came again: %d%n",
                stream.stream(),
                stream.first(),
                stream.highest(),
                Shown.ranges(stream.gaps()),
                stream.duplicates()));
        checks.that(
                ledger.size() == 1
                        && ledger.get(0).gaps().equals(List.of(new Range(NEVER_SENT, NEVER_SENT)))
                        && ledger.get(0).duplicates() == 1,
                "the ledger knows the one number that was left out and the one that came twice");
    }

    /** One question over both tables, at one cut. */
    private void checkShare(View view, int trades) throws SQLException {
        String question = "select (select sum(quantity) from fills), (select sum(quantity) from trades)";
        System.out.println("  " + question);
        BigDecimal sent = BigDecimal.ZERO;
        for (int seq = 1; seq <= FILLS; seq++) {
            sent = sent.add(seq == NEVER_SENT ? BigDecimal.ZERO : fill(seq).quantity());
        }
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            BigDecimal ours = row.getBigDecimal(1);
            BigDecimal market = row.getBigDecimal(2);
            System.out.printf(
                    Locale.ROOT,
                    "     %.0f of %.0f, %.1f %% of the market's volume is ours%n",
                    ours,
                    market,
                    100 * ours.doubleValue() / market.doubleValue());
            checks.that(
                    ours.compareTo(sent) == 0 && market.compareTo(BigDecimal.valueOf(10L * trades)) == 0,
                    "one SQL answers from both tables");
        }
    }

    private void close(Ingest ingest, Tally expected) {
        ingest.close();
        Tally tally = ingest.tally();
        System.out.printf(
                Locale.ROOT, "  %s: %s; foreign %,d%n", ingest.table(), Shown.conservation(tally), tally.foreign());
        checks.that(
                tally.equals(expected), "every record of " + ingest.topic() + " is accounted for in " + ingest.table());
    }

    private K2 k2(String name) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve(name))
                .spool(directory.resolve("spool"))
                .build();
    }

    private KafkaProducer<byte[], byte[]> producer() {
        return new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()), new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** All fills but one, and one of them twice, as a gateway sends that reconnects. */
    private void sendFills(KafkaProducer<byte[], byte[]> producer, String topic, Serializer<Fill> serializer) {
        for (int seq = 1; seq <= FILLS; seq++) {
            if (seq != NEVER_SENT) {
                send(producer, topic, "fills", serializer.serialize(topic, fill(seq)));
            }
            if (seq == FILLS / 2) {
                send(producer, topic, "fills", serializer.serialize(topic, fill(seq)));
            }
        }
    }

    private static void send(
            KafkaProducer<byte[], byte[]> producer, String topic, String type, byte @Nullable [] value) {
        ProducerRecord<byte[], byte[]> record =
                new ProducerRecord<>(topic, ("XETR/" + SYMBOL).getBytes(StandardCharsets.UTF_8), value);
        record.headers().add(IngestPlan.TYPE_HEADER, type.getBytes(StandardCharsets.UTF_8));
        // One that did not arrive would be missing in the counts, which are checked.
        var unused = producer.send(record);
    }

    private Fill fill(int seq) {
        return new Fill(
                "XETR",
                SYMBOL,
                "E" + seq,
                DESKS.get(seq % DESKS.size()),
                price(seq),
                BigDecimal.valueOf(seq % 7 + 1),
                open.plusMillis(seq),
                seq);
    }

    private static BigDecimal price(int number) {
        return BigDecimal.valueOf(2_400_000 + number * 37L % 1_000, 4);
    }

    private static byte[] line(String topic, Fill fill) {
        return String.join(
                        "|",
                        fill.venue(),
                        fill.symbol(),
                        fill.execId(),
                        fill.desk(),
                        fill.price().toPlainString(),
                        fill.quantity().toPlainString(),
                        String.valueOf(fill.time().toEpochMilli()),
                        String.valueOf(fill.seq()))
                .getBytes(StandardCharsets.UTF_8);
    }

    private static Fill parsed(byte[] line) {
        String[] parts = new String(line, StandardCharsets.UTF_8).split("\\|", -1);
        try {
            return new Fill(
                    parts[0],
                    parts[1],
                    parts[2],
                    parts[3],
                    new BigDecimal(parts[4]),
                    new BigDecimal(parts[5]),
                    Instant.ofEpochMilli(Long.parseLong(parts[6])),
                    Long.parseLong(parts[7]));
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new UnreadableEventException(Rejection.Reason.MALFORMED, "no line of a fill: " + e.getMessage());
        }
    }
}
