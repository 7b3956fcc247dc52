package io.k2data.kafka;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.k2data.api.K2Exception;
import io.k2data.pipeline.Rejection.Reason;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.avro.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Asks a schema registry by HTTP, once per schema. The headers may hold credentials: they are sent to the registry's own
 * address only, redirects are not followed, and no message or cause repeats them.
 */
final class HttpSchemaRegistry implements SchemaRegistry {
    private static final int TOO_MANY_REQUESTS = 429;

    private final String base;
    private final Map<String, String> headers;
    private final Duration timeout;
    private final HttpClient client;
    private final Map<Integer, Schema> schemas = new ConcurrentHashMap<>();

    HttpSchemaRegistry(URI base, Map<String, String> headers, Duration timeout) {
        String scheme = base.getScheme();
        if (!("http".equalsIgnoreCase(scheme) || "https".equalsIgnoreCase(scheme)) || base.getHost() == null) {
            throw new IllegalArgumentException(
                    "a schema registry's address begins with http:// or https:// and a host");
        } else if (base.getRawUserInfo() != null || base.getRawQuery() != null || base.getRawFragment() != null) {
            // Not repeated: what stands there is likely a password.
            throw new IllegalArgumentException(
                    "a schema registry's address has no user, query or fragment;" + " credentials belong into headers");
        }
        this.base = base.toString().replaceAll("/+$", "");
        this.headers = Map.copyOf(headers);
        this.timeout = timeout;
        this.client = HttpClient.newBuilder()
                .connectTimeout(timeout)
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
        request(0);
    }

    private HttpRequest request(int id) {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(base + "/schemas/ids/" + id)).GET();
        headers.forEach((name, value) -> {
            try {
                request.setHeader(name, value);
            } catch (IllegalArgumentException e) {
                // Its message repeats the value.
                throw new IllegalArgumentException("header '" + name + "' of the schema registry cannot be sent");
            }
        });
        return request.build();
    }

    @Override
    public Optional<Schema> schema(int id) {
        Schema known = schemas.get(id);
        if (known != null) {
            return Optional.of(known);
        }
        HttpResponse<byte[]> response = send(id);
        int status = response.statusCode();
        if (status == HttpURLConnection.HTTP_NOT_FOUND) {
            return Optional.empty();
        } else if (status >= HttpURLConnection.HTTP_INTERNAL_ERROR
                || status == TOO_MANY_REQUESTS
                || status == HttpURLConnection.HTTP_CLIENT_TIMEOUT) {
            throw new K2Exception.Retry(answered(id, status), null);
        } else if (status != HttpURLConnection.HTTP_OK) {
            throw new K2Exception.Stop(
                    answered(id, status) + "; see to its address and to the credentials in the headers", null);
        }
        Schema schema = parsed(id, response.body());
        schemas.put(id, schema);
        return Optional.of(schema);
    }

    private String answered(int id, int status) {
        return "the schema registry at " + base + " answered " + status + " when asked for schema " + id;
    }

    /** Bounds the whole exchange: the client's own timeout ends where the body begins. */
    private HttpResponse<byte[]> send(int id) {
        CompletableFuture<HttpResponse<byte[]>> answer =
                client.sendAsync(request(id), HttpResponse.BodyHandlers.ofByteArray());
        try {
            return answer.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw unreachable(id, "no answer within " + timeout.toMillis() + " ms", null);
        } catch (ExecutionException e) {
            throw unreachable(id, "cannot be reached", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw unreachable(id, "interrupted", e);
        } finally {
            answer.cancel(true);
        }
    }

    private K2Exception unreachable(int id, String what, @Nullable Throwable cause) {
        return new K2Exception.Retry(
                "the schema registry at " + base + ": " + what + "; needed for schema " + id, cause);
    }

    /** Reads what all of them answer: an object with the schema as a string, and its type unless that is Avro. */
    private static Schema parsed(int id, byte[] body) {
        String schema = null;
        String type = "AVRO";
        boolean hasReferences = false;
        try (JsonParser parser = JsonFields.FACTORY.createParser(new String(body, StandardCharsets.UTF_8))) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw useless(id, "is not an object of JSON");
            }
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                JsonToken token = parser.nextToken();
                if (token == JsonToken.VALUE_STRING && name.equals("schema")) {
                    schema = parser.getText();
                } else if (token == JsonToken.VALUE_STRING && name.equals("schemaType")) {
                    type = parser.getText();
                } else if (token == JsonToken.START_ARRAY && name.equals("references")) {
                    hasReferences = parser.nextToken() != JsonToken.END_ARRAY;
                    while (parser.currentToken() != null && parser.currentToken() != JsonToken.END_ARRAY) {
                        parser.skipChildren();
                        parser.nextToken();
                    }
                } else {
                    parser.skipChildren();
                }
            }
        } catch (IOException e) {
            throw useless(id, "is not JSON");
        }
        if (!type.equals("AVRO")) {
            throw useless(id, "is of type " + FieldRules.excerpt(type) + ", not Avro");
        } else if (hasReferences) {
            throw useless(id, "refers to others, which K2 does not read");
        } else if (schema == null) {
            throw useless(id, "is not in the answer");
        }
        try {
            // A reader of what was written has no use for defaults, and other languages' are at times not Java's.
            return new Schema.Parser().setValidateDefaults(false).parse(schema);
        } catch (RuntimeException | StackOverflowError e) {
            throw useless(id, "is not Avro's: " + FieldRules.excerpt(String.valueOf(e.getMessage())));
        }
    }

    /** Rejects the records of one id: to wait would not help, and to stop would let one record stop all. */
    private static UnreadableEventException useless(int id, String message) {
        return new UnreadableEventException(Reason.UNKNOWN_SCHEMA, "schema " + id + " in the registry " + message);
    }

    /** The address, without the headers. */
    @Override
    public String toString() {
        return base;
    }
}
