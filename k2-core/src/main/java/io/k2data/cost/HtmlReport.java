package io.k2data.cost;

import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** An analysis as a page that needs nothing from elsewhere: plots are SVG in the page, colours follow the reader's theme. */
final class HtmlReport {
    private static final String STYLE = """
            :root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #ffffff; --card: #f6f8fa;
              --line: #d1d9e0; --bar: #0b6bcb; --mark: #b35900; }
            @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa6b2; --paper: #0d1117;
              --card: #161b22; --line: #30363d; --bar: #58a6ff; --mark: #f0883e; } }
            * { box-sizing: border-box; }
            body { margin: 0; background: var(--paper); color: var(--ink);
              font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
            main { max-width: 76rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
            h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
            h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
            p { margin: .25rem 0; }
            .soft { color: var(--soft); }
            .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem;
              margin: 1rem 0; padding: 0; }
            .figures div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
              padding: .6rem .8rem; }
            .figures dt { color: var(--soft); font-size: .85rem; }
            .figures dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
            .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
            figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
              padding: .75rem; }
            figcaption { font-weight: 600; margin-bottom: .5rem; }
            svg { display: block; width: 100%; height: auto; max-width: 30rem; margin: 0 auto; }
            svg text { fill: var(--ink); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
            svg .soft { fill: var(--soft); }
            svg .bar { fill: var(--bar); }
            svg .mark { fill: var(--mark); }
            svg .curve { fill: none; stroke: var(--bar); stroke-width: 2; }
            svg .grid { stroke: var(--line); stroke-width: 1; }
            table { border-collapse: collapse; width: 100%; font-size: .9rem; }
            th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
              vertical-align: top; }
            th:first-child, td:first-child { padding-left: 0; }
            th:last-child, td:last-child { padding-right: 0; }
            th { color: var(--soft); font-weight: 600; }
            .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
            tr.total td { font-weight: 600; border-bottom: 0; }
            .warnings { border-left: .25rem solid var(--mark); padding-left: .9rem; margin: 1rem 0; }
            .warnings li { margin-left: 1rem; }
            details { margin-top: 1.25rem; }
            summary { cursor: pointer; font-weight: 600; font-size: 1.1rem; }
            a { color: var(--bar); }
            @media (max-width: 44rem) {
              .wide thead { display: none; }
              .wide tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
              .wide td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .1rem 0;
                text-align: right; white-space: normal; }
              .wide td::before { content: attr(data-label); color: var(--soft); text-align: left; flex: 0 0 auto; }
              .wide td:first-child { font-weight: 600; text-align: left; }
              .wide td:first-child::before { content: none; }
              .wide td:empty { display: none; }
            }
            """;

    private static final double WIDTH = 360;
    private static final double HEIGHT = 230;
    private static final double LEFT = 56;
    private static final double RIGHT = 16;
    private static final double TOP = 24;
    private static final double BOTTOM = 44;
    private static final double HERE_WIDTH = 100;

    private final CostAnalysis analysis;
    private final CostEstimate estimate;
    private final String currency;
    private final StringBuilder page = new StringBuilder();

    private HtmlReport(CostAnalysis analysis) {
        this.analysis = analysis;
        this.estimate = analysis.estimate();
        this.currency = Tables.currency(estimate);
    }

    static String render(CostAnalysis analysis) {
        return new HtmlReport(analysis).page();
    }

