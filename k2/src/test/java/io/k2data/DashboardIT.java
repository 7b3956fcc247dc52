package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.api.event.EventTypes;
import io.k2data.degradation.PriorityTiers;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The dashboards and alerts of docs/operations over a running ingest: every meter they name is there, and a real Prometheus,
 * where there is one on this machine, makes of the level's panel what the ingest says.
 */
class DashboardIT {
    private static final Path OPERATIONS = Path.of("..", "docs", "operations");
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final Pattern METER = Pattern.compile("\\bk2_[a-z0-9_]+");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PriorityTiers TIERS =
            PriorityTiers.builder().put(PriorityTier.LOW, "alpha/*").build();

    @TempDir
    Path directory;

    @Test
    void everyMeterThatADashboardOrAnAlertNamesIsThere() throws Exception {
        try (Running running = new Running()) {
            running.shed();
            String scraped = running.meters.scrape();
            for (Path file : List.of(OPERATIONS.resolve("k2-dashboard.json"), OPERATIONS.resolve("k2-alerts.yml"))) {
                TreeSet<String> named = new TreeSet<>();
                METER.matcher(Files.readString(file)).results().forEach(found -> named.add(found.group()));
                assertThat(named).isNotEmpty();
                assertThat(named).as("meters of %s", file).allSatisfy(name -> assertThat(scraped)
                        .contains("\n" + name));
            }
        }
    }

    @Test
    void thePanelOfTheLevelShowsTheLevel() throws Exception {
        Optional<Path> prometheus = onPath("prometheus");
        assumeTrue(prometheus.isPresent(), "skipped: there is no prometheus on the PATH");
        Map<String, List<String>> panels = panels();
        try (Running running = new Running();
                Prometheus server = new Prometheus(prometheus.get(), running.port(), directory)) {
            running.shed();
            for (Map.Entry<String, List<String>> panel : panels.entrySet()) {
                for (String expression : panel.getValue()) {
                    // A rate needs two scrapes.
                    await(panel.getKey() + ": " + expression, () -> !server.ask(expression)
                            .isEmpty());
                }
            }
            String level = panels.get("Degradation level").get(0);
            assertThat(running.ingest.degradation().level()).isEqualTo(DegradationLevel.GRACEFUL);
            await("GRACEFUL on the panel", () -> server.ask(level).equals(Map.of("trades", 2.0)));
            String deferred = panels.get("Put off and not brought in").get(0);
            double putOff = running.ingest.degradation().deferredRecords();
            await("what is put off", () -> server.ask(deferred).equals(Map.of("trades", putOff)));
            running.policy.want(DegradationLevel.NORMAL);
            await("NORMAL on the panel", () -> server.ask(level).equals(Map.of("trades", 0.0)));
            await("nothing put off any more", () -> server.ask(deferred).equals(Map.of("trades", 0.0)));
        }
    }

    @Test
    void theAlertsFireWhenTheyShould() throws Exception {
        Optional<Path> promtool = onPath("promtool");
        assumeTrue(promtool.isPresent(), "skipped: there is no promtool on the PATH");
        for (String file : List.of("check rules k2-alerts.yml", "test rules k2-alerts-test.yml")) {
            List<String> command = new ArrayList<>(List.of(promtool.get().toString()));
            command.addAll(List.of(file.split(" ", -1)));
            Process process = new ProcessBuilder(command)
                    .directory(OPERATIONS.toFile())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(output).isZero();
        }
    }

