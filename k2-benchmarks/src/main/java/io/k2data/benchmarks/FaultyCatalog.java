package io.k2data.benchmarks;

import io.k2data.iceberg.Warehouses;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.LocationProviders;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableOperations;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.exceptions.CommitStateUnknownException;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.LocationProvider;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;

/**
 * A local catalog that fails when it is told to, as real ones do: the parent process of {@link FaultSuite} puts files into
 * a directory, named for what is to go wrong. A fault of one member is taken once, a fault of the surroundings lasts until
 * its file is removed.
 */
final class FaultyCatalog {
    /** What a file tells to do. */
    enum Fault {
        /** While it is there the catalog cannot be reached. */
        CATALOG_GONE,
        /** While it is there nothing can be written to where tables live. */
        DISK_FULL,
        /** The process dies when data files are written and the commit is not. */
        DIE_BEFORE_COMMIT,
        /** The process dies when the commit has landed and nobody was told. */
        DIE_AFTER_COMMIT,
        /** The commit lands, and is reported as of unknown outcome. */
        UNKNOWN_COMMIT,
        /** The commit is reported as of unknown outcome, and sent for good some seconds later. */
        LATE_COMMIT;

        Path file(Path directory) {
            return directory.resolve(name().toLowerCase(Locale.ROOT));
        }
    }

    private static final int EXIT = 137;
    private static final Duration LATE = Duration.ofSeconds(8);

    private final Path surroundings;
    private final Path own;

    private FaultyCatalog(Path surroundings, Path own) {
        this.surroundings = surroundings;
        this.own = own;
    }

    /**
     * Opens the catalog of a warehouse.
     *
     * @param warehouse the directory
     * @param surroundings where the files for faults of all members are
     * @param own where the files for faults of this one are
     */
    static Catalog over(Path warehouse, Path surroundings, Path own) {
        Catalog catalog = Warehouses.local(warehouse);
        FaultyCatalog faults = new FaultyCatalog(surroundings, own);
        return (Catalog) Proxy.newProxyInstance(
                FaultyCatalog.class.getClassLoader(),
                new Class<?>[] {Catalog.class, SupportsNamespaces.class},
                (proxy, method, arguments) -> {
                    faults.requireReachable();
                    try {
                        Object result = method.invoke(catalog, arguments);
                        return method.getName().equals("loadTable")
                                ? new BaseTable(
                                        faults.new Operations(((HasTableOperations) result).operations()),
                                        ((Table) result).name())
                                : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private void requireReachable() {
        if (Files.exists(Fault.CATALOG_GONE.file(surroundings))) {
            throw new IllegalStateException("Connection refused");
        }
    }

    private boolean takes(Fault fault) {
        try {
            return Files.deleteIfExists(fault.file(own));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class Operations implements TableOperations {
        private final TableOperations delegate;

        Operations(TableOperations delegate) {
            this.delegate = delegate;
        }

        @Override
        public void commit(TableMetadata base, TableMetadata metadata) {
            requireReachable();
            if (takes(Fault.DIE_BEFORE_COMMIT)) {
                Runtime.getRuntime().halt(EXIT);
            }
            if (takes(Fault.LATE_COMMIT)) {
                Thread late = new Thread(
                        () -> {
                            LockSupport.parkNanos(LATE.toNanos());
                            try {
                                delegate.commit(base, metadata);
                                System.err.println("a late commit landed");
                            } catch (RuntimeException e) {
                                System.err.println("a late commit was refused: " + e);
                            }
                        },
                        "late-commit");
                late.setDaemon(true);
                late.start();
                throw new CommitStateUnknownException(new IllegalStateException("time-out"));
            }
            delegate.commit(base, metadata);
            if (takes(Fault.DIE_AFTER_COMMIT)) {
                Runtime.getRuntime().halt(EXIT);
            }
            if (takes(Fault.UNKNOWN_COMMIT)) {
                throw new CommitStateUnknownException(new IllegalStateException("time-out"));
            }
        }

        @Override
        public TableMetadata current() {
            return delegate.current();
        }

        @Override
        public TableMetadata refresh() {
            requireReachable();
            return delegate.refresh();
        }

        @Override
        public FileIO io() {
            return new FullDisk(delegate.io());
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

    /** Takes some bytes and then no more. */
    private final class FullDisk implements FileIO {
        private static final long serialVersionUID = 1L;
        private static final int LAST_BYTES = 100;

        private final transient FileIO delegate;

        FullDisk(FileIO delegate) {
            this.delegate = delegate;
        }

        @Override
        public InputFile newInputFile(String path) {
            return delegate.newInputFile(path);
        }

        @Override
        public OutputFile newOutputFile(String path) {
            OutputFile file = delegate.newOutputFile(path);
            if (!Files.exists(Fault.DISK_FULL.file(surroundings))) {
                return file;
            }
            return new OutputFile() {
                @Override
                public PositionOutputStream create() {
                    return full(file.create());
                }

                @Override
                public PositionOutputStream createOrOverwrite() {
                    return full(file.createOrOverwrite());
                }

                @Override
                public String location() {
                    return file.location();
                }

                @Override
                public InputFile toInputFile() {
                    return file.toInputFile();
                }
            };
        }

        private PositionOutputStream full(PositionOutputStream out) {
            return new PositionOutputStream() {
                @Override
                public void write(int b) throws IOException {
                    if (out.getPos() >= LAST_BYTES) {
                        throw new IOException("No space left on device");
                    }
                    out.write(b);
                }

                @Override
                public long getPos() throws IOException {
                    return out.getPos();
                }

                @Override
                public void close() throws IOException {
                    out.close();
                }
            };
        }

        @Override
        public void deleteFile(String path) {
            delegate.deleteFile(path);
        }
    }
}
