package io.k2data.examples;

import io.k2data.CostProbe;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.InvalidSettingsException;
import io.k2data.api.event.EventTypes;
import io.k2data.cost.CostAnalysis;
import io.k2data.cost.CostEstimate;
import io.k2data.cost.CostFormat;
import io.k2data.cost.CostInput;
import io.k2data.cost.CostInputs;
import io.k2data.cost.CostModel;
import io.k2data.cost.CostOption;
import io.k2data.cost.CostScenario;
import io.k2data.cost.LineItem;
import io.k2data.cost.PriceBook;
import io.k2data.iceberg.TableStatus;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.FeedSimulator;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.iceberg.catalog.Catalog;

/** What a feed costs, from quantities that are measured and prices that have a date. */
final class CostSection implements DemoSection {
    private static final String TOPIC = "demo-cost";
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @Override
    public String name() {
        return "cost";
    }

    @Override
    public String title() {
        return "what a feed costs, measured and not guessed";
    }

    @Override
    public void run(DemoStage stage) throws Exception {
        CostModel model = CostModel.of(PriceBook.awsUsEast1(), LocalDate.now(ZoneOffset.UTC));
        slip(stage);
        CostInputs.Builder measured = measure(stage);
        CostAnalysis analysis = model.analyse("the demo's feed at a million records a second", measured.build());
        bill(stage, analysis);
        forgotten(stage, analysis);
        refused(stage, model);
        page(stage, analysis);
    }

    private static void slip(DemoStage stage) throws Exception {
        stage.step("A known slip", """
                The best-known estimate for such a platform has 22,060 USD a month for 2.59 trillion messages, and calls
                that 0.85 USD a million. It is worth dividing.""");
        BigDecimal right = CostEstimate.perMillion(new BigDecimal("22060"), new BigDecimal("2590000000000"));
        stage.say("22,060 USD / 2,590,000 million = %s USD a million", right.toPlainString());
        stage.checks()
                .that(
                        new BigDecimal("0.85")
                                        .divide(right, 0, RoundingMode.HALF_UP)
                                        .intValueExact()
                                == 100,
                        "the published figure is a hundred times too high");
    }

