package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class CaptureFormatTest {
    private final CapturedLine line = new CapturedLine();

    @Test
    void aBinanceTradeIsADenseSequence() {
        read("binance-ws", "1723161254087896568 " + binance("\"T\":1723161255342"));

        assertThat(line.receivedNanos()).isEqualTo(1_723_161_254_087_896_568L);
        assertThat(events())
                .containsExactly(
                        "trades V/X {\"venue\":\"V\",\"symbol\":\"X\",\"trade_id\":7,\"event_time\":1723161255342000,"
                                + "\"price\":\"1.50\",\"quantity\":\"2\",\"side\":\"SELL\",\"source_sequence\":7}");
    }

    @Test
    void aBinanceTimeMayBeInMicroseconds() {
        read("binance-ws", "1735689600000000000 " + binance("\"T\":1735689600010866"));

        assertThat(events()).singleElement().asString().contains("\"event_time\":1735689600010866,");
    }

    @Test
    void aBinanceBookTickerIsAQuoteAtItsReceiveTimeFlooredToMicroseconds() {
        String ticker = "{\"u\":9,\"s\":\"X\",\"b\":\"1.5\",\"B\":\"2\",\"a\":\"1.6\",\"A\":\"3\"}";
        String quote = "quotes V/X {\"venue\":\"V\",\"symbol\":\"X\",\"quote_id\":9,\"event_time\":1723161254087896,"
                + "\"bid_price\":\"1.5\",\"bid_quantity\":\"2\",\"ask_price\":\"1.6\",\"ask_quantity\":\"3\"}";

        read("binance-ws", "1723161254087896999 {\"stream\":\"x@bookTicker\",\"data\":" + ticker + "}");
        assertThat(events()).containsExactly(quote);
        read("binance-ws", "1723161254087896999 " + ticker);
        assertThat(events()).containsExactly(quote);
    }

    @Test
    void aFuturesBookTickerHasATimeOfItsOwn() {
        read(
                "binance-ws",
                "1723161254087896999 {\"e\":\"bookTicker\",\"u\":9,\"s\":\"X\",\"b\":\"1.5\",\"B\":\"2\",\"a\":\"1.6\",\"A\":\"3\","
                        + "\"T\":1723161254001,\"E\":1723161254002}");

        assertThat(events()).singleElement().asString().contains("\"event_time\":1723161254001000,");
    }

    @Test
    void whatBinanceSendsBesidesIsIgnored() {
        for (String other : List.of(
                "{\"stream\":\"x@depth\",\"data\":{\"e\":\"depthUpdate\",\"u\":1,\"s\":\"X\",\"b\":[],\"a\":[]}}",
                "{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}",
                "{\"result\":null,\"id\":1}",
                "[]")) {
            read("binance-ws", "1723161254087896999 " + other);
            assertThat(events()).as(other).isEmpty();
        }
    }

    @Test
    void aLineThatCannotBeReadIsSentAsItIsByteForByte() {
        for (String broken : List.of(
                "1723161254087896999 {\"e\":\"trade\",\"s\":\"X\"",
                "1723161254087896999 " + binance("\"T\":\"soon\""),
                "1723161254087896999 {\"u\":9,\"b\":\"1.5\",\"B\":\"2\",\"a\":\"1.6\",\"A\":\"3\"}",
                "soon {}",
                "\u00ff\u00fe\u0000")) {
            read("binance-ws", broken);
            assertThat(line.events()).as(broken).singleElement().satisfies(event -> {
                assertThat(event.table()).isEqualTo("trades");
                assertThat(event.key()).isNull();
                assertThat(event.value()).isEqualTo(broken.getBytes(StandardCharsets.ISO_8859_1));
            });
        }
    }

    @Test
    void aMessageOfHitbtcHoldsManyTradesAndABadOneSpoilsNoOther() {
        read(
                "hitbtc-ws",
                "1626318404.3652391: {\"method\":\"updateTrades\",\"params\":{\"data\":["
                        + "{\"id\":5,\"price\":\"0.1\",\"quantity\":\"2\",\"side\":\"buy\",\"timestamp\":\"2021-07-15T02:38:24.313Z\"},"
                        + "{\"id\":\"five\"},"
                        + "{\"id\":8,\"price\":\"0.2\",\"quantity\":\"3\",\"side\":\"sell\",\"timestamp\":\"2021-07-15T02:38:25Z\"}"
                        + "],\"symbol\":\"ABC\"}}");

        assertThat(line.receivedNanos()).isEqualTo(1_626_318_404_365_239_100L);
        assertThat(events())
                .containsExactly(
                        "trades V/ABC {\"venue\":\"V\",\"symbol\":\"ABC\",\"trade_id\":5,\"event_time\":1626316704313000,"
                                + "\"price\":\"0.1\",\"quantity\":\"2\",\"side\":\"BUY\"}",
                        "trades null {\"id\":\"five\"}",
                        "trades V/ABC {\"venue\":\"V\",\"symbol\":\"ABC\",\"trade_id\":8,\"event_time\":1626316705000000,"
                                + "\"price\":\"0.2\",\"quantity\":\"3\",\"side\":\"SELL\"}");
    }

    @Test
    void theLinesOfHitbtcsRecorderAreIgnored() {
        for (String own : List.of(
                "wss://x <-> 1626318403.723458",
                "wss://x <- 1626318404.235296: {\"method\":\"subscribeTrades\",\"params\":{\"symbol\":\"ABC\"},\"id\":\"1\"}",
                "1626318404.365281: {\"jsonrpc\":\"2.0\",\"result\":true,\"id\":\"1\"}")) {
            read("hitbtc-ws", own);
            assertThat(events()).as(own).isEmpty();
        }
    }

    @Test
    void anArchiveOfSpotTradesIsADenseSequenceAndOneOfFuturesIsNot() {
        read("binance-csv", "7,1.50,2,3.0,1723075200001,True,True");
        assertThat(line.receivedNanos()).isEqualTo(1_723_075_200_001_000_000L);
        assertThat(events())
                .containsExactly(
                        "trades V/ABC {\"venue\":\"V\",\"symbol\":\"ABC\",\"trade_id\":7,\"event_time\":1723075200001000,"
                                + "\"price\":\"1.50\",\"quantity\":\"2\",\"side\":\"SELL\",\"source_sequence\":7}");

        read("binance-csv", "7,1.50,2,3.0,1735689600010866,false");
        assertThat(events())
                .containsExactly(
                        "trades V/ABC {\"venue\":\"V\",\"symbol\":\"ABC\",\"trade_id\":7,\"event_time\":1735689600010866,"
                                + "\"price\":\"1.50\",\"quantity\":\"2\",\"side\":\"BUY\"}");
    }

    @Test
    void anArchiveOfAggregatedTradesIsToldByItsColumns() {
        for (String aggregated :
                List.of("7,1.50,2,70,72,1723075200001,true", "7,1.50,2,70,72,1723075200001,True,True")) {
            read("binance-csv", aggregated);
            assertThat(events())
                    .as(aggregated)
                    .singleElement()
                    .asString()
                    .contains("\"trade_id\":7,\"event_time\":1723075200001000,", "\"source_sequence\":7");
        }
    }

    @Test
    void theHeaderOfAnArchiveIsIgnoredAndABrokenLineIsNot() {
        for (String header : List.of(
                "id,price,qty,quote_qty,time,is_buyer_maker",
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker")) {
            read("binance-csv", header);
            assertThat(events()).as(header).isEmpty();
        }
        for (String broken :
                List.of("7,1.50,2", "7,1.50,2,3.0,1723075200001,maybe,True", "seven,1,2,3,4,true", "7,,2,3,4,true")) {
            read("binance-csv", broken);
            assertThat(events()).as(broken).containsExactly("trades null " + broken);
        }
    }

    @Test
    void anArchivesSymbolIsInItsNameUnlessItIsGiven() {
        assertThat(symbol("dir/BTCUSDT-trades-2024-08-08.csv.gz", null)).isEqualTo("V/BTCUSDT");
        assertThat(symbol("BTCUSD_PERP-aggTrades-2024-08.zip", null)).isEqualTo("V/BTCUSD_PERP");
        assertThat(symbol("BTCUSDT-trades-2024-08-08.csv", "OTHER")).isEqualTo("V/OTHER");
        assertThatThrownBy(() -> symbol("trades.csv", null)).hasMessageContaining("--symbol");
    }

    @Test
    void k2sOwnEventsAreSentAsTheyAre() {
        for (Map.Entry<String, String> event : Map.of(
                        "{\"venue\":\"A\",\"symbol\":\"S\",\"trade_id\":1,\"event_time\":1723161254000001,\"price\":1}",
                                "trades A/S ",
                        "{ \"symbol\":\"S\",\"venue\":\"A\",\"event_time\":\"2024-08-08T23:54:14.000001Z\",\"bid_price\":1}",
                                "quotes A/S ",
                        "{\"venue\":\"A\",\"symbol\":\"S\",\"event_time\":1723161254000001,\"quote_id\":1,\"price\":null}",
                                "quotes A/S ",
                        "{\"venue\":\"A\",\"event_time\":1723161254000001,\"price\":1}", "trades null ")
                .entrySet()) {
            line.received(1_723_161_254_000_001_000L);
            read("k2-jsonl", event.getKey());
            assertThat(events()).containsExactly(event.getValue() + event.getKey());
            assertThat(line.receivedNanos()).isEqualTo(1_723_161_254_000_001_000L);
        }
    }

    @Test
    void aLineWithoutATimeHasThatOfTheLineBefore() {
        read("hitbtc-ws", "1626318404.5: {}");
        read("hitbtc-ws", "broken");
        assertThat(line.receivedNanos()).isEqualTo(1_626_318_404_500_000_000L);
        read("k2-jsonl", "{\"venue\":\"A\",\"symbol\":\"S\",\"event_time\":\"soon\",\"price\":1}");
        assertThat(line.receivedNanos()).isEqualTo(1_626_318_404_500_000_000L);
        assertThat(events()).singleElement().asString().startsWith("trades A/S ");
    }

    private void read(String format, String text) {
        line.read(text, open(format, "ABC-trades-x", null));
    }

    private String symbol(String file, @Nullable String given) {
        line.read("7,1.50,2,3.0,1723075200001,True,True", open("binance-csv", file, given));
        return new String(Objects.requireNonNull(line.events().get(0).key()), StandardCharsets.UTF_8);
    }

    private static CaptureFormat open(String format, String file, @Nullable String symbol) {
        return Objects.requireNonNull(CaptureFormat.known().get(format)).open(Path.of(file), "V", symbol);
    }

    private List<String> events() {
        return line.events().stream()
                .map(event -> event.table() + " "
                        + (event.key() == null ? null : new String(event.key(), StandardCharsets.UTF_8)) + " "
                        + new String(event.value(), StandardCharsets.UTF_8))
                .toList();
    }

    private static String binance(String time) {
        return "{\"stream\":\"x@trade\",\"data\":{\"e\":\"trade\",\"E\":1,\"s\":\"X\",\"t\":7,\"p\":\"1.50\",\"q\":\"2\","
                + time + ",\"m\":true,\"M\":true}}";
    }
}
