package io.k2data.api.event;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The best bid and offer of a symbol as a venue reported it. Its identity is (venue, symbol, quote id) where the venue
 * gives one: an integer ({@code quoteId}) or any other text ({@code quoteRef}), at most one of the two.
 *
 * @param venue the venue, not empty
 * @param symbol the symbol as the venue writes it, not empty
 * @param quoteId the id of the quote or book update where the venue's ids are integers
 * @param quoteRef the same where they are anything else
 * @param eventTime when the book was so, by the venue's clock; whole microseconds
 * @param bidPrice the best bid; null where there is none
 * @param bidQuantity the quantity bid for at that price
 * @param askPrice the best offer; null where there is none
 * @param askQuantity the quantity offered at that price
 * @param sourceSequence the venue's sequence number of this message in its stream, if its numbers are dense
 * @param messageId the id of the message that carried the quote
 * @param assetClass the asset class
 * @param currency the currency of the prices
 * @param conditions the venue's condition codes
 * @param vendorData whatever else the vendor sent, as JSON text
 */
public record Quote(
        String venue,
        String symbol,
        @Nullable Long quoteId,
        @Nullable String quoteRef,
        Instant eventTime,
        @Nullable BigDecimal bidPrice,
        @Nullable BigDecimal bidQuantity,
        @Nullable BigDecimal askPrice,
        @Nullable BigDecimal askQuantity,
        @Nullable Long sourceSequence,
        @Nullable String messageId,
        @Nullable String assetClass,
        @Nullable String currency,
        @Nullable List<String> conditions,
        @Nullable String vendorData) {
    /** Checks what every quote must have. */
    public Quote {
        Required.text(venue, "venue");
        Required.text(symbol, "symbol");
        Objects.requireNonNull(eventTime, "event_time is missing");
        if (quoteId != null && quoteRef != null) {
            throw new IllegalArgumentException("at most one of quote_id and quote_ref may be set");
        }
        conditions = conditions == null ? null : List.copyOf(conditions);
    }

    /**
     * Returns a builder.
     *
     * @param venue the venue
     * @param symbol the symbol
     * @return the builder
     */
    public static Builder of(String venue, String symbol) {
        return new Builder(venue, symbol);
    }

    /** Collects the parts of a quote. Not thread-safe. */
    public static final class Builder {
        private final String venue;
        private final String symbol;
        private @Nullable Long quoteId;
        private @Nullable String quoteRef;
        private @Nullable Instant eventTime;
        private @Nullable BigDecimal bidPrice;
        private @Nullable BigDecimal bidQuantity;
        private @Nullable BigDecimal askPrice;
        private @Nullable BigDecimal askQuantity;
        private @Nullable Long sourceSequence;
        private @Nullable String messageId;
        private @Nullable String assetClass;
        private @Nullable String currency;
        private @Nullable List<String> conditions;
        private @Nullable String vendorData;

        private Builder(String venue, String symbol) {
            this.venue = venue;
            this.symbol = symbol;
        }

        /**
         * Sets an integer id.
         *
         * @param id the id
         * @return this
         */
        public Builder id(long id) {
            this.quoteId = id;
            return this;
        }

        /**
         * Sets an id that is no integer.
         *
         * @param ref the id
         * @return this
         */
        public Builder ref(String ref) {
            this.quoteRef = ref;
            return this;
        }

        /**
         * Sets when the book was so.
         *
         * @param time the time, whole microseconds
         * @return this
         */
        public Builder at(Instant time) {
            this.eventTime = time;
            return this;
        }

        /**
         * Sets the best bid.
         *
         * @param price its price
         * @param quantity its quantity
         * @return this
         */
        public Builder bid(BigDecimal price, BigDecimal quantity) {
            this.bidPrice = price;
            this.bidQuantity = quantity;
            return this;
        }

        /**
         * Sets the best offer.
         *
         * @param price its price
         * @param quantity its quantity
         * @return this
         */
        public Builder ask(BigDecimal price, BigDecimal quantity) {
            this.askPrice = price;
            this.askQuantity = quantity;
            return this;
        }

        /**
         * Sets the venue's dense sequence number.
         *
         * @param number the number
         * @return this
         */
        public Builder sequence(long number) {
            this.sourceSequence = number;
            return this;
        }

        /**
         * Sets the id of the message that carried the quote.
         *
         * @param id the id
         * @return this
         */
        public Builder messageId(String id) {
            this.messageId = id;
            return this;
        }

        /**
         * Sets asset class and currency.
         *
         * @param newAssetClass the asset class
         * @param newCurrency the currency of the prices
         * @return this
         */
        public Builder quoted(@Nullable String newAssetClass, @Nullable String newCurrency) {
            this.assetClass = newAssetClass;
            this.currency = newCurrency;
            return this;
        }

        /**
         * Sets the venue's condition codes.
         *
         * @param codes the codes
         * @return this
         */
        public Builder conditions(List<String> codes) {
            this.conditions = codes;
            return this;
        }

        /**
         * Sets whatever else the vendor sent.
         *
         * @param json JSON text
         * @return this
         */
        public Builder vendorData(String json) {
            this.vendorData = json;
            return this;
        }

        /**
         * Returns the quote.
         *
         * @return the quote
         * @throws NullPointerException if the time is missing
         * @throws IllegalArgumentException if a part is not valid
         */
        public Quote build() {
            return new Quote(
                    venue,
                    symbol,
                    quoteId,
                    quoteRef,
                    Objects.requireNonNull(eventTime, "event_time is missing"),
                    bidPrice,
                    bidQuantity,
                    askPrice,
                    askQuantity,
                    sourceSequence,
                    messageId,
                    assetClass,
                    currency,
                    conditions,
                    vendorData);
        }
    }
}
