package io.k2data.kafka;

import java.util.Optional;
import org.apache.avro.Schema;

/** Knows the Avro schemas that records were written with, by the ids the records carry. Safe to call from many threads. */
@FunctionalInterface
public interface SchemaRegistry {
    /**
     * Returns a schema. May block to ask for it, but not for ever. Called once per id and decoder: an id never changes its
     * meaning.
     *
     * @param id the id, as the record carries it
     * @return the schema; empty if there is none of this id, which sends the record to the dead letters
     * @throws io.k2data.api.K2Exception.Retry if it cannot be told just now
     * @throws UnreadableEventException if the id is known but its schema is of no use; its reason is the record's
     */
    Optional<Schema> schema(int id);
}
