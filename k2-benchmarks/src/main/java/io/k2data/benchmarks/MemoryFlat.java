package io.k2data.benchmarks;

import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Does a writer's memory stay where it is at full speed? A process with {@code -Xmx512m} and a DuckDB limit of 256 MiB takes
 * trades of 10,000 symbols from 64 partitions, as fast as it can, with sequence tracking and deduplication; this one sends,
 * never more than two million records ahead, and reads the other's resident memory from {@code /proc} every second (so it
 * runs on Linux only). Records are deleted from the topic once they are committed, to spare the disk. Deduplication remembers
 * every id for 24 hours and more: of each partition the youngest 20,000 one by one, so that these are full from the start on.
 *
 * <p>{@code k2-benchmarks/run MemoryFlat [MINUTES]}
 */
public final class MemoryFlat {
    static final String TOPIC = "trades";
    private static final int PARTITIONS = 64;
    private static final int SYMBOLS = 10_000;
    private static final long MOST_AHEAD = 2_000_000;

    private MemoryFlat() {}

    /**
     * Runs it.
     *
     * @param args how many minutes (20)
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run MemoryFlat [MINUTES]");
            return;
        }
        int minutes = args.length > 0 ? Integer.parseInt(args[0]) : 20;
        try (Scratch scratch = Scratch.create("k2-memory-flat");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"))) {
            kafka.createTopic(TOPIC, PARTITIONS);
            Process writer = launch(kafka.bootstrapServers(), scratch.directory());
            try {
                AtomicLong consumed = new AtomicLong();
                Thread listener = new Thread(() -> listen(writer, consumed), "listener");
                listener.setDaemon(true);
                listener.start();
                AtomicLong sent = new AtomicLong();
                Thread producer = new Thread(() -> send(kafka.bootstrapServers(), sent, consumed), "producer");
                producer.setDaemon(true);
                producer.start();
                watch(writer, Duration.ofMinutes(minutes), consumed);
            } finally {
                writer.destroyForcibly().waitFor();
            }
        }
        // The producer is a daemon; it ends here.
        System.exit(0);
    }

    private static Process launch(String bootstrapServers, Path directory) throws IOException {
        return new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        MemoryFlatWriter.class.getName(),
                        bootstrapServers,
                        directory.toString()))
                .redirectError(directory.resolve("writer.log").toFile())
                .start();
    }

    private static void listen(Process writer, AtomicLong consumed) {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(writer.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                consumed.set(Long.parseLong(line));
            }
        } catch (IOException e) {
            System.err.println("the writer's output ended: " + e);
        }
    }

    private static void send(String bootstrapServers, AtomicLong sent, AtomicLong consumed) {
        FeedSimulator feed = FeedSimulator.builder()
                .seed(1)
                .symbols(SYMBOLS)
                .duplicateRate(0.005)
                .duplicateDistance(1_000)
                .eventsPerSecond(100_000)
                .build();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(bootstrapServers), new ByteArraySerializer(), new ByteArraySerializer())) {
            while (true) {
                SimulatedRecord record = feed.next();
                var unused = producer.send(
                        new ProducerRecord<>(TOPIC, null, record.timestampMillis(), record.key(), record.value()));
                if (sent.incrementAndGet() % 1_000 == 0) {
                    while (sent.get() - consumed.get() > MOST_AHEAD) {
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
                    }
                }
            }
        }
    }

    private static void watch(Process writer, Duration time, AtomicLong consumed) throws Exception {
        List<Double> resident = new ArrayList<>();
        long began = System.nanoTime();
        long consumedBefore = 0;
        int minute = 0;
        int minuteFrom = 0;
        while (System.nanoTime() - began < time.toNanos()) {
            TimeUnit.SECONDS.sleep(1);
            if (!writer.isAlive()) {
                throw new IllegalStateException("the writer ended with " + writer.exitValue() + "; see its log");
            }
            resident.add(residentMegabytes(writer.pid()));
            if (System.nanoTime() - began >= TimeUnit.MINUTES.toNanos(minute + 1)) {
                minute++;
                long now = consumed.get();
                List<Double> last = resident.subList(minuteFrom, resident.size());
                System.out.printf(
                        Locale.ROOT,
                        "minute %2d: %,11d records committed, %,8.0f a second, resident %,.0f to %,.0f MB%n",
                        minute,
                        now,
                        (now - consumedBefore) / 60.0,
                        last.stream().min(Double::compare).orElse(0.0),
                        last.stream().max(Double::compare).orElse(0.0));
                consumedBefore = now;
                minuteFrom = resident.size();
            }
        }
        int quarter = resident.size() / 4;
        double second = median(resident.subList(quarter, 2 * quarter));
        double fourth = median(resident.subList(resident.size() - quarter, resident.size()));
        System.out.printf(
                Locale.ROOT,
                "{\"minutes\":%d,\"records\":%d,\"recordsPerSecond\":%.0f,\"residentMegabytesSecondQuarter\":%.0f,"
                        + "\"residentMegabytesFourthQuarter\":%.0f,\"residentMegabytesMost\":%.0f,\"ratio\":%.3f}%n",
                time.toMinutes(),
                consumed.get(),
                consumed.get() / (double) time.toSeconds(),
                second,
                fourth,
                resident.stream().max(Double::compare).orElse(0.0),
                fourth / second);
    }

    private static double residentMegabytes(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Long.toString(pid), "status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
            }
        }
        throw new IOException("/proc says nothing of the resident memory of " + pid);
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }
}
