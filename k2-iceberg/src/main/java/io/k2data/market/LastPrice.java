package io.k2data.market;

import io.k2data.api.StreamKey;
import java.math.BigDecimal;
import java.time.Instant;

/**
 * The newest trade of a stream by event time, and by position in the log where trades share their microsecond.
 *
 * @param stream the stream
 * @param time its event time
 * @param price its price, in the quote currency, exact
 * @param quantity its quantity, exact
 */
public record LastPrice(StreamKey stream, Instant time, BigDecimal price, BigDecimal quantity) {}
