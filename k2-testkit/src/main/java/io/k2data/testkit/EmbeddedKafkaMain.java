package io.k2data.testkit;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import kafka.server.KafkaRaftServer;

/**
 * The broker of {@link EmbeddedKafka#childProcess}: runs until its standard input ends. The parent holds the other end
 * and never writes to it, so a parent that dies, in whatever way, takes the broker with it.
 */
final class EmbeddedKafkaMain {
    static final String READY = "ready";

    private EmbeddedKafkaMain() {}

    /** Starts the broker of the directory given as the only argument, and says so in one line on standard output. */
    public static void main(String[] arguments) throws Exception {
        // Standard output is the line to the parent; whatever logs to it goes to the log file with standard error.
        InputStream parent = System.in;
        OutputStream toParent = new FileOutputStream(FileDescriptor.out);
        System.setOut(System.err);
        Thread watch = new Thread(() -> awaitEnd(parent), "k2-embedded-kafka-parent-watch");
        watch.setDaemon(true);
        watch.start();
        KafkaRaftServer server;
        try {
            server = KraftNode.start(Path.of(arguments[0]));
        } catch (Throwable e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return;
        }
        toParent.write((READY + "\n").getBytes(StandardCharsets.UTF_8));
        toParent.flush();
        watch.join();
        // A parent that is alive waits, and kills when its patience ends; one that died must not be outlived for long.
        Thread deadline = new Thread(EmbeddedKafkaMain::haltAfterGrace, "k2-embedded-kafka-deadline");
        deadline.setDaemon(true);
        deadline.start();
        server.shutdown();
        server.awaitShutdown();
        Runtime.getRuntime().halt(0);
    }

    private static void awaitEnd(InputStream parent) {
        try {
            while (parent.read() >= 0) {
                // Nothing is ever said; only the end counts.
            }
        } catch (IOException broken) {
            // The same as the end.
        }
    }

    private static void haltAfterGrace() {
        try {
            Thread.sleep(20_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(2);
    }
}
