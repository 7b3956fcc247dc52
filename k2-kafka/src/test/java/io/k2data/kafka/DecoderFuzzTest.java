package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.apicurio.registry.resolver.ParsedSchemaImpl;
import io.apicurio.registry.resolver.SchemaLookupResult;
import io.apicurio.registry.resolver.SchemaParser;
import io.apicurio.registry.resolver.SchemaResolver;
import io.apicurio.registry.resolver.data.Record;
import io.apicurio.registry.resolver.strategy.ArtifactReference;
import io.apicurio.registry.resolver.strategy.ArtifactReferenceResolverStrategy;
import io.apicurio.registry.rest.client.RegistryClient;
import io.apicurio.registry.serde.SerdeConfig;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroSchemaParser;
import io.apicurio.registry.serde.avro.DefaultAvroDatumProvider;
import io.k2data.api.LogPartition;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.NewColumn;
import io.k2data.pipeline.Rejection.Reason;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.RowFormat;
import io.k2data.pipeline.UnknownFields;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;

/**
 * Whatever bytes come, they end as values of the columns' types or as a rejection with a reason: no other exception, no
 * hang, and no memory taken because bytes claim to need it. With {@code -Dk2.full=true} a million inputs of each format,
 * with {@code -Dk2.seed} others than usual.
 */
class DecoderFuzzTest {
    private static final boolean FULL = Boolean.getBoolean("k2.full");
    private static final int INPUTS = FULL ? 1_000_000 : 40_000;
    private static final long SEED = Long.getLong("k2.seed", 42);
    private static final long MAX_ALLOCATED = 1 << 20;
    private static final int WARM_UP = 1000;

    private static final List<byte[]> JSON_PIECES = List.of(
                    "\"",
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "null",
                    "true",
                    "-",
                    "e999999999",
                    "1e-400",
                    "\\u0000",
                    "\\",
                    "00",
                    ".5",
                    "9223372036854775808",
                    "\"price\":1,",
                    "\"trade_ref\":\"r\",",
                    "\"new_one\":[1],",
                    "\u20ac",
                    " ",
                    "BUY",
                    "Z",
                    "+",
                    "'")
            .stream()
            .map(piece -> piece.getBytes(UTF_8))
            .toList();

    /** Lengths and indexes at their ends, block counts, numbers that are too long, bytes that are no UTF-8. */
    private static final List<byte[]> AVRO_PIECES = avroPieces();

    private static final Schema OLDER = schema("");
    private static final Schema NEWER = schema("""
            , {"name": "message_id", "type": ["string", "null"]},
              {"name": "currency", "type": {"type": "enum", "name": "Currency", "symbols": ["EUR", "USD"]}},
              {"name": "vendor_data", "type": ["null", {"type": "record", "name": "Node", "fields": [
                  {"name": "n", "type": ["null", "int", "string", "double"]},
                  {"name": "more", "type": {"type": "map", "values": "boolean"}},
                  {"name": "children", "type": {"type": "array", "items": "Node"}}]}]},
              {"name": "new_one", "type": ["null", "Node"]},
              {"name": "Unnameable", "type": ["null", "float"]}
            """);

    private static Schema schema(String more) {
        return new Schema.Parser().parse("""
                        {"type": "record", "name": "Trade", "fields": [
                          {"name": "venue", "type": "string"},
                          {"name": "symbol", "type": "string"},
                          {"name": "trade_id", "type": ["null", "long"]},
                          {"name": "trade_ref", "type": ["null", "string"]},
                          {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
                          {"name": "price", "type": {"type": "bytes", "logicalType": "decimal",
                              "precision": 38, "scale": 12}},
                          {"name": "quantity", "type": "string"},
                          {"name": "side", "type": [{"type": "enum", "name": "Side",
                              "symbols": ["BUY", "SELL", "CROSS"]}, "null"]},
                          {"name": "conditions", "type": ["null", {"type": "array", "items": "string"}]}
                        """ + more + "]}");
    }

