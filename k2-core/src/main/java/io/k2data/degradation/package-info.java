/** What an ingest leaves for later under load: the policies that choose the level, and the tiers it is decided by. */
@NullMarked
package io.k2data.degradation;

import org.jspecify.annotations.NullMarked;
