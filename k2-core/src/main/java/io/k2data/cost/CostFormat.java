package io.k2data.cost;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** How an analysis is written down. Every format ends with a line break. */
public enum CostFormat {
    /** For a terminal, 120 columns wide. */
    TABLE(TextReport::render),
    /** The bill's lines as CSV (RFC 4180), with prices and sources. */
    CSV(CsvReport::render),
    /**
     * One line of JSON. It begins with {@code monthlyTotal}, {@code messagesPerMonth}, {@code costPerMillionMessages},
     * {@code currency} and {@code items}, each with {@code name}, {@code quantity}, {@code unit}, {@code unitPrice} and
     * {@code cost}.
     */
    JSON(JsonReport::render),
    /** Tables in Markdown. */
    MARKDOWN(MarkdownReport::render),
    /** A page with plots that needs nothing from elsewhere. */
    HTML(HtmlReport::render),
    /**
     * The bill's lines as CSV in the columns of FOCUS 1.2, the FinOps Open Cost and Usage Specification: all that are
     * mandatory, and K2's own, which begin with {@code x_}.
     */
    FOCUS(FocusReport::render);

    private final Function<CostAnalysis, String> renderer;

    CostFormat(Function<CostAnalysis, String> renderer) {
        this.renderer = renderer;
    }

    /**
     * Finds a format.
     *
     * @param key its name, in lower case
     * @return the format; empty if there is none
     */
    public static Optional<CostFormat> of(String key) {
        return Arrays.stream(values())
                .filter(format -> format.key().equals(key))
                .findFirst();
    }

    /**
     * Returns its name.
     *
     * @return in lower case
     */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Writes an analysis down.
     *
     * @param analysis the analysis
     * @return the text
     */
    public String render(CostAnalysis analysis) {
        return renderer.apply(analysis);
    }
}
