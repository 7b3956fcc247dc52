package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.View;
import io.k2data.api.event.EventType;
import io.k2data.iceberg.FileCache.RemoteFile;
import io.k2data.pipeline.EventStore;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.io.FileIO;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * One in-memory DuckDB and the Iceberg tables of one catalog: stores to write through, and views over all of them. Safe
 * to use from several threads.
 */
public final class HybridEngine implements AutoCloseable {
    private static final int RESOLVE_ATTEMPTS = 40;
    private static final long RESOLVE_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final Catalog catalog;
    private final List<Path> readable;
    private final Spool spool;
    private final FileCache cache;
    private final Duration viewMaxAge;
    private final long memoryBytes;
    private final DuckDBConnection root;
    private final ReentrantLock lock = new ReentrantLock();
    private final List<IcebergEventStore> stores = new ArrayList<>();
    private final AtomicLong segments = new AtomicLong();
    private boolean closed;

    private HybridEngine(
            Catalog catalog,
            List<Path> readable,
            Spool spool,
            FileCache cache,
            Duration viewMaxAge,
            long memoryBytes,
            DuckDBConnection root) {
        this.catalog = catalog;
        this.readable = readable;
        this.spool = spool;
        this.cache = cache;
        this.viewMaxAge = viewMaxAge;
        this.memoryBytes = memoryBytes;
        this.root = root;
    }

    /**
     * Opens an engine.
     *
     * @param catalog where the tables are; stays the caller's
     * @param readable local directories that hold tables' files, possibly none; files elsewhere are fetched into the spool.
     *     SQL can read nothing outside them and the spool
     * @param spoolRoot a local directory for files on their way to the table and for what DuckDB spills; made if it is not
     *     there. The engine works in a directory of its own below it, removed on close, and removes what engines left
     *     behind that were killed
     * @param bounds what may be used of memory and disk
     * @param viewMaxAge how long a view may be used; shorter than the table keeps snapshots
     * @return the engine; the caller closes it
     * @throws K2Exception.Stop if DuckDB cannot start or the spool cannot be made
     */
    public static HybridEngine open(
            Catalog catalog, List<Path> readable, Path spoolRoot, Bounds bounds, Duration viewMaxAge) {
        DuckDBConnection root = null;
        try {
            Spool spool = Spool.open(spoolRoot.toAbsolutePath().normalize(), bounds.spoolBytes());
            Properties settings = new Properties();
            settings.setProperty("autoinstall_known_extensions", "false");
            settings.setProperty("autoload_known_extensions", "false");
            settings.setProperty("memory_limit", bounds.memoryBytes() + "B");
            settings.setProperty("max_temp_directory_size", bounds.spoolBytes() + "B");
            settings.setProperty(
                    "temp_directory", spool.directory().resolve("spill").toString());
            root = (DuckDBConnection) DriverManager.getConnection("jdbc:duckdb:", settings);
            List<Path> direct = readable.stream()
                    .map(path -> path.toAbsolutePath().normalize())
                    .toList();
            List<Path> allowed = new ArrayList<>(direct);
            allowed.add(spool.directory());
            Sql.run(root, "set global TimeZone = 'UTC'");
            Sql.run(
                    root,
                    "set global allowed_directories = ["
                            + allowed.stream()
                                    .map(path -> Sql.text(path.toAbsolutePath().normalize() + "/"))
                                    .collect(Collectors.joining(", "))
                            + "]");
            Sql.run(root, "set global enable_external_access = false");
            Sql.run(root, "create schema " + Segment.SCHEMA);
            Sql.run(root, "set global lock_configuration = true");
            return new HybridEngine(
                    catalog,
                    direct,
                    spool,
                    new FileCache(spool.directory().resolve("cache"), bounds.cacheBytes()),
                    viewMaxAge,
                    bounds.memoryBytes(),
                    root);
        } catch (SQLException | IOException e) {
            close(root, e);
            throw new K2Exception.Stop(
                    "cannot start the query engine with spool " + spoolRoot + ": " + e.getMessage(), e);
        }
    }

    private static void close(@Nullable DuckDBConnection connection, Exception reason) {
        if (connection != null) {
            try {
                connection.close();
            } catch (SQLException e) {
                reason.addSuppressed(e);
            }
        }
    }

