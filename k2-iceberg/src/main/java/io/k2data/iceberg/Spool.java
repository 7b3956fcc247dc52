package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory for one engine's passing files. Its lock file is held while the engine lives; a process that was killed
 * holds none, so whoever opens the next spool beside it sees that it is dead and removes it.
 */
final class Spool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Spool.class);
    private static final String PREFIX = "engine-";
    private static final String LOCK = "lock";

    private final Path directory;
    private final FileChannel lock;
    private final long boundBytes;
    private final AtomicLong usedBytes = new AtomicLong();

    private Spool(Path directory, FileChannel lock, long boundBytes) {
        this.boundBytes = boundBytes;
        this.directory = directory;
        this.lock = lock;
    }

    static Spool open(Path root, long boundBytes) throws IOException {
        Files.createDirectories(root);
        removeDead(root);
        Path directory = Files.createDirectory(root.resolve(PREFIX + UUID.randomUUID()));
        FileChannel channel =
                FileChannel.open(directory.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (channel.tryLock() == null) {
            throw new IOException("cannot lock " + directory);
        }
        return new Spool(directory, channel, boundBytes);
    }

    /**
     * Counts a file that was written here on its way to a table.
     *
     * @throws K2Exception.Retry if that is more than the spool may hold; the file is the caller's to delete
     */
    void took(Path file, long bytes) {
        if (usedBytes.addAndGet(bytes) > boundBytes) {
            long used = usedBytes.addAndGet(-bytes);
            throw new K2Exception.Retry(
                    "the spool may hold " + boundBytes + " bytes, " + used + " are in use, and " + file.getFileName()
                            + " takes " + bytes + ": raise spool-bytes, or lower generation-bytes",
                    null);
        }
    }

    /** Counts a file out that {@link #took} counted in. */
    void gaveBack(long bytes) {
        usedBytes.addAndGet(-bytes);
    }

    Path directory() {
        return directory;
    }

    private static void removeDead(Path root) throws IOException {
        List<Path> found;
        try (Stream<Path> below = Files.list(root)) {
            found = below.filter(path -> path.getFileName().toString().startsWith(PREFIX))
                    .toList();
        }
        for (Path path : found) {
            try (FileChannel channel = FileChannel.open(path.resolve(LOCK), StandardOpenOption.WRITE)) {
                FileLock free = channel.tryLock();
                if (free != null) {
                    remove(path);
                }
            } catch (OverlappingFileLockException e) {
                LOG.atDebug().log("{} is in use by this process", path);
            } catch (NoSuchFileException e) {
                LOG.atDebug().log("{} is just being made, or removed by another", path);
            }
        }
    }

    private static void remove(Path directory) throws IOException {
        try (Stream<Path> below = Files.walk(directory)) {
            for (Path path : below.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }

    @Override
    public void close() throws IOException {
        lock.close();
        remove(directory);
    }
}
