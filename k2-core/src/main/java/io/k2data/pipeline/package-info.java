/** The ingest pipeline, and the two inner interfaces it runs over: the event log and the event store. */
@NullMarked
package io.k2data.pipeline;

import org.jspecify.annotations.NullMarked;
