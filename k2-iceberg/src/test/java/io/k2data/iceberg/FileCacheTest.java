package io.k2data.iceberg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.K2Exception;
import io.k2data.iceberg.FileCache.RemoteFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.iceberg.io.InputFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileCacheTest {
    @TempDir
    Path directory;

    private final CountingFileIO io = new CountingFileIO();
    private FileCache cache;

    @BeforeEach
    void open() throws IOException {
        cache = new FileCache(directory.resolve("cache"), 100);
    }

    @AfterEach
    void close() {
        cache.close();
    }

    private RemoteFile file(String name, int length) throws IOException {
        Path path = directory.resolve(name);
        if (!Files.exists(path)) {
            byte[] bytes = new byte[length];
            new Random(name.hashCode()).nextBytes(bytes);
            Files.write(path, bytes);
        }
        return new RemoteFile(path.toString(), length);
    }

    private List<Path> copies() throws IOException {
        try (Stream<Path> found = Files.list(directory.resolve("cache"))) {
            return found.toList();
        }
    }

    @Test
    void aFileIsFetchedOnceAndItsCopyIsTheFile() throws IOException {
        RemoteFile a = file("a", 40);
        for (int i = 0; i < 3; i++) {
            try (FileCache.Lease lease = cache.lease(io, List.of(a))) {
                assertThat(lease.paths()).singleElement().satisfies(copy -> assertThat(copy)
                        .hasSameBinaryContentAs(Path.of(a.location())));
            }
        }
        assertThat(io.opened).containsOnlyKeys(a.location());
        assertThat(io.opened.get(a.location())).hasValue(1);
    }

    @Test
    void theOneUsedLongestAgoGoesWhenRoomIsNeeded() throws IOException {
        RemoteFile a = file("a", 40);
        RemoteFile b = file("b", 40);
        RemoteFile c = file("c", 40);
        cache.lease(io, List.of(a)).close();
        cache.lease(io, List.of(b)).close();
        cache.lease(io, List.of(a)).close();
        cache.lease(io, List.of(c)).close();
        assertThat(cache.usedBytes()).isEqualTo(80);
        assertThat(copies()).hasSize(2);
        cache.lease(io, List.of(a)).close();
        assertThat(io.opened.get(a.location())).hasValue(1);
        cache.lease(io, List.of(b)).close();
        assertThat(io.opened.get(b.location())).hasValue(2);
    }

    @Test
    void whatIsLeasedStaysAndOthersAreToldToWait() throws IOException {
        RemoteFile a = file("a", 60);
        RemoteFile b = file("b", 60);
        try (FileCache.Lease held = cache.lease(io, List.of(a))) {
            assertThatThrownBy(() -> cache.lease(io, List.of(b)))
                    .isInstanceOf(K2Exception.Retry.class)
                    .hasMessageContaining("other open views");
            assertThat(held.paths().get(0)).exists();
            assertThat(cache.usedBytes()).isEqualTo(60);
        }
        try (FileCache.Lease lease = cache.lease(io, List.of(b))) {
            assertThat(lease.paths().get(0)).hasSameBinaryContentAs(Path.of(b.location()));
        }
    }

    @Test
    void moreThanTheCacheMayEverHoldIsRefusedByName() throws IOException {
        List<RemoteFile> files = List.of(file("a", 60), file("b", 60));
        assertThatThrownBy(() -> cache.lease(io, files))
                .isInstanceOf(K2Exception.Stop.class)
                .hasMessageContaining("120 bytes in 2 files")
                .hasMessageContaining("the cache may hold 100")
                .hasMessageContaining("cache-bytes");
        assertThat(io.opened).isEmpty();
        assertThat(cache.usedBytes()).isZero();
    }

    @Test
    void aFileOfAnotherLengthOrNoneLeavesNothingBehind() throws IOException {
        RemoteFile shorter = new RemoteFile(file("a", 40).location(), 50);
        RemoteFile gone = new RemoteFile(directory.resolve("gone").toString(), 10);
        assertThatThrownBy(() -> cache.lease(io, List.of(shorter)))
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("it has 40 bytes, the table says 50");
        assertThatThrownBy(() -> cache.lease(io, List.of(file("b", 10), gone)))
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("gone");
        assertThat(cache.usedBytes()).isEqualTo(10);
        assertThat(copies()).hasSize(1);
    }

    @Test
    void whoeverAsksAtTheSameTimeSharesOneFetch() throws Exception {
        RemoteFile a = file("a", 90);
        CountDownLatch begin = new CountDownLatch(1);
        var threads = Executors.newFixedThreadPool(8);
        try {
            List<CompletableFuture<Void>> asking = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                asking.add(CompletableFuture.runAsync(
                        () -> {
                            try {
                                begin.await();
                            } catch (InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                            for (int n = 0; n < 200; n++) {
                                try (FileCache.Lease lease = cache.lease(io, List.of(a))) {
                                    assertThat(lease.paths().get(0)).exists();
                                }
                            }
                        },
                        threads));
            }
            begin.countDown();
            CompletableFuture.allOf(asking.toArray(CompletableFuture[]::new)).join();
        } finally {
            threads.shutdownNow();
        }
        assertThat(io.opened.get(a.location())).hasValue(1);
    }

    /** Random leases from several threads: the bound is kept, and what is leased is always whole. */
    @Test
    void theBoundIsKeptHoweverManyAsk() throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        List<RemoteFile> files = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            files.add(file("f" + i, 10 + i));
        }
        var threads = Executors.newFixedThreadPool(4);
        try {
            List<CompletableFuture<Void>> asking = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                Random random = new Random(seed + t);
                asking.add(CompletableFuture.runAsync(
                        () -> {
                            for (int n = 0; n < 500; n++) {
                                List<RemoteFile> some =
                                        List.of(files.get(random.nextInt(6)), files.get(6 + random.nextInt(6)));
                                try (FileCache.Lease lease = cache.lease(io, some)) {
                                    for (int i = 0; i < some.size(); i++) {
                                        assertThat(lease.paths().get(i))
                                                .hasSize(some.get(i).length());
                                    }
                                } catch (K2Exception.Retry e) {
                                    // The others hold the room; that is the answer then.
                                    assertThat(e).hasMessageContaining("other open views");
                                }
                                assertThat(cache.usedBytes()).isLessThanOrEqualTo(100);
                            }
                        },
                        threads));
            }
            CompletableFuture.allOf(asking.toArray(CompletableFuture[]::new)).join();
        } catch (RuntimeException e) {
            throw new AssertionError("seed " + seed, e);
        } finally {
            threads.shutdownNow();
        }
    }

    /** Local files as a remote store would give them, counted. */
    private static final class CountingFileIO implements org.apache.iceberg.io.FileIO {
        private static final long serialVersionUID = 1L;
        private final transient ConcurrentHashMap<String, AtomicInteger> opened = new ConcurrentHashMap<>();
        private final transient LocalFileIO local = new LocalFileIO();

        @Override
        public InputFile newInputFile(String location) {
            opened.computeIfAbsent(location, key -> new AtomicInteger()).incrementAndGet();
            return local.newInputFile(location);
        }

        @Override
        public org.apache.iceberg.io.OutputFile newOutputFile(String location) {
            throw new UnsupportedOperationException("only read here");
        }

        @Override
        public void deleteFile(String location) {
            throw new UnsupportedOperationException("only read here");
        }
    }
}
