package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.LogPartition;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.NewColumn;
import io.k2data.pipeline.Rejection.Reason;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.UnknownFields;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.regex.Matcher;
import org.apache.kafka.common.errors.SerializationException;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.recursive.comparison.RecursiveComparisonConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonRowsTest {
    private static final Instant TIME = Instant.parse("2026-03-01T09:30:00.000125Z");
    private static final String TIME_MICROS = "1772357400000125";

    private static final RecursiveComparisonConfiguration DECIMALS_BY_VALUE = RecursiveComparisonConfiguration.builder()
            .withComparatorForType(BigDecimal::compareTo, BigDecimal.class)
            .build();

    private final RowDecoder decoder = open(UnknownFields.IGNORE);
    private final JsonEventSerializer<Trade> serializer = new JsonEventSerializer<>(EventTypes.TRADE);

    private static RowDecoder open(UnknownFields unknown) {
        return RowFormats.json().open(EventTypes.TRADE, EventTypes.TRADE.columns(), unknown);
    }

    @Test
    void tradeWithEverythingComesBackAsItWas() {
        Trade trade = Trade.of("XNAS", "AAPL", 17L)
                .at(TIME)
                .priced(new BigDecimal("187.010000000001"), new BigDecimal("12.5"))
                .side(Side.SELL_SHORT)
                .sequence(Long.MIN_VALUE)
                .messageId("m \"1\"\n\u20ac\uD83D\uDE00")
                .traded("equity", "USD")
                .conditions(List.of("@", "", "T"))
                .vendorData("{\"a\": [1, 2.50]}")
                .build();
        assertThat(text(trade))
                .isEqualTo("{\"venue\":\"XNAS\",\"symbol\":\"AAPL\",\"trade_id\":17,\"event_time\":" + TIME_MICROS
                        + ",\"price\":\"187.010000000001\",\"quantity\":\"12.5\",\"side\":\"SELL_SHORT\","
                        + "\"source_sequence\":-9223372036854775808,\"message_id\":\"m \\\"1\\\"\\n\u20ac\uD83D\uDE00\","
                        + "\"asset_class\":\"equity\",\"currency\":\"USD\",\"conditions\":[\"@\",\"\",\"T\"],"
                        + "\"vendor_data\":\"{\\\"a\\\": [1, 2.50]}\"}");
        assertThat(roundTrip(trade)).isEqualTo(trade);
    }

    @Test
    void tradeWithLeastComesBackAsItWas() {
        Trade trade = Trade.of("binance", "BTC/USDT", "x-1")
                .at(Instant.parse("1969-12-31T23:59:59.999999Z"))
                .priced(new BigDecimal("-0.000000000001"), new BigDecimal("1000000000000000000000000000"))
                .build();
        assertThat(roundTrip(trade)).isEqualTo(trade);
        assertThat(serializer.serialize("t", null)).isNull();
    }

    @Test
    void seededTradesComeBackAsTheyWere() {
        Random random = new Random(20260301);
        for (int i = 0; i < 20_000; i++) {
            Trade trade = RandomEvents.trade(random);
            assertThat(roundTrip(trade))
                    .usingRecursiveComparison(DECIMALS_BY_VALUE)
                    .isEqualTo(trade);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "187.5,            187.5",
        "1e3,              1000",
        "1E-12,            0.000000000001",
        "-0,               0",
        "0e999999999,      0",
        "0.0e-99999999999, 0",
        "1.5000000000000000000000000000000000, 1.500000000000",
        "100000e-17,       0.000000000001",
        "99999999999999999999999999.999999999999, 99999999999999999999999999.999999999999"
    })
    void decimalIsTakenExactlyAsNumberAndAsString(String written, BigDecimal expected) {
        assertThat(read(with("price", written)).price()).isEqualByComparingTo(expected);
        assertThat(read(with("price", '"' + written + '"')).price()).isEqualByComparingTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1e999999999",
                "1e-999999999",
                "-1e99999999999999",
                "0.0000000000001",
                "1.0000000000001",
                "100000000000000000000000000",
                "1e26",
                "12345678901234567890123456789012345678901234567890"
            })
    void decimalThatDoesNotFitIsNeverRounded(String written) {
        assertUnreadable(with("price", written), Reason.DOES_NOT_FIT).hasMessageContaining("decimal(38,12)");
        assertUnreadable(with("price", '"' + written + '"'), Reason.DOES_NOT_FIT)
                .hasMessageStartingWith("price: '")
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(120));
    }

    @Test
    void quantityHasItsOwnScale() {
        assertThat(read(with("quantity", "1e27")).quantity()).isEqualByComparingTo("1e27");
        assertUnreadable(with("quantity", "0.00000000001"), Reason.DOES_NOT_FIT)
                .hasMessage("quantity: '0.00000000001' does not fit decimal(38,10)");
    }

    @Test
    void endlessNumberIsNotEvenLookedAt() {
        assertUnreadable(with("price", "1".repeat(100_000)), Reason.DOES_NOT_FIT)
                .hasMessage("price: a number of 100000 characters, at most 1000 are read");
        assertUnreadable(with("trade_id", "1".repeat(100_000)), Reason.DOES_NOT_FIT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " 1", "+1", "1.", ".5", "0x10", "1d", "01", "-", "1e", "NaN", "\u0661", "1,5"})
    void stringThatIsNoDecimalIsTheWrongType(String written) {
        assertUnreadable(with("price", '"' + written + '"'), Reason.WRONG_TYPE)
                .hasMessage("price: expected a decimal, as a number or a string, found the string '" + written + "'");
    }

    @ParameterizedTest
    @CsvSource({
        "1772357400000125,                          2026-03-01T09:30:00.000125Z",
        "-1,                                        1969-12-31T23:59:59.999999Z",
        "\"2026-03-01T09:30:00.000125Z\",           2026-03-01T09:30:00.000125Z",
        "\"2026-03-01T10:30:00.000125+01:00\",      2026-03-01T09:30:00.000125Z",
        "\"2026-03-01T09:30Z\",                     2026-03-01T09:30:00Z",
        "\"2026-03-01T09:30:00.000125000Z\",        2026-03-01T09:30:00.000125Z",
        "\"2026-03-01T09:30:00.000125000000000Z\",  2026-03-01T09:30:00.000125Z"
    })
    void timeIsEpochMicrosOrIso(String written, Instant expected) {
        assertThat(read(with("event_time", written)).eventTime()).isEqualTo(expected);
    }

    @Test
    void timeThatDoesNotFitIsNotCut() {
        for (String fraction : List.of("000125001", "0001250000001", "1234567")) {
            assertUnreadable(with("event_time", "\"2026-03-01T09:30:00." + fraction + "Z\""), Reason.DOES_NOT_FIT)
                    .hasMessageContaining("finer than microseconds");
        }
        assertUnreadable(with("event_time", "\"+999999999-01-01T00:00:00Z\""), Reason.DOES_NOT_FIT)
                .hasMessageContaining("out of range");
        assertUnreadable(with("event_time", "9223372036854775808"), Reason.DOES_NOT_FIT)
                .hasMessage("event_time: '9223372036854775808' does not fit a 64-bit integer");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2026-03-01T09:30:00", "2026-03-01", "1772357400000125", "", "2026-02-30T00:00:00Z"})
    void textThatIsNoTimeIsTheWrongType(String written) {
        assertUnreadable(with("event_time", '"' + written + '"'), Reason.WRONG_TYPE)
                .hasMessage("event_time: expected a time in ISO-8601 with offset, such as 2026-03-01T09:30:00.000125Z,"
                        + " found the string '" + written + "'");
    }

    @Test
    void wrongTypeNamesFieldFoundAndExpected() {
        assertUnreadable(with("venue", "5"), Reason.WRONG_TYPE)
                .hasMessage("venue: expected a string, found an integer");
        assertUnreadable(with("trade_id", "\"5\""), Reason.WRONG_TYPE)
                .hasMessage("trade_id: expected an integer, found a string");
        assertUnreadable(with("trade_id", "5.0"), Reason.WRONG_TYPE)
                .hasMessage("trade_id: expected an integer, found a number with fraction or exponent");
        assertUnreadable(with("price", "true"), Reason.WRONG_TYPE)
                .hasMessage("price: expected a decimal, as a number or a string, found true or false");
        assertUnreadable(with("price", "{\"a\":1}"), Reason.WRONG_TYPE).hasMessageEndingWith("found an object");
        assertUnreadable(with("event_time", "1.5"), Reason.WRONG_TYPE)
                .hasMessageStartingWith("event_time: expected a time,");
        assertUnreadable(with("side", "\"buy\""), Reason.WRONG_TYPE)
                .hasMessage("side: expected one of [BUY, SELL, SELL_SHORT, UNKNOWN], found 'buy'");
        assertUnreadable(with("conditions", "\"T\""), Reason.WRONG_TYPE)
                .hasMessage("conditions: expected an array of strings, found a string");
        assertUnreadable(with("conditions", "[\"T\",null]"), Reason.WRONG_TYPE)
                .hasMessage("conditions: expected an array of strings, found null in it");
        assertUnreadable(with("conditions", "[[\"T\"]]"), Reason.WRONG_TYPE)
                .hasMessage("conditions: expected an array of strings, found an array in it");
    }

    @Test
    void everyMissingFieldIsNamed() {
        assertUnreadable("{}", Reason.MISSING_FIELD)
                .hasMessage("missing: venue, symbol, event_time, price, quantity, trade_id or trade_ref");
        assertUnreadable(with("price", "null"), Reason.MISSING_FIELD).hasMessage("missing: price");
        assertUnreadable(with("venue", "\"\""), Reason.MISSING_FIELD).hasMessage("missing: venue");
        assertUnreadable(with("trade_id", "null"), Reason.MISSING_FIELD).hasMessage("missing: trade_id or trade_ref");
        assertUnreadable(with("trade_ref", "\"r\""), Reason.MISSING_FIELD)
                .hasMessage("trade_id and trade_ref are both there, expected one of them");
    }

    @Test
    void optionalFieldsMayBeNull() {
        Trade trade = read(with("side", "null"));
        assertThat(trade.side()).isNull();
        assertThat(read(with("conditions", "[]")).conditions()).isEmpty();
        assertThat(read(with("message_id", "\"\"")).messageId()).isEmpty();
    }

    @Test
    void vendorDataIsKeptAsItIsWritten() {
        assertThat(read(with("vendor_data", "\"{\\\"a\\\":1}\"")).vendorData()).isEqualTo("{\"a\":1}");
        assertThat(read(with("vendor_data", " { \"a\" : [1.50, \"\\u20ac \u20ac\"] } "))
                        .vendorData())
                .isEqualTo("{ \"a\" : [1.50, \"\\u20ac \u20ac\"] }");
        assertThat(read(with("vendor_data", "[ 1 ]")).vendorData()).isEqualTo("[ 1 ]");
        assertThat(read(with("vendor_data", "1.50e2")).vendorData()).isEqualTo("1.50e2");
        assertThat(read(with("vendor_data", "true")).vendorData()).isEqualTo("true");
        assertThat(read(with("vendor_data", "null")).vendorData()).isNull();
        // Names and texts before it that are not ASCII must not move it.
        assertThat(read("{\"\u20ac\":\"\u20ac\",\"vendor_data\":{\"a\":1},"
                                + minimal("").substring(1))
                        .vendorData())
                .isEqualTo("{\"a\":1}");
    }

    @Test
    void anUnknownFieldIsRejectedUnlessAllowed() {
        byte[] json = with("liquidity", "\"added\"").getBytes(UTF_8);
        assertThatThrownBy(() -> open(UnknownFields.REJECT).decode(record(json)))
                .isInstanceOfSatisfying(
                        Rejection.class, e -> assertThat(e.reason()).isEqualTo(Reason.UNKNOWN_FIELD))
                .hasMessageContaining("liquidity");
    }

    @Test
    void anUnknownFieldAsksForAColumnOfItsKind() {
        byte[] json = minimal(",\"a\":\"x\",\"b\":1,\"c\":1.5,\"d\":true,\"e\":{\"f\":[1]},\"g\":null")
                .getBytes(UTF_8);
        assertThatThrownBy(() -> open(UnknownFields.ADD_COLUMN).decode(record(json)))
                .isInstanceOfSatisfying(Rejection.class, e -> assertThat(e.newColumns())
                        .containsExactly(
                                new NewColumn("a", new ColumnType.Text()),
                                new NewColumn("b", new ColumnType.Int64()),
                                new NewColumn("c", new ColumnType.Decimal(38, 12)),
                                new NewColumn("d", new ColumnType.Bool()),
                                new NewColumn("e", new ColumnType.Json())));
        for (String name : List.of("Upper", "with space", "kafka_offset", "")) {
            assertThatThrownBy(() -> open(UnknownFields.ADD_COLUMN)
                            .decode(record(with(name, "1").getBytes(UTF_8))))
                    .isInstanceOfSatisfying(Rejection.class, e -> {
                        assertThat(e.reason()).isEqualTo(Reason.UNKNOWN_FIELD);
                        assertThat(e.newColumns()).isEmpty();
                    });
        }
    }

    @Test
    void everyKindOfColumnIsReadAndWritten() throws Rejection {
        record Odd(String venue, String symbol, Instant time, Boolean flag, Double ratio, Instant expiry) {}
        EventType<Odd> type = EventType.of("odd", Odd.class).stream(Odd::venue, Odd::symbol)
                .eventTime(Odd::time)
                .bool("flag", Odd::flag)
                .float64("ratio", Odd::ratio)
                .timestamp("expiry", Odd::expiry)
                .build();
        byte[] json = new JsonEventSerializer<>(type).serialize("t", new Odd("v", "s", TIME, true, 1.5e-3, TIME));
        assertThat(new String(json, UTF_8))
                .isEqualTo("{\"venue\":\"v\",\"symbol\":\"s\",\"event_time\":" + TIME_MICROS
                        + ",\"flag\":true,\"ratio\":0.0015,\"expiry\":" + TIME_MICROS + "}");
        RowDecoder odd = RowFormats.json().open(type, type.columns(), UnknownFields.REJECT);
        assertThat(odd.decode(record(json)))
                .containsExactly("v", "s", Long.valueOf(TIME_MICROS), true, 0.0015, Long.valueOf(TIME_MICROS));
        for (String wrong : List.of("\"flag\":1", "\"ratio\":\"1\"", "\"ratio\":1e999", "\"expiry\":true")) {
            byte[] bad = ("{\"venue\":\"v\",\"symbol\":\"s\",\"event_time\":1," + wrong + "}").getBytes(UTF_8);
            assertThatThrownBy(() -> odd.decode(record(bad))).isInstanceOf(Rejection.class);
        }
    }

    @Test
    void keyIsNotLookedAt() throws Rejection {
        byte[] value = minimal("").getBytes(UTF_8);
        Object[] row = decoder.decode(record(value));
        LogPartition partition = new LogPartition("cluster", "id", "t", 0);
        for (byte[] key : new byte[][] {{}, {0, 1, -1}, "other/key".getBytes(UTF_8)}) {
            assertThat(decoder.decode(new LogRecord(partition, 0, 0, key, value, List.of())))
                    .isEqualTo(row);
        }
    }

    @Test
    void fieldsOfOtherNamesAreIgnored() {
        assertThat(read(with("exchange", "{\"price\":[1,{\"venue\":2}]}")))
                .usingRecursiveComparison(DECIMALS_BY_VALUE)
                .isEqualTo(read(minimal("")));
        assertThat(read(with("Price", "1")))
                .usingRecursiveComparison(DECIMALS_BY_VALUE)
                .isEqualTo(read(minimal("")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                " ",
                "x",
                "null",
                "[]",
                "17",
                "\"text\"",
                "{",
                "{\"venue\"",
                "{\"venue\":",
                "{\"venue\":\"a",
                "{\"venue\":\"a\"",
                "{\"venue\":\"a\",}",
                "{\"price\":01}",
                "{\"price\":NaN}",
                "{\"conditions\":[\"a\"",
                "{\"vendor_data\":{\"a\":[1",
                "{'venue':'a'}",
                "{\"venue\":\"a\tb\"}",
                "{\"venue\":\"\\x\"}",
                "{} {}",
                "{}x",
                "\uFEFF{}",
                "{/**/}"
            })
    void whatIsNoObjectOfJsonIsMalformed(String written) {
        assertUnreadable(written, Reason.MALFORMED).hasMessageStartingWith("not K2's JSON: ");
    }

    @Test
    void nameThatComesTwiceIsMalformed() {
        assertUnreadable(minimal(",\"price\":null"), Reason.MALFORMED).hasMessage("not K2's JSON: price comes twice");
        assertUnreadable(minimal(",\"\\u0070rice\":1"), Reason.MALFORMED)
                .hasMessage("not K2's JSON: price comes twice");
    }

    @Test
    void whatIsNoUtf8IsMalformed() {
        assertUnreadable(minimal(",\"message_id\":\"caf\u00e9\"").getBytes(ISO_8859_1), Reason.MALFORMED)
                .hasMessage("the value is not UTF-8");
        byte[] overlong = minimal(",\"message_id\":\"##\"").getBytes(UTF_8);
        int at = new String(overlong, UTF_8).indexOf("##");
        overlong[at] = (byte) 0xC1;
        overlong[at + 1] = (byte) 0x81;
        assertUnreadable(overlong, Reason.MALFORMED).hasMessage("the value is not UTF-8");
        assertUnreadable(minimal("").getBytes(UTF_16LE), Reason.MALFORMED);
    }

    @Test
    void nestingHasABound() {
        assertUnreadable(with("vendor_data", "[".repeat(100_000)), Reason.MALFORMED)
                .hasMessageContaining("nesting depth")
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300));
    }

    @Test
    void textHasABoundOf64KiB() {
        String most = "a".repeat(65_536);
        assertThat(read(with("message_id", '"' + most + '"')).messageId()).isEqualTo(most);
        String euros = "\u20ac".repeat(21_845);
        assertThat(read(with("message_id", '"' + euros + "x\"")).messageId()).hasSize(21_846);
        for (String field : List.of("venue", "message_id", "vendor_data")) {
            assertUnreadable(with(field, '"' + most + "a\""), Reason.DOES_NOT_FIT)
                    .hasMessage(field + ": more than 65536 bytes of text");
            assertUnreadable(with(field, '"' + euros + "xx\""), Reason.DOES_NOT_FIT);
        }
        assertUnreadable(with("vendor_data", "[\"" + most + "\"]"), Reason.DOES_NOT_FIT);
        assertUnreadable(with("vendor_data", "1".repeat(70_000)), Reason.DOES_NOT_FIT);
        assertUnreadable(with("conditions", "[\"" + most + "\"]"), Reason.DOES_NOT_FIT);
        assertUnreadable(with("conditions", "[" + "\"\",".repeat(65_536) + "\"\"]"), Reason.DOES_NOT_FIT)
                .hasMessage("conditions: more than 65536 bytes of text");
    }

    @Test
    void messageShowsNoMoreThanAShortExcerpt() {
        String secret = "z".repeat(50_000);
        for (String json : List.of(
                with("side", '"' + secret + '"'),
                with("price", "\"" + secret.substring(0, 900) + '"'),
                with("event_time", "\"" + secret.substring(0, 900) + '"'),
                with("price", secret),
                '{' + secret,
                secret)) {
            assertThatThrownBy(() -> decoder.decode(record(json.getBytes(UTF_8))))
                    .isInstanceOf(Rejection.class)
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
        }
    }

    @Test
    void writerRefusesWhatNoColumnHolds() {
        assertThatThrownBy(() -> text(trade("1e999999999", TIME)))
                .isInstanceOf(SerializationException.class)
                .hasMessage("price: the value does not fit a decimal(38,12)");
        assertThatThrownBy(() -> text(trade("1e-13", TIME))).hasMessageContaining("price");
        assertThat(text(trade("0e-999999999", TIME))).contains("\"price\":\"0\"");
        assertThatThrownBy(() -> text(trade("1", TIME.plusNanos(1))))
                .isInstanceOf(SerializationException.class)
                .hasMessage("event_time: the value does not fit whole microseconds");
        assertThatThrownBy(() -> text(trade("1", Instant.MAX))).hasMessageContaining("event_time");
        Trade halfPair = Trade.of("v", "\uD83D", 1)
                .at(TIME)
                .priced(BigDecimal.ONE, BigDecimal.ONE)
                .build();
        assertThatThrownBy(() -> text(halfPair))
                .isInstanceOf(SerializationException.class)
                .hasMessage("symbol: half a surrogate pair is no text");
        Trade longText = Trade.of("v", "s", 1)
                .at(TIME)
                .priced(BigDecimal.ONE, BigDecimal.ONE)
                .conditions(List.of("a".repeat(65_536)))
                .build();
        assertThatThrownBy(() -> text(longText)).hasMessageContaining("conditions");
    }

    private static Trade trade(String price, Instant time) {
        return Trade.of("v", "s", 1)
                .at(time)
                .priced(new BigDecimal(price), BigDecimal.ONE)
                .build();
    }

    private String text(Trade trade) {
        return new String(Objects.requireNonNull(serializer.serialize("t", trade)), UTF_8);
    }

    private Trade roundTrip(Trade trade) {
        return read(Objects.requireNonNull(serializer.serialize("t", trade)));
    }

    private Trade read(String json) {
        return read(json.getBytes(UTF_8));
    }

    private Trade read(byte[] json) {
        try {
            return trade(Objects.requireNonNull(decoder.decode(record(json))));
        } catch (Rejection e) {
            throw new AssertionError(e.reason() + ": " + e.getMessage(), e);
        }
    }

    private static BigDecimal decimal(Object value, int scale) {
        return value instanceof Long digits ? BigDecimal.valueOf(digits, scale) : (BigDecimal) value;
    }

    @SuppressWarnings("unchecked")
    private static Trade trade(Object[] values) {
        long micros = (Long) values[4];
        return new Trade(
                (String) values[0],
                (String) values[1],
                (Long) values[2],
                (String) values[3],
                Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000L),
                decimal(values[5], 12),
                decimal(values[6], 10),
                values[7] == null ? null : Side.valueOf((String) values[7]),
                (Long) values[8],
                (String) values[9],
                (String) values[10],
                (String) values[11],
                (List<String>) values[12],
                (String) values[13]);
    }

    /** A record without a key. */
    private static LogRecord record(byte[] value) {
        return new LogRecord(new LogPartition("cluster", "id", "t", 0), 0, 0, null, value, List.of());
    }

    private AbstractThrowableAssert<?, ? extends Throwable> assertUnreadable(String json, Reason reason) {
        return assertUnreadable(json.getBytes(UTF_8), reason);
    }

    private AbstractThrowableAssert<?, ? extends Throwable> assertUnreadable(byte[] json, Reason reason) {
        return assertThatThrownBy(() -> decoder.decode(record(json)))
                .isInstanceOfSatisfying(
                        Rejection.class,
                        e -> assertThat(e.reason()).as(e.getMessage()).isEqualTo(reason));
    }

    private static String minimal(String more) {
        return "{\"venue\":\"v\",\"symbol\":\"s\",\"trade_id\":1,\"event_time\":" + TIME_MICROS
                + ",\"price\":1,\"quantity\":1" + more + "}";
    }

    /** The least trade, with one field set to a JSON text. */
    private static String with(String field, String json) {
        String entry = "\"" + field + "\":" + json;
        String minimal = minimal("");
        String replaced = minimal.replaceFirst("\"" + field + "\":[^,}]*", Matcher.quoteReplacement(entry));
        return replaced.equals(minimal) && !minimal.contains(entry) ? minimal("," + entry) : replaced;
    }
}