    /**
     * Opens the store of an event type. Views from now on have a relation for it. For a writer the table is made if there
     * is none, and gets the columns that it lacks; for a follower it must be there.
     *
     * @param type the event type
     * @param role what the store is for; one store each, and where a table has both, views show the writer's partitions from
     *     its store and the others from the follower's
     * @return the store; the caller closes it
     * @throws K2Exception.Retry if the catalog cannot be reached, or there is nothing to follow yet
     * @throws K2Exception.Stop if the table cannot hold the event type
     */
    public EventStore store(EventType<?> type, Role role) {
        if (type.name().equalsIgnoreCase(DeferredRelation.NAME)) {
            throw new IllegalArgumentException(
                    "an event type cannot be named '" + type.name() + "': views have a relation of that name");
        }
        StorageCounts counts = new StorageCounts();
        EventTable table = EventTable.open(catalog, type, role, counts);
        EventTable reading = EventTable.open(catalog, type, role, counts);
        lock.lock();
        try {
            if (stores.stream().anyMatch(store -> store.type().name().equals(type.name()) && store.role() == role)) {
                throw new IllegalArgumentException("there is a " + role + "'s store of " + type.name() + " already");
            }
            IcebergEventStore store = new IcebergEventStore(this, type, role, table, reading, counts);
            stores.add(store);
            return store;
        } catch (SQLException e) {
            throw Sql.failed("opening the store of " + type.name(), e);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Opens a second store of a table, for a commit beside the ingest. Views do not see its rows before they are
     * committed.
     *
     * @param type the event type, whose table must be there
     * @return the store; the caller closes it
     * @throws K2Exception.Retry if the catalog cannot be reached, or there is no such table
     * @throws K2Exception.Stop if the table cannot hold the event type
     */
    public EventStore storeAside(EventType<?> type) {
        try {
            // Opened as a follower opens it, since there is nothing to repair in a table that has to be made first.
            StorageCounts counts = new StorageCounts();
            return new IcebergEventStore(
                    this,
                    type,
                    Role.WRITER,
                    EventTable.open(catalog, type, Role.FOLLOWER, counts),
                    EventTable.open(catalog, type, Role.FOLLOWER, counts),
                    counts);
        } catch (SQLException e) {
            throw Sql.failed("opening a store of " + type.name(), e);
        }
    }

    /**
     * Pins a cut over open stores: the live side first, then the snapshots.
     *
     * @param tables the tables to show; an empty set means all
     * @return the view; the caller closes it
     * @throws K2Exception.Retry if no consistent cut was found just now
     * @throws K2Exception.Stop if a table cannot be answered from
     */
    public View view(Set<String> tables) {
        K2Exception.Retry last = null;
        for (int attempt = 0; attempt < RESOLVE_ATTEMPTS; attempt++) {
            if (attempt > 0) {
                // What is in the way passes: a writer commits, or the ingest thread loads the table again.
                LockSupport.parkNanos(RESOLVE_PAUSE_NANOS);
                if (Thread.currentThread().isInterrupted()) {
                    break;
                }
            }
            DuckDBConnection connection;
            try {
                connection = connect();
            } catch (SQLException e) {
                throw Sql.failed("connecting a view", e);
            }
            try {
                return pin(connection, tables);
            } catch (K2Exception.Retry e) {
                close(connection, e);
                last = e;
            } catch (SQLException e) {
                close(connection, e);
                throw Sql.failed("pinning a view", e);
            } catch (RuntimeException e) {
                close(connection, e);
                throw e;
            }
        }
        throw new K2Exception.Retry(
                "no consistent cut after " + RESOLVE_ATTEMPTS + " attempts"
                        + (last == null ? "" : ": " + last.getMessage()),
                last);
    }

    private View pin(DuckDBConnection connection, Set<String> tables) throws SQLException {
        List<AutoCloseable> held = new ArrayList<>();
        try {
            return pin(connection, tables, held);
        } catch (SQLException | RuntimeException e) {
            PinnedView.closeAll(held, e);
            throw e;
        }
    }

    private View pin(DuckDBConnection connection, Set<String> tables, List<AutoCloseable> held) throws SQLException {
        Map<IcebergEventStore, IcebergEventStore.Pin> pins = new LinkedHashMap<>();
        lock.lock();
        try {
            Sql.run(connection, "BEGIN");
            for (IcebergEventStore store : stores) {
                if (store.role() == Role.WRITER && isShown(store, tables)) {
                    pins.put(store, store.pin(connection));
                }
            }
            for (IcebergEventStore store : stores) {
                if (store.role() == Role.FOLLOWER && isShown(store, tables)) {
                    IcebergEventStore.Pin followed = store.pin(connection);
                    IcebergEventStore writer = pins.keySet().stream()
                            .filter(other ->
                                    other.type().name().equals(store.type().name()))
                            .findFirst()
                            .orElse(null);
                    if (writer == null) {
                        pins.put(store, followed);
                    } else {
                        pins.computeIfPresent(writer, (same, written) -> written.beside(followed));
                    }
                }
            }
        } finally {
            lock.unlock();
        }
        Map<String, Cut.TableCut> cuts = new TreeMap<>();
        for (Map.Entry<IcebergEventStore, IcebergEventStore.Pin> entry : pins.entrySet()) {
            IcebergEventStore.Resolved resolved = entry.getKey().resolve(entry.getValue());
            held.add(resolved);
            String name = entry.getKey().type().name();
            Sql.run(connection, "create temp view " + Sql.name(name) + " as " + resolved.sql());
            Long snapshotId = resolved.snapshotId();
            cuts.put(
                    name,
                    new Cut.TableCut(
                            snapshotId == null ? OptionalLong.empty() : OptionalLong.of(snapshotId), resolved.cut()));
        }
        Cut cut = new Cut(cuts);
        Sql.run(connection, "create temp view " + Sql.name(DeferredRelation.NAME) + " as " + DeferredRelation.of(cut));
        return new PinnedView(connection, cut, viewMaxAge, held);
    }

    private static boolean isShown(IcebergEventStore store, Set<String> tables) {
        return tables.isEmpty() || tables.contains(store.type().name());
    }

    long memoryBytes() {
        return memoryBytes;
    }

    Spool spool() {
        return spool;
    }

    /**
     * Makes files readable for DuckDB until the result is closed: those in readable directories as they are, the others as
     * copies.
     */
    LocalFiles local(FileIO io, List<RemoteFile> files) {
        List<RemoteFile> remote =
                files.stream().filter(file -> readable(file) == null).toList();
        FileCache.Lease lease = cache.lease(io, remote);
        Iterator<Path> copies = lease.paths().iterator();
        List<Path> paths = new ArrayList<>(files.size());
        for (RemoteFile file : files) {
            Path direct = readable(file);
            paths.add(direct != null ? direct : copies.next());
        }
        return new LocalFiles(paths, lease);
    }

    private @Nullable Path readable(RemoteFile file) {
        Path path = LocalFileIO.localPath(file.location());
        return path != null && readable.stream().anyMatch(path::startsWith) ? path : null;
    }

    DuckDBConnection connect() throws SQLException {
        return root.duplicate();
    }

    long nextSegment() {
        return segments.getAndIncrement();
    }

    void forget(IcebergEventStore store) {
        stores.remove(store);
    }

    void rollback(DuckDBConnection connection) throws SQLException {
        try {
            Sql.run(connection, "ROLLBACK");
        } catch (SQLException e) {
            if (e.getMessage() == null || !e.getMessage().contains("no transaction is active")) {
                throw e;
            }
        }
    }

    /** Runs a change of the segments while no view is between listing and pinning them. */
    void locked(SqlAction action) {
        lock.lock();
        try {
            action.run();
        } catch (SQLException e) {
            throw Sql.failed("changing segments", e);
        } finally {
            lock.unlock();
        }
    }

    /** Closes what is left open, and removes the spool. Views that are open fail from now on. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            List.copyOf(stores).forEach(IcebergEventStore::close);
            root.close();
            cache.close();
            spool.close();
        } catch (SQLException e) {
            throw Sql.failed("closing", e);
        } catch (IOException e) {
            throw new K2Exception.Retry("cannot remove the spool " + spool.directory(), e);
        } finally {
            lock.unlock();
        }
    }

    /**
     * What an engine may use.
     *
     * @param memoryBytes the most memory that DuckDB takes
     * @param spoolBytes the most that files on their way to tables take of the spool; as much again may be spilled
     * @param cacheBytes the most that copies of remote data files take of the spool
     */
    public record Bounds(long memoryBytes, long spoolBytes, long cacheBytes) {}

    /** Something to do with DuckDB. */
    @FunctionalInterface
    interface SqlAction {
        /** Does it. */
        void run() throws SQLException;
    }
}
