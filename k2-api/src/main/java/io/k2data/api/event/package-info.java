/** Event types: what a record is, which columns its table has, and how one becomes the other. */
@NullMarked
package io.k2data.api.event;

import org.jspecify.annotations.NullMarked;