    private String page() {
        add("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        add("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        add("<title>" + text("Costs: " + analysis.title()) + "</title>\n<style>\n" + STYLE + "</style>\n</head>\n");
        add("<body>\n<main>\n<h1>" + text("Costs: " + analysis.title()) + "</h1>\n");
        add("<p class=\"soft\">" + text(estimate.prices().name() + "; " + estimate.asOf()) + "</p>\n");
        figures();
        warnings();
        add("<div class=\"plots\">\n");
        componentPlot();
        ratePlot();
        projectionPlot();
        add("</div>\n");
        section(Tables.items(estimate), true);
        section(Tables.options(analysis), true);
        section(Tables.sensitivities(analysis), false);
        folded(Tables.formulas(estimate));
        folded(Tables.inputs(estimate.inputs()));
        folded(Tables.prices(estimate.prices()));
        return add("</main>\n</body>\n</html>\n").toString();
    }

    private StringBuilder add(String html) {
        return page.append(html);
    }

    private static String text(String plain) {
        return plain.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private void figures() {
        add("<dl class=\"figures\">\n");
        figure(currency + " a month", Figures.money(estimate.monthlyTotal()));
        figure(
                currency + " a million messages",
                estimate.costPerMillionMessages().toPlainString());
        figure("messages a month", Figures.words(estimate.messagesPerMonth()));
        figure("TB stored", Figures.of(estimate.storedTb()));
        figure(currency + " a month for each TB", Figures.of(estimate.costPerStoredTb()));
        add("</dl>\n");
    }

    private void figure(String name, String value) {
        add("<div><dt>" + text(name) + "</dt><dd>" + text(value) + "</dd></div>\n");
    }

    private void warnings() {
        if (!estimate.warnings().isEmpty()) {
            add("<ul class=\"warnings\">\n");
            estimate.warnings().forEach(warning -> add("<li>" + text(warning) + "</li>\n"));
            add("</ul>\n");
        }
    }

    private void section(ReportTable table, boolean wide) {
        add("<h2>" + text(table.title()) + "</h2>\n");
        table(table, wide);
    }

    private void folded(ReportTable table) {
        add("<details>\n<summary>" + text(table.title()) + "</summary>\n");
        table(table, true);
        add("</details>\n");
    }

    private void table(ReportTable table, boolean wide) {
        add("<table" + (wide ? " class=\"wide\"" : "") + ">\n<thead><tr>");
        for (int i = 0; i < table.header().size(); i++) {
            add("<th" + numberClass(table, i) + ">" + text(table.header().get(i)) + "</th>");
        }
        add("</tr></thead>\n<tbody>\n");
        for (List<String> row : table.rows()) {
            add(row.get(0).equals("total") ? "<tr class=\"total\">" : "<tr>");
            for (int i = 0; i < row.size(); i++) {
                add("<td" + numberClass(table, i) + " data-label=\""
                        + text(table.header().get(i)) + "\">" + linked(row.get(i)) + "</td>");
            }
            add("</tr>\n");
        }
        add("</tbody>\n</table>\n");
    }

    private static String numberClass(ReportTable table, int column) {
        return table.isNumber(column) ? " class=\"number\"" : "";
    }

    private static String linked(String cell) {
        boolean isAddress = cell.matches("https?://[^\\s\"<>]+");
        return isAddress ? "<a href=\"" + text(cell) + "\">" + text(cell) + "</a>" : text(cell);
    }

    private void plot(String title, double height, String content) {
        add("<figure>\n<figcaption>" + text(title) + "</figcaption>\n");
        add(format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\">\n", WIDTH, height, text(title)));
        add(content + "</svg>\n</figure>\n");
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private static String label(double x, double y, String anchor, String style, String content) {
        return format(
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n",
                x, y, anchor, style.isEmpty() ? "" : " class=\"" + style + "\"", text(content));
    }

    private static String rule(double x1, double y1, double x2, double y2) {
        return format("<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x1, y1, x2, y2);
    }

    private void componentPlot() {
        Map<CostComponent, BigDecimal> costs = estimate.byComponent();
        double most = Math.max(
                0.01,
                costs.values().stream()
                        .mapToDouble(BigDecimal::doubleValue)
                        .max()
                        .orElse(0));
        StringBuilder svg = new StringBuilder();
        double y = 0;
        for (Map.Entry<CostComponent, BigDecimal> entry : costs.entrySet()) {
            double width = WIDTH * entry.getValue().doubleValue() / most;
            svg.append(label(0, y + 13, "start", "", entry.getKey().title()));
            svg.append(label(
                    WIDTH,
                    y + 13,
                    "end",
                    "soft",
                    Figures.money(entry.getValue()) + "  "
                            + Tables.percent(entry.getValue(), estimate.monthlyTotal())));
            svg.append(format(
                    "<rect class=\"bar\" x=\"0\" y=\"%.1f\" width=\"%.1f\" height=\"9\" rx=\"2\"/>\n", y + 19, width));
            y += 38;
        }
        plot(currency + " a month by component", y, svg.toString());
    }

    private void ratePlot() {
        List<CostAnalysis.Rate> rates = analysis.rates();
        double[] costs = rates.stream()
                .mapToDouble(
                        rate -> Math.max(1e-6, rate.costPerMillionMessages().doubleValue()))
                .toArray();
        double lowest = Double.MAX_VALUE;
        double highest = 0;
        for (double cost : costs) {
            lowest = Math.min(lowest, cost);
            highest = Math.max(highest, cost);
        }
        double from = Math.floor(Math.log10(lowest));
        double to = Math.max(from + 1, Math.ceil(Math.log10(highest)));
        double first = Math.log10(rates.get(0).recordsPerSecond());
        double last = Math.log10(rates.get(rates.size() - 1).recordsPerSecond());
        StringBuilder svg = new StringBuilder();
        for (double power = from; power <= to; power++) {
            double y = scale(power, from, to, HEIGHT - BOTTOM, TOP);
            svg.append(rule(LEFT, y, WIDTH - RIGHT, y));
            svg.append(label(LEFT - 6, y + 4, "end", "soft", CostInputs.plain(Math.pow(10, power))));
        }
        for (double power = Math.ceil(first); power <= last; power++) {
            double x = scale(power, first, last, LEFT, WIDTH - RIGHT);
            svg.append(label(
                    x,
                    HEIGHT - BOTTOM + 18,
                    "middle",
                    "soft",
                    power < 6 ? format("%.0fk", Math.pow(10, power - 3)) : format("%.0fM", Math.pow(10, power - 6))));
        }
        svg.append(label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle", "soft", "records a second"));
        StringBuilder points = new StringBuilder();
        StringBuilder dots = new StringBuilder();
        for (int i = 0; i < costs.length; i++) {
            double x = scale(Math.log10(rates.get(i).recordsPerSecond()), first, last, LEFT, WIDTH - RIGHT);
            double y = scale(Math.log10(costs[i]), from, to, HEIGHT - BOTTOM, TOP);
            points.append(format("%s%.1f,%.1f", i == 0 ? "" : " ", x, y));
            dots.append(format(
                    "<circle class=\"bar\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s</title></circle>\n",
                    x,
                    y,
                    text(Figures.of(rates.get(i).recordsPerSecond()) + " records/s: "
                            + rates.get(i).costPerMillionMessages().toPlainString() + " " + currency + " a million")));
        }
        svg.append("<polyline class=\"curve\" points=\"")
                .append(points)
                .append("\"/>\n")
                .append(dots);
        double here = Math.log10(estimate.inputs().value(CostInput.RECORDS_PER_SECOND));
        double cost =
                Math.log10(Math.max(1e-6, estimate.costPerMillionMessages().doubleValue()));
        if (here >= first && here <= last && cost >= from && cost <= to) {
            double x = scale(here, first, last, LEFT, WIDTH - RIGHT);
            double y = scale(cost, from, to, HEIGHT - BOTTOM, TOP);
            svg.append(format("<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", x, y));
            // The curve falls, so there is room above and to the right of a point.
            boolean fits = x + 8 + HERE_WIDTH < WIDTH - RIGHT;
            svg.append(label(
                    fits ? x + 8 : WIDTH - RIGHT,
                    y - 10,
                    fits ? "start" : "end",
                    "",
                    "here: " + Figures.of(estimate.costPerMillionMessages())));
        }
        plot(currency + " a million messages over rate", HEIGHT, svg.toString());
    }

    private void projectionPlot() {
        List<CostAnalysis.Month> months = analysis.projection();
        double most = months.stream()
                .mapToDouble(month -> month.total().doubleValue())
                .max()
                .orElse(1);
        double step = niceStep(most / 4);
        double top = Math.max(step, Math.ceil(most / step) * step);
        StringBuilder svg = new StringBuilder();
        for (double value = 0; value <= top + step / 2; value += step) {
            double y = scale(value, 0, top, HEIGHT - BOTTOM, TOP);
            svg.append(rule(LEFT, y, WIDTH - RIGHT, y));
            svg.append(label(LEFT - 6, y + 4, "end", "soft", shortMoney(value)));
        }
        double slot = (WIDTH - RIGHT - LEFT) / months.size();
        for (CostAnalysis.Month month : months) {
            double x = LEFT + slot * (month.number() - 1);
            double y = scale(month.total().doubleValue(), 0, top, HEIGHT - BOTTOM, TOP);
            svg.append(format(
                    "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"1\"><title>%s</title></rect>\n",
                    x + slot * 0.15,
                    y,
                    slot * 0.7,
                    HEIGHT - BOTTOM - y,
                    text("month " + month.number() + ": " + Figures.money(month.total()) + " " + currency)));
            if (month.number() == 1 || month.number() % 6 == 0) {
                svg.append(label(x + slot / 2, HEIGHT - BOTTOM + 18, "middle", "soft", String.valueOf(month.number())));
            }
        }
        svg.append(label(
                (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "middle", "soft", "month, beginning with an empty table"));
        plot(currency + " a month, as the feed grows", HEIGHT, svg.toString());
    }

    private static double scale(double value, double from, double to, double at, double end) {
        return at + (value - from) / (to - from) * (end - at);
    }

    private static double niceStep(double raw) {
        double power = Math.pow(10, Math.floor(Math.log10(Math.max(raw, 0.01))));
        for (double factor : new double[] {1, 2, 2.5, 5}) {
            if (raw <= factor * power) {
                return factor * power;
            }
        }
        return 10 * power;
    }

    private static String shortMoney(double value) {
        if (value >= 1e6) {
            return CostInputs.plain(value / 1e6) + "M";
        }
        return value >= 1e3 ? CostInputs.plain(value / 1e3) + "k" : CostInputs.plain(value);
    }
}
