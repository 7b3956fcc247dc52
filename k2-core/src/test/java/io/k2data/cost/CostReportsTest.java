package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CostReportsTest {
    /** After {@code mvn -pl k2-core -am test -Dtest='CostReportsTest,CostModelDocTest' -Dk2.update=true} they are current. */
    private static final boolean UPDATE = Boolean.getBoolean("k2.update");

    private static final Path GOLDEN = Path.of("src/test/resources/io/k2data/cost/golden");

    /**
     * Those whose feature level is Mandatory in FOCUS 1.2, each said so under "Content Constraints" of its column in
     * https://focus.finops.org/focus-specification/v1-2/ (source: github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec,
     * specification/columns).
     */
    private static final List<String> MANDATORY = List.of(
            "BilledCost",
            "BillingAccountId",
            "BillingAccountName",
            "BillingCurrency",
            "BillingPeriodEnd",
            "BillingPeriodStart",
            "ChargeCategory",
            "ChargeClass",
            "ChargeDescription",
            "ChargePeriodEnd",
            "ChargePeriodStart",
            "ContractedCost",
            "EffectiveCost",
            "InvoiceIssuerName",
            "ListCost",
            "PricingQuantity",
            "PricingUnit",
            "ProviderName",
            "PublisherName",
            "ServiceCategory",
            "ServiceName");

    /** The allowed values of ServiceCategory there that a bill of ours may have. */
    private static final Set<String> SERVICE_CATEGORIES = Set.of("Compute", "Databases", "Networking", "Storage");

    static CostAnalysis analysis(CostScenario scenario) {
        return CostModel.of(PriceBook.awsUsEast1(), LocalDate.of(2026, 11, 27))
                .analyse(scenario.key(), scenario.inputs().build());
    }

    @ParameterizedTest
    @EnumSource(CostScenario.class)
    void scenariosComeOutAsTheirGoldenFilesSay(CostScenario scenario) throws IOException {
        CostAnalysis analysis = analysis(scenario);
        for (CostFormat format : CostFormat.values()) {
            // One page is enough to see a change.
            if (format == CostFormat.HTML && scenario != CostScenario.MEDIUM) {
                continue;
            }
            Path golden = GOLDEN.resolve(scenario.key() + "." + format.key());
            if (UPDATE) {
                Files.createDirectories(GOLDEN);
                Files.writeString(golden, format.render(analysis));
            }
            assertThat(format.render(analysis)).as(golden.toString()).isEqualTo(Files.readString(golden));
        }
    }

    @Test
    void jsonIsOneLineThatBeginsAsItWasPromised() throws IOException {
        CostAnalysis analysis = analysis(CostScenario.SMALL);
        String json = CostFormat.JSON.render(analysis);
        assertThat(json.lines()).hasSize(1);
        assertThat(json).startsWith("{\"monthlyTotal\":");
        List<String> fields = new ArrayList<>();
        BigDecimal sum = BigDecimal.ZERO;
        BigDecimal total = null;
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            int depth = 0;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
                if (token == JsonToken.FIELD_NAME && depth == 1) {
                    fields.add(parser.currentName());
                } else if (token == JsonToken.VALUE_NUMBER_FLOAT || token == JsonToken.VALUE_NUMBER_INT) {
                    if ("monthlyTotal".equals(parser.currentName())) {
                        total = parser.getDecimalValue();
                    } else if ("cost".equals(parser.currentName())) {
                        sum = sum.add(parser.getDecimalValue());
                    }
                }
            }
        }
        assertThat(fields)
                .startsWith("monthlyTotal", "messagesPerMonth", "costPerMillionMessages", "currency", "items");
        assertThat(sum)
                .isEqualByComparingTo(total)
                .isEqualByComparingTo(analysis.estimate().monthlyTotal());
    }

    @ParameterizedTest
    @EnumSource(CostScenario.class)
    void focusRowsHaveEveryMandatoryColumnOfTheSpecificationAndKeepItsRules(CostScenario scenario) {
        CostAnalysis analysis = analysis(scenario);
        List<List<String>> rows = parse(CostFormat.FOCUS.render(analysis));
        List<String> header = rows.get(0);
        assertThat(header).startsWith(MANDATORY.toArray(String[]::new));
        assertThat(header.subList(MANDATORY.size(), header.size())).allMatch(name -> name.startsWith("x_"));
        assertThat(rows).hasSize(1 + analysis.estimate().items().size());
        BigDecimal billed = BigDecimal.ZERO;
        for (List<String> fields : rows.subList(1, rows.size())) {
            Map<String, String> row = new HashMap<>();
            for (int i = 0; i < header.size(); i++) {
                row.put(header.get(i), fields.get(i));
            }
            // Null is the empty field; of the mandatory columns these rows leave only ChargeClass null, which must be
            // null
            // where a row is no correction.
            MANDATORY.stream()
                    .filter(column -> !column.equals("ChargeClass"))
                    .forEach(column -> assertThat(row.get(column)).as(column).isNotEmpty());
            assertThat(row.get("ChargeClass")).isEmpty();
            assertThat(row.get("ChargeCategory")).isEqualTo("Usage");
            assertThat(row.get("ServiceCategory")).isIn(SERVICE_CATEGORIES);
            assertThat(row.get("BillingCurrency")).matches("[A-Z]{3}");
            assertThat(row.get("BillingPeriodStart")).isEqualTo("2026-11-01T00:00:00Z");
            assertThat(row.get("BillingPeriodEnd")).isEqualTo("2026-12-01T00:00:00Z");
            assertThat(row.get("ChargePeriodStart")).isEqualTo(row.get("BillingPeriodStart"));
            // Unit Format: plural units, a hyphen in compound ones, a quantity before them.
            assertThat(row.get("PricingUnit")).matches("(\\d+ )?([A-Z][A-Za-z]+-)?[A-Z][A-Za-z]*");
            BigDecimal cost = new BigDecimal(row.get("ContractedCost"));
            assertThat(new BigDecimal(row.get("PricingQuantity"))
                            .multiply(new BigDecimal(row.get("x_UnitPrice")))
                            .setScale(2, RoundingMode.HALF_UP))
                    .isEqualTo(cost);
            assertThat(new BigDecimal(row.get("EffectiveCost"))).isEqualTo(cost);
            billed = billed.add(new BigDecimal(row.get("BilledCost")));
        }
        assertThat(billed).isEqualByComparingTo(analysis.estimate().monthlyTotal());
    }

    @Test
    void csvQuotesWhatHasToBe() {
        List<List<String>> rows = parse(CostFormat.CSV.render(analysis(CostScenario.LARGE)));
        assertThat(rows).allMatch(row -> row.size() == rows.get(0).size());
        assertThat(rows.get(1).get(12)).contains("10,000,000 records/s");
    }

    @Test
    void nothingFromOutsideBecomesPartOfThePage() {
        PriceBook book = PriceBook.awsUsEast1()
                .map(price -> new Price(
                        price.key(),
                        price.amount(),
                        price.service(),
                        price.asOf(),
                        "https://x/\"><script>alert(1)</script>",
                        false,
                        "<img src=x onerror=alert(2)>"));
        String page = CostFormat.HTML.render(CostModel.of(book, LocalDate.of(2026, 11, 27))
                .analyse("<b>ours</b>", CostInputs.builder().build()));
        assertThat(page).doesNotContain("<script", "<img", "<b>").contains("&lt;b&gt;ours&lt;/b&gt;");
        assertThat(page).doesNotContain("src=\"http", "url(", "@import");
    }

    /** Rows of RFC 4180. */
    private static List<List<String>> parse(String csv) {
        List<List<String>> rows = new ArrayList<>();
        List<String> row = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < csv.length(); i++) {
            char c = csv.charAt(i);
            if (quoted) {
                if (c != '"') {
                    field.append(c);
                } else if (i + 1 < csv.length() && csv.charAt(i + 1) == '"') {
                    field.append('"');
                    i++;
                } else {
                    quoted = false;
                }
            } else if (c == '"') {
                quoted = true;
            } else if (c == ',' || c == '\n') {
                row.add(field.toString());
                field.setLength(0);
                if (c == '\n') {
                    rows.add(row);
                    row = new ArrayList<>();
                }
            } else {
                field.append(c);
            }
        }
        return rows;
    }
}
