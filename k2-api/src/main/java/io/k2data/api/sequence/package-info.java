/** The service interface that judges sequence numbers per stream. */
@NullMarked
package io.k2data.api.sequence;

import org.jspecify.annotations.NullMarked;
