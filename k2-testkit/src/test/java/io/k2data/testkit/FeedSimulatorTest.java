package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.k2data.api.StreamKey;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.testkit.SimulatedRecord.Label;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FeedSimulatorTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Test
    void sameSettingsGiveTheSameRecords() {
        List<SimulatedRecord> one = faulty(5).build().take(20_000);
        List<SimulatedRecord> other = faulty(5).build().take(20_000);
        for (int i = 0; i < one.size(); i++) {
            assertThat(other.get(i)).as("record %d", i).satisfies(matches(one.get(i)));
        }
        assertThat(faulty(6).build().take(100).toString())
                .isNotEqualTo(one.subList(0, 100).toString());
    }

    /** On whatever machine and JDK: published results name a seed, and must be repeatable from it. */
    @Test
    void bytesArePinned() {
        CRC32 checksum = new CRC32();
        for (SimulatedRecord record : faulty(42).build().take(20_000)) {
            checksum.update(record.key());
            checksum.update(record.value());
            checksum.update(Long.toString(record.timestampMillis()).getBytes(StandardCharsets.UTF_8));
            checksum.update(record.label().toString().getBytes(StandardCharsets.UTF_8));
        }
        assertThat(checksum.getValue()).isEqualTo(1_293_775_511L);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void labelsAndTruthAgreeWithANaiveRecount(long seed) throws IOException {
        FeedSimulator.Builder settings = faulty(seed);
        if (seed % 2 == 0) {
            settings.textIds();
        }
        FeedSimulator feed = settings.build();
        Recount recount = new Recount();
        for (int i = 0; i < 30_000; i++) {
            SimulatedRecord record = feed.next();
            try {
                recount.add(record);
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError(
                        "record " + i + " of " + feed + ": " + record.label() + " "
                                + new String(record.value(), StandardCharsets.UTF_8),
                        e);
            }
            if (i % 10_000 == 0) {
                recount.assertSame(feed);
            }
        }
        recount.assertSame(feed);

        FeedTruth truth = feed.truth();
        assertThat(truth.late()).as(feed.toString()).isPositive();
        assertThat(truth.gaps()).as(feed.toString()).isPositive();
        assertThat(truth.duplicates()).as(feed.toString()).isPositive();
        assertThat(truth.malformed()).as(feed.toString()).hasSize(5).allSatisfy((kind, count) -> assertThat(count)
                .isPositive());
        assertThat(truth.missing()).isGreaterThan(truth.gaps());
        assertThat(truth.trades() + truth.duplicates() + truth.malformedRecords())
                .isEqualTo(30_000);
    }

    @Test
    void truthIsASnapshot() {
        FeedSimulator feed = faulty(9).build();
        feed.take(5_000);
        FeedTruth before = feed.truth();
        String written = before.toString();
        feed.take(5_000);
        assertThat(before).hasToString(written);
        assertThat(feed.truth()).isNotEqualTo(before);
        assertThatThrownBy(() -> before.streams().clear()).isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> before.malformed().clear()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void feedHasNoFaultsUnlessAskedFor() {
        FeedSimulator feed = FeedSimulator.builder().build();
        assertThat(feed.take(50_000)).allMatch(record -> record.label() == Label.Good.INSTANCE);
        FeedTruth truth = feed.truth();
        assertThat(truth.trades()).isEqualTo(50_000);
        assertThat(truth.gaps()).isZero();
        assertThat(truth.streams()).hasSize(48);
        truth.streams().values().forEach(stream -> assertThat(stream.highestSequence() - stream.firstSequence() + 1)
                .isEqualTo(stream.trades()));
    }

    @Test
    void fewSymbolsMakeMostTrades() {
        Map<String, Integer> trades = new HashMap<>();
        for (SimulatedRecord record :
                FeedSimulator.builder().symbols(100).build().take(200_000)) {
            trades.merge(new String(record.key(), StandardCharsets.UTF_8), 1, Integer::sum);
        }
        // 2/3 of the trades are the first venue's, and the n-th of its 100 symbols has 1/n in 5.187 of them.
        double first = 200_000 * 2 / 3.0 / 5.187;
        assertThat(count(trades, "binance/BTC-USDT")).isCloseTo(first, within(first * 0.03));
        assertThat(count(trades, "binance/ETH-USDT")).isCloseTo(first / 2, within(first * 0.03));
        assertThat(count(trades, "kraken/BTC-USDT")).isCloseTo(first / 2, within(first * 0.03));
        assertThat(count(trades, "binance/C0099-USDT")).isBetween(first / 200, first / 50);
    }

    @Test
    void symbolsAreEqualWithoutSkew() {
        Map<String, Integer> trades = new HashMap<>();
        for (SimulatedRecord record : FeedSimulator.builder()
                .venues("one")
                .symbols(10)
                .skew(0)
                .build()
                .take(50_000)) {
            trades.merge(new String(record.key(), StandardCharsets.UTF_8), 1, Integer::sum);
        }
        assertThat(trades).hasSize(10).allSatisfy((key, count) -> assertThat(count)
                .isBetween(4_700, 5_300));
    }

    @Test
    void aFewTradesCarryMuchOfTheVolume() {
        List<BigDecimal> quantities = new ArrayList<>();
        for (SimulatedRecord record :
                FeedSimulator.builder().venues("one").symbols(1).build().take(20_000)) {
            quantities.add(trade(record).quantity());
        }
        quantities.sort(null);
        BigDecimal all = quantities.stream().reduce(BigDecimal.ZERO, BigDecimal::add);
        BigDecimal largest = quantities.subList(19_000, 20_000).stream().reduce(BigDecimal.ZERO, BigDecimal::add);
        assertThat(largest.doubleValue() / all.doubleValue()).isBetween(0.4, 0.8);
    }

    @Test
    void eventTimesFollowThePaceAndRecordTimesTheLag() {
        Instant start = Instant.parse("2024-08-08T23:54:00Z");
        List<SimulatedRecord> records = FeedSimulator.builder()
                .startTime(start)
                .eventsPerSecond(100)
                .recordTimeLag(Duration.ofSeconds(2))
                .build()
                .take(60_000);
        Instant last = start;
        long lastTimestamp = 0;
        for (SimulatedRecord record : records) {
            Instant eventTime = trade(record).eventTime();
            assertThat(eventTime).isAfterOrEqualTo(last);
            assertThat(eventTime.truncatedTo(ChronoUnit.MICROS)).isEqualTo(eventTime);
            assertThat(record.timestampMillis()).isGreaterThanOrEqualTo(lastTimestamp);
            assertThat(record.timestampMillis() - eventTime.toEpochMilli()).isBetween(999L, 3_000L);
            last = eventTime;
            lastTimestamp = record.timestampMillis();
        }
        assertThat(Duration.between(start, last)).isBetween(Duration.ofSeconds(590), Duration.ofSeconds(610));
    }

    @Test
    void receiverCanBeBehindTheVenue() {
        for (SimulatedRecord record : FeedSimulator.builder()
                .eventsPerSecond(1)
                .recordTimeLag(Duration.ofMillis(-1_200))
                .build()
                .take(100)) {
            assertThat(record.timestampMillis() - trade(record).eventTime().toEpochMilli())
                    .isLessThan(0);
        }
    }

    @Test
    void repetitionsStayWithinTheirDistance() {
        FeedSimulator feed =
                FeedSimulator.builder().duplicateRate(0.3).duplicateDistance(10).build();
        List<SimulatedRecord> records = feed.take(10_000);
        int laterTimestamps = 0;
        for (int i = 0; i < records.size(); i++) {
            if (records.get(i).label() instanceof Label.Duplicate duplicate) {
                long between = records.subList((int) duplicate.of(), i).stream()
                        .filter(record -> record.label() == Label.Good.INSTANCE)
                        .count();
                assertThat(between).isBetween(1L, 10L);
                if (records.get(i).timestampMillis()
                        > records.get((int) duplicate.of()).timestampMillis()) {
                    laterTimestamps++;
                }
            }
        }
        assertThat(feed.truth().duplicates()).isBetween(2_800L, 3_200L);
        assertThat(laterTimestamps).isBetween(100, 2_900);
    }

    @Test
    void pricesWalkByTicksAndStayInTheirRange() {
        Map<String, BigDecimal> last = new HashMap<>();
        for (SimulatedRecord record : FeedSimulator.builder().build().take(100_000)) {
            Trade trade = trade(record);
            BigDecimal before = last.put(trade.venue() + trade.symbol(), trade.price());
            if (before != null) {
                assertThat(trade.price().scale()).isEqualTo(before.scale());
                assertThat(trade.price().subtract(before).abs().unscaledValue().intValueExact())
                        .isLessThanOrEqualTo(20);
            }
            assertThat(trade.price()).isPositive();
            assertThat(trade.quantity()).isPositive();
        }
    }

    @Test
    void allProblemsOfSettingsAreReported() {
        assertThatThrownBy(() -> FeedSimulator.builder()
                        .venues("a/b")
                        .symbols(0)
                        .gapRate(Double.NaN)
                        .duplicateRate(0.5)
                        .malformedRate(0.5)
                        .eventsPerSecond(0)
                        .startTime(Instant.EPOCH.minus(1, ChronoUnit.DAYS))
                        .recordTimeLag(Duration.ofDays(2))
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("venues")
                .hasMessageContaining("symbols must be")
                .hasMessageContaining("gapRate must be")
                .hasMessageContaining("duplicateRate + malformedRate must be")
                .hasMessageContaining("eventsPerSecond must be")
                .hasMessageContaining("startTime must be")
                .hasMessageContaining("recordTimeLag must be");
    }

    private static FeedSimulator.Builder faulty(long seed) {
        return FeedSimulator.builder()
                .seed(seed)
                .gapRate(0.01)
                .lateRate(0.02)
                .duplicateRate(0.05)
                .malformedRate(0.02);
    }

    private static Consumer<SimulatedRecord> matches(SimulatedRecord expected) {
        return record -> {
            assertThat(record.key()).isEqualTo(expected.key());
            assertThat(record.value()).isEqualTo(expected.value());
            assertThat(record.timestampMillis()).isEqualTo(expected.timestampMillis());
            assertThat(record.label()).isEqualTo(expected.label());
            assertThat(record.trade()).isEqualTo(expected.trade());
        };
    }

    private static double count(Map<String, Integer> trades, String key) {
        return Objects.requireNonNull(trades.get(key));
    }

    private static Trade trade(SimulatedRecord record) {
        return Objects.requireNonNull(record.trade());
    }

    /** Everything the truth says, found out again from the bytes alone, the slow way. */
    private static final class Recount {
        private final List<SimulatedRecord> records = new ArrayList<>();
        private final Map<MalformedKind, Long> malformed = new EnumMap<>(MalformedKind.class);
        private final SortedMap<StreamKey, Stream> streams = new TreeMap<>();
        private long good;
        private long late;
        private long duplicates;

        private static final class Stream {
            private final TreeSet<Long> sequences = new TreeSet<>();
            private final Set<String> ids = new HashSet<>();
            private BigDecimal quantity = BigDecimal.ZERO;
            private long late;
            private long duplicates;
        }

        void add(SimulatedRecord record) throws IOException {
            if (record.label() instanceof Label.Malformed label) {
                assertThat(record.trade()).isNull();
                assertMalformed(label.kind(), record.value());
                malformed.merge(label.kind(), 1L, Long::sum);
                records.add(record);
                return;
            }
            JsonNode event = JSON.readTree(record.value());
            assertSame(event, trade(record));
            String venue = event.get("venue").textValue();
            String symbol = event.get("symbol").textValue();
            assertThat(new String(record.key(), StandardCharsets.UTF_8)).isEqualTo(venue + "/" + symbol);
            Stream stream = streams.computeIfAbsent(new StreamKey(venue, symbol), key -> new Stream());
            long sequence = event.get("source_sequence").longValue();
            String id = event.has("trade_id")
                    ? event.get("trade_id").toString()
                    : event.get("trade_ref").textValue();
            if (!stream.ids.add(id)) {
                Label.Duplicate label = (Label.Duplicate) record.label();
                SimulatedRecord original = records.get((int) label.of());
                assertThat(original.label()).isIn(Label.Good.INSTANCE, Label.Late.INSTANCE);
                assertThat(record.key()).isEqualTo(original.key());
                assertThat(record.value()).isEqualTo(original.value());
                assertThat(record.timestampMillis()).isGreaterThanOrEqualTo(original.timestampMillis());
                stream.duplicates++;
                duplicates++;
            } else {
                if (stream.sequences.isEmpty() || sequence > stream.sequences.last()) {
                    assertThat(record.label()).isEqualTo(Label.Good.INSTANCE);
                    good++;
                } else {
                    assertThat(record.label()).isEqualTo(Label.Late.INSTANCE);
                    stream.late++;
                    late++;
                }
                assertThat(stream.sequences.add(sequence)).isTrue();
                stream.quantity =
                        stream.quantity.add(new BigDecimal(event.get("quantity").textValue()));
            }
            records.add(record);
        }

        private static void assertMalformed(MalformedKind kind, byte[] value) throws IOException {
            switch (kind) {
                case TRUNCATED -> {
                    assertThat(value).isNotEmpty();
                    assertThatThrownBy(() -> JSON.readTree(value)).isInstanceOf(JsonProcessingException.class);
                }
                case WRONG_TYPE ->
                    assertThat(hasWrongType(JSON.readTree(value))).isTrue();
                case MISSING_FIELD -> {
                    JsonNode event = JSON.readTree(value);
                    boolean missing = !event.hasNonNull("trade_id") && !event.hasNonNull("trade_ref");
                    for (String field : List.of("venue", "symbol", "event_time", "price", "quantity")) {
                        missing |= !event.hasNonNull(field);
                    }
                    assertThat(missing).isTrue();
                }
                case TOO_MANY_DIGITS ->
                    assertThat(new BigDecimal(JSON.readTree(value).get("price").textValue()).precision())
                            .isEqualTo(40);
                case EMPTY_VALUE -> assertThat(value).isEmpty();
            }
        }

        private static boolean hasWrongType(JsonNode event) {
            if (!event.get("symbol").isTextual()
                    || !event.get("source_sequence").isIntegralNumber()) {
                return true;
            }
            try {
                time(event.get("event_time"));
                new BigDecimal(String.valueOf(event.get("price").textValue()));
                new BigDecimal(String.valueOf(event.get("quantity").textValue()));
                return false;
            } catch (RuntimeException e) {
                return true;
            }
        }

        private static Instant time(JsonNode node) {
            if (node.isIntegralNumber()) {
                return Instant.EPOCH.plus(node.longValue(), ChronoUnit.MICROS);
            }
            return Instant.parse(String.valueOf(node.textValue()));
        }

        private static void assertSame(JsonNode event, Trade trade) {
            List<String> conditions = new ArrayList<>();
            event.path("conditions").forEach(code -> conditions.add(code.textValue()));
            Trade read = new Trade(
                    event.get("venue").textValue(),
                    event.get("symbol").textValue(),
                    event.has("trade_id") ? (Long) event.get("trade_id").longValue() : null,
                    text(event, "trade_ref"),
                    time(event.get("event_time")),
                    new BigDecimal(event.get("price").textValue()),
                    new BigDecimal(event.get("quantity").textValue()),
                    Side.valueOf(event.get("side").textValue()),
                    event.get("source_sequence").longValue(),
                    null,
                    text(event, "asset_class"),
                    text(event, "currency"),
                    conditions.isEmpty() ? null : conditions,
                    text(event, "vendor_data"));
            assertThat(read).isEqualTo(trade);
        }

        private static @Nullable String text(JsonNode event, String field) {
            return event.has(field) ? event.get(field).textValue() : null;
        }

        void assertSame(FeedSimulator feed) {
            FeedTruth truth = feed.truth();
            assertThat(truth.records()).isEqualTo(records.size());
            assertThat(truth.good()).isEqualTo(good);
            assertThat(truth.late()).isEqualTo(late);
            assertThat(truth.duplicates()).isEqualTo(duplicates);
            truth.malformed().forEach((kind, count) -> assertThat(count).isEqualTo(malformed.getOrDefault(kind, 0L)));
            assertThat(truth.streams().keySet()).isEqualTo(streams.keySet());
            BigDecimal quantity = BigDecimal.ZERO;
            long missing = 0;
            for (Map.Entry<StreamKey, Stream> entry : streams.entrySet()) {
                Stream stream = entry.getValue();
                List<Range> gaps = new ArrayList<>();
                long expected = stream.sequences.first();
                for (long sequence : stream.sequences) {
                    if (sequence > expected) {
                        gaps.add(new Range(expected, sequence - 1));
                        missing += sequence - expected;
                    }
                    expected = sequence + 1;
                }
                FeedTruth.Stream told = Objects.requireNonNull(truth.streams().get(entry.getKey()));
                assertThat(told.trades()).isEqualTo(stream.sequences.size());
                assertThat(told.quantity()).isEqualByComparingTo(stream.quantity);
                assertThat(told.firstSequence()).isEqualTo(stream.sequences.first());
                assertThat(told.highestSequence()).isEqualTo(stream.sequences.last());
                assertThat(told.gaps()).as(feed + " " + entry.getKey()).isEqualTo(gaps);
                assertThat(told.late()).isEqualTo(stream.late);
                assertThat(told.duplicates()).isEqualTo(stream.duplicates);
                quantity = quantity.add(stream.quantity);
            }
            assertThat(truth.quantity()).isEqualByComparingTo(quantity);
            assertThat(truth.missing()).isEqualTo(missing);
        }
    }
}
