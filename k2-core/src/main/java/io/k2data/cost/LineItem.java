package io.k2data.cost;

import java.math.BigDecimal;

/**
 * One line of a month's bill: quantity times unit price is cost, rounded half up to the currency's smallest unit.
 *
 * @param name what it is, different from all other lines' names
 * @param component what it is for
 * @param quantity how much of it a month, in {@code unit}
 * @param unit the unit, as FOCUS writes units, such as {@code GiB-Months}
 * @param price the list price of a unit
 * @param discount the part taken off, 0 to 1
 * @param unitPrice what a unit costs after that
 * @param listCost what the line costs at the list price
 * @param cost what it costs
 * @param formula how the quantity comes about, in words and figures
 */
public record LineItem(
        String name,
        CostComponent component,
        BigDecimal quantity,
        String unit,
        Price price,
        BigDecimal discount,
        BigDecimal unitPrice,
        BigDecimal listCost,
        BigDecimal cost,
        String formula) {}
