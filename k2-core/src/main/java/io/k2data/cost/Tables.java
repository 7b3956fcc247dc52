package io.k2data.cost;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/** What a report shows, as tables. */
final class Tables {
    private static final int SENSITIVITIES = 12;
    private static final MathContext TWO_DIGITS = new MathContext(2);

    private Tables() {}

    static String currency(CostEstimate estimate) {
        return estimate.prices().currency().getCurrencyCode();
    }

    static ReportTable items(CostEstimate estimate) {
        ReportTable table =
                new ReportTable("The bill", "line", ">quantity", "unit", ">unit price", ">" + currency(estimate));
        for (LineItem item : estimate.items()) {
            table.row(
                    item.name(),
                    Figures.of(item.quantity()),
                    item.unit(),
                    item.unitPrice().toPlainString(),
                    Figures.money(item.cost()));
        }
        return table.row("total", "", "", "", Figures.money(estimate.monthlyTotal()));
    }

    static ReportTable formulas(CostEstimate estimate) {
        ReportTable table = new ReportTable("How the quantities come about", "line", "quantity");
        estimate.items().forEach(item -> table.row(item.name(), item.formula()));
        return table;
    }

    static ReportTable components(CostEstimate estimate) {
        ReportTable table = new ReportTable("By component", "component", ">" + currency(estimate), ">part");
        for (Map.Entry<CostComponent, BigDecimal> entry : estimate.byComponent().entrySet()) {
            table.row(
                    entry.getKey().title(),
                    Figures.money(entry.getValue()),
                    percent(entry.getValue(), estimate.monthlyTotal()));
        }
        return table;
    }

    static String percent(BigDecimal part, BigDecimal whole) {
        return whole.signum() == 0
                ? "0.0 %"
                : part.multiply(BigDecimal.valueOf(100)).divide(whole, 1, RoundingMode.HALF_UP) + " %";
    }

    static ReportTable projection(CostAnalysis analysis) {
        ReportTable table = new ReportTable(
                "The months to come", ">month", ">records/s", ">stored TB", ">" + currency(analysis.estimate()));
        analysis.projection().stream()
                .filter(month -> month.number() == 1 || month.number() % 3 == 0)
                .forEach(month -> table.row(
                        String.valueOf(month.number()),
                        Figures.of(month.recordsPerSecond()),
                        Figures.of(month.storedTb()),
                        Figures.money(month.total())));
        return table;
    }

    static ReportTable rates(CostAnalysis analysis) {
        String currency = currency(analysis.estimate());
        ReportTable table = new ReportTable(
                "At other rates", ">records/s", ">" + currency + " a month", ">" + currency + " a million");
        analysis.rates()
                .forEach(rate -> table.row(
                        Figures.of(rate.recordsPerSecond()),
                        Figures.money(rate.total()),
                        rate.costPerMillionMessages().toPlainString()));
        return table;
    }

    static ReportTable sensitivities(CostAnalysis analysis) {
        ReportTable table = new ReportTable("What moves the total", "input", ">from", ">to", ">total moves by");
        analysis.sensitivities().stream()
                .filter(each -> each.changePercent() != 0)
                .limit(SENSITIVITIES)
                .forEach(each -> table.row(
                        each.input().key(),
                        Figures.of(each.from()),
                        Figures.of(each.to()),
                        String.format(Locale.ROOT, "%+.2f %%", each.changePercent())));
        return table;
    }

    static ReportTable options(CostAnalysis analysis) {
        ReportTable table = new ReportTable(
                "Choices", "instead of", "do", ">" + currency(analysis.estimate()) + " saved", "breaks even at");
        analysis.options()
                .forEach(option -> table.row(
                        option.option().before(),
                        option.option().after(),
                        Figures.money(option.saving()),
                        breakEven(option)));
        return table;
    }

    static String breakEven(CostAnalysis.Option option) {
        OptionalDouble value = option.breakEven();
        return option.option().over().key() + " "
                + (value.isPresent()
                        ? Figures.of(new BigDecimal(value.getAsDouble()).round(TWO_DIGITS))
                        : "at none from " + Figures.of(option.option().from()) + " to "
                                + Figures.of(option.option().to()));
    }

    static ReportTable inputs(CostInputs inputs) {
        ReportTable table = new ReportTable("Assumptions", "input", ">value", "unit", "from");
        for (CostInput input : CostInput.values()) {
            table.row(input.key(), CostInputs.plain(inputs.value(input)), input.unit(), inputs.source(input));
        }
        StringBuilder tiers = new StringBuilder();
        inputs.tiers().forEach(tier -> tiers.append(tiers.isEmpty() ? "" : ", ")
                .append(tier.name())
                .append(" from ")
                .append(tier.fromDays()));
        return table.row("storage-tiers", tiers.toString(), "days of age", "S3's classes that are read at once");
    }

    static ReportTable prices(PriceBook book) {
        ReportTable table =
                new ReportTable("Prices", "price", ">" + book.currency().getCurrencyCode(), "as of", "source", "note");
        book.prices()
                .forEach(price -> table.row(
                        price.key(),
                        price.amount().toPlainString(),
                        price.asOf().toString(),
                        price.source(),
                        (price.verified() ? "" : "NOT VERIFIED. ") + (price.note() == null ? "" : price.note())));
        return table;
    }
}
