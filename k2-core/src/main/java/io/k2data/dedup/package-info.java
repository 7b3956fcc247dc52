/** In-memory deduplication. */
@NullMarked
package io.k2data.dedup;

import org.jspecify.annotations.NullMarked;
