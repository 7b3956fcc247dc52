package io.k2data.kafka;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;

/** The schema registries that K2 reads. */
public final class SchemaRegistries {
    /** An answer takes milliseconds; ten seconds are long enough for a start of the registry, short enough to retry. */
    private static final Duration HTTP_TIMEOUT = Duration.ofSeconds(10);

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

    /**
     * Returns a registry that is asked by HTTP, {@code GET <base>/schemas/ids/<id>}, as Confluent's, Karapace, Redpanda's
     * and Apicurio's compatible interface answer. Each schema is asked for once and kept.
     *
     * <p>An id that the registry does not know, status 404, is asked for again by the next record that has it. What may
     * pass (no answer within ten seconds, no connection, 429, 5xx) is a {@link io.k2data.api.K2Exception.Retry}, any
     * other status a {@link io.k2data.api.K2Exception.Stop}. Schemas that are not Avro, or refer to other schemas,
     * reject their records as {@code unknown-schema}. Redirects are not followed.
     *
     * @param base the registry's address, such as {@code https://registry:8081} or, for Apicurio,
     *     {@code http://registry:8080/apis/ccompat/v7}
     * @param headers headers to send with each request, such as {@code Authorization}; they appear in no message
     * @return the registry
     * @throws IllegalArgumentException if the address is no such address or a header cannot be sent
     */
    public static SchemaRegistry http(URI base, Map<String, String> headers) {
        return new HttpSchemaRegistry(base, headers, HTTP_TIMEOUT);
    }
}
