package io.k2data.testkit;

import java.util.List;
import java.util.Locale;

/**
 * A symbol with the digits that its trades have. Prices and quantities are counted in units of their last digit.
 *
 * @param symbol base and quote currency, with a hyphen between
 * @param price a usual price
 * @param priceScale digits of a price after the point
 * @param tick the price's step
 * @param quantity the mean quantity of small trades
 * @param quantityScale digits of a quantity after the point
 */
record Instrument(String symbol, long price, int priceScale, int tick, long quantity, int quantityScale) {
    /** Rates, ticks and lots of the sizes that exchanges have, from five digits before the point to ten after it. */
    private static final List<Instrument> KNOWN = List.of(
            new Instrument("BTC-USDT", 6_425_010, 2, 1, 1_800, 5),
            new Instrument("ETH-USDT", 312_055, 2, 1, 2_400, 4),
            new Instrument("SOL-USDT", 14_837, 2, 1, 4_100, 3),
            new Instrument("XRP-USDT", 5_321, 4, 1, 900, 0),
            new Instrument("DOGE-USDT", 12_345, 5, 1, 2_700, 0),
            new Instrument("BNB-USDT", 5_713, 1, 1, 350, 3),
            new Instrument("ETH-BTC", 4_861, 5, 1, 1_500, 4),
            new Instrument("SHIB-USDT", 1_742, 8, 1, 14_000_000, 0),
            new Instrument("ADA-USDT", 4_512, 4, 1, 6_000, 1),
            new Instrument("AVAX-USDT", 2_784, 2, 1, 1_900, 2),
            new Instrument("LINK-USDT", 13_925, 3, 5, 2_200, 2),
            new Instrument("BTC-EUR", 592_305, 1, 5, 2_100_000, 8),
            new Instrument("PEPE-USDT", 112_345, 10, 5, 31_000_000, 0),
            new Instrument("LTC-USDT", 7_240, 2, 5, 800, 3),
            new Instrument("DOT-USDT", 6_117, 3, 1, 4_000, 2),
            new Instrument("TRX-USDT", 13_284, 5, 1, 8_000, 1));

    /** Returns the instrument of a rank, 0 for the one that trades most; any rank has one. */
    static Instrument ofRank(int rank) {
        if (rank < KNOWN.size()) {
            return KNOWN.get(rank);
        }
        Instrument like = KNOWN.get(rank % KNOWN.size());
        String symbol = String.format(Locale.ROOT, "C%04d-USDT", rank);
        return new Instrument(symbol, like.price, like.priceScale, like.tick, like.quantity, like.quantityScale);
    }

    String currency() {
        return symbol.substring(symbol.indexOf('-') + 1);
    }
}
