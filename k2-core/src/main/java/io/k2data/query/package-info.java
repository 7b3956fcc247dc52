/** Rows in memory that views can show. */
@NullMarked
package io.k2data.query;

import org.jspecify.annotations.NullMarked;
