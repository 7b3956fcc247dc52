package io.k2data.cost;

import static io.k2data.cost.CostInput.*;

import io.k2data.api.InvalidSettingsException;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What a feed costs, from quantities and prices alone: the same inputs, prices and day give the same answer. Immutable; any
 * thread may ask.
 *
 * <p>A month has 730 hours. A line's quantity is rounded half up to six decimals, its cost half up to the currency's
 * smallest unit, and the total is the sum of what the lines show.
 */
public final class CostModel {
    private static final int PROJECTED_MONTHS = 24;
    private static final double[] RATES = {
        1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000
    };
    private static final int STEPS = 48;

    private final PriceBook prices;
    private final LocalDate today;

    private CostModel(PriceBook prices, LocalDate today) {
        this.prices = prices;
        this.today = today;
    }

    /**
     * Makes a model.
     *
     * @param prices the prices
     * @param today the day on which prices older than a year are called old
     * @return the model
     */
    public static CostModel of(PriceBook prices, LocalDate today) {
        return new CostModel(prices, today);
    }

    /**
     * Computes the bill of a month in which the table has filled up to its retention.
     *
     * @param inputs the inputs
     * @return the bill
     * @throws InvalidSettingsException if an input is wrong, a storage tier is not in the price book, or a price that is
     *     needed is missing; it names all problems
     */
    public CostEstimate estimate(CostInputs inputs) {
        refuse(inputs);
        return new CostMonth(inputs, prices, today, CostMonth.steady(inputs), true).estimate();
    }

    /**
     * Computes the bill, the months to come, the bill at other rates, what each input moves and what each choice saves.
     *
     * @param title what it is of, for reports
     * @param inputs the inputs
     * @return the analysis
     * @throws InvalidSettingsException as {@link #estimate} does
     */
    public CostAnalysis analyse(String title, CostInputs inputs) {
        return new CostAnalysis(
                title, estimate(inputs), projection(inputs), rates(inputs), sensitivities(inputs), options(inputs));
    }

    private void refuse(CostInputs inputs) {
        List<String> problems = new ArrayList<>(inputs.problems());
        for (StorageTier tier : inputs.tiers()) {
            if (!prices.tiers().contains(tier.name())) {
                problems.add("storage-tiers: '" + tier.name() + "' is no tier of " + prices.name() + ", which has "
                        + prices.tiers());
            }
        }
        // Where all else is right, the computation itself tells what it misses.
        if (!problems.isEmpty()) {
            problems.addAll(CostMonth.missingPrices(inputs, prices));
            throw new InvalidSettingsException(problems);
        }
    }

    private BigDecimal total(CostInputs inputs) {
        refuse(inputs);
        return new CostMonth(inputs, prices, today, CostMonth.steady(inputs), false).total();
    }

    private List<CostAnalysis.Month> projection(CostInputs inputs) {
        List<CostAnalysis.Month> months = new ArrayList<>();
        double first = inputs.value(RECORDS_PER_SECOND);
        List<Double> before = new ArrayList<>();
        for (int number = 1; number <= PROJECTED_MONTHS; number++) {
            double rate = first * Math.pow(1 + inputs.value(GROWTH_PER_MONTH), number - 1);
            before.add(0, rate);
            CostInputs then = inputs.toBuilder().set(RECORDS_PER_SECOND, rate).build();
            refuse(then);
            CostEstimate estimate =
                    new CostMonth(then, prices, today, CostMonth.filling(inputs, before), true).estimate();
            months.add(new CostAnalysis.Month(number, rate, estimate.monthlyTotal(), estimate.storedTb()));
        }
        return months;
    }

    private List<CostAnalysis.Rate> rates(CostInputs inputs) {
        List<CostAnalysis.Rate> rates = new ArrayList<>();
        for (double rate : RATES) {
            CostEstimate estimate =
                    estimate(inputs.toBuilder().set(RECORDS_PER_SECOND, rate).build());
            rates.add(new CostAnalysis.Rate(rate, estimate.monthlyTotal(), estimate.costPerMillionMessages()));
        }
        return rates;
    }

    private List<CostAnalysis.Sensitivity> sensitivities(CostInputs inputs) {
        BigDecimal total = total(inputs);
        List<CostAnalysis.Sensitivity> found = new ArrayList<>();
        for (CostInput input : values()) {
            double from = inputs.value(input);
            double to = input.kind() == Kind.WHOLE ? Math.max(from + 1, Math.rint(from * 1.1)) : from * 1.1;
            CostInputs changed = inputs.toBuilder().set(input, to).build();
            // One more replica than there are brokers is no question.
            if (input.kind() == Kind.SWITCH || from == 0 || !changed.problems().isEmpty()) {
                continue;
            }
            double change =
                    100 * (total(changed).doubleValue() - total.doubleValue()) / Math.max(0.01, total.doubleValue());
            found.add(new CostAnalysis.Sensitivity(input, from, to, Math.rint(change * 100) / 100));
        }
        found.sort(Comparator.comparingDouble((CostAnalysis.Sensitivity each) -> -Math.abs(each.changePercent()))
                .thenComparing(each -> each.input().ordinal()));
        return found;
    }

    private List<CostAnalysis.Option> options(CostInputs inputs) {
        List<CostAnalysis.Option> options = new ArrayList<>();
        for (CostOption option : CostOption.values()) {
            CostInputs without = option.without(inputs);
            CostInputs with = option.with(inputs);
            options.add(new CostAnalysis.Option(option, total(without), total(with), breakEven(option, without, with)));
        }
        return options;
    }

    /** The lowest value at which the cheaper of two becomes the dearer, found on a grid and then by halving. */
    private OptionalDouble breakEven(CostOption option, CostInputs without, CostInputs with) {
        int sign = 0;
        double signAt = option.from();
        for (int step = 0; step <= STEPS; step++) {
            double value = option.from() * Math.pow(option.to() / option.from(), (double) step / STEPS);
            int now = difference(option.over(), value, without, with);
            if (now != 0 && sign != 0 && now != sign) {
                double low = signAt;
                double high = value;
                while (high / low > 1.001) {
                    double middle = Math.sqrt(low * high);
                    if (difference(option.over(), middle, without, with) == sign) {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                return OptionalDouble.of(high);
            }
            if (now != 0) {
                sign = now;
                signAt = value;
            }
        }
        return OptionalDouble.empty();
    }

    /** Which is dearer; 0 also where the value does not go with the rest of the inputs. */
    private int difference(CostInput over, double value, CostInputs without, CostInputs with) {
        CostInputs first = without.toBuilder().set(over, value).build();
        CostInputs second = with.toBuilder().set(over, value).build();
        return first.problems().isEmpty() && second.problems().isEmpty()
                ? total(first).compareTo(total(second))
                : 0;
    }
}
