package io.k2data.api.event;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A trade as a venue reported it. Its identity is (venue, symbol, trade id), where the id is an integer
 * ({@code tradeId}) or any other text ({@code tradeRef}): exactly one of the two is set.
 *
 * @param venue the venue, not empty
 * @param symbol the symbol as the venue writes it, not empty
 * @param tradeId the trade's id where the venue's ids are integers
 * @param tradeRef the trade's id where they are anything else
 * @param eventTime when the trade happened, by the venue's clock; whole microseconds
 * @param price the price; up to 26 digits before and 12 after the point
 * @param quantity the quantity; up to 28 digits before and 10 after the point
 * @param side the aggressor's side
 * @param sourceSequence the venue's sequence number of this message in its stream, if its numbers are dense
 * @param messageId the id of the message that carried the trade
 * @param assetClass the asset class
 * @param currency the currency of the price
 * @param conditions the venue's condition codes
 * @param vendorData whatever else the vendor sent, as JSON text
 */
public record Trade(
        String venue,
        String symbol,
        @Nullable Long tradeId,
        @Nullable String tradeRef,
        Instant eventTime,
        BigDecimal price,
        BigDecimal quantity,
        @Nullable Side side,
        @Nullable Long sourceSequence,
        @Nullable String messageId,
        @Nullable String assetClass,
        @Nullable String currency,
        @Nullable List<String> conditions,
        @Nullable String vendorData) {
    /** Checks what every trade must have. */
    public Trade {
        Required.text(venue, "venue");
        Required.text(symbol, "symbol");
        if ((tradeId == null) == (tradeRef == null)) {
            throw new IllegalArgumentException("exactly one of trade_id and trade_ref must be set");
        }
        if (tradeRef != null && tradeRef.isEmpty()) {
            throw new IllegalArgumentException("trade_ref must not be empty");
        }
        Objects.requireNonNull(eventTime, "event_time is missing");
        Objects.requireNonNull(price, "price is missing");
        Objects.requireNonNull(quantity, "quantity is missing");
        conditions = conditions == null ? null : List.copyOf(conditions);
    }

    /**
     * Returns a builder for a trade with an integer id.
     *
     * @param venue the venue
     * @param symbol the symbol
     * @param tradeId the trade's id
     * @return the builder
     */
    public static Builder of(String venue, String symbol, long tradeId) {
        return new Builder(venue, symbol, tradeId, null);
    }

    /**
     * Returns a builder for a trade whose id is no integer.
     *
     * @param venue the venue
     * @param symbol the symbol
     * @param tradeRef the trade's id
     * @return the builder
     */
    public static Builder of(String venue, String symbol, String tradeRef) {
        return new Builder(venue, symbol, null, tradeRef);
    }

    /** Collects the parts of a trade. Not thread-safe. */
    public static final class Builder {
        private final String venue;
        private final String symbol;
        private final @Nullable Long tradeId;
        private final @Nullable String tradeRef;
        private @Nullable Instant eventTime;
        private @Nullable BigDecimal price;
        private @Nullable BigDecimal quantity;
        private @Nullable Side side;
        private @Nullable Long sourceSequence;
        private @Nullable String messageId;
        private @Nullable String assetClass;
        private @Nullable String currency;
        private @Nullable List<String> conditions;
        private @Nullable String vendorData;

        private Builder(String venue, String symbol, @Nullable Long tradeId, @Nullable String tradeRef) {
            this.venue = venue;
            this.symbol = symbol;
            this.tradeId = tradeId;
            this.tradeRef = tradeRef;
        }

        /**
         * Sets when the trade happened.
         *
         * @param eventTime the time, whole microseconds
         * @return this
         */
        public Builder at(Instant eventTime) {
            this.eventTime = eventTime;
            return this;
        }

        /**
         * Sets price and quantity.
         *
         * @param price the price
         * @param quantity the quantity
         * @return this
         */
        public Builder priced(BigDecimal price, BigDecimal quantity) {
            this.price = price;
            this.quantity = quantity;
            return this;
        }

        /**
         * Sets the aggressor's side.
         *
         * @param side the side
         * @return this
         */
        public Builder side(Side side) {
            this.side = side;
            return this;
        }

        /**
         * Sets the venue's dense sequence number.
         *
         * @param sourceSequence the number
         * @return this
         */
        public Builder sequence(long sourceSequence) {
            this.sourceSequence = sourceSequence;
            return this;
        }

        /**
         * Sets the id of the message that carried the trade.
         *
         * @param messageId the id
         * @return this
         */
        public Builder messageId(String messageId) {
            this.messageId = messageId;
            return this;
        }

        /**
         * Sets asset class and currency.
         *
         * @param assetClass the asset class
         * @param currency the currency of the price
         * @return this
         */
        public Builder traded(@Nullable String assetClass, @Nullable String currency) {
            this.assetClass = assetClass;
            this.currency = currency;
            return this;
        }

        /**
         * Sets the venue's condition codes.
         *
         * @param conditions the codes
         * @return this
         */
        public Builder conditions(List<String> conditions) {
            this.conditions = conditions;
            return this;
        }

        /**
         * Sets whatever else the vendor sent.
         *
         * @param vendorData JSON text
         * @return this
         */
        public Builder vendorData(String vendorData) {
            this.vendorData = vendorData;
            return this;
        }

        /**
         * Returns the trade.
         *
         * @return the trade
         * @throws NullPointerException if time, price or quantity is missing
         * @throws IllegalArgumentException if a part is not valid
         */
        public Trade build() {
            return new Trade(
                    venue,
                    symbol,
                    tradeId,
                    tradeRef,
                    Objects.requireNonNull(eventTime, "event_time is missing"),
                    Objects.requireNonNull(price, "price is missing"),
                    Objects.requireNonNull(quantity, "quantity is missing"),
                    side,
                    sourceSequence,
                    messageId,
                    assetClass,
                    currency,
                    conditions,
                    vendorData);
        }
    }
}
