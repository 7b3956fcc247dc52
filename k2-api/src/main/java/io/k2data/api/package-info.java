/** Values that every part of K2 shares: streams, positions, cuts, freshness, and the exception family. */
@NullMarked
package io.k2data.api;

import org.jspecify.annotations.NullMarked;
