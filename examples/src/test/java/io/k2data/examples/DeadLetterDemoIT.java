package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.DeadLetter;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeadLetterDemoIT {
    private static final String TRADE = "{\"venue\":\"X\",\"symbol\":\"A\",\"trade_id\":%d,"
            + "\"event_time\":1723075200000000,\"price\":\"%s\",\"quantity\":\"2\"}";

    @TempDir
    Path directory;

    /** A repair of the user's that cannot cope. */
    public static final class Failing implements Function<DeadLetter, Optional<byte[]>> {
        @Override
        public Optional<byte[]> apply(DeadLetter letter) {
            throw new UnsupportedOperationException("not my day");
        }
    }

    @Test
    void theDemosOwnChecksHold() throws Exception {
        ExampleRun run = ExampleRun.of(DeadLetterDemo.class);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        assertThat(run.output())
                .contains("before: consumed 21 = stored 15 + duplicate 0 + rejected 6")
                .contains("after:  consumed 21 = stored 18 + duplicate 0 + rejected 3")
                .contains("all checks hold");
    }

    @Test
    void theToolListsAndReplaysADeadLetterOnceAndShowsNoControlCharacter() throws Exception {
        Path config = directory.resolve("k2.properties");
        Path warehouse = directory.resolve("warehouse");
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("ticks", 1);
            send(
                    kafka,
                    TRADE.formatted(1, "1.5"),
                    TRADE.formatted(2, "2,5"),
                    TRADE.formatted(3, "\u001b[2J\u202e\u009b1m"),
                    TRADE.formatted(4, "4.5"));
            try (K2 k2 = k2(kafka, warehouse)) {
                k2.ingest(EventTypes.TRADE, "ticks").start();
                assertThat(prices(k2)).containsExactly("0 1.5", "3 4.5");
            }
            String brokers = kafka.bootstrapServers();

            ExampleRun list =
                    ExampleRun.of(DeadLetterTool.class, "list", "--bootstrap-servers", brokers, "--topic", "ticks");
            assertThat(list.exitCode()).as(list.errors()).isZero();
            assertThat(list.output())
                    .contains("ticks-0 @ 1 -> trades  wrong-type")
                    .contains("\"price\":\"2,5\"")
                    .contains("\"price\":\"\\u{1b}[2J\\u{202e}\\u{9b}1m\"")
                    .contains("2 dead letters: ");
            assertThat(list.output().chars())
                    .noneMatch(
                            c -> c != '\n' && (Character.isISOControl(c) || Character.getType(c) == Character.FORMAT));

            Files.writeString(config, "k2.kafka.bootstrap.servers=" + brokers + "\nk2.warehouse=" + warehouse + "\n");
            List<String> replay = List.of(
                    "replay", "--config", config.toString(), "--topic", "ticks", "--table", "trades", "--repair");
            ExampleRun dryRun = run(replay, DecimalCommas.class.getName(), "--dry-run");
            assertThat(dryRun.output())
                    .as(dryRun.errors())
                    .contains("old  " + TRADE.formatted(2, "2,5"))
                    .contains("new  " + TRADE.formatted(2, "2.5"))
                    .contains("1 repaired, 1 left alone; nothing was stored");
            ExampleRun failing = run(replay, Failing.class.getName());
            assertThat(failing.exitCode()).isEqualTo(1);
            assertThat(failing.errors()).contains("failed on ticks-0 @ 1", "not my day");
            ExampleRun first = run(replay, DecimalCommas.class.getName());
            assertThat(first.exitCode()).as(first.errors()).isZero();
            assertThat(first.output()).containsPattern("stored +1 ").containsPattern("left alone +1 ");
            ExampleRun second = run(replay, DecimalCommas.class.getName());
            assertThat(second.output()).containsPattern("stored +0 ").containsPattern("stored before +1 ");
            try (K2 k2 = k2(kafka, warehouse)) {
                k2.ingest(EventTypes.TRADE, "ticks").start();
                assertThat(prices(k2)).containsExactly("0 1.5", "1 2.5", "3 4.5");
            }
        }
    }

    @Test
    void badArgumentsOfTheToolAreExplained() throws Exception {
        ExampleRun help = ExampleRun.of(DeadLetterTool.class, "--help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.output()).contains("DecimalCommas", "--dry-run", "trades|quotes|reference");
        assertRefused("expected one command", "--topic", "t");
        List<String> usual = List.of("replay", "--bootstrap-servers", "127.0.0.1:1", "--topic", "t", "--table");
        assertRefused("'trade' is none of trades|quotes|reference", with(usual, "trade"));
        assertRefused("no class NoSuch", with(usual, "trades", "--repair", "NoSuch"));
        assertRefused("no java.util.function.Function", with(usual, "trades", "--repair", "java.lang.Object"));
        String nowhere = directory.resolve("nowhere").toString();
        assertRefused(
                "no directory " + nowhere,
                with(usual, "trades", "--repair", DecimalCommas.class.getName(), "--warehouse", nowhere));
        assertThat(Path.of(nowhere)).doesNotExist();
    }

    private static void assertRefused(String problem, String... args) throws Exception {
        ExampleRun run = ExampleRun.of(DeadLetterTool.class, args);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isEqualTo(2);
        assertThat(run.errors()).contains(problem).contains("usage:");
    }

    private static ExampleRun run(List<String> args, String... more) throws Exception {
        return ExampleRun.of(DeadLetterTool.class, with(args, more));
    }

    private static String[] with(List<String> args, String... more) {
        List<String> all = new ArrayList<>(args);
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    private K2 k2(EmbeddedKafka kafka, Path warehouse) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(warehouse)
                .spool(directory.resolve("spool"))
                .build();
    }

    private static void send(EmbeddedKafka kafka, String... values) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            for (String value : values) {
                producer.send(new ProducerRecord<>(
                                "ticks", 0, 1723075200000L, null, value.getBytes(StandardCharsets.UTF_8)))
                        .get();
            }
        }
    }

    private static List<String> prices(K2 k2) throws SQLException {
        List<String> prices = new ArrayList<>();
        try (View view = k2.view(Freshness.now(Duration.ofMinutes(1)));
                Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery("select kafka_offset, price from trades order by 1")) {
            while (rows.next()) {
                prices.add(rows.getLong(1) + " "
                        + rows.getBigDecimal(2).stripTrailingZeros().toPlainString());
            }
        }
        return prices;
    }
}
