package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReplayCaptureIT {
    private static final Pattern QUANTITY = Pattern.compile("\"e\":\"trade\".*?\"q\":\"([0-9.]+)\"");
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    @Test
    void twoRealRecordingsComeOutWhole() throws Exception {
        Path captures = Path.of(System.getProperty("k2.captures", "../shared/data"));
        Path bitcoin = captures.resolve("spot_btcusdt_20240808.gz");
        Path ether = captures.resolve("spot_ethusdt_20240808.gz");
        assumeTrue(
                Files.exists(bitcoin) && Files.exists(ether),
                () -> "no recordings in " + captures + "; set -Dk2.captures to run on them");
        ExampleRun run = ExampleRun.of(
                ReplayCapture.class,
                "--format",
                "binance-ws",
                "--venue",
                "BINANCE",
                bitcoin.toString(),
                ether.toString());
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        JsonNode result = JSON.readTree(run.lastLine());
        assertCounts(result, 15_863, 15_863, 0, 0);
        assertThat(result.get("ignored").asInt()).isPositive();
        assertThat(result.get("streams")).hasSize(2);
        assertStream(result.get("streams").get(0), "BTCUSDT", 9_757, "3735683259", "3735693015", volume(bitcoin));
        assertStream(result.get("streams").get(1), "ETHUSDT", 6_106, "1520538925", "1520545030", volume(ether));
    }

    @Test
    void aRecordingWithEveryKindOfTroubleIsAccountedFor() throws Exception {
        Path file = directory.resolve("trouble.txt");
        Files.write(
                file,
                List.of(
                        line(1, trade(10, "1.5")),
                        line(2, trade(11, "1.5")),
                        line(3, trade(14, "0.25")),
                        line(4, trade(13, "0.25")),
                        line(5, trade(11, "1.5")),
                        line(6, trade(16, "1").replace("\"p\":\"100.10\"", "\"p\":\"1e40\"")),
                        line(7, trade(17, "1").substring(0, 60)),
                        line(8, "{\"stream\":\"x@bookTicker\",\"data\":{\"u\":1,\"s\":\"X\"}}"),
                        line(9, "{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}")));
        ExampleRun run =
                ExampleRun.of(ReplayCapture.class, "--format", "binance-ws", "--venue", "TEST", file.toString());
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        JsonNode result = JSON.readTree(run.lastLine());
        assertCounts(result, 7, 4, 1, 2);
        assertThat(result.get("ignored").asInt()).isEqualTo(2);
        JsonNode stream = result.get("streams").get(0);
        assertThat(stream.get("rows").asInt()).isEqualTo(4);
        assertThat(stream.get("gaps").asInt()).isEqualTo(1);
        assertThat(stream.get("missing").asInt()).isEqualTo(1);
        assertThat(stream.get("late").asInt()).isEqualTo(1);
        assertThat(stream.get("volume").asText()).isEqualTo("3.5");
    }

    private static void assertCounts(JsonNode result, int consumed, int stored, int duplicate, int rejected) {
        assertThat(result.get("consumed").asInt()).isEqualTo(consumed);
        assertThat(result.get("stored").asInt()).isEqualTo(stored);
        assertThat(result.get("duplicate").asInt()).isEqualTo(duplicate);
        assertThat(result.get("rejected").asInt()).isEqualTo(rejected);
        assertThat(result.get("deferred").asInt()).isZero();
        assertThat(result.get("lost").asInt()).isZero();
    }

    private static void assertStream(
            JsonNode stream, String symbol, int rows, String firstId, String lastId, String volume) {
        assertThat(stream.toString())
                .isEqualTo("{\"venue\":\"BINANCE\",\"symbol\":\"" + symbol + "\",\"rows\":" + rows + ",\"firstId\":\""
                        + firstId + "\",\"lastId\":\"" + lastId
                        + "\",\"gaps\":0,\"missing\":0,\"late\":0,\"volume\":\"" + volume + "\"}");
    }

    /** The volume by a way of its own: the lines of the file and a pattern. */
    private static String volume(Path file) throws IOException {
        BigDecimal sum = BigDecimal.ZERO;
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Matcher quantity = QUANTITY.matcher(line);
                if (quantity.find()) {
                    sum = sum.add(new BigDecimal(quantity.group(1)));
                }
            }
        }
        return sum.stripTrailingZeros().toPlainString();
    }

    private static String line(int second, String message) {
        return (1_723_161_254L + second) * 1_000_000_000L + " " + message;
    }

    private static String trade(long id, String quantity) {
        return "{\"stream\":\"x@trade\",\"data\":{\"e\":\"trade\",\"E\":1723161254000,\"s\":\"X\",\"t\":" + id
                + ",\"p\":\"100.10\",\"q\":\"" + quantity + "\",\"T\":1723161254000,\"m\":true}}";
    }
}
