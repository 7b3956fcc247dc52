package io.k2data.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A JVM that takes part in a race. Its lines that begin with {@code race:} are marks: when one comes, time and CPU are
 * noted. It does not outlive this JVM.
 */
final class Contender implements AutoCloseable {
    private static final int STOP_SECONDS = 60;
    private static final int LOG_LINES = 40;

    private final Process process;
    private final ProcessHandle broker;
    private final Path log;
    private final Thread killAtExit;
    private final Map<String, Usage> marks = new LinkedHashMap<>();

    /** A moment, and what CPU the contender and the broker had used by then, in nanoseconds. */
    record Usage(long nanos, long cpuNanos, long brokerCpuNanos) {
        Usage since(Usage earlier) {
            return new Usage(
                    nanos - earlier.nanos, cpuNanos - earlier.cpuNanos, brokerCpuNanos - earlier.brokerCpuNanos);
        }
    }

    private Contender(Process process, ProcessHandle broker, Path log) {
        this.process = process;
        this.broker = broker;
        this.log = log;
        this.killAtExit = new Thread(process::destroyForcibly, "contender-kill-at-exit");
    }

    /** Starts {@code java arguments...}; standard error goes to the log. */
    static Contender start(String java, String classPath, List<String> arguments, Path log, ProcessHandle broker)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(java);
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(log.toFile());
        // By the environment: an argument of many kilobytes makes every listing of processes unreadable.
        builder.environment().put("CLASSPATH", classPath);
        Contender contender = new Contender(builder.start(), broker, log);
        Runtime.getRuntime().addShutdownHook(contender.killAtExit);
        Thread reader = new Thread(contender::readMarks, "contender-marks");
        reader.setDaemon(true);
        reader.start();
        return contender;
    }

    private void readMarks() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("race: ")) {
                    Usage usage = usage();
                    synchronized (marks) {
                        marks.put(line, usage);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What has been used by now. */
    Usage usage() {
        return new Usage(System.nanoTime(), cpuNanos(process.toHandle()), cpuNanos(broker));
    }

    private static long cpuNanos(ProcessHandle process) {
        return process.info().totalCpuDuration().orElse(Duration.ZERO).toNanos();
    }

    /** The usage at a mark; null if it has not come. */
    @Nullable
    Usage at(String mark) {
        synchronized (marks) {
            return marks.get(mark);
        }
    }

    /** Fails if the process has ended, which it should not do by itself, or goes on with a task of Connect's dead. */
    void requireWell() throws IOException {
        if (!process.isAlive()) {
            throw failed("ended by itself with exit code " + process.exitValue());
        }
        if (Files.size(log) > 0 && Files.readString(log).contains("Task is being killed")) {
            throw failed("lost a task");
        }
    }

    IllegalStateException failed(String what) throws IOException {
        List<String> lines = Files.readAllLines(log);
        return new IllegalStateException("the process with the log " + log + " " + what + "; end of its log:\n"
                + String.join("\n", lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size())));
    }

    /** Ends the process in order: K2's by the end of its standard input, the peer's by a signal. */
    @Override
    public void close() throws IOException {
        try {
            process.getOutputStream().close();
            if (process.waitFor(2, TimeUnit.SECONDS)) {
                return;
            }
            process.destroy();
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        } finally {
            Runtime.getRuntime().removeShutdownHook(killAtExit);
        }
    }
}
