/** In-memory sequence tracking. */
@NullMarked
package io.k2data.sequence;

import org.jspecify.annotations.NullMarked;
