package io.k2data.cost;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Figures for readers. */
final class Figures {
    private static final MathContext SHORT = new MathContext(4, RoundingMode.HALF_UP);

    private Figures() {}

    /** Four significant digits, more before the point where it has them, with commas. */
    static String of(double value) {
        return of(new BigDecimal(Double.toString(value)));
    }

    static String of(BigDecimal value) {
        BigDecimal rounded = value.abs().compareTo(BigDecimal.valueOf(1000)) >= 0
                ? value.setScale(0, RoundingMode.HALF_UP)
                : value.round(SHORT);
        return grouped(rounded.signum() == 0 ? BigDecimal.ZERO : rounded.stripTrailingZeros());
    }

    /** A large count in words. */
    static String words(BigDecimal count) {
        double value = count.doubleValue();
        if (value >= 1e12) {
            return of(value / 1e12) + " trillion";
        } else if (value >= 1e9) {
            return of(value / 1e9) + " billion";
        }
        return value >= 1e6 ? of(value / 1e6) + " million" : of(count);
    }

    /** An amount of money as it is, with commas. */
    static String money(BigDecimal amount) {
        return grouped(amount);
    }

    private static String grouped(BigDecimal value) {
        return String.format(Locale.ROOT, "%,." + Math.max(0, value.scale()) + "f", value);
    }
}