    private CostInputs.Builder measure(DemoStage stage) throws Exception {
        stage.step("Quantities are measured", """
                Bytes of a record on the wire and in Parquet, files and metadata of a commit: read off a real table and a
                real broker. The rest are assumptions, each with its reason, in docs/cost-model.md.""");
        stage.kafka().createTopic(TOPIC, 4);
        int records = stage.size(40_000, 200_000);
        FeedSimulator feed = FeedSimulator.builder()
                .seed(11)
                .startTime(Instant.parse("2026-11-26T10:00:00Z"))
                .build();
        long stored;
        try (DemoFeed sender = new DemoFeed(stage, TOPIC, feed, record -> {});
                K2 k2 = stage.k2(this, Duration.ofSeconds(1))) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            sender.send(records);
            stage.checks()
                    .await(() -> ingest.tally().consumed() == records, "all records are committed within " + PATIENCE);
            stored = ingest.tally().stored();
        }
        CostInputs.Builder inputs = CostScenario.MEDIUM.inputs();
        Map<CostInput, Double> rate = Map.of(CostInput.RECORDS_PER_SECOND, 1_000_000.0);
        CostProbe.Measured topic =
                CostProbe.topic(Map.of("bootstrap.servers", stage.kafka().bootstrapServers()), TOPIC);
        Catalog catalog = Warehouses.local(stage.directory(this).resolve("warehouse"));
        try {
            CostProbe.Measured table = CostProbe.table(catalog, "trades");
            for (CostInput input : List.of(
                    CostInput.RECORD_BYTES,
                    CostInput.WIRE_BYTES,
                    CostInput.PARQUET_BYTES,
                    CostInput.FILES_PER_COMMIT,
                    CostInput.METADATA_PUTS_PER_COMMIT,
                    CostInput.METADATA_KIB_PER_COMMIT)) {
                double value = (topic.inputs().containsKey(input) ? topic : table)
                        .inputs()
                        .getOrDefault(input, 0.0);
                inputs.set(input, value, "measured in this demo");
                stage.say("%-26s %,10.1f %s", input.key(), value, input.unit());
            }
            TableStatus status = TableStatus.read(catalog, "trades");
            double bytes = table.inputs().getOrDefault(CostInput.PARQUET_BYTES, 0.0) * stored;
            stage.checks()
                    .that(
                            status.rows() == stored && Math.abs(bytes - status.bytes()) < 1,
                            "the probe's bytes a row, times the rows K2 counted, are the bytes of the table's files");
        } finally {
            ((AutoCloseable) catalog).close();
        }
        return inputs.measured(rate, "a million a second, to see what matters then");
    }

    private static void bill(DemoStage stage, CostAnalysis analysis) throws Exception {
        CostEstimate estimate = analysis.estimate();
        stage.step("The bill, line by line", """
                A quantity, a price with its date and source, and the formula in words. What is shown adds up to the cent.""");
        estimate.items().stream()
                .sorted(Comparator.comparing(LineItem::cost).reversed())
                .limit(6)
                .forEach(item -> {
                    stage.say(
                            "%12s %s  %-34s %s at %s",
                            String.format(java.util.Locale.ROOT, "%,.2f", item.cost()),
                            estimate.prices().currency(),
                            item.name(),
                            item.unit(),
                            item.unitPrice().toPlainString());
                    stage.say("                  %s", item.formula());
                });
        stage.say(
                "%,.2f %s a month in %d lines, %s a million messages",
                estimate.monthlyTotal(),
                estimate.prices().currency(),
                estimate.items().size(),
                estimate.costPerMillionMessages().toPlainString());
        estimate.warnings().forEach(warning -> stage.say("to know: %s", warning));
        stage.checks()
                .that(
                        estimate.items().stream()
                                        .map(LineItem::cost)
                                        .reduce(BigDecimal.ZERO, BigDecimal::add)
                                        .compareTo(estimate.monthlyTotal())
                                == 0,
                        "the lines add up to the total to the cent");
    }

    private static void forgotten(DemoStage stage, CostAnalysis analysis) throws Exception {
        stage.step("The line people forget, and what else can be saved", """
                Every byte crosses zones several times. Consumers that fetch from a replica in their own zone save more than
                most tuning does.""");
        for (CostAnalysis.Option option : analysis.options()) {
            stage.say("%,14.2f saved by: %s", option.saving(), option.option().after());
        }
        CostAnalysis.Option fetch = analysis.options().stream()
                .filter(option -> option.option() == CostOption.FOLLOWER_FETCH)
                .findFirst()
                .orElseThrow();
        BigDecimal line = CostModel.of(
                        analysis.estimate().prices(), analysis.estimate().asOf())
                .estimate(CostOption.FOLLOWER_FETCH.without(analysis.estimate().inputs()))
                .items()
                .stream()
                .filter(item -> item.name().equals("Cross-zone: leaders to consumers"))
                .map(LineItem::cost)
                .reduce(BigDecimal.ZERO, BigDecimal::add);
        stage.checks()
                .that(
                        fetch.saving().compareTo(line) == 0,
                        "follower fetch saves exactly the consumers' cross-zone line");
    }

    private static void refused(DemoStage stage, CostModel model) throws Exception {
        stage.step("What is wrong is refused, all of it at once", """
                No input is bent into its range, and no price that is missing is assumed.""");
        List<String> problems = List.of();
        try {
            model.estimate(CostInputs.builder()
                    .set(CostInput.RECORDS_PER_SECOND, -1)
                    .set(CostInput.REPLICATION, 5)
                    .build());
        } catch (InvalidSettingsException e) {
            problems = e.problems();
        }
        problems.forEach(problem -> stage.say("%s", problem));
        stage.checks().that(problems.size() == 2, "a negative rate and more copies than brokers are named together");
    }

    private void page(DemoStage stage, CostAnalysis analysis) throws Exception {
        stage.step("For those who do not read terminals", """
                The same as a page with plots, as Markdown, as CSV, and in the columns of FOCUS 1.2 for the FinOps team:
                examples/run CostReport --help.""");
        Path file = Files.createDirectories(stage.directory(this)).resolve("costs.html");
        Files.writeString(file, CostFormat.HTML.render(analysis));
        String page = Files.readString(file);
        stage.say("a page of %,d bytes", page.length());
        stage.checks()
                .that(
                        page.contains("<svg") && !page.contains("<script") && !page.contains("src="),
                        "the page has its plots in itself and loads nothing");
    }
}
