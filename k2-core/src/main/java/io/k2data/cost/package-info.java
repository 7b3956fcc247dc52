/** What a feed costs to take in, keep and ask: a model of quantities and prices, and its reports. */
@NullMarked
package io.k2data.cost;

import org.jspecify.annotations.NullMarked;
