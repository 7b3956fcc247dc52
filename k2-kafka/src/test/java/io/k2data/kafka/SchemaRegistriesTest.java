package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.k2data.api.K2Exception;
import io.k2data.pipeline.Rejection.Reason;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.avro.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SchemaRegistriesTest {
    private static final Schema SCHEMA = new Schema.Parser()
            .parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"venue\",\"type\":\"string\"}]}");
    private static final String SECRET = "c2VjcmV0OnBhc3N3b3Jk";

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<String> requests = new CopyOnWriteArrayList<>();
    private final CountDownLatch testIsOver = new CountDownLatch(1);
    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " "
                    + exchange.getRequestHeaders().getFirst("Authorization"));
            answer(exchange, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
        });
        server.start();
    }

    @AfterEach
    void stop() {
        testIsOver.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    @Test
    void aSchemaIsAskedForOnce() {
        String answer =
                "{\"subject\":\"s\",\"references\":[],\"metadata\":{\"a\":[1]},\"schemaType\":\"AVRO\",\"schema\":"
                        + quoted(SCHEMA.toString()) + "}";
        serve(7, 200, answer);
        SchemaRegistry registry = registry();
        for (int i = 0; i < 3; i++) {
            assertThat(registry.schema(7)).contains(SCHEMA);
        }
        assertThat(requests).containsExactly("GET /base/schemas/ids/7 Basic " + SECRET);
    }

    @Test
    void anIdThatIsNotThereIsUnknownUntilItIs() {
        SchemaRegistry registry = registry();
        assertThat(registry.schema(7)).isEmpty();
        assertThat(registry.schema(-1)).isEmpty();
        serve(7, 200, "{\"schema\":" + quoted(SCHEMA.toString()) + "}");
        assertThat(registry.schema(7)).contains(SCHEMA);
    }

    @ParameterizedTest
    @ValueSource(ints = {500, 502, 503, 429, 408})
    void whatMayPassIsTriedAgain(int status) {
        serve(7, status, SECRET);
        assertFails(registry(), K2Exception.Retry.class, "answered " + status + " when asked for schema 7");
    }

    @ParameterizedTest
    @ValueSource(ints = {204, 302, 400, 401, 403, 418})
    void whatDoesNotPassStops(int status) {
        serve(7, status, SECRET);
        assertFails(registry(), K2Exception.Stop.class, "answered " + status + " when asked for schema 7");
        assertThat(requests).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRegistryThatDoesNotAnswerIsTriedAgain(boolean beginsToAnswer) {
        server.createContext("/base/schemas/ids/7", exchange -> {
            if (beginsToAnswer) {
                exchange.sendResponseHeaders(200, 100);
                exchange.getResponseBody().write('{');
                exchange.getResponseBody().flush();
            }
            awaitEndOfTest();
        });
        SchemaRegistry registry =
                new HttpSchemaRegistry(base(), Map.of("Authorization", "Basic " + SECRET), Duration.ofMillis(200));
        assertFails(registry, K2Exception.Retry.class, "no answer within 200 ms; needed for schema 7");
    }

    @Test
    void aRegistryThatIsNotThereIsTriedAgain() {
        SchemaRegistry registry = registry();
        server.stop(0);
        assertFails(registry, K2Exception.Retry.class, "cannot be reached; needed for schema 7");
    }

    @Test
    void anInterruptIsKept() {
        server.createContext("/base/schemas/ids/7", exchange -> awaitEndOfTest());
        SchemaRegistry registry = registry();
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> registry.schema(7)).isInstanceOf(K2Exception.Retry.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{",
                "{\"schema\":7}",
                "{\"schema\":\"{\"}",
                "{\"schema\":\"{\\\"type\\\":\\\"nothing\\\"}\"}",
                "{\"schemaType\":\"PROTOBUF\",\"schema\":\"message A {}\"}",
                "{\"references\":[{\"name\":\"a\",\"subject\":\"b\",\"version\":1},{}],\"schema\":\"\\\"a\\\"\"}",
                "{\"references\":[1"
            })
    void aSchemaOfNoUseRejectsItsRecordsOnly(String body) {
        serve(7, 200, body);
        assertThatThrownBy(() -> registry().schema(7))
                .isInstanceOfSatisfying(UnreadableEventException.class, e -> assertThat(e.reason())
                        .isEqualTo(Reason.UNKNOWN_SCHEMA))
                .hasMessageStartingWith("schema 7 in the registry ");
    }

    @Test
    void addressesAndHeadersAreChecked() {
        for (String address :
                List.of("ftp://host", "host", "http:///x", "http://u:" + SECRET + "@host", "http://host?k=" + SECRET)) {
            assertThatThrownBy(() -> SchemaRegistries.http(URI.create(address), Map.of()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .satisfies(SchemaRegistriesTest::assertNoSecret);
        }
        for (String header : List.of("Host", "a b", "Authorization")) {
            assertThatThrownBy(() ->
                            SchemaRegistries.http(URI.create("http://host"), Map.of(header, "Basic " + SECRET + "\n")))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("header '" + header + "' of the schema registry cannot be sent")
                    .satisfies(SchemaRegistriesTest::assertNoSecret);
        }
        assertThat(registry().toString()).isEqualTo(base().toString().replaceAll("/$", ""));
    }

    private static void assertFails(SchemaRegistry registry, Class<? extends K2Exception> kind, String message) {
        assertThatThrownBy(() -> registry.schema(7))
                .isInstanceOf(kind)
                .hasMessageContaining(message)
                .satisfies(SchemaRegistriesTest::assertNoSecret);
    }

    private static void assertNoSecret(Throwable e) {
        StringWriter text = new StringWriter();
        e.printStackTrace(new PrintWriter(text));
        assertThat(text.toString()).doesNotContain(SECRET);
    }

    private void serve(int id, int status, String body) {
        server.createContext("/base/schemas/ids/" + id, exchange -> {
            requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " "
                    + exchange.getRequestHeaders().getFirst("Authorization"));
            exchange.getResponseHeaders().add("Location", base() + "elsewhere");
            answer(exchange, status, body);
        });
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        try (exchange) {
            byte[] data = body.getBytes(UTF_8);
            boolean hasBody = status != 204 && data.length > 0;
            exchange.sendResponseHeaders(status, hasBody ? data.length : -1);
            if (hasBody) {
                exchange.getResponseBody().write(data);
            }
        }
    }

    private void awaitEndOfTest() {
        try {
            testIsOver.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private URI base() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/base/");
    }

    private SchemaRegistry registry() {
        return SchemaRegistries.http(base(), Map.of("Authorization", "Basic " + SECRET));
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
