package io.k2data.cost;

import java.math.BigDecimal;
import java.util.List;
import java.util.OptionalDouble;

/**
 * A month's bill and what follows from it.
 *
 * @param title what it is of
 * @param estimate the bill of a month with the table filled up to its retention
 * @param projection the bills of the months to come, beginning with an empty table
 * @param rates the bill at other rates, all else equal
 * @param sensitivities what each input moves, the one that moves the total most first
 * @param options what each choice saves here
 */
public record CostAnalysis(
        String title,
        CostEstimate estimate,
        List<Month> projection,
        List<Rate> rates,
        List<Sensitivity> sensitivities,
        List<Option> options) {
    /** Copies the lists. */
    public CostAnalysis {
        projection = List.copyOf(projection);
        rates = List.copyOf(rates);
        sensitivities = List.copyOf(sensitivities);
        options = List.copyOf(options);
    }

    /**
     * A month to come.
     *
     * @param number 1 for the first
     * @param recordsPerSecond its average rate
     * @param total its bill
     * @param storedTb what the table holds in its middle, in units of 10^12 bytes
     */
    public record Month(int number, double recordsPerSecond, BigDecimal total, BigDecimal storedTb) {}

    /**
     * The bill at another rate.
     *
     * @param recordsPerSecond the rate
     * @param total a month's bill
     * @param costPerMillionMessages what a million messages cost
     */
    public record Rate(double recordsPerSecond, BigDecimal total, BigDecimal costPerMillionMessages) {}

    /**
     * What an input moves.
     *
     * @param input which
     * @param from its value
     * @param to a tenth more; one more where it is whole
     * @param changePercent by how much the total changes with it, in per cent
     */
    public record Sensitivity(CostInput input, double from, double to, double changePercent) {}

    /**
     * What a choice saves.
     *
     * @param option the choice
     * @param before the bill without it
     * @param after the bill with it
     * @param breakEven the value of the option's {@link CostOption#over} at which both cost the same; empty if the same
     *     one is the cheaper over its whole range
     */
    public record Option(CostOption option, BigDecimal before, BigDecimal after, OptionalDouble breakEven) {
        /**
         * Returns what it saves a month.
         *
         * @return the difference; negative if it costs more
         */
        public BigDecimal saving() {
            return before.subtract(after);
        }
    }
}
