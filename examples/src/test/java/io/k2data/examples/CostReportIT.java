package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.event.EventTypes;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CostReportIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    private static JsonNode json(ExampleRun run) throws Exception {
        assertThat(run.exitCode()).as(run.errors()).isZero();
        return JSON.readTree(run.lastLine());
    }

    @Test
    void theLastLineOfJsonHasWhatWasPromisedAndItsItemsAddUp() throws Exception {
        JsonNode large = json(ExampleRun.of(CostReport.class, "--scenario", "large", "--format", "json"));
        BigDecimal sum = BigDecimal.ZERO;
        for (JsonNode item : large.get("items")) {
            assertThat(item.get("name").isTextual()).isTrue();
            assertThat(item.get("unit").isTextual()).isTrue();
            assertThat(item.get("quantity").isNumber()).isTrue();
            assertThat(item.get("unitPrice").isNumber()).isTrue();
            sum = sum.add(item.get("cost").decimalValue());
        }
        assertThat(sum).isEqualByComparingTo(large.get("monthlyTotal").decimalValue());
        assertThat(large.get("currency").asText()).isEqualTo("USD");
        assertThat(large.get("messagesPerMonth").asLong()).isEqualTo(26_280_000_000_000L);
        double perMillion = large.get("monthlyTotal").asDouble() / 26_280_000;
        assertThat(large.get("costPerMillionMessages").asDouble()).isBetween(perMillion - 1e-6, perMillion + 1e-6);

        JsonNode slow = json(ExampleRun.of(
                CostReport.class, "--rate", "1000", "--set", "zones=1", "--format", "json", "--date", "2026-11-27"));
        assertThat(slow.get("messagesPerMonth").asLong()).isEqualTo(2_628_000_000L);
        assertThat(slow.toString()).doesNotContain("Cross-zone: ");
        assertThat(slow.get("monthlyTotal").asDouble())
                .isLessThan(large.get("monthlyTotal").asDouble());
    }

    @Test
    void whatIsMeasuredOnATableAndATopicCounts() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("ticks", 2);
            Feeds.send(
                    kafka.bootstrapServers(),
                    "ticks",
                    FeedSimulator.builder().seed(5).symbols(20).build(),
                    20_000);
            try (K2 k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(directory.resolve("warehouse"))
                    .spool(directory.resolve("spool"))
                    .commitInterval(Duration.ofMillis(200))
                    .build()) {
                k2.ingest(EventTypes.TRADE, "ticks").start();
                k2.view(Freshness.now(Duration.ofMinutes(1))).close();
            }
            JsonNode measured = json(ExampleRun.of(
                    CostReport.class,
                    "--rate",
                    "5000",
                    "--measure",
                    directory.resolve("warehouse").toString(),
                    "--bootstrap-servers",
                    kafka.bootstrapServers(),
                    "--topic",
                    "ticks",
                    "--set",
                    "zones=1",
                    "--format",
                    "json"));
            JsonNode inputs = measured.get("inputs");
            assertThat(inputs.get("partitions").asInt()).isEqualTo(2);
            assertThat(inputs.get("brokers").asInt()).isEqualTo(1);
            assertThat(inputs.get("records-per-second").asDouble()).isEqualTo(5000);
            assertThat(inputs.get("metadata-puts-per-commit").asDouble()).isEqualTo(3);
            assertThat(inputs.get("parquet-bytes").asDouble()).isBetween(5.0, 100.0);
            assertThat(inputs.get("wire-bytes").asDouble()).isBetween(20.0, 400.0);
        }
        ExampleRun nowhere = ExampleRun.of(CostReport.class, "--measure", directory.toString(), "--table", "quotes");
        assertThat(nowhere.exitCode()).isEqualTo(1);
        assertThat(nowhere.errors()).contains("there is no table k2.quotes");
    }

    @Test
    void everyFormatIsWrittenAndPricesAreReplaceable() throws Exception {
        Path page = directory.resolve("costs.html");
        ExampleRun written = ExampleRun.of(CostReport.class, "--format", "html", "--out", page.toString());
        assertThat(written.exitCode()).as(written.errors()).isZero();
        assertThat(written.output()).contains("USD a month").contains(page.toString());
        assertThat(Files.readString(page)).startsWith("<!doctype html>").contains("<svg");

        Path prices = Files.writeString(directory.resolve("prices.json"), """
                {"format": 1, "name": "ours", "provider": "us", "currency": "EUR", "region": "here", "prices": []}""");
        ExampleRun missing = ExampleRun.of(CostReport.class, "--prices", prices.toString());
        assertThat(missing.exitCode()).isEqualTo(2);
        assertThat(missing.errors())
                .contains("storage-tiers: 'standard' is no tier of ours")
                .contains("prices: 'broker-hour' is missing from ours, and needed for 'Kafka brokers'")
                .contains("prices: 'vcpu-hour' is missing");

        ExampleRun rules = ExampleRun.of(CostReport.class, "--rules", "--budget", "7500");
        assertThat(rules.exitCode()).as(rules.errors()).isZero();
        assertThat(rules.output()).contains("alert: K2CostAboveBudget").contains("> 7500");
        ExampleRun table = ExampleRun.of(CostReport.class);
        assertThat(table.output()).contains("small: ").contains("total").contains("Choices");
    }

    @Test
    void badArgumentsAreExplained() throws Exception {
        assertThat(ExampleRun.of(CostReport.class, "--help").output()).contains("--scenario", "--prices", "focus");
        ExampleRun bad = ExampleRun.of(CostReport.class, "--rate", "-5", "--set", "replication=7");
        assertThat(bad.exitCode()).isEqualTo(2);
        assertThat(bad.errors())
                .contains("records-per-second: -5, expected 0.001 to 1000000000 records/s")
                .contains("replication: 7, expected at most the 3 brokers");
        for (String[] arguments : new String[][] {
            {"--scenario", "huge"},
            {"--format", "pdf"},
            {"--rate", "much"},
            {"--set", "colour=3"},
            {"--date", "now"},
            {"x"}
        }) {
            ExampleRun run = ExampleRun.of(CostReport.class, arguments);
            assertThat(run.exitCode()).as(String.join(" ", arguments)).isEqualTo(2);
        }
    }
}
