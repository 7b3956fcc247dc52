/** The event log on Kafka: positions, end offsets, dead letters, and the formats of record values: JSON, Avro, deserializers. */
@NullMarked
package io.k2data.kafka;

import org.jspecify.annotations.NullMarked;
