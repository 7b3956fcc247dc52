package io.k2data.kafka;

import io.k2data.api.event.Quote;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Random;

/** Trades and quotes of every shape, by a seed. */
final class RandomEvents {
    private static final List<Side> SIDES = List.of(Side.values());

    private RandomEvents() {}

    static Trade trade(Random random) {
        Trade.Builder trade = random.nextBoolean()
                ? Trade.of("v" + random.nextInt(3), "s" + random.nextInt(9), random.nextLong())
                : Trade.of("v" + random.nextInt(3), "s" + random.nextInt(9), "r" + random.nextInt());
        trade.at(Instant.ofEpochSecond(random.nextLong(4_000_000_000L), random.nextInt(1_000_000) * 1000L))
                .priced(decimal(random, 26, 12), decimal(random, 28, 10));
        if (random.nextBoolean()) {
            trade.side(SIDES.get(random.nextInt(SIDES.size()))).sequence(random.nextLong());
        }
        if (random.nextBoolean()) {
            trade.messageId("m" + random.nextInt()).traded(random.nextBoolean() ? "spot" : null, "\u20ac");
        }
        if (random.nextBoolean()) {
            trade.conditions(List.of("a", "\u00e9", "")).vendorData("{\"k\":\"" + random.nextInt() + "\"}");
        }
        return trade.build();
    }

    static Quote quote(Random random) {
        Quote.Builder quote = Quote.of("v" + random.nextInt(3), "s" + random.nextInt(9));
        quote.at(Instant.ofEpochSecond(random.nextLong(4_000_000_000L), random.nextInt(1_000_000) * 1000L));
        if (random.nextBoolean()) {
            quote.id(random.nextLong());
        } else if (random.nextBoolean()) {
            quote.ref("q" + random.nextInt());
        }
        if (random.nextBoolean()) {
            quote.bid(decimal(random, 26, 12), decimal(random, 28, 10));
        }
        if (random.nextBoolean()) {
            quote.ask(decimal(random, 26, 12), decimal(random, 28, 10)).sequence(random.nextLong());
        }
        if (random.nextBoolean()) {
            quote.messageId("m" + random.nextInt()).quoted("spot", "\u20ac");
            quote.conditions(List.of("a", "\u00e9", "")).vendorData("{\"k\":\"" + random.nextInt() + "\"}");
        }
        return quote.build();
    }

    private static BigDecimal decimal(Random random, int integerDigits, int scale) {
        int digits = 1 + random.nextInt(integerDigits + scale);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < digits; i++) {
            text.append((char) ('0' + random.nextInt(10)));
        }
        int fraction = Math.max(digits - integerDigits, random.nextInt(scale + 1));
        return new BigDecimal(text.toString()).movePointLeft(fraction).setScale(fraction);
    }
}