    @Test
    void trades() {
        JsonEventSerializer<io.k2data.api.event.Trade> serializer = new JsonEventSerializer<>(EventTypes.TRADE);
        Random random = new Random(SEED);
        List<byte[]> corpus = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            corpus.add(Objects.requireNonNull(serializer.serialize("t", RandomEvents.trade(random))));
        }
        for (String more : List.of(
                "",
                ",\"vendor_data\":{\"a\":[1,{\"b\":null}],\"\u20ac\":\"\\ud83d\\ude00\"}",
                ",\"side\":null,\"new_one\":[[[{}]]]",
                ",\"kafka_offset\":1",
                ",\"new_one\":null")) {
            for (String time : List.of(
                    "1772357400000125",
                    "\"2026-03-01T09:30:00.000125+01:00\"",
                    "\"2026-03-01T09:30:00.000125000000Z\"")) {
                corpus.add(("{\"venue\":\"v\",\"symbol\":\"s\",\"trade_id\":1,\"event_time\":" + time
                                + ",\"price\":187.25e-3,\"quantity\":1" + more + "}")
                        .getBytes(UTF_8));
            }
        }
        fuzz("JSON trades", RowFormats.json(), EventTypes.TRADE, new Mutations(corpus, JSON_PIECES, random), random)
                .containsOnlyKeys(
                        "values",
                        "empty-value",
                        "malformed",
                        "missing-field",
                        "wrong-type",
                        "does-not-fit",
                        "unknown-field");
    }

    @Test
    void quotes() {
        JsonEventSerializer<io.k2data.api.event.Quote> serializer = new JsonEventSerializer<>(EventTypes.QUOTE);
        Random random = new Random(SEED);
        List<byte[]> corpus = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            corpus.add(Objects.requireNonNull(serializer.serialize("t", RandomEvents.quote(random))));
        }
        fuzz("JSON quotes", RowFormats.json(), EventTypes.QUOTE, new Mutations(corpus, JSON_PIECES, random), random)
                .containsOnlyKeys(
                        "values",
                        "empty-value",
                        "malformed",
                        "missing-field",
                        "wrong-type",
                        "does-not-fit",
                        "unknown-field");
    }

    @Test
    void avroOfOneSchema() {
        Random random = new Random(SEED);
        List<byte[]> corpus = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            corpus.add(avro(NEWER, random));
        }
        fuzz("Avro", RowFormats.avro(NEWER), EventTypes.TRADE, new Mutations(corpus, AVRO_PIECES, random), random)
                .containsOnlyKeys(
                        "values",
                        "empty-value",
                        "malformed",
                        "missing-field",
                        "wrong-type",
                        "does-not-fit",
                        "unknown-field");
    }

    @Test
    void avroWithSchemaIds() {
        Random random = new Random(SEED);
        fuzz(
                        "Avro with schema ids",
                        RowFormats.avro(SchemaRegistries.of(Map.of(1, OLDER, 2, NEWER))),
                        EventTypes.TRADE,
                        new Mutations(framed(random), AVRO_PIECES, random),
                        random)
                .containsOnlyKeys(
                        "values",
                        "empty-value",
                        "malformed",
                        "missing-field",
                        "wrong-type",
                        "does-not-fit",
                        "unknown-field",
                        "unknown-schema");
    }

    @Test
    void deserializerOfARegistry() {
        EventType<GenericRecord> type = EventType.of("fills", GenericRecord.class).stream(
                        fill -> fill.get("venue").toString(),
                        fill -> fill.get("symbol").toString())
                .eventTime(fill -> Instant.ofEpochSecond(0, (Long) fill.get("event_time")))
                .integer("trade_id", fill -> (Long) fill.get("trade_id"))
                .decimal(
                        "quantity",
                        38,
                        10,
                        fill -> new BigDecimal(fill.get("quantity").toString()))
                .build();
        Random random = new Random(SEED);
        try (AvroKafkaDeserializer<GenericRecord> deserializer = new AvroKafkaDeserializer<>()) {
            deserializer.configure(
                    Map.of(
                            SerdeConfig.SCHEMA_RESOLVER,
                            new Schemas(Map.of(1L, OLDER, 2L, NEWER)),
                            SerdeConfig.ENABLE_CONFLUENT_ID_HANDLER,
                            true),
                    false);
            fuzz(
                            "a deserializer",
                            RowFormats.of(type, deserializer),
                            type,
                            new Mutations(framed(random), AVRO_PIECES, random),
                            random)
                    .containsOnlyKeys("values", "empty-value", "undecodable", "does-not-fit");
        }
    }

    /** Decodes mutated inputs, and gives the counts by outcome. */
    private static org.assertj.core.api.MapAssert<String, Integer> fuzz(
            String name, RowFormat format, EventType<?> type, Mutations inputs, Random random) {
        List<RowDecoder> decoders = new ArrayList<>();
        for (UnknownFields unknown : UnknownFields.values()) {
            decoders.add(format.open(type, type.columns(), unknown));
        }
        boolean isOurs = !name.equals("a deserializer");
        Map<String, Integer> outcomes = new TreeMap<>();
        long bytes = 0;
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long begin = threads.getCurrentThreadCpuTime();
        for (int i = 0; i < INPUTS; i++) {
            byte[] input = inputs.next();
            RowDecoder decoder = decoders.get(random.nextInt(decoders.size()));
            bytes += input.length;
            long allocated = threads.getCurrentThreadAllocatedBytes();
            try {
                String outcome;
                try {
                    Object[] values = decoder.decode(record(input));
                    requireValues(type.columns(), Objects.requireNonNull(values));
                    outcome = "values";
                } catch (Rejection e) {
                    requireReason(e);
                    outcome = e.reason().code();
                }
                outcomes.merge(outcome, 1, Integer::sum);
                long taken = threads.getCurrentThreadAllocatedBytes() - allocated;
                if (isOurs && i >= WARM_UP && taken > MAX_ALLOCATED) {
                    throw new AssertionError(taken + " bytes of memory were taken");
                }
            } catch (RuntimeException | Error e) {
                throw new AssertionError(
                        name + ", seed " + SEED + ", input " + i + ": "
                                + HexFormat.of().formatHex(input),
                        e);
            }
        }
        double seconds = (threads.getCurrentThreadCpuTime() - begin) / 1e9;
        System.out.printf(
                "%s: %,d inputs of %,d bytes, %,.0f inputs per second of CPU (made, decoded, checked), %s%n",
                name, INPUTS, bytes, INPUTS / seconds, outcomes);
        assertThat(outcomes.get("values")).as("seed " + SEED).isGreaterThan(INPUTS / 40);
        return assertThat(outcomes).as("seed " + SEED);
    }

    private static void requireReason(Rejection rejection) {
        if (rejection.getMessage().isBlank() || rejection.getMessage().length() > 510) {
            throw new AssertionError("message: " + rejection.getMessage());
        }
        for (NewColumn column : rejection.newColumns()) {
            if (rejection.reason() != Reason.UNKNOWN_FIELD || !column.name().matches("[a-z][a-z0-9_]*")) {
                throw new AssertionError(column + ": " + rejection.getMessage());
            }
        }
    }

    /** Values are of the classes that decoders promise, required ones are there, and texts have their bound. */
    private static void requireValues(List<Column> columns, Object[] values) {
        if (values.length != columns.size()) {
            throw new AssertionError(values.length + " values");
        }
        for (int i = 0; i < values.length; i++) {
            Column column = columns.get(i);
            Object value = values[i];
            boolean isGood = value == null ? !column.required() : fits(column.type(), value);
            if (!isGood) {
                throw new AssertionError(column + ": " + value);
            }
        }
    }

    private static boolean fits(ColumnType type, Object value) {
        if (type instanceof ColumnType.Text || type instanceof ColumnType.Json) {
            return value instanceof String text && text.getBytes(UTF_8).length <= 65_536;
        } else if (type instanceof ColumnType.Choice choice) {
            return value instanceof String text && choice.values().contains(text);
        } else if (type instanceof ColumnType.Int64 || type instanceof ColumnType.Timestamp) {
            return value instanceof Long;
        } else if (type instanceof ColumnType.Decimal) {
            // A mapping's decimals are the pipeline's to check.
            return value instanceof BigDecimal || value instanceof Long;
        } else if (type instanceof ColumnType.TextList) {
            return value instanceof List<?> list && list.stream().allMatch(String.class::isInstance);
        }
        return false;
    }

    private static byte[] avro(Schema schema, Random random) {
        GenericRecord trade = new GenericData.Record(schema);
        trade.put("venue", "v" + random.nextInt(3));
        trade.put("symbol", "s" + random.nextInt(9));
        if (random.nextBoolean()) {
            trade.put("trade_id", random.nextLong());
        } else if (random.nextInt(10) > 0) {
            trade.put("trade_ref", "r\u20ac" + random.nextInt());
        }
        trade.put("event_time", random.nextLong(4_000_000_000_000_000L) * 1000);
        byte[] unscaled = new byte[1 + random.nextInt(15)];
        random.nextBytes(unscaled);
        trade.put("price", ByteBuffer.wrap(unscaled));
        trade.put("quantity", random.nextInt() + "." + random.nextInt(1_000_000));
        if (random.nextBoolean()) {
            Schema side = schema.getField("side").schema().getTypes().get(0);
            trade.put("side", new GenericData.EnumSymbol(side, random.nextInt(10) == 0 ? "CROSS" : "SELL"));
        }
        if (random.nextBoolean()) {
            trade.put("conditions", List.of("@", "", "\u00e9"));
        }
        if (schema.equals(NEWER)) {
            Schema currency = schema.getField("currency").schema();
            trade.put("currency", new GenericData.EnumSymbol(currency, "USD"));
            trade.put("message_id", random.nextBoolean() ? "m" + random.nextInt() : null);
            Schema node = schema.getField("vendor_data").schema().getTypes().get(1);
            trade.put("vendor_data", random.nextBoolean() ? node(node, random, 3) : null);
            trade.put("new_one", random.nextInt(4) == 0 ? node(node, random, 2) : null);
            trade.put("Unnameable", random.nextInt(20) == 0 ? 1.5f : null);
        }
        return encoded(encoder -> new GenericDatumWriter<>(schema).write(trade, encoder));
    }

    private static GenericRecord node(Schema schema, Random random, int depth) {
        GenericRecord node = new GenericData.Record(schema);
        node.put(
                "n",
                Arrays.<Object>asList(null, random.nextInt(), "n\"" + random.nextInt(), 0.5)
                        .get(random.nextInt(4)));
        node.put("more", random.nextBoolean() ? new TreeMap<>(Map.of("a", true, "\u20ac", false)) : Map.of());
        List<GenericRecord> children = new ArrayList<>();
        for (int i = 0; depth > 0 && i < random.nextInt(3); i++) {
            children.add(node(schema, random, depth - 1));
        }
        node.put("children", children);
        return node;
    }

    private static List<byte[]> framed(Random random) {
        List<byte[]> corpus = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            int id = 1 + i % 2;
            byte[] data = avro(id == 1 ? OLDER : NEWER, random);
            corpus.add(ByteBuffer.allocate(5 + data.length)
                    .put((byte) 0)
                    .putInt(id)
                    .put(data)
                    .array());
        }
        return corpus;
    }

    private static List<byte[]> avroPieces() {
        List<byte[]> pieces = new ArrayList<>();
        for (long number : new long[] {
            0,
            1,
            -1,
            2,
            -2,
            3,
            10,
            100,
            1000,
            65_536,
            65_537,
            1 << 20,
            Integer.MAX_VALUE,
            Integer.MIN_VALUE,
            1L << 31,
            1L << 40,
            Long.MAX_VALUE,
            Long.MIN_VALUE,
            -Long.MAX_VALUE
        }) {
            pieces.add(encoded(encoder -> encoder.writeLong(number)));
        }
        for (double number : new double[] {Double.NaN, Double.NEGATIVE_INFINITY, 1e300}) {
            pieces.add(encoded(encoder -> encoder.writeDouble(number)));
        }
        byte[] endless = new byte[12];
        Arrays.fill(endless, (byte) -1);
        pieces.add(endless);
        pieces.add(new byte[300]);
        byte[] twos = new byte[300];
        Arrays.fill(twos, (byte) 2);
        pieces.add(twos);
        pieces.add(new byte[] {6, (byte) 0xED, (byte) 0xA0, (byte) 0xBD});
        pieces.add(new byte[] {(byte) 0xC3});
        return pieces;
    }

    private interface Writing {
        void to(BinaryEncoder encoder) throws IOException;
    }

    private static byte[] encoded(Writing writing) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
            writing.to(encoder);
            encoder.flush();
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static LogRecord record(byte[] value) {
        return new LogRecord(new LogPartition("cluster", "id", "t", 0), 0, 0, null, value, List.of());
    }

    /** The schemas of a registry, known beforehand. */
    private record Schemas(Map<Long, Schema> schemas) implements SchemaResolver<Schema, GenericRecord> {
        @Override
        public void setClient(RegistryClient client) {}

        @Override
        public void setArtifactResolverStrategy(ArtifactReferenceResolverStrategy<Schema, GenericRecord> strategy) {}

        @Override
        public SchemaParser<Schema, GenericRecord> getSchemaParser() {
            return new AvroSchemaParser<>(new DefaultAvroDatumProvider<>());
        }

        @Override
        public SchemaLookupResult<Schema> resolveSchema(Record<GenericRecord> data) {
            throw new UnsupportedOperationException();
        }

        @Override
        public SchemaLookupResult<Schema> resolveSchemaByArtifactReference(ArtifactReference reference) {
            Long id = reference.getContentId() == null ? reference.getGlobalId() : reference.getContentId();
            Schema schema = schemas.get(id);
            if (schema == null) {
                throw new IllegalStateException("no schema " + id);
            }
            return SchemaLookupResult.<Schema>builder()
                    .contentId(id)
                    .globalId(id)
                    .parsedSchema(new ParsedSchemaImpl<Schema>()
                            .setParsedSchema(schema)
                            .setRawSchema(schema.toString().getBytes(UTF_8)))
                    .build();
        }

        @Override
        public void reset() {}

        @Override
        public void close() {}
    }
}
