/** The service interface that says how much an ingest takes on under load, and the values it goes by. */
@NullMarked
package io.k2data.api.degradation;

import org.jspecify.annotations.NullMarked;
