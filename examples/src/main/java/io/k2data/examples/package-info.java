/** One main class per idea. */
@NullMarked
package io.k2data.examples;

import org.jspecify.annotations.NullMarked;
