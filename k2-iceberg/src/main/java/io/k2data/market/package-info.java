/** The common questions of market data, typed: recent trades, bars, volume-weighted prices, last prices, gaps. */
@NullMarked
package io.k2data.market;

import org.jspecify.annotations.NullMarked;
