package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.k2data.testkit.EmbeddedKafka;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplayCaptureIT {
    private static final Pattern BINANCE_TRADE =
            Pattern.compile("\"e\":\"trade\".*?\"s\":\"([A-Z]+)\",\"t\":([0-9]+),.*?\"q\":\"([0-9.]+)\"");
    private static final Pattern BINANCE_QUOTE =
            Pattern.compile("@bookTicker\".*?\"u\":([0-9]+),\"s\":\"([A-Z]+)\",\"b\":\"([0-9.]+)\"");
    private static final Pattern HITBTC_SYMBOL = Pattern.compile("snapshotTrades.*\"symbol\":\"([A-Z]+)\"");
    private static final Pattern HITBTC_TRADE =
            Pattern.compile("\"id\":([0-9]+),\"price\":\"[0-9.]+\",\"quantity\":\"([0-9.]+)\"");
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    @Test
    void tradesAndQuotesOfTwoRealRecordingsComeOutWhole() throws Exception {
        Path bitcoin = recording("spot_btcusdt_20240808.gz");
        Path ether = recording("spot_ethusdt_20240808.gz");
        Map<String, Map<Long, BigDecimal>> trades = new TreeMap<>();
        Map<String, Map<Long, BigDecimal>> bids = new TreeMap<>();
        List<String> lines = new ArrayList<>(lines(bitcoin));
        lines.addAll(lines(ether));
        int tickers = 0;
        for (String line : lines) {
            Matcher trade = BINANCE_TRADE.matcher(line);
            Matcher quote = BINANCE_QUOTE.matcher(line);
            if (trade.find()) {
                put(trades, trade.group(1), trade.group(2), trade.group(3));
            } else if (quote.find()) {
                put(bids, quote.group(2), quote.group(1), quote.group(3));
                tickers++;
            }
        }
        assertThat(bids.values().stream().mapToInt(Map::size).sum())
                .as("update ids told apart, as many as messages: that they may serve as identity")
                .isEqualTo(tickers);

        JsonNode result = replay(
                0,
                "--format",
                "binance-ws",
                "--venue",
                "BINANCE",
                "--query",
                "select symbol, count(*) as n, sum(bid_price) as bids, max(ask_price) > max(bid_price) as apart"
                        + " from quotes group by symbol order by symbol",
                "--query",
                "select min(event_time) as \"first, of all\", 'a \"b\"' as said, null as nothing, max(price) as price"
                        + " from trades where symbol = 'BTCUSDT' and trade_id = 3735683259",
                bitcoin.toString(),
                ether.toString());

        assertCounts(result, 15_863 + tickers, 15_863 + tickers, 0, 0);
        assertThat(result.get("tables").get("trades").get("stored").asInt()).isEqualTo(15_863);
        assertThat(result.get("tables").get("quotes").get("stored").asInt()).isEqualTo(tickers);
        assertThat(result.get("ignored").asInt()).isEqualTo(lines.size() - 15_863 - tickers);
        assertThat(result.get("streams")).hasSize(2);
        assertStream(result, 0, "BTCUSDT", 9_757, "3735683259", "3735693015", total(trades, "BTCUSDT"));
        assertStream(result, 1, "ETHUSDT", 6_106, "1520538925", "1520545030", total(trades, "ETHUSDT"));
        assertThat(rows)
                .containsExactly(
                        "symbol,n,bids,apart",
                        "BTCUSDT," + bids.get("BTCUSDT").size() + "," + scaled(bids, "BTCUSDT") + ",true",
                        "ETHUSDT," + bids.get("ETHUSDT").size() + "," + scaled(bids, "ETHUSDT") + ",true",
                        "",
                        "\"first, of all\",said,nothing,price",
                        "2024-08-08T23:54:15.342Z,\"a \"\"b\"\"\",,61837.630000000000");
    }

    @Test
    void aFeedRecordedOnTwoConnectionsIsStoredOnce() throws Exception {
        Path first = recording("hitbtc_ws_1.gz");
        Path second = recording("hitbtc_ws_2.gz");
        Map<String, Map<Long, BigDecimal>> trades = new TreeMap<>();
        for (Path file : List.of(first, second)) {
            for (String line : lines(file)) {
                Matcher symbol = HITBTC_SYMBOL.matcher(line);
                Matcher trade = HITBTC_TRADE.matcher(line);
                if (symbol.find()) {
                    while (trade.find()) {
                        put(trades, symbol.group(1), trade.group(1), trade.group(2));
                    }
                }
            }
        }
        assertThat(trades).hasSize(10);

        JsonNode result = replay(
                0,
                "--format",
                "hitbtc-ws",
                "--venue",
                "HITBTC",
                "--query",
                "select count(*), count(distinct trade_id), count(source_sequence) from trades",
                first.toString(),
                second.toString());

        assertCounts(result, 2_000, 1_000, 1_000, 0);
        assertThat(rows).last().isEqualTo("1000,1000,0");
        List<String> expected = new ArrayList<>();
        trades.forEach((symbol, quantities) -> {
            List<Long> ids = quantities.keySet().stream().sorted().toList();
            expected.add(stream(
                    "HITBTC",
                    symbol,
                    ids.size(),
                    "" + ids.get(0),
                    "" + ids.get(ids.size() - 1),
                    0,
                    total(trades, symbol)));
        });
        assertThat(result.get("streams")).extracting(JsonNode::toString).containsExactlyElementsOf(expected);
    }

    @Test
    void aRecordingWithEveryKindOfTroubleIsAccountedFor() throws Exception {
        Path file = write(
                "trouble.txt",
                line(1, trade(10, "1.5")),
                line(2, trade(11, "1.5")),
                line(3, trade(14, "0.25")),
                line(4, trade(13, "0.25")),
                line(5, trade(11, "1.5")),
                line(6, trade(16, "1").replace("\"p\":\"100.10\"", "\"p\":\"1e40\"")),
                line(7, trade(17, "1").substring(0, 60)),
                line(8, "{\"stream\":\"x@bookTicker\",\"data\":{\"u\":1,\"s\":\"X\"}}"),
                line(9, "{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}"),
                line(10, quote(20)),
                line(10, quote(20)),
                line(11, quote(27)));
        String warehouse = directory.resolve("warehouse").toString();

        JsonNode result =
                replay(0, "--format", "binance-ws", "--venue", "TEST", "--warehouse", warehouse, file.toString());

        assertCounts(result, 11, 6, 2, 3);
        assertTable(result, "trades", 8, 4, 1, 3);
        assertTable(result, "quotes", 3, 2, 1, 0);
        assertThat(result.get("ignored").asInt()).isEqualTo(1);
        JsonNode stream = result.get("streams").get(0);
        assertThat(stream.get("rows").asInt()).isEqualTo(4);
        assertThat(stream.get("gaps").asInt()).isEqualTo(1);
        assertThat(stream.get("missing").asInt()).isEqualTo(1);
        assertThat(stream.get("late").asInt()).isEqualTo(1);
        assertThat(stream.get("volume").asText()).isEqualTo("3.5");

        // The broker was of that run; to another one the warehouse does not fit.
        ExampleRun again = run("--format", "binance-ws", "--venue", "TEST", "--warehouse", warehouse, file.toString());
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.errors()).contains("another cluster", "--bootstrap-servers");
    }

    @Test
    void messagesWithManyTradesAreTakenApart() throws Exception {
        Path file = write(
                "hitbtc.txt",
                "wss://example <-> 1626318403.72",
                "wss://example <- 1626318404.23: {\"method\":\"subscribeTrades\",\"params\":{\"symbol\":\"ABC\"}}",
                "1626318404.36: {\"jsonrpc\":\"2.0\",\"result\":true,\"id\":\"1\"}",
                "1626318404.5765241: " + update("snapshotTrades", "ABC", hitbtc(5, "1.5"), hitbtc(9, "2")),
                "1626318405.1: " + update("updateTrades", "ABC", hitbtc(9, "2"), hitbtc(30, "0.25"), "{\"id\":\"x\"}"),
                "1626318405.2: " + update("updateTrades", "XYZ", hitbtc(31, "7")),
                "1626318405.3: "
                        + update("updateTrades", "XYZ", hitbtc(32, "7")).substring(0, 70),
                "garbage");

        JsonNode result = replay(
                1,
                "--format",
                "hitbtc-ws",
                "--venue",
                "H",
                "--query",
                "select nothing_like_it from trades",
                file.toString());

        assertCounts(result, 8, 4, 1, 3);
        assertThat(result.get("ignored").asInt()).isEqualTo(3);
        assertThat(result.get("streams"))
                .extracting(JsonNode::toString)
                .containsExactly(
                        stream("H", "ABC", 3, "5", "30", 0, "3.75"), stream("H", "XYZ", 1, "31", "31", 0, "7"));
        assertThat(rows).isEmpty();
        assertThat(errors).contains("the query failed", "nothing_like_it");
    }

    @Test
    void archivesOfEveryKindAreRead() throws Exception {
        Path spot = write(
                "AAAUSDT-trades-2024-08-08.csv.gz",
                "101,10.50000000,2.00000000,21.00000000,1723075200001,True,True",
                "102,10.51000000,1.00000000,10.51000000,1723075200001,False,True",
                "104,10.50000000,0.50000000,5.25000000,1723075200900,False,True",
                "104,10.50000000,0.50000000",
                "104,ten,0.50000000,5.25000000,1723075200900,False,True");
        Path micros = write(
                "BBBUSDT-trades-2025-01-02.zip",
                "9,0.00000123,1000.00000000,0.00123000,1735776000010866,True,True",
                "10,0.00000124,1.00000000,0.00000124,1735776000010867,False,True");
        Path futures = write(
                "CCCUSDT-trades-2024-08-08.csv",
                "id,price,qty,quote_qty,time,is_buyer_maker",
                "55,7.1,3,21.3,1723075200002,true",
                "58,7.2,1,7.2,1723075200003,false");
        Path aggregated = write(
                "DDDUSDT-aggTrades-2024-08-08.csv",
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
                "70,8.5,4,900,903,1723075200005,true",
                "71,8.6,0.1,904,904,1723075200006,false");

        JsonNode result = replay(
                0,
                "--format",
                "binance-csv",
                "--venue",
                "B",
                "--query",
                "select trade_id, side, event_time, price from trades order by trade_id limit 2",
                spot.toString(),
                micros.toString(),
                futures.toString(),
                aggregated.toString());

        assertCounts(result, 11, 9, 0, 2);
        assertThat(result.get("ignored").asInt()).isEqualTo(2);
        assertThat(result.get("streams"))
                .extracting(JsonNode::toString)
                .containsExactly(
                        stream("B", "AAAUSDT", 3, "101", "104", 1, "3.5"),
                        stream("B", "BBBUSDT", 2, "9", "10", 0, "1001"),
                        stream("B", "CCCUSDT", 2, "55", "58", 0, "4"),
                        stream("B", "DDDUSDT", 2, "70", "71", 0, "4.1"));
        assertThat(rows)
                .containsExactly(
                        "trade_id,side,event_time,price",
                        "9,SELL,2025-01-02T00:00:00.010866Z,0.000001230000",
                        "10,BUY,2025-01-02T00:00:00.010867Z,0.000001240000");
    }

    @Test
    void twiceIntoAKafkaOfOnesOwnAndTheSameWarehouseIsStoredOnce() throws Exception {
        String head = "{\"venue\":\"V\",\"symbol\":\"S\",\"event_time\":";
        Path file = write(
                "events.jsonl",
                head + "1723075200000001,\"trade_id\":1,\"price\":\"1.5\",\"quantity\":10}",
                head
                        + "\"2024-08-08T00:00:01Z\",\"quote_id\":1,\"bid_price\":1.4,\"bid_quantity\":1,\"ask_price\":1.6,\"ask_quantity\":2}",
                head + "\"2024-08-08T00:00:02Z\",\"trade_ref\":\"b-1\",\"price\":\"1.5\",\"quantity\":\"1000.50\"}",
                head.replace("\"S\"", "\"T\"")
                        + "1723075203000000,\"trade_ref\":\"10\",\"price\":2,\"quantity\":\"1\"}",
                head.replace("\"S\"", "\"T\"") + "1723075203000000,\"trade_ref\":\"9\",\"price\":2,\"quantity\":\"1\"}",
                head + "1723075204000000,\"quote_id\":2,\"ask_price\":1.6}",
                head + "\"soon\",\"trade_id\":3,\"price\":1,\"quantity\":1}",
                head + "1723075205000000,\"quote_id\":3,\"ask_price\":\"dear\"}",
                head + "1723075206000000,\"trade_id\":3,\"pri");
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("mine.quotes", 2);
            String[] arguments = {
                "--format",
                "k2-jsonl",
                "--bootstrap-servers",
                kafka.bootstrapServers(),
                "--topic-prefix",
                "mine.",
                "--warehouse",
                directory.resolve("warehouse").toString(),
                "--query",
                "select (select count(*) from trades) as trades, (select count(*) from quotes) as quotes",
                file.toString()
            };

            JsonNode once = replay(0, arguments);

            assertTable(once, "trades", 6, 4, 0, 2);
            assertTable(once, "quotes", 3, 2, 0, 1);
            assertCounts(once, 9, 6, 0, 3);
            List<String> streams =
                    List.of(stream("V", "S", 2, "1", "1", 0, "1010.5"), stream("V", "T", 2, "9", "10", 0, "2"));
            assertThat(once.get("streams")).extracting(JsonNode::toString).isEqualTo(streams);
            assertThat(rows).containsExactly("trades,quotes", "4,2");

            JsonNode twice = replay(0, arguments);

            assertTable(twice, "trades", 12, 4, 4, 4);
            assertTable(twice, "quotes", 6, 2, 2, 2);
            assertThat(twice.get("streams")).extracting(JsonNode::toString).isEqualTo(streams);
            assertThat(rows).containsExactly("trades,quotes", "4,2");

            try (var admin = kafka.admin()) {
                assertThat(admin.listTopics().names().get())
                        .contains("mine.trades", "mine.quotes")
                        .doesNotContain("trades", "quotes");
            }
        }
    }

    @Test
    void anUnknownFormatIsRefusedWithThoseThatAreKnown() throws Exception {
        ExampleRun run = run("--format", "binance", "--venue", "V", "file");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.errors()).startsWith("--format: expected one of binance-csv, binance-ws, hitbtc-ws, k2-jsonl\n");
    }

    /** What the last run printed before its last line, and to standard error. */
    private List<String> rows = List.of();

    private String errors = "";

    private JsonNode replay(int exitCode, String... arguments) throws Exception {
        ExampleRun run = run(arguments);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isEqualTo(exitCode);
        List<String> lines = run.output().lines().toList();
        rows = lines.subList(0, lines.size() - 1);
        errors = run.errors();
        return JSON.readTree(run.lastLine());
    }

    private static ExampleRun run(String... arguments) throws Exception {
        return ExampleRun.of(ReplayCapture.class, arguments);
    }

    private static Path recording(String name) {
        Path captures = Path.of(System.getProperty("k2.captures", "../shared/data"));
        Path file = captures.resolve(name);
        assumeTrue(Files.exists(file), () -> "no " + name + " in " + captures + "; set -Dk2.captures to run on it");
        return file;
    }

    private Path write(String name, String... lines) throws IOException {
        Path file = directory.resolve(name);
        byte[] text = (String.join("\n", Arrays.asList(lines)) + "\n").getBytes(StandardCharsets.UTF_8);
        try (OutputStream out = Files.newOutputStream(file)) {
            if (name.endsWith(".gz")) {
                try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
                    gzip.write(text);
                }
            } else if (name.endsWith(".zip")) {
                try (ZipOutputStream zip = new ZipOutputStream(out)) {
                    zip.putNextEntry(new ZipEntry(name.replace(".zip", ".csv")));
                    zip.write(text);
                }
            } else {
                out.write(text);
            }
        }
        return file;
    }

    private static void assertCounts(JsonNode result, int consumed, int stored, int duplicate, int rejected) {
        assertThat(result.get("consumed").asInt()).isEqualTo(consumed);
        assertThat(result.get("stored").asInt()).isEqualTo(stored);
        assertThat(result.get("duplicate").asInt()).isEqualTo(duplicate);
        assertThat(result.get("rejected").asInt()).isEqualTo(rejected);
        assertThat(result.get("deferred").asInt()).isZero();
        assertThat(result.get("lost").asInt()).isZero();
    }

    private static void assertTable(
            JsonNode result, String table, int consumed, int stored, int duplicate, int rejected) {
        assertThat(result.get("tables").get(table).toString())
                .isEqualTo("{\"consumed\":" + consumed + ",\"stored\":" + stored + ",\"duplicate\":" + duplicate
                        + ",\"rejected\":" + rejected
                        + ",\"deferred\":0,\"lost\":0,\"skipped\":0,\"foreign\":0}");
    }

    private static void assertStream(
            JsonNode result, int index, String symbol, int rows, String firstId, String lastId, String volume) {
        assertThat(result.get("streams").get(index).toString())
                .isEqualTo(stream("BINANCE", symbol, rows, firstId, lastId, 0, volume));
    }

    private static String stream(
            String venue, String symbol, int rows, String firstId, String lastId, int missing, String volume) {
        return "{\"venue\":\"" + venue + "\",\"symbol\":\"" + symbol + "\",\"rows\":" + rows + ",\"firstId\":\""
                + firstId
                + "\",\"lastId\":\"" + lastId + "\",\"gaps\":" + (missing > 0 ? 1 : 0) + ",\"missing\":" + missing
                + ",\"late\":0,\"volume\":\"" + volume + "\"}";
    }

    /** The truth by a way of its own: the lines of a recording, and a pattern. */
    private static List<String> lines(Path file) throws IOException {
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
            return lines.lines().toList();
        }
    }

    private static void put(Map<String, Map<Long, BigDecimal>> bySymbol, String symbol, String id, String value) {
        bySymbol.computeIfAbsent(symbol, key -> new TreeMap<>()).put(Long.valueOf(id), new BigDecimal(value));
    }

    private static BigDecimal sum(Map<String, Map<Long, BigDecimal>> bySymbol, String symbol) {
        return bySymbol.get(symbol).values().stream().reduce(BigDecimal.ZERO, BigDecimal::add);
    }

    private static String total(Map<String, Map<Long, BigDecimal>> bySymbol, String symbol) {
        return sum(bySymbol, symbol).stripTrailingZeros().toPlainString();
    }

    private static String scaled(Map<String, Map<Long, BigDecimal>> bySymbol, String symbol) {
        return sum(bySymbol, symbol).setScale(12).toPlainString();
    }

    private static String line(int second, String message) {
        return (1_723_161_254L + second) * 1_000_000_000L + " " + message;
    }

    private static String trade(long id, String quantity) {
        return "{\"stream\":\"x@trade\",\"data\":{\"e\":\"trade\",\"E\":1723161254000,\"s\":\"X\",\"t\":" + id
                + ",\"p\":\"100.10\",\"q\":\"" + quantity + "\",\"T\":1723161254000,\"m\":true}}";
    }

    private static String quote(long id) {
        return "{\"stream\":\"x@bookTicker\",\"data\":{\"u\":" + id
                + ",\"s\":\"X\",\"b\":\"100.10\",\"B\":\"1\",\"a\":\"100.20\",\"A\":\"2\"}}";
    }

    private static String update(String method, String symbol, String... trades) {
        return "{\"jsonrpc\":\"2.0\",\"method\":\"" + method + "\",\"params\":{\"data\":[" + String.join(",", trades)
                + "],\"symbol\":\"" + symbol + "\"}}";
    }

    private static String hitbtc(long id, String quantity) {
        return "{\"id\":" + id + ",\"price\":\"0.5\",\"quantity\":\"" + quantity
                + "\",\"side\":\"buy\",\"timestamp\":\"2021-07-15T02:38:24.313Z\"}";
    }
}
