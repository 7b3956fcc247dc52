/**
 * What tests of K2, and of systems that embed it, need: a real Kafka in a few seconds, and a market-data feed whose
 * truth is known.
 */
@NullMarked
package io.k2data.testkit;

import org.jspecify.annotations.NullMarked;
