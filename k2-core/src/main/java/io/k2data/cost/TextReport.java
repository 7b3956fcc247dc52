package io.k2data.cost;

import java.util.List;

/** An analysis for a terminal. */
final class TextReport {
    private TextReport() {}

    static String render(CostAnalysis analysis) {
        CostEstimate estimate = analysis.estimate();
        StringBuilder text = new StringBuilder();
        text.append(analysis.title())
                .append(": ")
                .append(headline(estimate))
                .append('\n')
                .append(estimate.prices().name())
                .append(", ")
                .append(estimate.asOf())
                .append("\n");
        for (ReportTable table : List.of(
                Tables.items(estimate),
                Tables.components(estimate),
                Tables.rates(analysis),
                Tables.projection(analysis),
                Tables.sensitivities(analysis),
                Tables.options(analysis))) {
            text.append('\n').append(table.title()).append('\n').append(table.text("  "));
        }
        if (!estimate.warnings().isEmpty()) {
            text.append("\nTo know\n");
            estimate.warnings()
                    .forEach(warning -> text.append("  ! ").append(warning).append('\n'));
        }
        return text.toString();
    }

    static String headline(CostEstimate estimate) {
        String currency = Tables.currency(estimate);
        return Figures.money(estimate.monthlyTotal()) + " " + currency + " a month for "
                + Figures.words(estimate.messagesPerMonth()) + " messages, "
                + estimate.costPerMillionMessages().toPlainString() + " " + currency + " a million; "
                + Figures.of(estimate.storedTb()) + " TB stored, "
                + Figures.of(estimate.costPerStoredTb()) + " " + currency + " a TB";
    }
}
