package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.LogPartition;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Quote;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.UnknownFields;
import io.k2data.testkit.FeedSimulator;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The plain path may give values only where the careful one gives the same. */
class PlainJsonTest {
    private static final int INPUTS = Boolean.getBoolean("k2.full") ? 5_000_000 : 200_000;
    private static final List<byte[]> PIECES = List.of(
                    "\"",
                    "{",
                    "}",
                    ",",
                    ":",
                    "null",
                    "-",
                    "-0",
                    "0",
                    "00",
                    ".",
                    "1.",
                    ".5",
                    "1e3",
                    "\\u0041",
                    "\\n",
                    " ",
                    "\t",
                    "\n",
                    "\"\"",
                    "123456789012345678",
                    "1234567890123456789",
                    "0.000000000001",
                    "true",
                    "nul",
                    "\"price\":1,",
                    "\"side\":\"BUY\",",
                    "\"side\":\"buy\",",
                    "\"trade_ref\":\"\",",
                    "\"conditions\":[],",
                    "\u00e9",
                    "\ud83d\ude80",
                    "\\\"",
                    "\\/\\b\\f\\r\\t",
                    "\\q",
                    "\u0000",
                    "\u007f",
                    "2026-02-29T",
                    "2024-02-29T",
                    "-13-",
                    "T24:",
                    "60Z",
                    ".1234567Z",
                    "Z",
                    "x")
            .stream()
            .map(piece -> piece.getBytes(UTF_8))
            .toList();

    private static PlainJson plain(EventType<?> type) {
        return new PlainJson(new TableColumns(type, type.columns()));
    }

    @Test
    void allThatAFeedSendsIsPlain() {
        FeedSimulator feed = FeedSimulator.builder().seed(3).symbols(50).build();
        PlainJson plain = plain(EventTypes.TRADE);
        int taken = 0;
        for (int i = 0; i < 10_000; i++) {
            taken += plain.decode(feed.next().value()) == null ? 0 : 1;
        }
        assertThat(taken).isEqualTo(10_000);
    }

    @Test
    void textsThatComeAgainAreTheSameObject() {
        FeedSimulator feed = FeedSimulator.builder().seed(3).symbols(1).build();
        PlainJson plain = plain(EventTypes.TRADE);
        Object[] first = plain.decode(feed.next().value());
        Object[] second = plain.decode(feed.next().value());
        assertThat(second[0]).isSameAs(first[0]);
        assertThat(second[1]).isSameAs(first[1]);
    }

    @Test
    void plainAndCarefulNeverDiffer() {
        long seed = Long.getLong("k2.seed", 42);
        Random random = new Random(seed);
        differ(EventTypes.TRADE, trades(random), random, seed);
        differ(EventTypes.QUOTE, quotes(random), random, seed);
    }

    private static List<byte[]> trades(Random random) {
        JsonEventSerializer<io.k2data.api.event.Trade> serializer = new JsonEventSerializer<>(EventTypes.TRADE);
        FeedSimulator feed = FeedSimulator.builder().seed(1).symbols(20).build();
        List<byte[]> corpus = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            corpus.add(serializer.serialize("t", RandomEvents.trade(random)));
            corpus.add(feed.next().value());
        }
        corpus.add(
                "{ \"venue\" : \"v\" ,\n\"symbol\":\"s\", \"trade_id\" :1 , \"event_time\":5 ,\"price\": 1.50,\"quantity\":\"0.1\" }\n"
                        .getBytes(UTF_8));
        return corpus;
    }

    private static List<byte[]> quotes(Random random) {
        JsonEventSerializer<Quote> serializer = new JsonEventSerializer<>(EventTypes.QUOTE);
        List<byte[]> corpus = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            corpus.add(serializer.serialize("t", RandomEvents.quote(random)));
            corpus.add(serializer.serialize(
                    "t",
                    Quote.of("v", "s" + i)
                            .id(random.nextInt(1000))
                            .at(Instant.ofEpochSecond(random.nextInt(), 125_000))
                            .bid(BigDecimal.valueOf(random.nextInt(), 4), BigDecimal.valueOf(random.nextInt(), 8))
                            .quoted("spot", "USD")
                            .build()));
        }
        return corpus;
    }

    private static void differ(EventType<?> type, List<byte[]> corpus, Random random, long seed) {
        PlainJson plain = plain(type);
        JsonRowDecoder decoder = new JsonRowDecoder(type, type.columns(), UnknownFields.REJECT);
        Mutations mutations = new Mutations(corpus, PIECES, random);
        int taken = 0;
        for (int i = 0; i < INPUTS; i++) {
            byte[] input = i % 10 == 0 ? corpus.get(random.nextInt(corpus.size())) : mutations.next();
            if (input.length == 0 || plain.decode(input) == null) {
                continue;
            }
            taken++;
            assertThat(outcome(type, () -> decoder.decode(record(input))))
                    .as("seed %s, input %s: %s", seed, i, new String(input, UTF_8))
                    .isEqualTo(outcome(type, () -> decoder.decodeWithCare(input)));
        }
        assertThat(taken).as("inputs that are plain").isGreaterThan(INPUTS / 50);
    }

    private static LogRecord record(byte[] value) {
        return new LogRecord(new LogPartition("cluster", "id", "t", 0), 0, 0, null, value, List.of());
    }

    /** Decodes. */
    @FunctionalInterface
    private interface Decode {
        Object[] values() throws Rejection;
    }

    /** What comes out, as the table will hold it: with decimals at their columns' scale, which the plain way gives as digits. */
    private static String outcome(EventType<?> type, Decode decode) {
        try {
            Object[] values = decode.values();
            for (int i = 0; i < values.length; i++) {
                if (type.columns().get(i).type() instanceof ColumnType.Decimal decimal) {
                    if (values[i] instanceof Long digits) {
                        values[i] = BigDecimal.valueOf(digits, decimal.scale());
                    } else if (values[i] instanceof BigDecimal number) {
                        values[i] = number.setScale(decimal.scale(), RoundingMode.UNNECESSARY);
                    }
                }
            }
            return Arrays.toString(values);
        } catch (Rejection e) {
            return e.reason() + " " + e.getMessage();
        }
    }
}
