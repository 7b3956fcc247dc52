package io.k2data.benchmarks;

import java.io.File;
import java.io.IOException;
import java.io.Writer;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.iceberg.Schema;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.types.Types;

/**
 * The peer in {@link IngestVsConnectSink}: Iceberg's Kafka Connect sink on Connect standalone, in a JVM and on a class
 * path of its own, which Maven resolves from {@code k2-benchmarks/peer/pom.xml}.
 *
 * <p>Its table is made beforehand, with K2's column types: the sink converts the decimals, which are text in the JSON.
 * Event times stay what they are in the JSON, epoch microseconds, since the sink takes a number for milliseconds. Not
 * partitioned and without the columns that K2 fills (partition, offset and times of the record): less for it to do.
 */
final class ConnectSink {
    static final TableIdentifier TABLE = TableIdentifier.of("race", "trades");

    private final String java;
    private final String classPath;
    private final int tasks;
    private final long commitIntervalMillis;

    private ConnectSink(String java, String classPath, int tasks, long commitIntervalMillis) {
        this.java = java;
        this.classPath = classPath;
        this.tasks = tasks;
        this.commitIntervalMillis = commitIntervalMillis;
    }

    /** Finds the peer's jars, which are downloaded the first time. */
    static ConnectSink resolve(String java, int tasks, long commitIntervalMillis)
            throws IOException, InterruptedException {
        Path classes;
        try {
            classes = Path.of(ConnectSink.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
        Path peer = classes.resolve("../../peer").normalize();
        Path pom = peer.resolve("pom.xml");
        if (!Files.exists(pom)) {
            throw new IllegalStateException("no " + pom + ": run this benchmark from the source tree");
        }
        Path resolved = peer.resolve("target/classpath");
        if (!Files.exists(resolved)
                || Files.getLastModifiedTime(resolved).compareTo(Files.getLastModifiedTime(pom)) < 0) {
            System.err.println("resolving the peer's jars...");
            Files.deleteIfExists(resolved);
            int exit = new ProcessBuilder(List.of(
                            "mvn",
                            "-q",
                            "-B",
                            "-ntp",
                            "-f",
                            pom.toString(),
                            "dependency:build-classpath",
                            "-Dmdep.outputFile=" + resolved))
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start()
                    .waitFor();
            if (exit != 0) {
                throw new IllegalStateException("mvn -f " + pom + " ended with exit code " + exit);
            }
        }
        // Our classes last: FetchWatch, and the settings of the logger.
        String classPath = Files.readString(resolved).strip() + File.pathSeparator + classes;
        return new ConnectSink(java, classPath, tasks, commitIntervalMillis);
    }

    /** Makes the table that the sink writes to. */
    static void createTable(Catalog catalog) {
        ((SupportsNamespaces) catalog).createNamespace(Namespace.of("race"));
        catalog.createTable(
                TABLE,
                new Schema(
                        Types.NestedField.required(1, "venue", Types.StringType.get()),
                        Types.NestedField.required(2, "symbol", Types.StringType.get()),
                        Types.NestedField.optional(3, "trade_id", Types.LongType.get()),
                        Types.NestedField.required(4, "event_time", Types.LongType.get()),
                        Types.NestedField.required(5, "price", Types.DecimalType.of(38, 12)),
                        Types.NestedField.required(6, "quantity", Types.DecimalType.of(38, 10)),
                        Types.NestedField.optional(7, "side", Types.StringType.get()),
                        Types.NestedField.optional(8, "source_sequence", Types.LongType.get()),
                        Types.NestedField.optional(9, "asset_class", Types.StringType.get()),
                        Types.NestedField.optional(10, "currency", Types.StringType.get()),
                        Types.NestedField.optional(
                                11, "conditions", Types.ListType.ofOptional(12, Types.StringType.get())),
                        Types.NestedField.optional(13, "vendor_data", Types.StringType.get())));
    }

    /** The settings in a line, for the report. */
    String settings() {
        return "tasks.max=" + tasks + ", offset.flush.interval.ms=1000, iceberg.control.commit.interval-ms="
                + commitIntervalMillis;
    }

    /** Starts the sink under a name of its own, so that it knows no offsets. */
    Contender start(String name, String bootstrapServers, Path directory, long records, ProcessHandle broker)
            throws IOException {
        Path warehouse = directory.resolve("warehouse").toAbsolutePath();
        Map<String, String> worker = new HashMap<>();
        worker.put("bootstrap.servers", bootstrapServers);
        worker.put("key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
        worker.put("value.converter", "org.apache.kafka.connect.json.JsonConverter");
        worker.put("value.converter.schemas.enable", "false");
        worker.put("offset.storage.file.filename", directory.resolve("offsets").toString());
        // Else a task that has read everything looks for its next commit up to a minute later.
        worker.put("offset.flush.interval.ms", "1000");
        worker.put("plugin.discovery", "service_load");
        worker.put("listeners", "http://127.0.0.1:0");
        worker.put("consumer.interceptor.classes", FetchWatch.class.getName());
        // As much at once as K2's consumer takes.
        worker.put("consumer.max.poll.records", "20480");
        worker.put("consumer.max.partition.fetch.bytes", Integer.toString(4 << 20));

        Map<String, String> connector = new HashMap<>();
        connector.put("name", name);
        connector.put("connector.class", "org.apache.iceberg.connect.IcebergSinkConnector");
        connector.put("tasks.max", Integer.toString(tasks));
        connector.put("topics", FetchWatch.TOPIC);
        connector.put("iceberg.tables", TABLE.toString());
        connector.put("iceberg.control.topic", controlTopic(name));
        connector.put("iceberg.control.commit.interval-ms", Long.toString(commitIntervalMillis));
        connector.put("iceberg.kafka.bootstrap.servers", bootstrapServers);
        // The same kind of catalog as K2's local warehouse, under the same name.
        connector.put("iceberg.catalog", "k2");
        connector.put("iceberg.catalog.type", "jdbc");
        connector.put("iceberg.catalog.uri", "jdbc:sqlite:" + warehouse.resolve("catalog.db"));
        connector.put("iceberg.catalog.jdbc.schema-version", "V1");
        connector.put("iceberg.catalog.jdbc.busy_timeout", "30000");
        connector.put("iceberg.catalog.warehouse", warehouse.toString());
        return Contender.start(
                java,
                classPath,
                List.of(
                        IngestVsConnectSink.INITIAL_HEAP,
                        // Connect's own default.
                        "-Xmx2g",
                        "-D" + FetchWatch.RECORDS_PROPERTY + "=" + records,
                        "org.apache.kafka.connect.cli.ConnectStandalone",
                        write(worker, directory.resolve("worker.properties")),
                        write(connector, directory.resolve("connector.properties"))),
                directory.resolve("connect.log"),
                broker);
    }

    /** The topic over which the sink's tasks agree on commits; it has to be there. */
    static String controlTopic(String name) {
        return "control-" + name;
    }

    private static String write(Map<String, String> settings, Path file) throws IOException {
        Properties properties = new Properties();
        properties.putAll(settings);
        try (Writer writer = Files.newBufferedWriter(file)) {
            properties.store(writer, null);
        }
        return file.toString();
    }
}
