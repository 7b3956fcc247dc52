package io.k2data.market;

import io.k2data.api.StreamKey;
import java.math.BigDecimal;

/**
 * The volume-weighted average price of a stream over a span of event time.
 *
 * @param stream the stream
 * @param price the average, in the quote currency, rounded half to even at 12 decimals: a quotient is seldom exact
 * @param volume the sum of the quantities, exact and more than zero
 * @param trades how many trades, 1 or more
 */
public record Vwap(StreamKey stream, BigDecimal price, BigDecimal volume, long trades) {}
