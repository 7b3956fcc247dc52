/** The service interface that tells first sightings from duplicates. */
@NullMarked
package io.k2data.api.dedup;

import org.jspecify.annotations.NullMarked;
