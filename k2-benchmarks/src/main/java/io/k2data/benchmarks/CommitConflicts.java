package io.k2data.benchmarks;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataFiles;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.LocationProviders;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableOperations;
import org.apache.iceberg.TableProperties;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.LocationProvider;
import org.apache.iceberg.types.Types;

/**
 * How many writers does one table carry before they only wait for each other? Real Iceberg commits as K2 makes them, an append
 * and a writer's own property in one transaction, to a real table; the catalog's answer takes as long as it is told, since
 * that is what differs from one catalog to the next. Each writer wants to commit at an interval; a commit that finds the
 * table moved on has to read it and try again.
 *
 * <p>{@code k2-benchmarks/run CommitConflicts [--latency-ms N] [--interval-ms N] [--seconds N]}
 */
public final class CommitConflicts {
    private static final String USAGE = """
            usage: k2-benchmarks/run CommitConflicts [--latency-ms N] [--interval-ms N] [--seconds N]
              --latency-ms N   what the catalog takes for one swap (100)
              --interval-ms N  how often each writer wants to commit (5000)
              --seconds N      how long each number of writers is tried (15)""";
    private static final int[] WRITERS = {1, 2, 4, 8, 16, 32};
    private static final Schema SCHEMA = new Schema(Types.NestedField.required(1, "id", Types.LongType.get()));

    private CommitConflicts() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if a temporary directory cannot be made, or a writer fails
     */
    public static void main(String[] args) throws Exception {
        int latency = 100;
        int interval = 5_000;
        int seconds = 15;
        for (int i = 0; i < args.length; i += 2) {
            if (i + 1 == args.length || !args[i + 1].matches("[1-9][0-9]{0,8}")) {
                boolean help = args[i].equals("--help") || args[i].equals("-h");
                System.out.println(USAGE);
                System.exit(help ? 0 : 2);
            }
            int value = Integer.parseInt(args[i + 1]);
            switch (args[i]) {
                case "--latency-ms" -> latency = value;
                case "--interval-ms" -> interval = value;
                case "--seconds" -> seconds = value;
                default -> {
                    System.err.println("unknown option " + args[i] + "\n" + USAGE);
                    System.exit(2);
                }
            }
        }
        List<String> results = new ArrayList<>();
        System.err.println("writers  wanted/s  done/s  attempts a commit  median ms  p99 ms");
        for (int writers : WRITERS) {
            try (Scratch scratch = Scratch.create("k2-commit-conflicts")) {
                results.add(run(scratch.directory(), writers, latency, interval, seconds));
            }
        }
        System.out.printf(
                Locale.ROOT,
                "{\"latencyMillis\":%d,\"intervalMillis\":%d,\"runs\":[%s]}%n",
                latency,
                interval,
                String.join(",", results));
    }

