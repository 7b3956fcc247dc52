package io.k2data.api.event;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an instrument from some time on. A change is a new event.
 *
 * @param venue the venue, not empty
 * @param symbol the symbol as the venue writes it, not empty
 * @param referenceRef the id of this message or version, if the source gives one
 * @param eventTime from when on it holds; whole microseconds
 * @param name the instrument's name
 * @param assetClass the asset class
 * @param currency the currency it is priced in
 * @param isin its ISIN
 * @param tickSize the least step of its price
 * @param lotSize the least step of its quantity
 * @param expiryTime when it expires, for those that do; whole microseconds
 * @param status its trading status in the venue's words
 * @param vendorData whatever else the vendor sent, as JSON text
 */
public record Reference(
        String venue,
        String symbol,
        @Nullable String referenceRef,
        Instant eventTime,
        @Nullable String name,
        @Nullable String assetClass,
        @Nullable String currency,
        @Nullable String isin,
        @Nullable BigDecimal tickSize,
        @Nullable BigDecimal lotSize,
        @Nullable Instant expiryTime,
        @Nullable String status,
        @Nullable String vendorData) {
    /** Checks what every reference event must have. */
    public Reference {
        Required.text(venue, "venue");
        Required.text(symbol, "symbol");
        Objects.requireNonNull(eventTime, "event_time is missing");
    }
}
