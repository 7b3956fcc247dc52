package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The tables of docs/cost-model.md and the rules beside it are the model's own, and current. */
class CostModelDocTest {
    private static final boolean UPDATE = Boolean.getBoolean("k2.update");
    private static final LocalDate DAY = LocalDate.of(2026, 11, 27);
    private static final CostModel MODEL = CostModel.of(PriceBook.awsUsEast1(), DAY);
    private static final Path DOC = Path.of("../docs/cost-model.md");
    private static final Path RULES = Path.of("../docs/operations/cost-alerts.yml");

    private static Map<CostScenario, CostAnalysis> analyses() {
        Map<CostScenario, CostAnalysis> analyses = new EnumMap<>(CostScenario.class);
        for (CostScenario scenario : CostScenario.values()) {
            analyses.put(scenario, CostReportsTest.analysis(scenario));
        }
        return analyses;
    }

    @Test
    void tablesAreCurrent() throws IOException {
        Map<CostScenario, CostAnalysis> analyses = analyses();
        Map<String, String> tables = new LinkedHashMap<>();
        tables.put("scenarios", scenarios(analyses).markdown());
        tables.put("bill", bill(analyses).markdown());
        tables.put("levers", levers(analyses).markdown());
        tables.put("sensitivities", sensitivities(analyses).markdown());
        tables.put("published", published().markdown());
        tables.put("assumptions", Tables.inputs(CostInputs.builder().build()).markdown());
        tables.put("prices", Tables.prices(PriceBook.awsUsEast1()).markdown());
        String doc = Files.readString(DOC);
        String current = doc;
        for (Map.Entry<String, String> table : tables.entrySet()) {
            String begin = "<!-- generated: " + table.getKey() + " -->\n";
            int from = current.indexOf(begin);
            int to = current.indexOf("<!-- end -->", from);
            assertThat(from).as(begin).isNotNegative();
            assertThat(to).as(begin).isNotNegative();
            current = current.substring(0, from + begin.length()) + table.getValue() + current.substring(to);
        }
        if (UPDATE) {
            Files.writeString(DOC, current);
            doc = current;
        }
        assertThat(doc)
                .as("docs/cost-model.md; mvn -pl k2-core -am test -Dtest='CostReportsTest,CostModelDocTest'"
                        + " -Dsurefire.failIfNoSpecifiedTests=false -Dk2.update=true brings it up to date")
                .isEqualTo(current);
    }

    @Test
    void rulesAreCurrent() throws IOException {
        String rules = CostRules.prometheus(
                CostReportsTest.analysis(CostScenario.SMALL).estimate(), new BigDecimal("2000"));
        if (UPDATE) {
            Files.writeString(RULES, rules);
        }
        assertThat(Files.readString(RULES)).isEqualTo(rules);
    }

    private static ReportTable scenarios(Map<CostScenario, CostAnalysis> analyses) {
        ReportTable table = new ReportTable(
                "",
                "scenario",
                ">records/s",
                ">USD a month",
                ">USD a million",
                ">TB stored",
                ">USD a month in month 24");
        analyses.forEach((scenario, analysis) -> table.row(
                scenario.key(),
                Figures.of(analysis.estimate().inputs().value(CostInput.RECORDS_PER_SECOND)),
                Figures.money(analysis.estimate().monthlyTotal()),
                analysis.estimate().costPerMillionMessages().toPlainString(),
                Figures.of(analysis.estimate().storedTb()),
                Figures.money(analysis.projection().get(23).total())));
        return table;
    }

    private static ReportTable bill(Map<CostScenario, CostAnalysis> analyses) {
        ReportTable table = new ReportTable("", "line", ">small", ">medium", ">large");
        List<String> names = new ArrayList<>();
        analyses.values().forEach(analysis -> analysis.estimate().items().stream()
                .map(LineItem::name)
                .filter(name -> !names.contains(name))
                .forEach(names::add));
        for (String name : names) {
            List<String> row = new ArrayList<>(List.of(name));
            analyses.values()
                    .forEach(analysis -> row.add(analysis.estimate().items().stream()
                            .filter(item -> item.name().equals(name))
                            .map(item -> Figures.money(item.cost()))
                            .findFirst()
                            .orElse("-")));
            table.row(row.toArray(String[]::new));
        }
        List<String> total = new ArrayList<>(List.of("total"));
        analyses.values()
                .forEach(analysis -> total.add(Figures.money(analysis.estimate().monthlyTotal())));
        return table.row(total.toArray(String[]::new));
    }

    private static ReportTable levers(Map<CostScenario, CostAnalysis> analyses) {
        ReportTable table = new ReportTable(
                "", "lever", "when", ">saved, small", ">medium", ">large", "where both cost the same (medium)");
        for (CostOption option : CostOption.values()) {
            List<String> row = new ArrayList<>(List.of(option.before() + " -> " + option.after(), option.trigger()));
            for (CostAnalysis analysis : analyses.values()) {
                CostAnalysis.Option found = find(analysis, option);
                BigDecimal part = found.before().signum() == 0
                        ? BigDecimal.ZERO
                        : found.saving()
                                .multiply(BigDecimal.valueOf(100))
                                .divide(found.before(), 1, RoundingMode.HALF_UP);
                row.add(Figures.money(found.saving()) + " (" + part + " %)");
            }
            row.add(Tables.breakEven(find(analyses.get(CostScenario.MEDIUM), option)));
            table.row(row.toArray(String[]::new));
        }
        return table;
    }

