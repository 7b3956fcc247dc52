package io.k2data.examples;

import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Binance's public archives of trades, or of trades aggregated by order. In columns, from the left: id, price, quantity;
 * then quote quantity, time, maker flag and, for spot only, best-match flag; aggregated ones have first and last trade id
 * instead of the quote quantity. Some files name the columns in a first line. There is no receive time; the time of the
 * trade stands for it.
 */
final class BinanceArchive implements CaptureFormat {
    private static final Pattern NAME = Pattern.compile("(.+?)-(?:trades|aggTrades)-.*");
    private static final Set<String> HEADERS = Set.of("id", "aggtradeid", "tradeid");

    private final String venue;
    private final String symbol;

    private BinanceArchive(String venue, String symbol) {
        this.venue = venue;
        this.symbol = symbol;
    }

    static BinanceArchive open(Path file, String venue, @Nullable String symbol) {
        String chosen = symbol;
        if (chosen == null) {
            Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
            if (!name.matches()) {
                throw new IllegalArgumentException("the name of " + file
                        + " does not begin like BTCUSDT-trades-: say what it holds with --symbol");
            }
            chosen = name.group(1);
        }
        return new BinanceArchive(venue, chosen);
    }

    @Override
    public void read(String line, CapturedLine into) {
        String[] fields = line.split(",", -1);
        if (HEADERS.contains(fields[0].replace("_", "").toLowerCase(Locale.ROOT))) {
            return;
        }
        if (fields.length < 6 || fields.length > 8) {
            throw new IllegalArgumentException(fields.length + " columns");
        }
        boolean aggregated = fields.length == 8 || !isTruth(fields[5]);
        int timeColumn = aggregated ? 5 : 4;
        long id = Long.parseLong(fields[0]);
        Instant time = VenueJson.epoch(Long.parseLong(fields[timeColumn]));
        into.received(Math.multiplyExact(ChronoUnit.MICROS.between(Instant.EPOCH, time), 1000L));
        Trade.Builder trade = Trade.of(venue, symbol, id)
                .at(time)
                .priced(new BigDecimal(fields[1]), new BigDecimal(fields[2]))
                .side(truth(fields[timeColumn + 1]) ? Side.SELL : Side.BUY);
        // Futures archives leave out trades with the insurance fund and by auto-deleveraging, whose ids are then
        // missing.
        boolean dense = aggregated || fields.length == 7;
        into.trade(dense ? trade.sequence(id).build() : trade.build());
    }

    private static boolean isTruth(String field) {
        return field.equalsIgnoreCase("true") || field.equalsIgnoreCase("false");
    }

    private static boolean truth(String field) {
        if (!isTruth(field)) {
            throw new IllegalArgumentException("expected true or false");
        }
        return field.equalsIgnoreCase("true");
    }
}
