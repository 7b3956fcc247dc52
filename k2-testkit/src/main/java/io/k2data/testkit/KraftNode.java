package io.k2data.testkit;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.Reader;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.Feature;
import org.apache.kafka.server.common.MetadataVersion;

/** Settings, storage and start of the one node; used inside the test's JVM and inside the child's alike. */
final class KraftNode {
    private static final String HOST = "127.0.0.1";
    private static final String CLUSTER_ID = "k2.testkit.cluster.id";
    private static final String PORT = "k2.testkit.port";
    private static final String CONTROLLER_PORT = "k2.testkit.controller.port";
    private static final int NODE_ID = 1;

    private KraftNode() {}

    /**
     * Writes the settings of a new node into the directory.
     *
     * @param sessionTimeoutMs how long the controller remembers a broker that was killed; a new one has to wait for it
     */
    static void configure(Path directory, int sessionTimeoutMs) throws IOException {
        int port = freePort(0);
        int controllerPort = freePort(port);
        Properties settings = new Properties();
        settings.setProperty(CLUSTER_ID, Uuid.randomUuid().toString());
        settings.setProperty(PORT, Integer.toString(port));
        settings.setProperty(CONTROLLER_PORT, Integer.toString(controllerPort));
        settings.setProperty("node.id", Integer.toString(NODE_ID));
        settings.setProperty("process.roles", "broker,controller");
        settings.setProperty(
                "listeners", "CLIENTS://" + HOST + ":" + port + ",CONTROLLER://" + HOST + ":" + controllerPort);
        settings.setProperty("advertised.listeners", "CLIENTS://" + HOST + ":" + port);
        settings.setProperty("listener.security.protocol.map", "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT");
        settings.setProperty("inter.broker.listener.name", "CLIENTS");
        settings.setProperty("controller.listener.names", "CONTROLLER");
        settings.setProperty("controller.quorum.voters", NODE_ID + "@" + HOST + ":" + controllerPort);
        settings.setProperty(
                "log.dir", directory.resolve("data").toAbsolutePath().toString());
        settings.setProperty("broker.session.timeout.ms", Integer.toString(sessionTimeoutMs));
        settings.setProperty("broker.heartbeat.interval.ms", Integer.toString(sessionTimeoutMs / 5));

        settings.setProperty("auto.create.topics.enable", "false");
        settings.setProperty("message.max.bytes", Integer.toString(10 * 1024 * 1024));
        settings.setProperty("offsets.topic.replication.factor", "1");
        settings.setProperty("offsets.topic.num.partitions", "4");
        settings.setProperty("transaction.state.log.replication.factor", "1");
        settings.setProperty("transaction.state.log.min.isr", "1");
        settings.setProperty("transaction.state.log.num.partitions", "4");
        settings.setProperty("share.coordinator.state.topic.replication.factor", "1");
        settings.setProperty("share.coordinator.state.topic.min.isr", "1");
        settings.setProperty("share.coordinator.state.topic.num.partitions", "1");
        // Tests have little patience: groups form at once, and may choose short timeouts for crashed members.
        settings.setProperty("group.initial.rebalance.delay.ms", "0");
        settings.setProperty("group.min.session.timeout.ms", "500");
        settings.setProperty("group.consumer.min.session.timeout.ms", "500");
        settings.setProperty("group.consumer.min.heartbeat.interval.ms", "100");
        settings.setProperty("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500");
        // Recorded market data is years old, and simulated data may be of any time.
        settings.setProperty("log.retention.ms", "-1");
        settings.setProperty("log.retention.bytes", "-1");
        settings.setProperty("log.message.timestamp.before.max.ms", Long.toString(Long.MAX_VALUE));
        settings.setProperty("log.message.timestamp.after.max.ms", Long.toString(Long.MAX_VALUE));
        settings.setProperty("log.segment.delete.delay.ms", "1000");
        // The cleaner takes 128 MB by default, a quarter of the child's heap, for internal topics of a few kilobytes.
        settings.setProperty("log.cleaner.dedupe.buffer.size", Integer.toString(4 * 1024 * 1024));
        settings.setProperty("num.network.threads", "2");
        settings.setProperty("num.io.threads", "4");

        Files.createDirectories(directory);
        // Renamed into place, so that who dies while writing leaves no half file to a later start.
        Path draft = directory.resolve("server.properties.tmp");
        try (Writer out = Files.newBufferedWriter(draft, StandardCharsets.UTF_8)) {
            settings.store(out, null);
        }
        Files.move(draft, settingsFile(directory), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    static boolean configured(Path directory) {
        return Files.exists(settingsFile(directory));
    }

    static String bootstrapServers(Path directory) throws IOException {
        return HOST + ":" + settings(directory).getProperty(PORT);
    }

    /** Tells whether nobody listens on the ports of a node that does not run. */
    static boolean portsFree(Path directory) throws IOException {
        Properties settings = settings(directory);
        return isFree(Integer.parseInt(settings.getProperty(PORT)))
                && isFree(Integer.parseInt(settings.getProperty(CONTROLLER_PORT)));
    }

    /** Formats the storage if that was not done before, and returns when the broker takes requests. */
    static KafkaRaftServer start(Path directory) throws Exception {
        Properties settings = settings(directory);
        String data = settings.getProperty("log.dir");
        new Formatter()
                .setPrintStream(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8))
                .setNodeId(NODE_ID)
                .setClusterId(settings.getProperty(CLUSTER_ID))
                .setSupportedFeatures(Feature.PRODUCTION_FEATURES)
                .setReleaseVersion(MetadataVersion.latestProduction())
                .setControllerListenerName("CONTROLLER")
                .setDirectories(Set.of(data))
                .setMetadataLogDirectory(data)
                .setIgnoreFormatted(true)
                .run();
        KafkaRaftServer server = new KafkaRaftServer(new KafkaConfig(settings, false), Time.SYSTEM);
        try {
            server.startup();
            return server;
        } catch (Throwable e) {
            try {
                server.shutdown();
            } catch (Throwable alsoFailed) {
                e.addSuppressed(alsoFailed);
            }
            throw e;
        }
    }

    /**
     * Turns Kafka's way of ending the process on a fatal fault (a port in use is one) into an error in the thread that
     * met it: a broker that is a guest in a test's JVM must not halt it without a word.
     */
    static void forbidExit() {
        Exit.Procedure refuse = (status, message) -> {
            throw new IllegalStateException("the embedded Kafka broker gave up with status " + status
                    + (message == null ? "" : ": " + message));
        };
        Exit.setExitProcedure(refuse);
        Exit.setHaltProcedure(refuse);
    }

    static void allowExit() {
        Exit.resetExitProcedure();
        Exit.resetHaltProcedure();
    }

    private static Properties settings(Path directory) throws IOException {
        Properties settings = new Properties();
        try (Reader in = Files.newBufferedReader(settingsFile(directory), StandardCharsets.UTF_8)) {
            settings.load(in);
        }
        return settings;
    }

    private static Path settingsFile(Path directory) {
        return directory.resolve("server.properties");
    }

    /**
     * Finds a port below those the system hands out to outgoing connections (32768 and up on Linux, 49152 elsewhere).
     * While a killed broker is away, its port must stay free: a client that tries to reconnect may otherwise be given
     * the very port as its own end, and then is connected to itself.
     */
    private static int freePort(int notThis) throws IOException {
        for (int attempt = 0; attempt < 1000; attempt++) {
            int port = ThreadLocalRandom.current().nextInt(15_000, 32_000);
            if (port != notThis && isFree(port)) {
                return port;
            }
        }
        throw new IOException("no free port between 15000 and 32000 on " + HOST);
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port));
            return true;
        } catch (IOException inUse) {
            return false;
        }
    }
}
