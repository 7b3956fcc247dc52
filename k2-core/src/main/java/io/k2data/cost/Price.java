package io.k2data.cost;

import java.math.BigDecimal;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/**
 * What one unit of something costs, as known on a day.
 *
 * @param key what it is the price of; its last words name the unit, such as {@code disk-gib-month}. A GiB is 2^30 bytes,
 *     which is what clouds mean by the GB they bill
 * @param amount in the book's currency, not negative
 * @param service what the provider calls the service
 * @param asOf the day it is known to have held
 * @param source where it can be looked up
 * @param verified false if nobody compared it with its source; reports say so
 * @param note what else has to be known of it, or null
 */
public record Price(
        String key,
        BigDecimal amount,
        String service,
        LocalDate asOf,
        String source,
        boolean verified,
        @Nullable String note) {
    /**
     * Returns the price with another amount.
     *
     * @param other the amount
     * @return the price
     */
    public Price amount(BigDecimal other) {
        return new Price(key, other, service, asOf, source, verified, note);
    }
}
