package io.k2data.market;

import io.k2data.api.StreamKey;
import java.math.BigDecimal;
import java.time.Instant;

/**
 * Prices and volume of one stream over a span of event time. First and last are by event time, and by position in the log
 * where trades share their microsecond.
 *
 * @param stream the stream
 * @param start when the span begins, inclusive; it ends before {@code start} plus the width asked for
 * @param open the first price, in the quote currency, exact
 * @param high the highest
 * @param low the lowest
 * @param close the last
 * @param volume the sum of the quantities, exact
 * @param trades how many trades, 1 or more
 */
public record Bar(
        StreamKey stream,
        Instant start,
        BigDecimal open,
        BigDecimal high,
        BigDecimal low,
        BigDecimal close,
        BigDecimal volume,
        long trades) {}
