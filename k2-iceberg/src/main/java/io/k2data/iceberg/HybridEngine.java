package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.View;
import io.k2data.api.event.EventType;
import io.k2data.api.query.QuerySource;
import io.k2data.iceberg.FileCache.RemoteFile;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PartitionLedger;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
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
    private final String noRows;
    private final QueryMeters meters;
    private final ManifestCache manifests = new ManifestCache();
    private final SelectGuard selects = new SelectGuard();
    private final DuckDBConnection root;
    private final ViewConnections connections;
    private final QueryThreads threads;
    private final AtomicLong heldBytes = new AtomicLong();
    private final ReentrantLock lock = new ReentrantLock();
    private final List<IcebergEventStore> stores = new ArrayList<>();
    private final List<QuerySource> sources = new CopyOnWriteArrayList<>();
    private final AtomicLong segments = new AtomicLong();
    private final Set<PinnedView> views = ConcurrentHashMap.newKeySet();
    private volatile Function<String, List<PartitionLedger>> ledgers = table -> List.of();
    private volatile boolean closed;

    private HybridEngine(
            Catalog catalog,
            List<Path> readable,
            Spool spool,
            FileCache cache,
            Duration viewMaxAge,
            long memoryBytes,
            String noRows,
            QueryMeters meters,
            DuckDBConnection root,
            QueryThreads threads) {
        this.catalog = catalog;
        this.readable = readable;
        this.spool = spool;
        this.cache = cache;
        this.viewMaxAge = viewMaxAge;
        this.memoryBytes = memoryBytes;
        this.noRows = noRows;
        this.meters = meters;
        this.root = root;
        this.connections = new ViewConnections(root);
        this.threads = threads;
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
     * @param meters where what queries cost is registered, as {@code k2.query.*}
     * @return the engine; the caller closes it
     * @throws K2Exception.Stop if DuckDB cannot start or the spool cannot be made
     */
    public static HybridEngine open(
            Catalog catalog,
            List<Path> readable,
            Path spoolRoot,
            Bounds bounds,
            Duration viewMaxAge,
            MeterRegistry meters) {
        DuckDBConnection root = null;
        try {
            Spool spool = Spool.open(spoolRoot.toAbsolutePath().normalize(), bounds.spoolBytes());
            Properties settings = new Properties();
            settings.setProperty("autoinstall_known_extensions", "false");
            settings.setProperty("autoload_known_extensions", "false");
            // K2's own SQL is flat; what SelectGuard lets through is no deeper.
            settings.setProperty("max_expression_depth", "250");
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
            // Footers of data files stay in memory, of which DuckDB's limit is the bound.
            Sql.run(root, "set global parquet_metadata_cache = true");
            String noRows = noRows(root, spool.directory());
            QueryThreads threads = new QueryThreads(root, System::nanoTime);
            Sql.run(root, "set global allowed_configs = ['threads', 'enable_optimizer']");
            Sql.run(root, "set global lock_configuration = true");
            return new HybridEngine(
                    catalog,
                    direct,
                    spool,
                    new FileCache(spool.directory().resolve("cache"), bounds.cacheBytes()),
                    viewMaxAge,
                    bounds.memoryBytes(),
                    noRows,
                    QueryMeters.in(meters),
                    root,
                    threads);
        } catch (SQLException | IOException e) {
            close(root, e);
            throw new K2Exception.Stop(
                    "cannot start the query engine with spool " + spoolRoot + ": " + e.getMessage(), e);
        }
    }

    private static void close(@Nullable AutoCloseable connection, Exception reason) {
        if (connection != null) {
            try {
                connection.close();
            } catch (Exception e) {
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
        ReservedRelations.requireFree(type);
        StorageCounts counts = new StorageCounts();
        EventTable table = EventTable.open(catalog, type, role, counts);
        EventTable reading = EventTable.open(catalog, type, role, counts);
        lock.lock();
        try {
            if (sources.stream().anyMatch(source -> source.name().equalsIgnoreCase(type.name()))) {
                throw new IllegalArgumentException("there is a source named '" + type.name() + "' already");
            }
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
     * Sets who knows what is missing of the streams of a table, for the relation {@code gaps} of views from now on.
     *
     * @param source gives, by the table's name, the ledgers of all partitions that are worked on here; called by threads that
     *     query, and may block and throw {@link K2Exception}
     */
    public void ledgers(Function<String, List<PartitionLedger>> source) {
        ledgers = source;
    }

    /**
     * Gives views from now on a relation of a source's rows, as they are when the view is opened.
     *
     * @param source the source; stays the caller's
     * @throws IllegalArgumentException if there is a relation of that name
     */
    public void add(QuerySource source) {
        lock.lock();
        try {
            if (ReservedRelations.isReserved(source.name())
                    || sources.stream().anyMatch(other -> other.name().equalsIgnoreCase(source.name()))
                    || stores.stream().anyMatch(store -> store.type().name().equalsIgnoreCase(source.name()))) {
                throw new IllegalArgumentException("there is a relation '" + source.name() + "' already");
            }
            sources.add(source);
        } finally {
            lock.unlock();
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
        long began = System.nanoTime();
        View view = pinned(tables);
        meters.open().record(System.nanoTime() - began, TimeUnit.NANOSECONDS);
        return view;
    }

    private View pinned(Set<String> tables) {
        K2Exception.Retry last = null;
        for (int attempt = 0; attempt < RESOLVE_ATTEMPTS; attempt++) {
            if (attempt > 0) {
                // What is in the way passes: a writer commits, or the ingest thread loads the table again.
                LockSupport.parkNanos(RESOLVE_PAUSE_NANOS);
                if (Thread.currentThread().isInterrupted()) {
                    break;
                }
            }
            requireOpen();
            ViewConnection connection;
            try {
                connection = connections.take();
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

    private View pin(ViewConnection connection, Set<String> tables) throws SQLException {
        Map<IcebergEventStore, IcebergEventStore.Pin> pins = new LinkedHashMap<>();
        lock.lock();
        try {
            for (IcebergEventStore store : stores) {
                if (isShown(store, tables)) {
                    store.show();
                }
            }
            connection.begin();
            for (IcebergEventStore store : stores) {
                if (store.role() == Role.WRITER && isShown(store, tables)) {
                    pins.put(store, store.pin(connection.duck()));
                }
            }
            for (IcebergEventStore store : stores) {
                if (store.role() == Role.FOLLOWER && isShown(store, tables)) {
                    IcebergEventStore.Pin followed = store.pin(connection.duck());
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
        Map<String, IcebergEventStore.Resolved> resolved = new TreeMap<>();
        pins.forEach((store, pin) -> resolved.put(store.type().name(), store.resolve(pin)));
        return view(connection, resolved, ledgers);
    }

    /**
     * Shows what open stores' tables held at an instant, as far as it was committed by then. There are no live rows in it.
     *
     * @param tables the tables to show; an empty set means all
     * @param instant the instant, by the clocks of those who committed
     * @return the view; the caller closes it
     * @throws K2Exception.Retry if a table cannot be read just now
     * @throws K2Exception.Stop if a table's snapshot of that instant expired
     */
    public View asOf(Set<String> tables, Instant instant) {
        return past(tables, TimeTravel.at(instant));
    }

    /**
     * Shows what an open store's table held as of a snapshot of its main branch. There are no live rows in it.
     *
     * @param table the table
     * @param snapshotId the snapshot
     * @return the view; the caller closes it
     * @throws K2Exception.Retry if the table cannot be read just now
     * @throws K2Exception.Stop if the snapshot expired, or was never on the main branch
     */
    public View asOf(String table, long snapshotId) {
        return past(Set.of(table), TimeTravel.of(snapshotId));
    }

    private View past(Set<String> tables, TimeTravel.Choice choice) {
        Map<String, IcebergEventStore> shown = new TreeMap<>();
        lock.lock();
        try {
            stores.stream()
                    .filter(store -> isShown(store, tables))
                    .forEach(store -> shown.put(store.type().name(), store));
        } finally {
            lock.unlock();
        }
        ViewConnection connection = null;
        try {
            connection = connections.take();
            connection.begin();
            Map<String, IcebergEventStore.Resolved> resolved = new TreeMap<>();
            shown.forEach((name, store) -> resolved.put(name, store.past(choice)));
            return view(connection, resolved, HybridEngine::noLedger);
        } catch (SQLException e) {
            close(connection, e);
            throw Sql.failed("opening a view of the past", e);
        } catch (RuntimeException e) {
            close(connection, e);
            throw e;
        }
    }

    private static List<PartitionLedger> noLedger(String table) {
        throw new K2Exception.Stop("only what is missing now is known, not what was at the time of this view", null);
    }

    private View view(
            ViewConnection connection,
            Map<String, IcebergEventStore.Resolved> tables,
            Function<String, List<PartitionLedger>> ledgers)
            throws SQLException {
        Map<String, Cut.TableCut> cuts = new TreeMap<>();
        ViewRelations relations = new ViewRelations(this, connection);
        Set<String> names = new HashSet<>(ReservedRelations.NAMES);
        names.addAll(tables.keySet());
        connection.only(names);
        for (Map.Entry<String, IcebergEventStore.Resolved> table : tables.entrySet()) {
            String name = table.getKey();
            IcebergEventStore.Resolved resolved = table.getValue();
            relations.add(name, resolved);
            Long snapshotId = resolved.snapshotId();
            cuts.put(
                    name,
                    new Cut.TableCut(
                            snapshotId == null ? OptionalLong.empty() : OptionalLong.of(snapshotId), resolved.cut()));
        }
        try {
            for (QuerySource source : sources) {
                relations.add(source);
            }
        } catch (SQLException | RuntimeException e) {
            relations.close();
            throw e;
        }
        Cut cut = new Cut(cuts);
        relations.addReserved(cut, ledgers);
        return opened(new PinnedView(connection, connections, cut, viewMaxAge, relations, this::ended));
    }

    private View opened(PinnedView view) {
        lock.lock();
        try {
            requireOpen();
            threads.read();
            views.add(view);
            return view;
        } finally {
            lock.unlock();
        }
    }

    private void ended(PinnedView view) {
        if (views.remove(view)) {
            threads.done();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the query engine is closed");
        }
    }

    private static boolean isShown(IcebergEventStore store, Set<String> tables) {
        return tables.isEmpty() || tables.contains(store.type().name());
    }

    long memoryBytes() {
        return memoryBytes;
    }

    /**
     * A list, as SQL, of Parquet files without rows, which any table's fields can be read from. More than one: of a single
     * file DuckDB takes statistics into account when it plans.
     */
    String noRows() {
        return noRows;
    }

    private static String noRows(DuckDBConnection connection, Path directory) throws SQLException {
        List<Path> files = List.of(directory.resolve("no-rows-1.parquet"), directory.resolve("no-rows-2.parquet"));
        for (Path file : files) {
            Sql.run(
                    connection,
                    "copy (select 1 as no_column where false) to " + Sql.text(file.toString())
                            + " (format parquet, field_ids {no_column: " + Integer.MAX_VALUE + "})");
        }
        return HistoryFiles.paths(files);
    }

    ViewConnections connections() {
        return connections;
    }

    SelectGuard selects() {
        return selects;
    }

    QueryMeters meters() {
        return meters;
    }

    ManifestCache manifests() {
        return manifests;
    }

    QueryThreads threads() {
        return threads;
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

    /**
     * A connection that plans what it is given as it stands. An appender hands over its rows by a statement for every 2,048
     * of them, of which a third was spent on optimizing it.
     */
    DuckDBConnection connectForAppends() throws SQLException {
        DuckDBConnection connection = connect();
        try {
            Sql.run(connection, "pragma disable_optimizer");
            return connection;
        } catch (SQLException e) {
            close(connection, e);
            throw e;
        }
    }

    /** Counts the bytes of live rows that are not in DuckDB, of all tables. */
    AtomicLong heldBytes() {
        return heldBytes;
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

    /**
     * Closes what is left open, and removes the spool. Views that are open end: a query that runs on one fails, and says why.
     */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            // DuckDB stops what runs on a connection that is closed, and goes on with what runs on the others.
            views.forEach(PinnedView::end);
            meters.remove();
            List.copyOf(stores).forEach(IcebergEventStore::close);
            connections.close();
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
