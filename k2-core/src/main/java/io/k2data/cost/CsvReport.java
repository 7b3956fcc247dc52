package io.k2data.cost;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The bill's lines as CSV. */
final class CsvReport {
    private CsvReport() {}

    static String render(CostAnalysis analysis) {
        StringBuilder csv = new StringBuilder();
        csv.append(row(
                "name",
                "component",
                "quantity",
                "unit",
                "list_unit_price",
                "discount",
                "unit_price",
                "cost",
                "currency",
                "price_key",
                "price_as_of",
                "price_source",
                "formula"));
        CostEstimate estimate = analysis.estimate();
        for (LineItem item : estimate.items()) {
            csv.append(row(
                    item.name(),
                    item.component().title(),
                    item.quantity().toPlainString(),
                    item.unit(),
                    item.price().amount().toPlainString(),
                    item.discount().toPlainString(),
                    item.unitPrice().toPlainString(),
                    item.cost().toPlainString(),
                    estimate.prices().currency().getCurrencyCode(),
                    item.price().key(),
                    item.price().asOf().toString(),
                    item.price().source(),
                    item.formula()));
        }
        return csv.toString();
    }

    /** A row as RFC 4180 has it, but for the line's end, which is a line feed alone. */
    static String row(String... fields) {
        return Arrays.stream(fields).map(CsvReport::field).collect(Collectors.joining(",", "", "\n"));
    }

    private static String field(String text) {
        boolean plain = text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}
