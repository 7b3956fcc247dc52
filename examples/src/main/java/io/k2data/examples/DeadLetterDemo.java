package io.k2data.examples;

import io.k2data.DeadLetters;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.kafka.JsonEventSerializer;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.DeadLetterRepair.Outcome;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Broken trades go to the dead letters; a repair brings them back to the positions they had, once, while the ingest runs.
 * The same is done from outside by {@link DeadLetterTool}.
 */
public final class DeadLetterDemo {
    private static final String USAGE = """
            usage: examples/run DeadLetterDemo
            Exits with 1 if one of its checks fails.""";

    private static final String TOPIC = "trades";

    private final Checks checks = new Checks();
    private final Instant open = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    private final KafkaProducer<byte[], byte[]> producer;
    private final Map<Integer, Long> offsets = new TreeMap<>();

    private DeadLetterDemo(KafkaProducer<byte[], byte[]> producer) {
        this.producer = producer;
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
            kafka.createTopic(TOPIC, 1);
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                            Feeds.producerSettings(kafka.bootstrapServers()),
                            new ByteArraySerializer(),
                            new ByteArraySerializer());
                    K2 k2 = K2.builder()
                            .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                            .warehouse(workspace.directory().resolve("warehouse"))
                            .spool(workspace.directory().resolve("spool"))
                            .commitInterval(Duration.ofMillis(300))
                            .build()) {
                DeadLetterDemo demo = new DeadLetterDemo(producer);
                demo.run(k2);
                exitCode = demo.checks.result();
            }
        }
        System.exit(exitCode);
    }

    private void run(K2 k2) throws Exception {
        System.out.println(
                "1. Twenty trades, sequence 1 to 20. The gateway writes some with a decimal comma, one is cut"
                        + " short.");
        for (int number = 1; number <= 20; number++) {
            send(number, spoiler(number));
        }
        System.out.println("   The gateway notices number 12 by itself, and sends it again as it should be.");
        long again = send(12, value -> value);
        Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
        checks.await(() -> ingest.tally().consumed() == 21, "21 records are committed");
        Tally before = ingest.tally();
        System.out.println("  " + Shown.conservation(before));
        checks.that(before.equals(new Tally(21, 15, 0, 6, 0, 0, 0, 0)), "six were rejected, fifteen are rows");
        checks.that(
                gaps(ingest).equals(List.of(new Range(4, 4), new Range(9, 9), new Range(15, 15), new Range(17, 18))),
                "what was rejected is missing in the sequence: " + Shown.ranges(gaps(ingest)));

        System.out.println("2. The dead letters: every one with its position and reason, its bytes as they came.");
        try (DeadLetters letters = k2.deadLetters(EventTypes.TRADE, TOPIC)) {
            List<DeadLetter> all = letters.list();
            all.forEach(DeadLetterTool::print);
            DeadLetterTool.printSummary(all);
            checks.that(
                    all.stream()
                            .collect(Collectors.toMap(letter -> letter.record().offset(), DeadLetter::reason))
                            .equals(Map.of(
                                    offset(4), "wrong-type",
                                    offset(9), "wrong-type",
                                    offset(12), "wrong-type",
                                    offset(15), "wrong-type",
                                    offset(17), "malformed",
                                    offset(18), "wrong-type")),
                    "they are those that were sent broken");

            System.out.println("3. DecimalCommas repairs them, and they are stored where they were, beside the running"
                    + " ingest.");
            Outcome first = letters.replay(new DecimalCommas());
            DeadLetterTool.print(first);
            checks.that(first.stored() == 3, "three are stored: 4, 9 and 15");
            checks.that(first.duplicate() == 1, "number 12 stays rejected: its id stands at offset " + again);
            checks.that(
                    first.left() == 1, "the one that was cut short is left alone: there is nothing to repair it from");
            checks.that(
                    first.stillRejected().values().stream()
                            .allMatch(why -> why.reason().code().equals("missing-field")),
                    "the one that has no quantity either is rejected again, with the reason");

            System.out.println("4. The same once more, as if an operator were not sure that it went through.");
            Outcome second = letters.replay(new DecimalCommas());
            DeadLetterTool.print(second);
            checks.that(second.stored() == 0 && second.storedBefore() == 3, "nothing is stored a second time");
            checks.that(second.duplicate() == 1, "number 12 still stays where it is");
        }

        System.out.println("5. The table afterwards.");
        Map<Integer, Long> expected = new TreeMap<>(offsets);
        expected.put(12, again);
        expected.keySet().removeAll(List.of(17, 18));
        checks.that(stored(k2).equals(expected), "every repaired trade stands at the offset it was sent to, each once");
        checks.await(() -> !ingest.tally().equals(before), "the ingest has noticed the repair");
        Tally after = ingest.tally();
        System.out.println("   before: " + Shown.conservation(before));
        System.out.println("   after:  " + Shown.conservation(after));
        checks.that(
                after.equals(new Tally(21, 18, 0, 3, 0, 0, 0, 0)),
                "what was stored is no longer among the rejected: 6 - 3 = 3, and the sum is the same");
        checks.that(
                gaps(ingest).equals(List.of(new Range(17, 18))),
                "of the gaps one is left: " + Shown.ranges(gaps(ingest)));

        System.out.println("6. The gateway wakes up and sends number 4 again, as it should have been.");
        send(4, value -> value);
        checks.that(stored(k2).equals(expected), "the table knows number 4 by its repair, and drops it");
        checks.await(() -> ingest.tally().consumed() == 22, "22 records are committed");
        System.out.println("  " + Shown.conservation(ingest.tally()));
        checks.that(ingest.tally().equals(new Tally(22, 18, 1, 3, 0, 0, 0, 0)), "it is counted as a duplicate");
    }

    private static UnaryOperator<String> spoiler(int number) {
        UnaryOperator<String> comma = value -> value.replace("101.", "101,");
        return switch (number) {
            case 4, 9, 12, 15 -> comma;
            case 17 -> value -> value.substring(0, value.length() / 2);
            case 18 -> value -> comma.apply(value).replaceFirst("\"quantity\":\"[^\"]*\",", "");
            default -> UnaryOperator.identity();
        };
    }

    /** Sends a trade, spoiled or not; the offset that Kafka acknowledged. */
    private long send(int number, UnaryOperator<String> spoiler) throws Exception {
        Trade trade = Trade.of("XETR", "SAP", number)
                .at(open.plusMillis(number))
                .priced(new BigDecimal("101.5").add(BigDecimal.valueOf(number, 2)), BigDecimal.valueOf(100L * number))
                .sequence(number)
                .build();
        byte[] good = new JsonEventSerializer<>(EventTypes.TRADE).serialize(TOPIC, trade);
        String value = spoiler.apply(new String(good, StandardCharsets.UTF_8));
        long offset = producer.send(new ProducerRecord<>(
                        TOPIC,
                        null,
                        open.plusMillis(number).toEpochMilli(),
                        "XETR/SAP".getBytes(StandardCharsets.UTF_8),
                        value.getBytes(StandardCharsets.UTF_8)))
                .get()
                .offset();
        offsets.putIfAbsent(number, offset);
        return offset;
    }

    private long offset(int number) {
        return offsets.getOrDefault(number, -1L);
    }

    /** By number, where its row stands; an entry below 0 if there are several. */
    private static Map<Integer, Long> stored(K2 k2) throws SQLException {
        Map<Integer, Long> stored = new TreeMap<>();
        try (View view = k2.view(Freshness.now(Duration.ofMinutes(1)));
                Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery("select trade_id, kafka_offset from trades"
                        + " where price between 101 and 102 and quantity = 100 * trade_id")) {
            while (rows.next()) {
                stored.merge(rows.getInt(1), rows.getLong(2), (one, other) -> -1L);
            }
        }
        return stored;
    }

    private static List<Range> gaps(Ingest ingest) {
        return ingest.streams().stream()
                .map(StreamLedger::gaps)
                .flatMap(List::stream)
                .toList();
    }
}