    private static Optional<Path> onPath(String program) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
                .map(each -> Path.of(each, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static Map<String, List<String>> panels() throws IOException {
        Map<String, List<String>> panels = new LinkedHashMap<>();
        for (JsonNode panel :
                JSON.readTree(OPERATIONS.resolve("k2-dashboard.json").toFile()).get("panels")) {
            List<String> expressions = new ArrayList<>();
            panel.get("targets")
                    .forEach(target -> expressions.add(target.get("expr").asText()));
            panels.put(panel.get("title").asText(), expressions);
        }
        return panels;
    }

    private static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - deadline)
                    .as("time over PATIENCE, waiting for %s", what)
                    .isNegative();
            LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
        }
    }

    /** An ingest that puts the half of its feed off, and a page of its meters. */
    private final class Running implements AutoCloseable {
        private final PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        private final ScriptedPolicy policy = new ScriptedPolicy();
        private final EmbeddedKafka kafka = EmbeddedKafka.inProcess();
        private final FeedSimulator feed = FeedSimulator.builder()
                .venues("alpha", "beta")
                .gapRate(0.01)
                .malformedRate(0.01)
                .build();
        private final K2 k2;
        private final Ingest ingest;
        private final HttpServer page;

        Running() throws IOException {
            kafka.createTopic("trades", 2);
            k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(directory.resolve("warehouse"))
                    .spool(directory.resolve("spool"))
                    .commitInterval(Duration.ofMillis(200))
                    .degradationPolicy(policy)
                    .tiers(TIERS)
                    .meterRegistry(meters)
                    .build();
            ingest = k2.ingest(EventTypes.TRADE, "trades").start();
            page = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            page.createContext("/metrics", exchange -> {
                byte[] text = meters.scrape().getBytes(StandardCharsets.UTF_8);
                exchange.getResponseHeaders().add("Content-Type", "text/plain; version=0.0.4");
                exchange.sendResponseHeaders(200, text.length);
                exchange.getResponseBody().write(text);
                exchange.close();
            });
            page.start();
        }

        int port() {
            return page.getAddress().getPort();
        }

        void shed() {
            policy.want(DegradationLevel.GRACEFUL);
            await("GRACEFUL", () -> ingest.degradation().level() == DegradationLevel.GRACEFUL);
            Feeds.send(kafka.bootstrapServers(), "trades", feed, 2_000);
            await("all to be taken or put off", () -> ingest.tally().consumed() == 2_000);
            assertThat(ingest.degradation().deferredRecords()).isPositive();
            // The counter follows a moment later.
            await("the counter", () -> meters.scrape().contains("\nk2_messages_shed_total"));
        }

        @Override
        public void close() {
            page.stop(0);
            k2.close();
            kafka.close();
        }
    }

    /** A real Prometheus that looks at one page five times a second. */
    private static final class Prometheus implements AutoCloseable {
        private final HttpClient client = HttpClient.newHttpClient();
        private final Process process;
        private final int port;

        Prometheus(Path program, int scraped, Path directory) throws IOException {
            try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                port = free.getLocalPort();
            }
            Path settings = Files.writeString(directory.resolve("prometheus.yml"), """
                    global: {scrape_interval: 200ms, scrape_timeout: 200ms}
                    scrape_configs:
                      - job_name: k2
                        static_configs: [{targets: ['127.0.0.1:%d']}]
                    """.formatted(scraped));
            process = new ProcessBuilder(
                            program.toString(),
                            "--config.file=" + settings,
                            "--storage.tsdb.path=" + directory.resolve("tsdb"),
                            "--web.listen-address=127.0.0.1:" + port)
                    .redirectErrorStream(true)
                    .redirectOutput(directory.resolve("prometheus.log").toFile())
                    .start();
        }

        /** What an expression gives now, by table; several of one table are added up. Empty while it gives nothing. */
        Map<String, Double> ask(String expression) {
            String query = URLEncoder.encode(expression.replace("$__rate_interval", "30s"), StandardCharsets.UTF_8);
            try {
                HttpResponse<String> answer = client.send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/api/v1/query?query=" + query))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() == 503) {
                    return Map.of();
                }
                assertThat(answer.statusCode())
                        .as(expression + ": " + answer.body())
                        .isEqualTo(200);
                Map<String, Double> values = new LinkedHashMap<>();
                for (JsonNode each : JSON.readTree(answer.body()).at("/data/result")) {
                    double value = Double.parseDouble(each.get("value").get(1).asText());
                    values.merge(each.at("/metric/table").asText(), value, Double::sum);
                }
                return values;
            } catch (IOException e) {
                assertThat(process.isAlive()).as("Prometheus runs").isTrue();
                return Map.of();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        @Override
        public void close() throws InterruptedException {
            process.destroy();
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        }
    }
}
