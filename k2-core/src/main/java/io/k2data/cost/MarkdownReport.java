package io.k2data.cost;

import java.util.List;

/** An analysis in Markdown. */
final class MarkdownReport {
    private MarkdownReport() {}

    static String render(CostAnalysis analysis) {
        CostEstimate estimate = analysis.estimate();
        StringBuilder text = new StringBuilder("# " + analysis.title() + "\n\n" + TextReport.headline(estimate)
                + ".\n\n" + estimate.prices().name() + ", " + estimate.asOf() + ".\n");
        for (ReportTable table : List.of(
                Tables.items(estimate),
                Tables.formulas(estimate),
                Tables.components(estimate),
                Tables.rates(analysis),
                Tables.projection(analysis),
                Tables.sensitivities(analysis),
                Tables.options(analysis),
                Tables.inputs(estimate.inputs()),
                Tables.prices(estimate.prices()))) {
            text.append("\n## ").append(table.title()).append("\n\n").append(table.markdown());
        }
        if (!estimate.warnings().isEmpty()) {
            text.append("\n## To know\n\n");
            estimate.warnings()
                    .forEach(warning -> text.append("- ").append(warning).append('\n'));
        }
        return text.toString();
    }
}
