package io.k2data;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.AlreadyExistsException;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.NoSuchNamespaceException;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.rest.CatalogHandlers;
import org.apache.iceberg.rest.RESTCatalogProperties.SnapshotMode;
import org.apache.iceberg.rest.RESTSerializers;
import org.apache.iceberg.rest.requests.CreateNamespaceRequest;
import org.apache.iceberg.rest.requests.CreateTableRequest;
import org.apache.iceberg.rest.requests.UpdateTableRequest;
import org.apache.iceberg.rest.responses.ConfigResponse;
import org.apache.iceberg.rest.responses.ErrorResponse;

/** Iceberg's REST catalog over another catalog, for what K2 asks of one; every request needs the token. */
final class RestCatalogServer implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper()
            .setVisibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY)
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .setPropertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE);

    static {
        RESTSerializers.registerAll(JSON);
    }

    private final Catalog catalog;
    private final String token;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(4);

    private RestCatalogServer(Catalog catalog, String token) throws IOException {
        this.catalog = catalog;
        this.token = token;
        this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    static RestCatalogServer start(Catalog catalog, String token) throws IOException {
        return new RestCatalogServer(catalog, token);
    }

    String uri() {
        return "http://localhost:" + server.getAddress().getPort();
    }

    private void handle(HttpExchange exchange) throws IOException {
        byte[] request = exchange.getRequestBody().readAllBytes();
        Object response;
        int status = 200;
        try {
            if (!("Bearer " + token).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                status = 401;
                response = error(401, "NotAuthorizedException", "the token does not fit");
            } else {
                response = answer(
                        exchange.getRequestMethod(),
                        exchange.getRequestURI().getPath().split("/"),
                        request);
                status = response == null ? 204 : 200;
            }
        } catch (NoSuchTableException | NoSuchNamespaceException e) {
            status = 404;
            response = error(404, e.getClass().getSimpleName(), e.getMessage());
        } catch (AlreadyExistsException | CommitFailedException e) {
            status = 409;
            response = error(409, e.getClass().getSimpleName(), e.getMessage());
        } catch (RuntimeException e) {
            status = 500;
            response = error(500, e.getClass().getSimpleName(), String.valueOf(e.getMessage()));
        }
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        byte[] body = response == null || isHead ? new byte[0] : JSON.writeValueAsBytes(response);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private static ErrorResponse error(int code, String type, String message) {
        return ErrorResponse.builder()
                .responseCode(code)
                .withType(type)
                .withMessage(message)
                .build();
    }

    /** Path parts: "", "v1", "namespaces", namespace, "tables", table; null means no content. */
    private Object answer(String method, String[] path, byte[] body) throws IOException {
        SupportsNamespaces namespaces = (SupportsNamespaces) catalog;
        String last = path[path.length - 1];
        if (last.equals("config")) {
            return ConfigResponse.builder().build();
        } else if (last.equals("metrics")) {
            return null;
        }
        return switch (path.length) {
            case 3 -> CatalogHandlers.createNamespace(namespaces, JSON.readValue(body, CreateNamespaceRequest.class));
            case 4 -> CatalogHandlers.loadNamespace(namespaces, Namespace.of(path[3]));
            case 5 -> {
                CreateTableRequest request = JSON.readValue(body, CreateTableRequest.class);
                yield request.stageCreate()
                        ? CatalogHandlers.stageTableCreate(catalog, Namespace.of(path[3]), request)
                        : CatalogHandlers.createTable(catalog, Namespace.of(path[3]), request);
            }
            default -> {
                TableIdentifier table = TableIdentifier.of(path[3], path[5]);
                yield method.equals("POST")
                        ? CatalogHandlers.updateTable(catalog, table, JSON.readValue(body, UpdateTableRequest.class))
                        : CatalogHandlers.loadTable(catalog, table, SnapshotMode.ALL);
            }
        };
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
