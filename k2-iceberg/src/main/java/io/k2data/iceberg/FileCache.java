package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.iceberg.exceptions.NotFoundException;
import org.apache.iceberg.io.FileIO;

/**
 * Local copies of data files that are not on a disk DuckDB may read. A data file never changes, so its location is its
 * name; a copy is fetched once, however many ask for it, and kept until room is needed: the one used longest ago goes
 * first. What a view reads is leased, and never goes before the lease ends. Safe for any thread.
 */
final class FileCache implements AutoCloseable {
    private static final int THREADS = 4;

    private final Path directory;
    private final long boundBytes;
    private final ExecutorService fetchers;
    private final AtomicLong names = new AtomicLong();
    private final ReentrantLock lock = new ReentrantLock();

    /** By location, the one used longest ago first. Guarded by the lock, as are the entries' pins. */
    private final Map<String, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);

    private long usedBytes;

    FileCache(Path directory, long boundBytes) throws IOException {
        this.directory = Files.createDirectories(directory);
        this.boundBytes = boundBytes;
        AtomicInteger number = new AtomicInteger();
        this.fetchers = Executors.newFixedThreadPool(THREADS, task -> {
            Thread thread = new Thread(task, "k2-fetch-" + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * A file of a table.
     *
     * @param location where it is
     * @param length its length in bytes, by the table's manifest
     */
    record RemoteFile(String location, long length) {}

    private static final class Entry {
        private final RemoteFile file;
        private final CompletableFuture<Path> copy = new CompletableFuture<>();
        private int pins;

        Entry(RemoteFile file) {
            this.file = file;
        }
    }

    /** Copies that stay until this is closed. */
    final class Lease implements AutoCloseable {
        private final List<Entry> held;
        private final List<Path> paths;

        private Lease(List<Entry> held, List<Path> paths) {
            this.held = held;
            this.paths = paths;
        }

        /** The copies, in the order asked for. */
        List<Path> paths() {
            return paths;
        }

        @Override
        public void close() {
            release(held);
            held.clear();
        }
    }

    /**
     * Fetches what is not here yet, and keeps all of it until the lease is closed. Blocks for the transfer.
     *
     * @param io reads the files
     * @param files the files
     * @throws K2Exception.Retry if one cannot be read just now, or other leases take the room
     * @throws K2Exception.Stop if they are more than the cache may ever hold
     */
    Lease lease(FileIO io, List<RemoteFile> files) {
        List<Entry> held = new ArrayList<>(files.size());
        List<Entry> missing = new ArrayList<>();
        lock.lock();
        try {
            long needed = files.stream().mapToLong(RemoteFile::length).sum();
            if (needed > boundBytes) {
                throw new K2Exception.Stop(
                        "a query needs " + needed + " bytes in " + files.size()
                                + " files that are not on a local disk, and the cache may hold " + boundBytes
                                + ": raise cache-bytes",
                        null);
            }
            for (RemoteFile file : files) {
                Entry entry = entries.get(file.location());
                if (entry == null) {
                    entry = new Entry(file);
                    entries.put(file.location(), entry);
                    usedBytes += file.length();
                    missing.add(entry);
                }
                entry.pins++;
                held.add(entry);
            }
            if (!makeRoom()) {
                // Nobody else can wait for them: they were made under this lock.
                missing.forEach(this::forget);
                held.removeAll(missing);
                throw new K2Exception.Retry(
                        "a query needs " + needed + " bytes of the cache's " + boundBytes
                                + ", and other open views hold the rest: close them, or raise cache-bytes",
                        null);
            }
        } catch (RuntimeException e) {
            release(held);
            throw e;
        } finally {
            lock.unlock();
        }
        missing.forEach(entry -> fetchers.execute(() -> fetch(io, entry)));
        try {
            List<Path> paths = new ArrayList<>(held.size());
            for (Entry entry : held) {
                paths.add(entry.copy.join());
            }
            return new Lease(held, paths);
        } catch (CompletionException e) {
            release(held);
            throw e.getCause() instanceof K2Exception known
                    ? known
                    : new K2Exception.Retry("cannot fetch a data file: " + e.getCause(), e.getCause());
        }
    }

    /** Drops copies that nobody holds, the one used longest ago first, until the bound is kept. The caller has the lock. */
    private boolean makeRoom() {
        Iterator<Entry> oldest = entries.values().iterator();
        while (usedBytes > boundBytes && oldest.hasNext()) {
            Entry entry = oldest.next();
            // One that is still under way, for a lease that failed meanwhile, is left to the next time.
            if (entry.pins == 0 && entry.copy.isDone()) {
                oldest.remove();
                usedBytes -= entry.file.length();
                delete(entry.copy.join());
            }
        }
        return usedBytes <= boundBytes;
    }

    private void forget(Entry entry) {
        if (entries.remove(entry.file.location(), entry)) {
            usedBytes -= entry.file.length();
        }
    }

    private void release(List<Entry> held) {
        lock.lock();
        try {
            held.forEach(entry -> entry.pins--);
        } finally {
            lock.unlock();
        }
    }

    private void fetch(FileIO io, Entry entry) {
        long number = names.getAndIncrement();
        Path partial = directory.resolve(number + ".part");
        try {
            long length;
            try (InputStream in = io.newInputFile(entry.file.location()).newStream()) {
                length = Files.copy(in, partial, StandardCopyOption.REPLACE_EXISTING);
            }
            if (length != entry.file.length()) {
                throw new IOException("it has " + length + " bytes, the table says " + entry.file.length());
            }
            entry.copy.complete(
                    Files.move(partial, directory.resolve(number + ".parquet"), StandardCopyOption.ATOMIC_MOVE));
        } catch (NotFoundException e) {
            fail(
                    entry,
                    partial,
                    new K2Exception.Retry(
                            "data file " + entry.file.location()
                                    + " is gone: it was removed by an expiry or a rewrite; ask again",
                            e));
        } catch (IOException | RuntimeException e) {
            fail(
                    entry,
                    partial,
                    new K2Exception.Retry(
                            "cannot fetch data file " + entry.file.location() + ": " + e.getMessage(), e));
        }
    }

    private void fail(Entry entry, Path partial, K2Exception.Retry failure) {
        lock.lock();
        try {
            // Whoever asks again fetches again; those who wait get the failure.
            forget(entry);
        } finally {
            lock.unlock();
        }
        try {
            Files.deleteIfExists(partial);
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
        entry.copy.completeExceptionally(failure);
    }

    private static void delete(Path copy) {
        try {
            Files.deleteIfExists(copy);
        } catch (IOException e) {
            throw new K2Exception.Retry("cannot remove " + copy + " from the cache", e);
        }
    }

    /** The bytes that copies take, those under way included. */
    long usedBytes() {
        lock.lock();
        try {
            return usedBytes;
        } finally {
            lock.unlock();
        }
    }

    /** Ends the fetching threads. The files go with the spool they are in. */
    @Override
    public void close() {
        fetchers.shutdownNow();
        try {
            if (!fetchers.awaitTermination(5, TimeUnit.SECONDS)) {
                throw new K2Exception.Retry("a data file is still being fetched", null);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
