package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.apicurio.registry.serde.SerdeConfig;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.k2data.api.LogPartition;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.NewColumn;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.RowFormat;
import io.k2data.pipeline.UnknownFields;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Records that a registry's own serializer wrote, Apicurio's with ids as Confluent's, and schemas as a registry serves them. */
class AvroRegistryTest {
    private static final Schema V1 = SchemaBuilder.record("Trade")
            .namespace("com.acme")
            .fields()
            .requiredString("venue")
            .requiredString("symbol")
            .optionalLong("trade_id")
            .requiredLong("event_time")
            .requiredString("price")
            .requiredLong("quantity")
            .endRecord();
    private static final Schema V2 = new Schema.Parser()
            .parse(V1.toString()
                    .replaceFirst(
                            "]}$", ",{\"name\":\"liquidity\",\"type\":[\"null\",\"string\"],\"default\":null}]}"));

    /** The registered schemas; one's id is its place and a thousand, so that it needs more than one byte. */
    private final List<String> registered = new CopyOnWriteArrayList<>();

    private final List<String> requests = new CopyOnWriteArrayList<>();
    private HttpServer server;
    private RowFormat format;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/apis/registry/v2/groups", this::register);
        server.createContext("/apis/ccompat/v7/schemas/ids/", this::serve);
        server.start();
        format = RowFormats.avro(SchemaRegistries.http(URI.create(address() + "/apis/ccompat/v7"), Map.of()));
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void recordsOfARegistrysOwnSerializerAreRead() throws Rejection {
        try (AvroKafkaSerializer<GenericRecord> serializer = serializer()) {
            byte[] value = serializer.serialize("trades", trade(V1));
            assertThat(value).startsWith(0, 0, 0, 1000 >> 8, 1000 & 0xFF);
            RowDecoder decoder = open(EventTypes.TRADE.columns(), UnknownFields.REJECT);
            for (int i = 0; i < 3; i++) {
                Object[] row = decoder.decode(record(value));
                assertThat(row).startsWith("XNAS", "AAPL", 17L, null, 1_772_357_400_000_125L);
                assertThat(row[5]).hasToString("187.25");
                assertThat(row[6]).hasToString("100");
            }
            assertThat(requests).containsExactly("/apis/ccompat/v7/schemas/ids/1000");
        }
    }

    @Test
    void aFieldThatANewerProducerAddsIsTheIngestsChoice() throws Rejection {
        try (AvroKafkaSerializer<GenericRecord> serializer = serializer()) {
            byte[] older = serializer.serialize("trades", trade(V1));
            byte[] unused = serializer.serialize("trades", trade(V2));
            GenericRecord used = trade(V2);
            used.put("liquidity", "maker");
            byte[] newer = serializer.serialize("trades", used);
            List<Column> columns = EventTypes.TRADE.columns();
            for (UnknownFields unknown : UnknownFields.values()) {
                RowDecoder decoder = open(columns, unknown);
                assertThat(decoder.decode(record(older))).hasSize(14).startsWith("XNAS", "AAPL", 17L);
                assertThat(decoder.decode(record(unused))).hasSize(14).startsWith("XNAS", "AAPL", 17L);
            }
            assertThat(open(columns, UnknownFields.IGNORE).decode(record(newer)))
                    .hasSize(14)
                    .startsWith("XNAS", "AAPL", 17L);
            for (UnknownFields unknown : List.of(UnknownFields.REJECT, UnknownFields.ADD_COLUMN)) {
                assertThatThrownBy(() -> open(columns, unknown).decode(record(newer)))
                        .isInstanceOfSatisfying(Rejection.class, e -> {
                            assertThat(e.reason()).isEqualTo(Rejection.Reason.UNKNOWN_FIELD);
                            assertThat(e.newColumns())
                                    .containsExactly(new NewColumn("liquidity", new ColumnType.Text()));
                        });
            }
            List<Column> more = new ArrayList<>(columns);
            more.add(new Column(100, "liquidity", new ColumnType.Text(), false));
            RowDecoder decoder = open(more, UnknownFields.ADD_COLUMN);
            assertThat(decoder.decode(record(newer))).hasSize(15).endsWith("maker");
            assertThat(decoder.decode(record(older))).hasSize(15).endsWith((Object) null);
            // One request per schema, though there were decoders enough.
            assertThat(requests).hasSize(2);
        }
    }

    private AvroKafkaSerializer<GenericRecord> serializer() {
        AvroKafkaSerializer<GenericRecord> serializer = new AvroKafkaSerializer<>();
        serializer.configure(
                Map.of(
                        SerdeConfig.REGISTRY_URL, address() + "/apis/registry/v2",
                        SerdeConfig.AUTO_REGISTER_ARTIFACT, true,
                        SerdeConfig.ENABLE_CONFLUENT_ID_HANDLER, true,
                        SerdeConfig.ENABLE_HEADERS, false),
                false);
        return serializer;
    }

    private RowDecoder open(List<Column> columns, UnknownFields unknown) {
        return format.open(EventTypes.TRADE, columns, unknown);
    }

    private void register(HttpExchange exchange) throws IOException {
        String schema = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
        if (!registered.contains(schema)) {
            registered.add(schema);
        }
        int id = 1000 + registered.indexOf(schema);
        answer(
                exchange,
                200,
                "{\"groupId\":\"default\",\"id\":\"trades-value\",\"version\":\"1\",\"type\":\"AVRO\",\"state\":\"ENABLED\","
                        + "\"globalId\":" + id + ",\"contentId\":" + id + "}");
    }

    private void serve(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        requests.add(path);
        int place = Integer.parseInt(path.substring(path.lastIndexOf('/') + 1)) - 1000;
        String schema = registered.get(place).replace("\\", "\\\\").replace("\"", "\\\"");
        answer(exchange, 200, "{\"schema\":\"" + schema + "\",\"schemaType\":\"AVRO\",\"references\":[]}");
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, body.getBytes(UTF_8).length);
            exchange.getResponseBody().write(body.getBytes(UTF_8));
        }
    }

    private String address() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    private static GenericRecord trade(Schema schema) {
        GenericRecord trade = new GenericData.Record(schema);
        trade.put("venue", "XNAS");
        trade.put("symbol", "AAPL");
        trade.put("trade_id", 17L);
        trade.put("event_time", 1_772_357_400_000_125L);
        trade.put("price", "187.25");
        trade.put("quantity", 100L);
        return trade;
    }

    /** A record without a key. */
    private static LogRecord record(byte[] value) {
        return new LogRecord(new LogPartition("cluster", "id", "trades", 0), 0, 0, null, value, List.of());
    }
}
