/** K2's front door. */
@NullMarked
package io.k2data;

import org.jspecify.annotations.NullMarked;
