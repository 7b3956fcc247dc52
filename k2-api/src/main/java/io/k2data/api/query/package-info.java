/** The service interface for whoever has rows that views should show, and the values it goes by. */
@NullMarked
package io.k2data.api.query;

import org.jspecify.annotations.NullMarked;
