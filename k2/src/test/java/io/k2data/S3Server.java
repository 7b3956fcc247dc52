package io.k2data;

import java.io.File;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** An S3-compatible server in a process of its own, with one bucket. */
final class S3Server implements AutoCloseable {
    static final String BUCKET = "lake";
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final Process process;
    private final URI endpoint;

    private S3Server(Process process, URI endpoint) {
        this.process = process;
        this.endpoint = endpoint;
    }

    static S3Server start(Path directory) throws Exception {
        int port;
        int secure;
        try (ServerSocket one = new ServerSocket(0);
                ServerSocket two = new ServerSocket(0)) {
            port = one.getLocalPort();
            secure = two.getLocalPort();
        }
        Path jar = Path.of("target", "s3mock.jar").toAbsolutePath();
        if (!Files.exists(jar)) {
            throw new IllegalStateException(jar + " is missing; the build copies it there before integration tests");
        }
        ProcessBuilder builder = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-XX:TieredStopAtLevel=1",
                        "-jar",
                        jar.toString(),
                        "--com.adobe.testing.s3mock.httpPort=" + port,
                        "--server.port=" + secure,
                        "--com.adobe.testing.s3mock.store.root=" + directory.resolve("s3")))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.to(new File(directory.toFile(), "s3.log")));
        builder.environment().put("COM_ADOBE_TESTING_S3MOCK_STORE_INITIAL_BUCKETS", BUCKET);
        Files.createDirectories(directory.resolve("s3"));
        S3Server server = new S3Server(builder.start(), URI.create("http://localhost:" + port));
        server.await(directory.resolve("s3.log"));
        return server;
    }

    private void await(Path log) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                int status = client.send(
                                HttpRequest.newBuilder(endpoint.resolve("/" + BUCKET))
                                        .method("HEAD", HttpRequest.BodyPublishers.noBody())
                                        .build(),
                                HttpResponse.BodyHandlers.discarding())
                        .statusCode();
                if (status == 200) {
                    return;
                }
            } catch (IOException e) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    close();
                    throw new IllegalStateException("the S3 server did not start: " + Files.readString(log), e);
                }
            }
            LockSupport.parkNanos(200_000_000L);
        }
    }

    URI endpoint() {
        return endpoint;
    }

    /** Properties of a catalog that keeps its files here. */
    Map<String, String> properties(String secretKey) {
        return Map.of(
                "warehouse", "s3://" + BUCKET + "/warehouse",
                "s3.endpoint", endpoint.toString(),
                "s3.path-style-access", "true",
                "s3.access-key-id", "reader",
                "s3.secret-access-key", secretKey,
                "client.region", "us-east-1",
                "http-client.type", "urlconnection");
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
