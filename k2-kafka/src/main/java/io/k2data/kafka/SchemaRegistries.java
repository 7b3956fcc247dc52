package io.k2data.kafka;

import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;

/** The schema registries that K2 reads. */
public final class SchemaRegistries {
    private SchemaRegistries() {}

    /**
     * Returns a registry of schemas that are known beforehand.
     *
     * @param schemas the schemas by their ids
     * @return the registry
     */
    public static SchemaRegistry of(Map<Integer, Schema> schemas) {
        Map<Integer, Schema> copy = Map.copyOf(schemas);
        return id -> Optional.ofNullable(copy.get(id));
    }
}
