package io.k2data.api;

import java.util.Objects;

/**
 * The (venue, symbol) pair that sequence numbers and ids belong to. Spot and futures of one exchange share symbol
 * strings but not id spaces, so the venue is always part of it.
 *
 * @param venue the venue's name, not empty
 * @param symbol the symbol as the venue writes it, not empty
 */
public record StreamKey(String venue, String symbol) implements Comparable<StreamKey> {
    /** Checks that both parts are there. */
    public StreamKey {
        Objects.requireNonNull(venue, "venue");
        Objects.requireNonNull(symbol, "symbol");
        if (venue.isEmpty() || symbol.isEmpty()) {
            throw new IllegalArgumentException(
                    "venue and symbol must not be empty, got '" + venue + "/" + symbol + "'");
        }
    }

    /** Orders by venue, then symbol. */
    @Override
    public int compareTo(StreamKey other) {
        int byVenue = venue.compareTo(other.venue);
        return byVenue != 0 ? byVenue : symbol.compareTo(other.symbol);
    }

    /** Returns {@code venue/symbol}, the form of a market-data record's Kafka key. */
    @Override
    public String toString() {
        return venue + "/" + symbol;
    }
}
