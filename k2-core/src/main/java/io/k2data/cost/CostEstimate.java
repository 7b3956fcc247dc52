package io.k2data.cost;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * A month's bill.
 *
 * @param inputs what it was computed from
 * @param prices the book it was computed with
 * @param asOf the day it was computed for
 * @param items its lines; none is negative or zero in quantity, and their costs add up to the total
 * @param monthlyTotal the sum of the lines' costs, in the book's currency
 * @param messagesPerMonth how many records come in a month
 * @param storedTb what the table holds, in units of 10^12 bytes
 * @param warnings what a reader has to know: prices that are old or not verified, settings that do not go together
 */
public record CostEstimate(
        CostInputs inputs,
        PriceBook prices,
        LocalDate asOf,
        List<LineItem> items,
        BigDecimal monthlyTotal,
        BigDecimal messagesPerMonth,
        BigDecimal storedTb,
        List<String> warnings) {
    private static final BigDecimal MILLION = BigDecimal.valueOf(1_000_000);
    private static final int UNIT_COST_SCALE = 6;

    /** Copies the lists. */
    public CostEstimate {
        items = List.copyOf(items);
        warnings = List.copyOf(warnings);
    }

    /**
     * Divides an amount by millions of messages.
     *
     * @param total the amount
     * @param messages how many messages it is for, more than 0
     * @return the amount for a million, rounded half up to six decimals
     */
    public static BigDecimal perMillion(BigDecimal total, BigDecimal messages) {
        return total.multiply(MILLION).divide(messages, UNIT_COST_SCALE, RoundingMode.HALF_UP);
    }

    /**
     * Returns what a million messages cost.
     *
     * @return the total for a million messages, rounded half up to six decimals
     */
    public BigDecimal costPerMillionMessages() {
        return perMillion(monthlyTotal, messagesPerMonth);
    }

    /**
     * Returns what a month costs for each terabyte that the table holds.
     *
     * @return the total for 10^12 bytes stored, rounded half up to six decimals; 0 if nothing is stored
     */
    public BigDecimal costPerStoredTb() {
        return storedTb.signum() == 0
                ? BigDecimal.ZERO
                : monthlyTotal.divide(storedTb, UNIT_COST_SCALE, RoundingMode.HALF_UP);
    }

    /**
     * Returns the costs by what they are for.
     *
     * @return every component's sum, 0 where it has no line; together the total
     */
    public Map<CostComponent, BigDecimal> byComponent() {
        BigDecimal zero = monthlyTotal.subtract(monthlyTotal);
        Map<CostComponent, BigDecimal> sums = new EnumMap<>(CostComponent.class);
        for (CostComponent component : CostComponent.values()) {
            sums.put(component, zero);
        }
        items.forEach(item -> sums.merge(item.component(), item.cost(), BigDecimal::add));
        return sums;
    }
}