    private static CostAnalysis.Option find(CostAnalysis analysis, CostOption option) {
        return analysis.options().stream()
                .filter(each -> each.option() == option)
                .findFirst()
                .orElseThrow();
    }

    private static ReportTable sensitivities(Map<CostScenario, CostAnalysis> analyses) {
        ReportTable table = new ReportTable("", ">rank", "small", "medium", "large");
        for (int i = 0; i < 8; i++) {
            List<String> row = new ArrayList<>(List.of(String.valueOf(i + 1)));
            for (CostAnalysis analysis : analyses.values()) {
                CostAnalysis.Sensitivity each = analysis.sensitivities().get(i);
                row.add(each.input().key() + " "
                        + String.format(java.util.Locale.ROOT, "%+.2f %%", each.changePercent()));
            }
            table.row(row.toArray(String[]::new));
        }
        return table;
    }

    private static CostInputs.Builder megabytes(double bytesPerSecond, double consumers) {
        return CostInputs.builder()
                .set(CostInput.RECORDS_PER_SECOND, bytesPerSecond / 1024)
                .set(CostInput.WIRE_BYTES, 1024)
                .set(CostInput.CONSUMERS, consumers);
    }

    private static ReportTable published() {
        double mib = 1 << 20;
        ReportTable table = new ReportTable("", "published", ">their figure", ">this model", "why they differ");
        CostEstimate three = MODEL.estimate(megabytes(100 * mib, 3).build());
        CostEstimate follower = MODEL.estimate(
                megabytes(100 * mib, 3).on(CostInput.FOLLOWER_FETCH).build());
        table.row(
                "Kafka at 100 MiB/s with three consumers: [cross-zone transfer](https://www.automq.com/blog/kafka-cross-az-hidden-cost), after Confluent",
                "24,000 USD a month",
                Figures.of(three.byComponent().get(CostComponent.TRANSFER)),
                "they do not: produced 2/3, replicated 2, consumed 3 x 2/3 times, 0.02 a GiB");
        table.row(
                "the same with follower fetch",
                "14,000",
                Figures.of(follower.byComponent().get(CostComponent.TRANSFER)),
                "they do not, but for rounding");
        CostEstimate disks = MODEL.estimate(megabytes(100e6, 3)
                .set(CostInput.KAFKA_RETENTION_HOURS, 168)
                .set(CostInput.DISK_FILL, 1)
                .build());
        table.row(
                "the same cluster's disks, seven days kept (second-hand)",
                "14,500",
                Figures.of(line(disks, "Kafka disks")),
                "theirs is in GB of 10^9 bytes; clouds bill 2^30. Disks that are 70 % full cost "
                        + Figures.of(line(disks, "Kafka disks").doubleValue() / 0.7));
        CostEstimate automq = MODEL.estimate(megabytes(300e6, 1).build());
        table.row(
                "Kafka at 300 MB/s, [cross-zone transfer](https://www.automq.com/kafka-cost-comparison)",
                "51,000",
                Figures.of(automq.byComponent().get(CostComponent.TRANSFER)),
                "one consumer; theirs is between GB and GiB");
        CostEstimate retained = MODEL.estimate(megabytes(300e6, 1)
                .set(CostInput.KAFKA_RETENTION_HOURS, 50e12 / 300e6 / 3600)
                .set(CostInput.DISK_FILL, 0.5)
                .build());
        table.row(
                "the same cluster's disks, 50 TB kept, half full",
                "24,000",
                Figures.of(line(retained, "Kafka disks")),
                "10^12 against 2^40");
        table.row(
                "2.59 trillion messages for 22,060 USD a month, by the best-known document for such a platform",
                "0.85 USD a million",
                CostEstimate.perMillion(new BigDecimal("22060"), new BigDecimal("2590000000000"))
                        .setScale(4, RoundingMode.HALF_UP)
                        .toPlainString(),
                "a slip in the division");
        CostEstimate medium = MODEL.estimate(CostScenario.MEDIUM.inputs().build());
        table.row(
                "the same platform, a million messages a second",
                "22,060 a month",
                Figures.of(medium.monthlyTotal()),
                "chance: its parts are not comparable. Of this total, "
                        + Figures.of(medium.byComponent().get(CostComponent.TRANSFER))
                        + " is transfer between zones, the line that estimates most often leave out");
        return table;
    }

    private static BigDecimal line(CostEstimate estimate, String name) {
        return estimate.items().stream()
                .filter(item -> item.name().equals(name))
                .map(LineItem::cost)
                .findFirst()
                .orElseThrow();
    }
}
