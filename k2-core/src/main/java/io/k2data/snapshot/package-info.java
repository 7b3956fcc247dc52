/** The form of the snapshots that the in-memory implementations write; not for users. */
@NullMarked
package io.k2data.snapshot;

import org.jspecify.annotations.NullMarked;
