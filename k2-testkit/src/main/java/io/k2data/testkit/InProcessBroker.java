package io.k2data.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import kafka.server.KafkaRaftServer;
import org.jspecify.annotations.Nullable;

/** A node in this JVM, on a temporary directory. */
final class InProcessBroker implements Broker {
    private static final int ATTEMPTS = 4;
    /** Kafka's default; nobody waits for it here. */
    private static final int SESSION_TIMEOUT_MS = 9_000;

    private static int guests;

    private final Path directory;
    private String bootstrapServers = "";
    private final Thread cleanUp = new Thread(this::deleteDirectory, "k2-embedded-kafka-clean-up");
    private @Nullable KafkaRaftServer server;

    InProcessBroker() throws IOException {
        directory = Files.createTempDirectory("k2-embedded-kafka-");
        Runtime.getRuntime().addShutdownHook(cleanUp);
    }

    @Override
    public boolean start() {
        guestCame();
        for (int attempt = 1; server == null; attempt++) {
            try {
                KraftNode.configure(directory, SESSION_TIMEOUT_MS);
                server = KraftNode.start(directory);
                bootstrapServers = KraftNode.bootstrapServers(directory);
            } catch (Throwable e) {
                // Another process may have taken a port since we saw it free.
                if (attempt < ATTEMPTS && portTaken()) {
                    deleteDirectory();
                    continue;
                }
                guestLeft();
                release();
                throw new IllegalStateException("the embedded Kafka broker did not start: " + e, e);
            }
        }
        return false;
    }

    @Override
    public void kill() {
        throw new IllegalStateException("a broker in this process cannot be killed; use EmbeddedKafka.childProcess");
    }

    @Override
    public void close() {
        KafkaRaftServer running = server;
        if (running == null) {
            return;
        }
        server = null;
        try {
            running.shutdown();
            running.awaitShutdown();
        } finally {
            guestLeft();
            release();
        }
    }

    @Override
    public boolean running() {
        return server != null;
    }

    @Override
    public String bootstrapServers() {
        return bootstrapServers;
    }

    Path directory() {
        return directory;
    }

    private void release() {
        deleteDirectory();
        try {
            Runtime.getRuntime().removeShutdownHook(cleanUp);
        } catch (IllegalStateException exiting) {
            // The JVM is on its way out and runs the hook anyway.
        }
    }

    private void deleteDirectory() {
        try {
            if (Files.exists(directory)) {
                Files.walkFileTree(directory, new Deletion());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("could not delete " + directory, e);
        }
    }

    private boolean portTaken() {
        try {
            return KraftNode.configured(directory) && !KraftNode.portsFree(directory);
        } catch (IOException e) {
            return false;
        }
    }

    private static void guestCame() {
        synchronized (InProcessBroker.class) {
            if (guests++ == 0) {
                KraftNode.forbidExit();
            }
        }
    }

    private static void guestLeft() {
        synchronized (InProcessBroker.class) {
            if (--guests == 0) {
                KraftNode.allowExit();
            }
        }
    }

    private static final class Deletion extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException gone) {
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException e) throws IOException {
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
        }
    }
}
