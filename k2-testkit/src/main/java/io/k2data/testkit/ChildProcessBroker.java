package io.k2data.testkit;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A node in a JVM of its own, on a directory that survives it. */
final class ChildProcessBroker implements Broker {
    private static final int ATTEMPTS = 4;
    /** Short, so that a killed broker may soon come back; but a busy machine must not look like a death. */
    private static final int SESSION_TIMEOUT_MS = 1_500;

    private static final int START_SECONDS = 90;
    private static final int STOP_SECONDS = 30;
    private static final int LOG_TAIL_BYTES = 4_000;

    private final Path directory;
    private final Path log;
    private String bootstrapServers = "";
    private @Nullable Process process;
    private @Nullable Thread killAtExit;

    ChildProcessBroker(Path directory) {
        this.directory = directory.toAbsolutePath();
        this.log = this.directory.resolve("broker.log");
    }

    @Override
    public boolean start() {
        // One that died by itself was never forgotten.
        forget();
        boolean fresh = !KraftNode.configured(directory);
        try {
            for (int attempt = 1; ; attempt++) {
                if (fresh) {
                    KraftNode.configure(directory, SESSION_TIMEOUT_MS);
                }
                bootstrapServers = KraftNode.bootstrapServers(directory);
                long logStart = Files.exists(log) ? Files.size(log) : 0;
                String problem = launch();
                if (problem == null) {
                    return !fresh;
                }
                // The ports of a directory that was in use before are what its clients know; those are never changed.
                if (!fresh || attempt == ATTEMPTS || KraftNode.portsFree(directory)) {
                    throw new IllegalStateException("the embedded Kafka broker in " + directory + " did not start: "
                            + problem + "\nEnd of " + log + ":\n" + logTail(logStart));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the embedded Kafka broker in " + directory + " did not start", e);
        }
    }

    /** Returns what went wrong, or null when the broker is ready. */
    private @Nullable String launch() throws IOException {
        ProcessBuilder command = new ProcessBuilder(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+ExitOnOutOfMemoryError",
                EmbeddedKafkaMain.class.getName(),
                directory.toString()));
        // By the environment rather than an argument, which would make every listing of processes unreadable.
        command.environment().put("CLASSPATH", classPath());
        command.redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        Process started = command.start();
        process = started;
        Thread hook = new Thread(started::destroyForcibly, "k2-embedded-kafka-kill-at-exit");
        killAtExit = hook;
        Runtime.getRuntime().addShutdownHook(hook);

        CompletableFuture<@Nullable String> firstLine = new CompletableFuture<>();
        Thread reader = new Thread(() -> readFirstLine(started, firstLine), "k2-embedded-kafka-ready");
        reader.setDaemon(true);
        reader.start();
        boolean ready = false;
        try {
            String line = firstLine.get(START_SECONDS, TimeUnit.SECONDS);
            ready = EmbeddedKafkaMain.READY.equals(line);
            if (ready) {
                return null;
            }
            // Only its end closes its standard output.
            return "its process ended with exit code " + started.waitFor();
        } catch (TimeoutException e) {
            return "it was not ready after " + START_SECONDS + " s";
        } catch (ExecutionException e) {
            return "its standard output could not be read: " + e.getCause();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "the waiting thread was interrupted";
        } finally {
            if (!ready) {
                kill();
            }
        }
    }

    private static void readFirstLine(Process started, CompletableFuture<@Nullable String> firstLine) {
        try {
            BufferedReader lines = started.inputReader(StandardCharsets.UTF_8);
            firstLine.complete(lines.readLine());
        } catch (IOException e) {
            firstLine.completeExceptionally(e);
        }
    }

    @Override
    public void kill() {
        Process running = process;
        if (running == null) {
            return;
        }
        running.destroyForcibly();
        awaitEnd(running, STOP_SECONDS);
        forget();
    }

    @Override
    public void close() {
        Process running = process;
        if (running == null) {
            return;
        }
        try {
            running.getOutputStream().close();
        } catch (IOException gone) {
            // It ended by itself.
        }
        if (!awaitEnd(running, STOP_SECONDS)) {
            running.destroyForcibly();
            awaitEnd(running, STOP_SECONDS);
        }
        forget();
    }

    @Override
    public boolean running() {
        return process != null && process.isAlive();
    }

    @Override
    public String bootstrapServers() {
        return bootstrapServers;
    }

    @Nullable
    Process process() {
        return process;
    }

    private void forget() {
        process = null;
        Thread hook = killAtExit;
        killAtExit = null;
        if (hook != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException exiting) {
                // The JVM is on its way out and runs the hook anyway.
            }
        }
    }

    /** Waits even where the thread was interrupted: a process that is being ended must not be left to itself. */
    private static boolean awaitEnd(Process ending, int seconds) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        try {
            while (true) {
                try {
                    return ending.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private String logTail(long from) throws IOException {
        if (!Files.exists(log)) {
            return "(no log)";
        }
        try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
            file.seek(Math.max(from, file.length() - LOG_TAIL_BYTES));
            byte[] tail = new byte[(int) (file.length() - file.getFilePointer())];
            file.readFully(tail);
            return new String(tail, StandardCharsets.UTF_8);
        }
    }

    /**
     * Everything this JVM can load: its class path, its module path, and what a tool that runs us in a class loader of
     * its own (a build tool, say) has given that loader.
     */
    private static String classPath() {
        Set<String> entries = new LinkedHashSet<>();
        for (String property : List.of("java.class.path", "jdk.module.path")) {
            for (String entry : System.getProperty(property, "").split(File.pathSeparator, -1)) {
                if (!entry.isEmpty()) {
                    entries.add(Path.of(entry).toAbsolutePath().toString());
                }
            }
        }
        if (EmbeddedKafka.class.getClassLoader() instanceof URLClassLoader loader) {
            for (URL url : loader.getURLs()) {
                try {
                    entries.add(Path.of(url.toURI()).toString());
                } catch (URISyntaxException | IllegalArgumentException notAFile) {
                    // Not a place that a class path can name.
                }
            }
        }
        return String.join(File.pathSeparator, entries);
    }
}
