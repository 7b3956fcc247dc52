package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import io.k2data.pipeline.UnknownFields;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.reflect.AvroSchema;
import org.apache.avro.reflect.Nullable;
import org.apache.avro.reflect.ReflectData;
import org.apache.avro.reflect.ReflectDatumWriter;
import org.apache.avro.util.ClassSecurityValidator;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AvroRowsTest {
    private static final long MICROS = 1_772_357_400_000_125L;

    /** A type with a column of every kind, so that a schema's field can be read into each. */
    private static final EventType<Object> KINDS = EventType.of("kinds", Object.class).stream(o -> "v", o -> "s")
            .eventTime(o -> Instant.EPOCH)
            .text("text", o -> null)
            .choice("choice", Letter.class, o -> null)
            .json("json", o -> null)
            .bool("bool", o -> null)
            .float64("float64", o -> null)
            .integer("int64", o -> null)
            .decimal("decimal", 38, 12, o -> null)
            .timestamp("time", o -> null)
            .texts("texts", o -> null)
            .text("ref", o -> null)
            .id("ref")
            .build();

    private static final List<Column> KIND_COLUMNS = kindColumns();

    private enum Letter {
        A,
        B
    }

    private static List<Column> kindColumns() {
        List<Column> columns = new ArrayList<>(KINDS.columns());
        columns.add(new Column(100, "int32", new ColumnType.Int32(), false));
        return columns;
    }

    private static final Schema TRADE = schema("""
            {"type": "record", "name": "Trade", "namespace": "com.acme", "fields": [
              {"name": "symbol", "type": "string"},
              {"name": "venue", "type": "string"},
              {"name": "trade_id", "type": ["null", "long"], "default": null},
              {"name": "trade_ref", "type": ["string", "null"]},
              {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
              {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 12}},
              {"name": "quantity", "type": {"type": "fixed", "name": "Q", "size": 16,
                  "logicalType": "decimal", "precision": 38, "scale": 10}},
              {"name": "side", "type": ["null", {"type": "enum", "name": "Side",
                  "symbols": ["UNKNOWN", "SELL", "BUY", "CROSS"]}]},
              {"name": "conditions", "type": ["null", {"type": "array", "items": "string"}]},
              {"name": "vendor_data", "type": ["null", {"type": "map", "values": ["null", "int"]}]}
            ]}
            """);

    @Test
    void tradeWithEverythingBecomesARow() throws Rejection {
        GenericData.Record trade = trade();
        trade.put("trade_id", 17L);
        trade.put(
                "side",
                new GenericData.EnumSymbol(
                        TRADE.getField("side").schema().getTypes().get(1), "BUY"));
        trade.put("conditions", List.of("@", "", "\u20ac"));
        Map<String, Integer> vendorData = new TreeMap<>();
        vendorData.put("a", 1);
        vendorData.put("b\"", null);
        trade.put("vendor_data", vendorData);
        assertThat(decoder(TRADE, UnknownFields.REJECT).decode(record(bytes(trade))))
                .containsExactly(
                        "XNAS",
                        "AAPL",
                        17L,
                        null,
                        MICROS,
                        new BigDecimal("187.010000000001"),
                        new BigDecimal("-12.5000000000"),
                        "BUY",
                        null,
                        null,
                        null,
                        null,
                        List.of("@", "", "\u20ac"),
                        "{\"a\":1,\"b\\\"\":null}");
    }

    @Test
    void tradeWithLeastBecomesARow() throws Rejection {
        GenericData.Record trade = trade();
        trade.put("trade_ref", "r-1");
        Object[] row = decoder(TRADE, UnknownFields.REJECT).decode(record(bytes(trade)));
        assertThat(row).startsWith("XNAS", "AAPL", null, "r-1").hasSize(14);
        assertThat(Arrays.copyOfRange(row, 7, 14)).containsOnlyNulls();
    }

    @Test
    void whatIsMissingIsNamedAllAtOnce() {
        GenericData.Record trade = trade();
        assertRejected(TRADE, trade, Reason.MISSING_FIELD).hasMessage("missing: trade_id or trade_ref");
        trade.put("trade_ref", "");
        trade.put("venue", "");
        assertRejected(TRADE, trade, Reason.MISSING_FIELD).hasMessage("missing: venue, trade_id or trade_ref");
        trade = trade();
        trade.put("trade_ref", "r");
        trade.put("trade_id", 1L);
        assertRejected(TRADE, trade, Reason.MISSING_FIELD)
                .hasMessage("trade_id and trade_ref are both there, expected one of them");
        assertRejected(TRADE, null, Reason.EMPTY_VALUE).hasMessage("the value is null");
        assertThatThrownBy(() -> decoder(TRADE, UnknownFields.REJECT).decode(record(new byte[0])))
                .hasMessage("the value has no bytes");
    }

    @Test
    void recordsMadeByReflectionAreRead() throws Rejection {
        // Avro writes by reflection only what it was told to trust.
        ClassSecurityValidator.setGlobal(ClassSecurityValidator.composite(
                ClassSecurityValidator.DEFAULT,
                ClassSecurityValidator.builder().add(Fill.class).add(Side.class).build()));
        Schema schema = ReflectData.get().getSchema(Fill.class);
        byte[] data = encoded(encoder -> new ReflectDatumWriter<>(schema).write(new Fill(), encoder));
        assertThat(decoder(schema, UnknownFields.REJECT).decode(record(data)))
                .startsWith(
                        "v", "s", 5L, null, 1_772_357_400_123_000L, new BigDecimal("1.25"), new BigDecimal("3"), "SELL")
                .contains(List.of("x"));
    }

    static class Fill {
        String venue = "v";
        String symbol = "s";

        @AvroSchema("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}")
        long event_time = 1_772_357_400_123L;

        @Nullable
        Long trade_id = 5L;

        @Nullable
        String trade_ref;

        String price = "1.25";
        int quantity = 3;
        Side side = Side.SELL;
        String[] conditions = {"x"};
    }

    enum Side {
        BUY,
        SELL
    }

    @Test
    void keyIsNotLookedAt() throws Rejection {
        GenericData.Record trade = trade();
        trade.put("trade_id", 17L);
        byte[] value = bytes(trade);
        RowDecoder decoder = decoder(TRADE, UnknownFields.REJECT);
        Object[] row = decoder.decode(record(value));
        LogPartition partition = new LogPartition("cluster", "id", "t", 0);
        for (byte[] key : new byte[][] {{}, {0, 1, -1}, "other/key".getBytes(UTF_8)}) {
            assertThat(decoder.decode(new LogRecord(partition, 0, 0, key, value, List.of())))
                    .isEqualTo(row);
        }
    }

    // One field of a schema into one column.

    @Test
    void textsAndEnumsAreText() {
        assertThat(read("text", "\"string\"", "x\u20ac\uD83D\uDE00")).isEqualTo("x\u20ac\uD83D\uDE00");
        assertThat(read("text", "\"string\"", "")).isEqualTo("");
        assertThat(read("ref", "\"string\"", "")).isNull();
        assertThat(read("choice", "\"string\"", "B")).isEqualTo("B");
        String letters = "{\"type\":\"enum\",\"name\":\"L\",\"symbols\":[\"X\",\"A\"]}";
        assertThat(read("text", letters, symbol(letters, "X"))).isEqualTo("X");
        assertThat(read("choice", letters, symbol(letters, "A"))).isEqualTo("A");
        assertFieldRejected("choice", letters, symbol(letters, "X"), Reason.WRONG_TYPE)
                .hasMessage("choice: expected one of [A, B], found 'X'");
        for (String schema : List.of("\"int\"", "\"long\"")) {
            Object number = schema.equals("\"int\"") ? (Object) 1 : 1L;
            assertFieldRejected("text", schema, number, Reason.WRONG_TYPE)
                    .hasMessage("text: expected a string, found " + schema.replace("\"", ""));
        }
        assertFieldRejected("text", "\"bytes\"", ByteBuffer.allocate(1), Reason.WRONG_TYPE);
    }

    @Test
    void integersKeepTheirRange() {
        assertThat(read("int64", "\"long\"", Long.MIN_VALUE)).isEqualTo(Long.MIN_VALUE);
        assertThat(read("int64", "\"long\"", Long.MAX_VALUE)).isEqualTo(Long.MAX_VALUE);
        assertThat(read("int64", "\"int\"", Integer.MIN_VALUE)).isEqualTo((long) Integer.MIN_VALUE);
        assertThat(read("int32", "\"int\"", Integer.MAX_VALUE)).isEqualTo(Integer.MAX_VALUE);
        assertThat(read("int32", "\"long\"", -1L)).isEqualTo(-1);
        assertFieldRejected("int32", "\"long\"", 1L << 31, Reason.DOES_NOT_FIT)
                .hasMessage("int32: 2147483648 does not fit a 32-bit integer");
        assertFieldRejected("int64", "\"double\"", 1.0, Reason.WRONG_TYPE);
        assertFieldRejected("int64", "\"string\"", "1", Reason.WRONG_TYPE);
        assertFieldRejected("int32", "\"boolean\"", true, Reason.WRONG_TYPE);
    }

    @ParameterizedTest
    @CsvSource({
        "12, 187.010000000001",
        "12, -0.000000000001",
        "12, 99999999999999999999999999.999999999999",
        "0,  -17",
        "30, 1.500000000000000000000000000000",
        "12, 0.000000000000"
    })
    void decimalsAreTakenExactly(int scale, BigDecimal number) {
        byte[] unscaled = number.unscaledValue().toByteArray();
        String logical = "\"logicalType\":\"decimal\",\"precision\":60,\"scale\":" + scale;
        assertThat((BigDecimal) read("decimal", "{\"type\":\"bytes\"," + logical + "}", ByteBuffer.wrap(unscaled)))
                .isEqualByComparingTo(number);
        // Padded far beyond what a number has digits.
        byte[] padded = new byte[5000];
        Arrays.fill(padded, (byte) number.signum() < 0 ? (byte) -1 : 0);
        System.arraycopy(unscaled, 0, padded, padded.length - unscaled.length, unscaled.length);
        String fixed = "{\"type\":\"fixed\",\"name\":\"F\",\"size\":5000," + logical + "}";
        assertThat((BigDecimal) read("decimal", fixed, new GenericData.Fixed(schema(fixed), padded)))
                .isEqualByComparingTo(number);
        assertThat((BigDecimal) read("decimal", "\"string\"", number.toPlainString()))
                .isEqualByComparingTo(number);
    }

    @Test
    void integersAndTextsAreDecimals() {
        assertThat(read("decimal", "\"long\"", Long.MIN_VALUE)).isEqualTo(BigDecimal.valueOf(Long.MIN_VALUE));
        assertThat(read("decimal", "\"int\"", 7)).isEqualTo(new BigDecimal(7));
        assertThat((BigDecimal) read("decimal", "\"string\"", "1e3")).isEqualByComparingTo("1000");
        for (String text : List.of("", "+1", "NaN", "1,5", "\u0661")) {
            assertFieldRejected("decimal", "\"string\"", text, Reason.WRONG_TYPE);
        }
        assertFieldRejected("decimal", "\"string\"", "1".repeat(1001), Reason.DOES_NOT_FIT)
                .hasMessage("decimal: a number of 1001 characters, at most 1000 are read");
        assertFieldRejected("decimal", "\"string\"", "1e-13", Reason.DOES_NOT_FIT);
    }

    @Test
    void decimalThatDoesNotFitIsNeverRounded() {
        String logical = "\"logicalType\":\"decimal\",\"precision\":60,\"scale\":13";
        assertFieldRejected(
                        "decimal",
                        "{\"type\":\"bytes\"," + logical + "}",
                        ByteBuffer.wrap(new byte[] {1}),
                        Reason.DOES_NOT_FIT)
                .hasMessage("decimal: '1E-13' does not fit decimal(38,12)");
        byte[] huge = new byte[1_000_000];
        huge[0] = 1;
        assertFieldRejected(
                        "decimal", "{\"type\":\"bytes\"," + logical + "}", ByteBuffer.wrap(huge), Reason.DOES_NOT_FIT)
                .hasMessage("decimal: a decimal of 1000000 bytes");
        assertThat((BigDecimal) read(
                        "decimal",
                        "{\"type\":\"bytes\"," + logical + "}",
                        ByteBuffer.wrap(BigInteger.TEN.pow(38).toByteArray())))
                .isEqualByComparingTo("1e25");
        assertFieldRejected(
                "decimal",
                "{\"type\":\"bytes\"," + logical + "}",
                ByteBuffer.wrap(BigInteger.TEN.pow(39).toByteArray()),
                Reason.DOES_NOT_FIT);
        assertFieldRejected("decimal", "{\"type\":\"bytes\"," + logical + "}", ByteBuffer.allocate(0), Reason.MALFORMED)
                .hasMessageContaining("a decimal without a byte");
        // A scale that nobody could write out.
        String odd = "\"logicalType\":\"decimal\",\"precision\":2000000000,\"scale\":2000000000";
        assertFieldRejected(
                "decimal", "{\"type\":\"bytes\"," + odd + "}", ByteBuffer.wrap(new byte[] {1}), Reason.DOES_NOT_FIT);
        assertThat(read("json", "{\"type\":\"bytes\"," + odd + "}", ByteBuffer.wrap(new byte[] {1})))
                .isEqualTo("1E-2000000000");
    }

    @Test
    void binaryFloatingPointIsNoDecimal() {
        assertFieldRejected("decimal", "\"double\"", 1.5, Reason.WRONG_TYPE)
                .hasMessage("decimal: expected a decimal, as bytes, a string or an integer, found double");
        assertFieldRejected("decimal", "\"float\"", 1f, Reason.WRONG_TYPE);
        assertFieldRejected("decimal", "\"bytes\"", ByteBuffer.allocate(1), Reason.WRONG_TYPE);
        assertFieldRejected("decimal", "[\"null\",\"double\"]", 1.5, Reason.WRONG_TYPE);
        assertThat(read("decimal", "[\"null\",\"double\"]", null)).isNull();
    }

    @Test
    void floatingPointIsFiniteAndExact() {
        assertThat(read("float64", "\"double\"", 0.1)).isEqualTo(0.1);
        assertThat(read("float64", "\"float\"", 1.5f)).isEqualTo(1.5);
        assertThat(read("float64", "\"int\"", -3)).isEqualTo(-3.0);
        assertThat(read("float64", "\"long\"", 1L << 53)).isEqualTo(0x1p53);
        assertFieldRejected("float64", "\"long\"", (1L << 53) + 1, Reason.DOES_NOT_FIT);
        assertFieldRejected("float64", "\"double\"", Double.NaN, Reason.DOES_NOT_FIT)
                .hasMessage("float64: the number is NaN");
        assertFieldRejected("float64", "\"float\"", Float.NEGATIVE_INFINITY, Reason.DOES_NOT_FIT);
        assertFieldRejected("float64", "\"string\"", "1", Reason.WRONG_TYPE);
    }

    @Test
    void booleansAreTruthValuesAndNothingElseIs() {
        assertThat(read("bool", "\"boolean\"", true)).isEqualTo(true);
        assertThat(read("bool", "\"boolean\"", false)).isEqualTo(false);
        assertFieldRejected("bool", "\"int\"", 1, Reason.WRONG_TYPE).hasMessage("bool: expected a boolean, found int");
    }

    @ParameterizedTest
    @CsvSource({
        "'',                1772357400000125,    1772357400000125",
        "timestamp-micros,  -1,                  -1",
        "timestamp-millis,  1772357400000,       1772357400000000",
        "timestamp-nanos,   1772357400000125000, 1772357400000125",
        "timestamp-nanos,   -1000,               -1"
    })
    void timesAreEpochMicros(String logical, long written, long micros) {
        assertThat(read("time", longOf(logical), written)).isEqualTo(micros);
    }

    @Test
    void timesThatDoNotFitAreNotCut() {
        assertFieldRejected("time", longOf("timestamp-nanos"), 1001L, Reason.DOES_NOT_FIT)
                .hasMessage("time: 1001 ns is finer than microseconds");
        assertFieldRejected("time", longOf("timestamp-millis"), Long.MAX_VALUE, Reason.DOES_NOT_FIT)
                .hasMessageContaining("out of range");
        for (String logical : List.of(
                "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos", "time-micros", "soon")) {
            assertFieldRejected("time", longOf(logical), 0L, Reason.WRONG_TYPE)
                    .hasMessage("time: expected a timestamp, or a long of epoch microseconds, found long (" + logical
                            + ")");
        }
        assertFieldRejected("time", "{\"type\":\"int\",\"logicalType\":\"date\"}", 1, Reason.WRONG_TYPE)
                .hasMessageContaining("int (date)");
        assertFieldRejected("time", "\"string\"", "2026-03-01T09:30:00Z", Reason.WRONG_TYPE);
    }

    @Test
    void arraysOfTextAreLists() {
        String array = "{\"type\":\"array\",\"items\":\"string\"}";
        assertThat(read("texts", array, List.of())).isEqualTo(List.of());
        assertThat(read("texts", array, List.of("a", ""))).isEqualTo(List.of("a", ""));
        String nullable = "{\"type\":\"array\",\"items\":[\"null\",\"string\"]}";
        assertThat(read("texts", nullable, List.of("a", "b"))).isEqualTo(List.of("a", "b"));
        assertFieldRejected("texts", nullable, Arrays.asList("a", null), Reason.WRONG_TYPE)
                .hasMessage("texts: expected an array of strings, found null in it");
        assertFieldRejected("texts", "{\"type\":\"array\",\"items\":\"int\"}", List.of(1), Reason.WRONG_TYPE);
        assertFieldRejected("texts", "\"string\"", "a", Reason.WRONG_TYPE);
    }

    @Test
    void blocksThatTellTheirSizeAreReadToo() throws IOException, Rejection {
        Schema schema = with("texts", "{\"type\":\"array\",\"items\":\"string\"}");
        GenericData.Record record = of(schema, "texts", List.of("a".repeat(40), "b".repeat(40), "c".repeat(40)));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BinaryEncoder encoder = new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(bytes, null);
        new GenericDatumWriter<>(schema).write(record, encoder);
        encoder.flush();
        assertThat(bytes.size()).isNotEqualTo(bytes(record).length);
        for (UnknownFields unknown : UnknownFields.values()) {
            assertThat(kinds(schema, unknown).decode(record(bytes.toByteArray())))
                    .contains(record.get("texts"));
        }
        List<Column> fewer = KINDS.columns().subList(0, 4);
        EventType<Object> small = EventType.of("small", Object.class).stream(o -> "v", o -> "s")
                .eventTime(o -> Instant.EPOCH)
                .build();
        assertThat(RowFormats.avro(schema)
                        .open(small, fewer.subList(0, 3), UnknownFields.IGNORE)
                        .decode(record(bytes.toByteArray())))
                .containsExactly("v", "s", MICROS);
    }

    @Test
    void everythingIsJson() {
        assertThat(read("json", "\"string\"", "{\"a\": 1.50}")).isEqualTo("{\"a\": 1.50}");
        assertThat(read("json", "\"int\"", 5)).isEqualTo("5");
        assertThat(read("json", "\"boolean\"", true)).isEqualTo("true");
        assertThat(read("json", "\"float\"", 0.1f)).isEqualTo("0.1");
        assertThat(read("json", "\"double\"", -1e300)).isEqualTo("-1.0E300");
        assertThat(read("json", "\"bytes\"", ByteBuffer.wrap(new byte[] {1, -1})))
                .isEqualTo("\"Af8=\"");
        assertThat(read("json", longOf("local-timestamp-micros"), 7L)).isEqualTo("7");
        assertThat(read(
                        "json",
                        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
                        ByteBuffer.wrap(new byte[] {5})))
                .isEqualTo("0.05");
        assertThat(read("json", "[\"null\",\"string\",\"long\"]", "x")).isEqualTo("\"x\"");
        assertThat(read("json", "[\"string\",\"null\",\"long\"]", 1L)).isEqualTo("1");
        assertThat(read("json", "[\"string\",\"null\",\"long\"]", null)).isNull();
        String letters = "{\"type\":\"enum\",\"name\":\"L\",\"symbols\":[\"X\",\"A\"]}";
        assertThat(read("json", letters, symbol(letters, "A"))).isEqualTo("\"A\"");
        String tree = """
                {"type":"record","name":"Node","fields":[
                  {"name":"n","type":["null","int","string"]},
                  {"name":"children","type":{"type":"array","items":"Node"}},
                  {"name":"more","type":{"type":"map","values":"boolean"}}]}
                """;
        GenericData.Record leaf = new GenericData.Record(schema(tree));
        leaf.put("n", "\u0000\n\"");
        leaf.put("children", List.of());
        leaf.put("more", Map.of());
        GenericData.Record root = new GenericData.Record(schema(tree));
        root.put("n", 1);
        root.put("children", List.of(leaf, leaf));
        root.put("more", Map.of("k", true));
        String leafText = "{\"n\":\"\\u0000\\n\\\"\",\"children\":[],\"more\":{}}";
        assertThat(read("json", tree, root))
                .isEqualTo("{\"n\":1,\"children\":[" + leafText + "," + leafText + "],\"more\":{\"k\":true}}");
        assertFieldRejected("json", "\"double\"", Double.NaN, Reason.DOES_NOT_FIT)
                .hasMessageContaining("not finite");
    }

    @Test
    void unionsOfSeveralTypesAreRefusedByName() {
        String union = "[\"string\",\"null\",\"long\"]";
        assertFieldRejected("int64", union, 1L, Reason.WRONG_TYPE)
                .hasMessage("int64: expected one type, or one type and null, found a union of string, null, long");
        assertFieldRejected("text", union, "x", Reason.WRONG_TYPE);
        assertThat(read("text", union, null)).isNull();
        assertThat(read("text", "[\"string\"]", "x")).isEqualTo("x");
        assertThat(read("text", "\"null\"", null)).isNull();
    }

    @Test
    void textHasABoundOf64KiB() {
        String most = "a".repeat(65_536);
        assertThat(read("text", "\"string\"", most)).isEqualTo(most);
        for (String column : List.of("text", "json", "decimal", "choice")) {
            assertFieldRejected(column, "\"string\"", most + "a", Reason.DOES_NOT_FIT)
                    .hasMessage(column + ": more than 65536 bytes of text");
        }
        String array = "{\"type\":\"array\",\"items\":\"string\"}";
        assertFieldRejected("texts", array, List.of(most), Reason.DOES_NOT_FIT)
                .hasMessage("texts: more than 65536 bytes of text");
        assertFieldRejected("texts", array, new ArrayList<>(Collections.nCopies(65_537, "")), Reason.DOES_NOT_FIT);
        assertFieldRejected("json", array, List.of(most), Reason.DOES_NOT_FIT);
        assertFieldRejected("json", array, List.of("a".repeat(40_000), "a".repeat(40_000)), Reason.DOES_NOT_FIT);
        assertFieldRejected("json", "\"bytes\"", ByteBuffer.allocate(60_000), Reason.DOES_NOT_FIT);
        assertFieldRejected("json", "\"bytes\"", ByteBuffer.allocate(70_000), Reason.DOES_NOT_FIT);
    }

    // Fields without a column.

    /** A new column's type follows from the schema, and holds what asked for it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"string\" | Text[]",
                "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]} | Text[]",
                "\"int\" | Int64[]",
                "\"long\" | Int64[]",
                "{\"type\":\"int\",\"logicalType\":\"date\"} | Int64[]",
                "{\"type\":\"long\",\"logicalType\":\"time-micros\"} | Int64[]",
                "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"} | Timestamp[]",
                "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"} | Timestamp[]",
                "\"float\" | Float64[]",
                "\"double\" | Float64[]",
                "\"boolean\" | Bool[]",
                "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}"
                        + " | Decimal[precision=9, scale=2]",
                "\"bytes\" | Json[]",
                "{\"type\":\"array\",\"items\":\"string\"} | Json[]",
                "{\"type\":\"map\",\"values\":\"string\"} | Json[]",
                "[\"string\",\"long\"] | Json[]"
            })
    void aNewColumnHasTheTypeOfTheSchema(String fieldSchema, String expected) throws Rejection {
        Schema schema = with("extra", fieldSchema);
        byte[] data = encoded(encoder -> {
            encoder.writeString("v");
            encoder.writeString("s");
            encoder.writeLong(MICROS);
            // Zero bytes are a value of nearly every type; a decimal needs a byte of length one.
            encoder.writeFixed(
                    fieldSchema.contains("decimal")
                            ? new byte[] {2, 0}
                            : new byte
                                    [fieldSchema.contains("double")
                                            ? 8
                                            : fieldSchema.contains("float") ? 4 : fieldSchema.startsWith("[") ? 2 : 1]);
        });
        assertThat(kinds(schema, UnknownFields.IGNORE).decode(record(data))).startsWith("v", "s", MICROS);
        List<NewColumn> needed = new ArrayList<>();
        assertThatThrownBy(() -> kinds(schema, UnknownFields.ADD_COLUMN).decode(record(data)))
                .isInstanceOfSatisfying(Rejection.class, e -> needed.addAll(e.newColumns()));
        assertThat(needed).singleElement().satisfies(column -> {
            assertThat(column.name()).isEqualTo("extra");
            assertThat(column.type()).hasToString(expected);
        });
        List<Column> columns = new ArrayList<>(KINDS.columns());
        columns.add(new Column(100, "extra", needed.get(0).type(), false));
        Object[] row = RowFormats.avro(schema)
                .open(KINDS, columns, UnknownFields.ADD_COLUMN)
                .decode(record(data));
        assertThat(row[columns.size() - 1]).isNotNull();
    }

    @Test
    void whatNoColumnHoldsIsRejectedByName() {
        for (UnknownFields unknown : List.of(UnknownFields.REJECT, UnknownFields.ADD_COLUMN)) {
            for (String name : List.of("Upper", "kafka_offset", "_x")) {
                Schema schema = with(name, "[\"null\",\"long\"]");
                assertThatThrownBy(() -> kinds(schema, unknown).decode(record(bytes(of(schema, name, 1L)))))
                        .isInstanceOfSatisfying(Rejection.class, e -> {
                            assertThat(e.reason()).isEqualTo(Reason.UNKNOWN_FIELD);
                            assertThat(e.newColumns()).isEmpty();
                        })
                        .hasMessage("no column of kinds can have the name of field '" + name + "'");
            }
            Schema local = with("extra", longOf("local-timestamp-millis"));
            assertThatThrownBy(() -> kinds(local, unknown).decode(record(bytes(of(local, "extra", 1L)))))
                    .isInstanceOfSatisfying(
                            Rejection.class, e -> assertThat(e.newColumns()).isEmpty())
                    .hasMessage("field extra: no column can hold long (local-timestamp-millis)");
            Schema wide = with(
                    "extra",
                    "[\"null\",{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":39,\"scale\":2}]");
            assertThatThrownBy(
                            () -> kinds(wide, unknown).decode(record(bytes(of(wide, "extra", ByteBuffer.allocate(1))))))
                    .hasMessage("field extra: no column can hold bytes (decimal)");
        }
    }

    @Test
    void fiftyNewColumnsAreEnough() {
        StringBuilder fields = new StringBuilder();
        for (int i = 0; i < 51; i++) {
            fields.append(",{\"name\":\"x").append(i).append("\",\"type\":\"boolean\"}");
        }
        Schema schema =
                schema("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"venue\",\"type\":\"string\"}"
                        + fields + "]}");
        assertThatThrownBy(() -> kinds(schema, UnknownFields.ADD_COLUMN).decode(record(new byte[52])))
                .hasMessage("more than 50 unknown fields");
    }

    // Bytes that are no record.

    @Test
    void everyTruncationAndEveryTailIsMalformed() {
        GenericData.Record trade = trade();
        trade.put("trade_id", Long.MIN_VALUE);
        trade.put("conditions", List.of("@", "x"));
        trade.put("vendor_data", Map.of("a", 1));
        byte[] data = bytes(trade);
        for (int length = 1; length < data.length; length++) {
            assertMalformed(TRADE, Arrays.copyOf(data, length));
        }
        assertMalformed(TRADE, Arrays.copyOf(data, data.length + 1)).hasMessageContaining("1 bytes follow the record");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 100, Integer.MAX_VALUE, Long.MAX_VALUE, Long.MIN_VALUE})
    void aLengthIsHeldAgainstTheBytesThatAreLeft(long length) {
        byte[] claim = encoded(encoder -> {
            encoder.writeString("v");
            encoder.writeString("s");
            encoder.writeLong(MICROS);
            encoder.writeLong(length);
        });
        for (String column : List.of("text", "json", "decimal", "other")) {
            assertMalformed(with(column, "\"string\""), claim).hasMessageContaining("a length of " + length);
        }
        String decimal = "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}";
        assertMalformed(with("decimal", decimal), claim);
        for (String items : List.of("\"string\"", "\"null\"", "\"double\"")) {
            for (String column : List.of("texts", "json", "other")) {
                Schema schema = with(column, "{\"type\":\"array\",\"items\":" + items + "}");
                assertThatThrownBy(() -> kinds(schema, UnknownFields.REJECT).decode(record(claim)))
                        .isInstanceOf(Rejection.class);
            }
        }
        assertMalformed(with("json", "{\"type\":\"map\",\"values\":\"null\"}"), claim);
        assertMalformed(with("other", "{\"type\":\"map\",\"values\":\"null\"}"), claim);
    }

    @Test
    void aFixedThatIsNotThereIsNotAllocated() {
        byte[] head = bytes(of(with("text", "\"null\""), "text", null));
        for (String column : List.of("json", "decimal", "other")) {
            assertMalformed(
                    with(
                            column,
                            "{\"type\":\"fixed\",\"name\":\"F\",\"size\":200000000,"
                                    + "\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}"),
                    head);
        }
    }

    @Test
    void valuesWithoutBytesHaveABoundToo() {
        byte[] endless = encoded(encoder -> {
            encoder.writeString("v");
            encoder.writeString("s");
            encoder.writeLong(MICROS);
            encoder.writeLong(Long.MAX_VALUE);
        });
        String nothing = "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}}";
        assertMalformed(with("other", nothing), endless).hasMessageContaining("more values than");
        assertThatThrownBy(
                        () -> kinds(with("json", nothing), UnknownFields.REJECT).decode(record(endless)))
                .isInstanceOf(Rejection.class);
        byte[] thousand = encoded(encoder -> {
            encoder.writeString("v");
            encoder.writeString("s");
            encoder.writeLong(MICROS);
            encoder.writeLong(1000);
            encoder.writeLong(0);
        });
        assertThatThrownBy(() ->
                        kinds(with("other", nothing), UnknownFields.REJECT).decode(record(thousand)))
                .hasMessageContaining("no column for [other]");
    }

    @Test
    void nestingHasABound() {
        String endless = "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"e\",\"type\":\"E\"}]}";
        String list = "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"n\",\"type\":[\"null\",\"N\"]}]}";
        byte[] head = bytes(of(with("text", "\"null\""), "text", null));
        byte[] deep = Arrays.copyOf(head, head.length + 100_000);
        Arrays.fill(deep, head.length, deep.length, (byte) 2);
        for (String column : List.of("json", "other")) {
            assertMalformed(with(column, endless), head).hasMessageContaining("nested more than 100 deep");
            assertMalformed(with(column, list), deep).hasMessageContaining("nested more than 100 deep");
        }
    }

    @Test
    void whatNoWriterWritesIsMalformed() {
        byte[] head = bytes(of(with("text", "\"null\""), "text", null));
        assertMalformed(with("bool", "\"boolean\""), append(head, 2));
        assertMalformed(with("other", "\"boolean\""), append(head, 2));
        assertMalformed(with("text", "[\"null\",\"string\"]"), append(head, 4));
        assertMalformed(with("text", "[\"null\",\"string\"]"), append(head, 1));
        assertMalformed(with("text", "{\"type\":\"enum\",\"name\":\"L\",\"symbols\":[\"X\"]}"), append(head, 2));
        // 33 bits for an int, eleven bytes and a bit too many for a long.
        assertMalformed(with("int32", "\"int\""), append(head, 0x80, 0x80, 0x80, 0x80, 0x20));
        assertMalformed(with("int64", "\"long\""), append(head, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1));
        assertMalformed(with("int64", "\"long\""), append(head, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2));
        // Half a character, an overlong one, half a surrogate pair.
        assertMalformed(with("text", "\"string\""), append(head, 2, 0xC3)).hasMessageContaining("not UTF-8");
        assertMalformed(with("text", "\"string\""), append(head, 4, 0xC1, 0x81));
        assertMalformed(with("json", "\"string\""), append(head, 6, 0xED, 0xA0, 0xBD));
    }

    // Schemas by id.

    @Test
    void schemaIsFoundByTheIdInTheRecord() throws Rejection {
        Schema older = with("text", "\"string\"");
        Schema newer = schema(older.toString().replace("\"text\"", "\"ref\""));
        List<Integer> asked = new ArrayList<>();
        SchemaRegistry known = SchemaRegistries.of(Map.of(7, older, -8, newer));
        RowDecoder decoder = RowFormats.avro((int id) -> {
                    asked.add(id);
                    return known.schema(id);
                })
                .open(KINDS, KINDS.columns(), UnknownFields.REJECT);
        for (int i = 0; i < 3; i++) {
            assertThat(decoder.decode(record(framed(7, of(older, "text", "x")))))
                    .contains("x");
            assertThat(decoder.decode(record(framed(-8, of(newer, "ref", "y")))))
                    .contains("y");
        }
        assertThat(asked).containsExactly(7, -8);
        byte[] unknown = framed(16_909_060, of(older, "text", "x"));
        assertThat(unknown).startsWith(0, 1, 2, 3, 4);
        assertThatThrownBy(() -> decoder.decode(record(unknown)))
                .isInstanceOfSatisfying(
                        Rejection.class, e -> assertThat(e.reason()).isEqualTo(Reason.UNKNOWN_SCHEMA))
                .hasMessage("the registry knows no Avro schema of id 16909060");
        byte[] cut = Arrays.copyOf(framed(7, of(older, "text", "x")), 9);
        assertThatThrownBy(() -> decoder.decode(record(cut)))
                .isInstanceOfSatisfying(
                        Rejection.class, e -> assertThat(e.reason()).isEqualTo(Reason.MALFORMED))
                .hasMessageStartingWith("not Avro of schema 7: byte ");
    }

    @Test
    void whatHasNoIdIsMalformed() {
        RowDecoder decoder =
                RowFormats.avro(SchemaRegistries.of(Map.of())).open(KINDS, KINDS.columns(), UnknownFields.REJECT);
        for (byte[] data : List.of(new byte[] {1, 0, 0, 0, 7, 0}, new byte[] {0, 0, 0, 0}, new byte[] {'{', '}'})) {
            assertThatThrownBy(() -> decoder.decode(record(data)))
                    .isInstanceOfSatisfying(
                            Rejection.class, e -> assertThat(e.reason()).isEqualTo(Reason.MALFORMED))
                    .hasMessageStartingWith("not Avro with a schema id: ");
        }
        assertThatThrownBy(() -> decoder.decode(record(null))).hasMessage("the value is null");
    }

    @Test
    void anEventIsARecord() {
        assertThatThrownBy(() -> RowFormats.avro(schema("\"string\"")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("an event is a record, but the schema is of type string");
        RowDecoder decoder = RowFormats.avro(SchemaRegistries.of(Map.of(7, schema("\"string\""))))
                .open(KINDS, KINDS.columns(), UnknownFields.REJECT);
        assertThatThrownBy(() -> decoder.decode(record(new byte[] {0, 0, 0, 0, 7, 0})))
                .isInstanceOfSatisfying(
                        Rejection.class, e -> assertThat(e.reason()).isEqualTo(Reason.WRONG_TYPE))
                .hasMessage("schema 7 is of type string, not record");
    }

    @Test
    void aRegistryMayKnowThatASchemaIsOfNoUse() {
        RowDecoder decoder = RowFormats.avro((int id) -> {
                    throw new UnreadableEventException(Reason.UNKNOWN_SCHEMA, "schema " + id + " is gone");
                })
                .open(KINDS, KINDS.columns(), UnknownFields.REJECT);
        assertThatThrownBy(() -> decoder.decode(record(new byte[] {0, 0, 0, 0, 7, 0})))
                .isInstanceOfSatisfying(
                        Rejection.class, e -> assertThat(e.reason()).isEqualTo(Reason.UNKNOWN_SCHEMA))
                .hasMessage("schema 7 is gone");
    }

    private static GenericData.Record trade() {
        GenericData.Record trade = new GenericData.Record(TRADE);
        trade.put("venue", "XNAS");
        trade.put("symbol", "AAPL");
        trade.put("event_time", MICROS);
        trade.put("price", ByteBuffer.wrap(new BigInteger("187010000000001").toByteArray()));
        byte[] quantity = new byte[16];
        Arrays.fill(quantity, (byte) -1);
        byte[] unscaled = new BigInteger("-125000000000").toByteArray();
        System.arraycopy(unscaled, 0, quantity, 16 - unscaled.length, unscaled.length);
        trade.put("quantity", new GenericData.Fixed(TRADE.getField("quantity").schema(), quantity));
        return trade;
    }

    private static Schema schema(String json) {
        return new Schema.Parser().parse(json);
    }

    /** The least record of {@link #KINDS}, with one field more, the last. */
    private static Schema with(String field, String fieldSchema) {
        return schema("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"venue\",\"type\":\"string\"},"
                + "{\"name\":\"symbol\",\"type\":\"string\"},{\"name\":\"event_time\",\"type\":\"long\"},"
                + "{\"name\":\"" + field + "\",\"type\":" + fieldSchema + "}]}");
    }

    private static GenericData.Record of(Schema schema, String field, Object value) {
        GenericData.Record record = new GenericData.Record(schema);
        record.put("venue", "v");
        record.put("symbol", "s");
        record.put("event_time", MICROS);
        record.put(field, value);
        return record;
    }

    private static String longOf(String logical) {
        return logical.isEmpty() ? "\"long\"" : "{\"type\":\"long\",\"logicalType\":\"" + logical + "\"}";
    }

    private static GenericData.EnumSymbol symbol(String schema, String symbol) {
        return new GenericData.EnumSymbol(schema(schema), symbol);
    }

    private static RowDecoder decoder(Schema schema, UnknownFields unknown) {
        return RowFormats.avro(schema).open(EventTypes.TRADE, EventTypes.TRADE.columns(), unknown);
    }

    private static RowDecoder kinds(Schema schema, UnknownFields unknown) {
        return RowFormats.avro(schema).open(KINDS, KIND_COLUMNS, unknown);
    }

    private static Object read(String column, String fieldSchema, Object value) {
        Schema schema = with(column, fieldSchema);
        int place = KIND_COLUMNS.stream().map(Column::name).toList().indexOf(column);
        try {
            return kinds(schema, UnknownFields.REJECT).decode(record(bytes(of(schema, column, value))))[place];
        } catch (Rejection e) {
            throw new AssertionError(e.reason() + ": " + e.getMessage(), e);
        }
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertFieldRejected(
            String column, String fieldSchema, Object value, Reason reason) {
        Schema schema = with(column, fieldSchema);
        byte[] data = bytes(of(schema, column, value));
        return assertThatThrownBy(() -> kinds(schema, UnknownFields.REJECT).decode(record(data)))
                .isInstanceOfSatisfying(
                        Rejection.class,
                        e -> assertThat(e.reason()).as(e.getMessage()).isEqualTo(reason));
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertRejected(
            Schema schema, GenericData.Record value, Reason reason) {
        byte[] data = value == null ? null : bytes(value);
        return assertThatThrownBy(() -> decoder(schema, UnknownFields.REJECT).decode(record(data)))
                .isInstanceOfSatisfying(
                        Rejection.class,
                        e -> assertThat(e.reason()).as(e.getMessage()).isEqualTo(reason));
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertMalformed(Schema schema, byte[] data) {
        RowDecoder decoder =
                schema.equals(TRADE) ? decoder(schema, UnknownFields.REJECT) : kinds(schema, UnknownFields.REJECT);
        return assertThatThrownBy(() -> decoder.decode(record(data)))
                .isInstanceOfSatisfying(
                        Rejection.class,
                        e -> assertThat(e.reason()).as(e.getMessage()).isEqualTo(Reason.MALFORMED))
                .hasMessageStartingWith("not Avro of " + schema.getFullName() + ": byte ");
    }

    private static byte[] append(byte[] head, int... more) {
        byte[] data = Arrays.copyOf(head, head.length + more.length);
        for (int i = 0; i < more.length; i++) {
            data[head.length + i] = (byte) more[i];
        }
        return data;
    }

    private static byte[] framed(int id, GenericData.Record value) {
        byte[] data = bytes(value);
        return ByteBuffer.allocate(5 + data.length)
                .put((byte) 0)
                .putInt(id)
                .put(data)
                .array();
    }

    private static byte[] bytes(GenericData.Record value) {
        return encoded(encoder -> new GenericDatumWriter<>(value.getSchema()).write(value, encoder));
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

    /** A record without a key. */
    private static LogRecord record(byte[] value) {
        return new LogRecord(new LogPartition("cluster", "id", "t", 0), 0, 0, null, value, List.of());
    }
}
