/** The event log on Kafka: positions, end offsets, dead letters, and decoders, among them K2's own JSON trade. */
@NullMarked
package io.k2data.kafka;

import org.jspecify.annotations.NullMarked;