    private static String run(Path directory, int writers, int latency, int interval, int seconds) throws Exception {
        Catalog catalog = io.k2data.iceberg.Warehouses.local(directory.resolve("warehouse"));
        try {
            TableIdentifier name = TableIdentifier.of("k2", "conflicts");
            ((SupportsNamespaces) catalog).createNamespace(Namespace.of("k2"));
            catalog.createTable(
                    name,
                    SCHEMA,
                    PartitionSpec.unpartitioned(),
                    Map.of(
                            TableProperties.COMMIT_NUM_RETRIES, "1000",
                            TableProperties.COMMIT_MIN_RETRY_WAIT_MS, "50",
                            TableProperties.COMMIT_MAX_RETRY_WAIT_MS, "1000",
                            TableProperties.COMMIT_TOTAL_RETRY_TIME_MS, "600000"));
            AtomicLong attempts = new AtomicLong();
            List<Long> took = Collections.synchronizedList(new ArrayList<>());
            CountDownLatch done = new CountDownLatch(writers);
            List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
            Object swap = new Object();
            long end = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
            for (int writer = 0; writer < writers; writer++) {
                TableOperations operations = new SlowOperations(
                        ((HasTableOperations) catalog.loadTable(name)).operations(), latency, attempts, swap);
                BaseTable table = new BaseTable(operations, name.toString());
                long first = System.nanoTime()
                        + Duration.ofMillis((long) interval * writer / writers).toNanos();
                int number = writer;
                Thread thread = new Thread(
                        () -> {
                            try {
                                write(table, number, first, interval, end, took);
                            } catch (RuntimeException e) {
                                failures.add(e);
                            } finally {
                                done.countDown();
                            }
                        },
                        "writer-" + writer);
                thread.start();
            }
            done.await();
            if (!failures.isEmpty()) {
                throw new IllegalStateException("a writer failed", failures.get(0));
            }
            List<Long> sorted = new ArrayList<>(took);
            Collections.sort(sorted);
            double wanted = writers * 1000.0 / interval;
            double rate = sorted.size() / (double) seconds;
            double tries = attempts.get() / (double) sorted.size();
            long median = sorted.get(sorted.size() / 2) / 1_000_000;
            long last = sorted.get((int) (sorted.size() * 0.99)) / 1_000_000;
            System.err.printf(
                    Locale.ROOT, "%7d  %8.1f  %6.1f  %17.2f  %9d  %6d%n", writers, wanted, rate, tries, median, last);
            return String.format(
                    Locale.ROOT,
                    "{\"writers\":%d,\"wantedPerSecond\":%.2f,\"donePerSecond\":%.2f,\"attemptsPerCommit\":%.2f,"
                            + "\"medianMillis\":%d,\"p99Millis\":%d}",
                    writers,
                    wanted,
                    rate,
                    tries,
                    median,
                    last);
        } finally {
            if (catalog instanceof AutoCloseable closeable) {
                closeable.close();
            }
        }
    }

    private static void write(BaseTable table, int writer, long first, int interval, long end, List<Long> took) {
        long due = first;
        for (int commit = 0; due < end; commit++) {
            LockSupport.parkNanos(due - System.nanoTime());
            long began = System.nanoTime();
            DataFile file = DataFiles.builder(PartitionSpec.unpartitioned())
                    .withPath(table.location() + "/data/" + writer + "-" + commit + ".parquet")
                    .withFormat(FileFormat.PARQUET)
                    .withFileSizeInBytes(1_000_000)
                    .withRecordCount(50_000)
                    .build();
            table.refresh();
            Transaction transaction = table.newTransaction();
            AppendFiles append = transaction.newAppend().appendFile(file);
            append.commit();
            transaction
                    .updateProperties()
                    .set("k2.p.writer." + writer, String.valueOf(commit))
                    .commit();
            transaction.commitTransaction();
            took.add(System.nanoTime() - began);
            // What could not be committed in time goes with the next commit, as K2 does.
            due = Math.max(due + interval * 1_000_000L, System.nanoTime());
        }
    }

    /** A catalog whose swap takes time: half of it on the way there, half on the way back. */
    private record SlowOperations(TableOperations delegate, int latencyMillis, AtomicLong attempts, Object swap)
            implements TableOperations {
        @Override
        public void commit(TableMetadata base, TableMetadata metadata) {
            attempts.incrementAndGet();
            pause();
            try {
                // One swap at a time, as a catalog does; SQLite would make the others wait by polling.
                synchronized (swap) {
                    delegate.commit(base, metadata);
                }
            } catch (CommitFailedException e) {
                pause();
                throw e;
            }
            pause();
        }

        private void pause() {
            LockSupport.parkNanos(Duration.ofMillis(latencyMillis).toNanos() / 2);
        }

        @Override
        public TableMetadata current() {
            return delegate.current();
        }

        @Override
        public TableMetadata refresh() {
            return delegate.refresh();
        }

        @Override
        public FileIO io() {
            return delegate.io();
        }

        @Override
        public String metadataFileLocation(String fileName) {
            return delegate.metadataFileLocation(fileName);
        }

        @Override
        public LocationProvider locationProvider() {
            return LocationProviders.locationsFor(
                    delegate.current().location(), delegate.current().properties());
        }
    }
}
