package io.k2data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Freshness;
import io.k2data.api.FreshnessException;
import io.k2data.api.K2Exception;
import io.k2data.api.StartPosition;
import io.k2data.api.View;
import io.k2data.api.event.EventType;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Quote;
import io.k2data.api.event.Reference;
import io.k2data.api.event.Trade;
import io.k2data.iceberg.Warehouses;
import io.k2data.kafka.JsonEventSerializer;
import io.k2data.pipeline.IngestPlan;
import io.k2data.pipeline.Tally;
import io.k2data.pipeline.UnknownFields;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.iceberg.Schema;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.types.Types;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** What a real desk's feed has besides trades that read well: other events, new fields, tables and offsets that were there. */
class FeedIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Instant TIME = Instant.parse("2026-03-01T09:30:00Z");
    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    private String topic;
    private KafkaProducer<byte[], byte[]> producer;

    @BeforeAll
    static void startKafka() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stopKafka() {
        kafka.close();
    }

    @BeforeEach
    void nameTopic(TestInfo test) {
        topic = test.getTestMethod().orElseThrow().getName();
        producer = new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()), new ByteArraySerializer(), new ByteArraySerializer());
    }

    @AfterEach
    void closeProducer() {
        producer.close();
    }

    private K2.Builder builder() {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(300));
    }

    private static Trade trade(long id) {
        return Trade.of("X", "A", id)
                .at(TIME)
                .priced(new BigDecimal("1.5"), BigDecimal.TEN)
                .build();
    }

    private static byte[] json(long id) {
        return new JsonEventSerializer<>(EventTypes.TRADE).serialize("t", trade(id));
    }

    private long send(int partition, byte[] value, String... headers) throws Exception {
        ProducerRecord<byte[], byte[]> record =
                new ProducerRecord<>(topic, partition, TIME.toEpochMilli(), null, value);
        for (int i = 0; i < headers.length; i += 2) {
            record.headers().add(headers[i], headers[i + 1].getBytes(UTF_8));
        }
        return producer.send(record).get().offset();
    }

    private static List<String> query(View view, String sql) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (Statement statement = view.connection().createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            while (result.next()) {
                StringBuilder row = new StringBuilder();
                for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                    row.append(i == 1 ? "" : " ").append(result.getString(i));
                }
                rows.add(row.toString());
            }
        }
        return rows;
    }

    private static List<String> query(K2 k2, String sql) throws SQLException {
        try (View view = k2.view(Freshness.now(PATIENCE))) {
            return query(view, sql);
        }
    }

    @Test
    void eventTypesThatShareATopicEachHaveTheirTableAndTheirCounts() throws Exception {
        kafka.createTopic(topic, 2);
        Quote quote = Quote.of("X", "A")
                .id(7)
                .at(TIME)
                .bid(new BigDecimal("1.4"), BigDecimal.ONE)
                .ask(new BigDecimal("1.6"), new BigDecimal("2"))
                .build();
        Reference reference = new Reference(
                "X",
                "A",
                "v1",
                TIME,
                "A share",
                "equity",
                "USD",
                null,
                new BigDecimal("0.01"),
                BigDecimal.ONE,
                null,
                null,
                null);
        EventType<String> note = EventType.of("notes", String.class).stream(text -> "X", text -> "A")
                .eventTime(text -> TIME)
                .text("text", text -> text)
                .build();
        for (int i = 0; i < 10; i++) {
            send(i % 2, json(i), IngestPlan.TYPE_HEADER, "trades");
        }
        send(0, new JsonEventSerializer<>(EventTypes.QUOTE).serialize(topic, quote), IngestPlan.TYPE_HEADER, "quotes");
        send(0, new JsonEventSerializer<>(EventTypes.QUOTE).serialize(topic, quote), IngestPlan.TYPE_HEADER, "quotes");
        send(
                1,
                new JsonEventSerializer<>(EventTypes.REFERENCE).serialize(topic, reference),
                IngestPlan.TYPE_HEADER,
                "reference");
        send(1, "hello".getBytes(UTF_8), IngestPlan.TYPE_HEADER, "notes");
        try (K2 k2 = builder().build()) {
            Ingest trades = k2.ingest(EventTypes.TRADE, topic).start();
            Ingest quotes = k2.ingest(EventTypes.QUOTE, topic).start();
            Ingest references = k2.ingest(EventTypes.REFERENCE, topic).start();
            Ingest notes = k2.ingest(note, topic, new StringDeserializer()).start();
            try (View view = k2.view(Freshness.now(PATIENCE))) {
                assertThat(query(view, "select count(*), sum(trade_id) from trades"))
                        .containsExactly("10 45");
                assertThat(query(view, "select bid_price, ask_quantity from quotes"))
                        .containsExactly("1.400000000000 2.0000000000");
                assertThat(query(view, "select name, tick_size, expiry_time from reference"))
                        .containsExactly("A share 0.010000000000 null");
                assertThat(query(
                                view,
                                "select q.symbol, n.text, count(*) from quotes q join trades t using (venue, symbol)"
                                        + " join notes n using (venue, symbol) group by all"))
                        .containsExactly("A hello 10");
                assertThat(view.cut().tables().keySet()).containsExactly("notes", "quotes", "reference", "trades");
            }
            try (View view = k2.view(Freshness.now(PATIENCE), "quotes")) {
                assertThat(view.cut().tables().keySet()).containsExactly("quotes");
                assertThatThrownBy(() -> query(view, "select * from trades")).isInstanceOf(SQLException.class);
            }
            assertThatThrownBy(() -> k2.view(Freshness.asFreshAsIs(), "quotes", "nonsense"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("nonsense");
            List.of(trades, quotes, references, notes).forEach(Ingest::close);
            assertThat(trades.tally()).isEqualTo(new Tally(10, 10, 0, 0, 0, 0, 0, 4));
            assertThat(quotes.tally()).isEqualTo(new Tally(2, 1, 1, 0, 0, 0, 0, 12));
            assertThat(references.tally()).isEqualTo(new Tally(1, 1, 0, 0, 0, 0, 0, 13));
            assertThat(notes.tally()).isEqualTo(new Tally(1, 1, 0, 0, 0, 0, 0, 13));
        }
    }

    @Test
    void recordsAreSelectedByTheUsersOwnRule() throws Exception {
        kafka.createTopic(topic, 1);
        send(0, json(1), "kind", "T");
        send(0, "not ours".getBytes(UTF_8), "kind", "Z");
        send(0, json(2));
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic)
                    .select(record ->
                            "T".equals(new String(record.headers().get(0).value(), UTF_8)))
                    .start();
            assertThat(query(k2, "select trade_id from trades")).containsExactly("1");
            ingest.close();
            // The rule fails on the record without a header: that record is a dead letter, the ingest goes on.
            assertThat(ingest.tally()).isEqualTo(new Tally(2, 1, 0, 1, 0, 0, 0, 1));
        }
    }

    @Test
    void aNewFieldBecomesAColumnForWriterAndFollowerAlike() throws Exception {
        kafka.createTopic(topic, 1);
        send(0, json(1));
        try (K2 writer = builder().build();
                K2 follower = builder().build()) {
            writer.ingest(EventTypes.TRADE, topic)
                    .unknownFields(UnknownFields.ADD_COLUMN)
                    .start();
            follower.follow(EventTypes.TRADE, topic)
                    .unknownFields(UnknownFields.ADD_COLUMN)
                    .start();
            assertThat(query(writer, "select trade_id from trades")).containsExactly("1");
            String more = new String(json(2), UTF_8).replace("}", ",\"liquidity\":\"added\",\"fee\":0.25}");
            send(0, more.getBytes(UTF_8));
            send(0, json(3));
            send(
                    0,
                    new String(json(4), UTF_8)
                            .replace("}", ",\"venue_data\":{\"a\":[1]}}")
                            .getBytes(UTF_8));
            for (K2 k2 : List.of(writer, follower)) {
                assertThat(query(k2, "select trade_id, liquidity, fee, venue_data from trades order by 1"))
                        .containsExactly(
                                "1 null null null",
                                "2 added 0.250000000000 null",
                                "3 null null null",
                                "4 null null {\"a\":[1]}");
            }
        }
        // The columns are the table's from now on, whatever a later ingest says of unknown fields.
        send(0, new String(json(5), UTF_8).replace("}", ",\"fee\":1}").getBytes(UTF_8));
        send(0, new String(json(6), UTF_8).replace("}", ",\"bogus\":1}").getBytes(UTF_8));
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            assertThat(query(k2, "select trade_id, fee from trades where trade_id > 4"))
                    .containsExactly("5 1.000000000000");
            ingest.close();
            assertThat(ingest.tally()).isEqualTo(new Tally(6, 5, 0, 1, 0, 0, 0, 0));
            try (DeadLetters letters = k2.deadLetters(EventTypes.TRADE, topic)) {
                assertThat(letters.list()).singleElement().satisfies(letter -> {
                    assertThat(letter.reason()).isEqualTo("unknown-field");
                    assertThat(letter.error()).contains("bogus");
                });
            }
        }
    }

    @Test
    void aTableThatWasThereIsTakenOverWhereAnotherSinkStopped() throws Exception {
        kafka.createTopic(topic, 2);
        for (int i = 0; i < 20; i++) {
            send(i % 2, json(i));
        }
        // As another sink left it: unpartitioned, without K2's columns, rows of the first ten records.
        Catalog catalog = Warehouses.local(directory.resolve("warehouse"));
        ((SupportsNamespaces) catalog).createNamespace(Namespace.of("k2"));
        Schema schema = new Schema(
                Types.NestedField.optional(1, "trade_id", Types.LongType.get()),
                Types.NestedField.required(2, "symbol", Types.StringType.get()),
                Types.NestedField.required(3, "event_time", Types.TimestampType.withZone()),
                Types.NestedField.optional(4, "desk", Types.StringType.get()));
        catalog.createTable(TableIdentifier.of("k2", "trades"), schema);
        OtherSink.write(catalog, directory.resolve("other.parquet"), 10);

        Map<Integer, Long> next = Map.of(0, 5L, 1, 5L);
        try (K2 k2 = builder().build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic)
                    .startAt(StartPosition.offsets(next))
                    .start();
            assertThat(query(
                            k2,
                            "select count(*), count(distinct trade_id), count(kafka_offset), count(desk), sum(trade_id)"
                                    + " from trades"))
                    .containsExactly("20 20 10 10 190");
            ingest.close();
            assertThat(ingest.tally().stored()).isEqualTo(10);
            assertThat(ingest.committed().values()).allMatch(state -> state.startOffset() == 5);
        }
        // Once the table has offsets they decide.
        try (K2 k2 = builder().build()) {
            k2.ingest(EventTypes.TRADE, topic).startAt(StartPosition.latest()).start();
            assertThat(query(k2, "select count(*) from trades")).containsExactly("20");
        }
    }

    @Test
    void startOffsetsThatDoNotFitAreRefusedTogether() throws Exception {
        kafka.createTopic(topic, 2);
        send(0, json(1));
        try (K2 k2 = builder().build()) {
            assertThatThrownBy(() -> k2.ingest(EventTypes.TRADE, topic)
                            .startAt(StartPosition.offsets(Map.of(0, 5L, 7, 0L)))
                            .start())
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining(topic + "-0 is to begin at 5, but the log holds [0, 1)")
                    .hasMessageContaining(topic + "-1 has none")
                    .hasMessageContaining("no partition 7");
        }
    }

    @Test
    void anIngestFromTheLatestRecordSeesOnlyWhatComesAfter() throws Exception {
        kafka.createTopic(topic, 1);
        send(0, json(1));
        try (K2 k2 = builder().build()) {
            k2.ingest(EventTypes.TRADE, topic).startAt(StartPosition.latest()).start();
            send(0, json(2));
            assertThat(query(k2, "select trade_id from trades")).containsExactly("2");
        }
    }

    @Test
    void freshnessFailsOrAnswersWithTheCutReachedAsTheCallerChose() throws Exception {
        kafka.createTopic(topic, 1);
        send(0, json(1));
        try (K2 k2 = builder().build()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            try (View view = k2.view(Freshness.atLeast(topic, Map.of(0, 1L), PATIENCE))) {
                assertThat(query(view, "select trade_id from trades")).containsExactly("1");
            }
            Freshness.AtLeast beyond = Freshness.atLeast(topic, Map.of(0, 5L), Duration.ofMillis(100));
            assertThatThrownBy(() -> k2.view(beyond))
                    .isInstanceOf(FreshnessException.class)
                    .hasMessageContaining(topic + "-0 read to 1 of 5");
            try (View view = k2.view(beyond.orWhatThereIs())) {
                assertThat(query(view, "select trade_id from trades")).containsExactly("1");
                assertThat(view.cut().tables().get("trades").partitions().values())
                        .singleElement()
                        .satisfies(cut -> assertThat(cut.liveEnd()).isEqualTo(1));
            }
            Duration brief = Duration.ofNanos(1);
            k2.view(Freshness.now(brief).orWhatThereIs()).close();
            assertThatThrownBy(() -> k2.view(Freshness.atLeast("no-such-topic", Map.of(0, 1L), PATIENCE)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("trades");
        }
    }

    @Test
    void aFollowerWithoutATableToFollowSaysSo() {
        kafka.createTopic(topic, 1);
        try (K2 k2 = builder().build()) {
            assertThatThrownBy(() -> k2.follow(EventTypes.TRADE, topic).start())
                    .isInstanceOf(K2Exception.Retry.class)
                    .hasMessageContaining("does not exist yet");
        }
    }
}
