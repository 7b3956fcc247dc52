/** Benchmarks. */
@NullMarked
package io.k2data.benchmarks;

import org.jspecify.annotations.NullMarked;
