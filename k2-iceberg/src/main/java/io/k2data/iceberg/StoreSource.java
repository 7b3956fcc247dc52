package io.k2data.iceberg;

import io.k2data.api.LogPartition;
import io.k2data.api.event.Column;
import io.k2data.api.query.PinnedRows;
import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * One side of a hybrid query as a source of its own: what is committed, or what is not. A view does not take the two from
 * here, for which rows of the live side count is decided by the snapshot under it, and which files by the statement.
 */
final class StoreSource implements QuerySource {
    private final HybridEngine engine;
    private final IcebergEventStore store;
    private final TableLayout layout;
    private final boolean live;
    private boolean closed;

    private StoreSource(HybridEngine engine, IcebergEventStore store, boolean live) {
        this.engine = engine;
        this.store = store;
        this.live = live;
        this.layout = store.past(StoreSource::newest).layout();
    }

    /** The rows of the table's snapshots, as files. */
    static StoreSource history(HybridEngine engine, IcebergEventStore store) {
        return new StoreSource(engine, store, false);
    }

    /** The rows of the segments, those among them that the table has already: a relation of the pin's own connection. */
    static StoreSource live(HybridEngine engine, IcebergEventStore store) {
        return new StoreSource(engine, store, true);
    }

    private static org.apache.iceberg.@Nullable Snapshot newest(
            String table, List<org.apache.iceberg.Snapshot> snapshots) {
        return snapshots.isEmpty() ? null : snapshots.get(0);
    }

    @Override
    public String name() {
        return store.type().name();
    }

    @Override
    public List<Column> columns() {
        return layout.columns();
    }

    @Override
    public Pinned pin() {
        if (closed) {
            throw new IllegalStateException(name() + " is closed");
        }
        IcebergEventStore.Resolved committed = store.past(StoreSource::newest);
        Map<LogPartition, PinnedRows.LogRange> ranges = new TreeMap<>();
        if (!live) {
            committed
                    .cut()
                    .forEach((partition, cut) ->
                            ranges.put(partition, new PinnedRows.LogRange(cut.startOffset(), cut.tableOffset())));
            LocalFiles files = engine.local(committed.io(), committed.history().all());
            return new Pinned(ranges, new SourceRows.ParquetFiles(files.paths()), null, files);
        }
        try {
            DuckDBConnection connection = engine.connect();
            Sql.run(connection, "BEGIN");
            IcebergEventStore.Pin[] pins = new IcebergEventStore.Pin[1];
            engine.locked(() -> {
                store.show();
                pins[0] = store.pin(connection);
            });
            IcebergEventStore.Pin pin = pins[0];
            committed.cut().keySet().forEach(partition -> {
                Long start = pin.starts().get(partition.partition());
                Long end = pin.ends().get(partition.partition());
                if (start != null && end != null) {
                    ranges.put(partition, new PinnedRows.LogRange(start, end));
                }
            });
            String none = HistoryFiles.select(layout, committed.history().schema(), List.of());
            return new Pinned(
                    ranges, new SourceRows.Relation(Seam.both(none, layout, pin.live())), connection, connection);
        } catch (SQLException e) {
            throw Sql.failed("pinning live rows of " + name(), e);
        }
    }

    @Override
    public void close() {
        closed = true;
    }

    /**
     * What was pinned.
     *
     * @param connection where a relation can be read; null for files
     * @param held what to close
     */
    record Pinned(
            Map<LogPartition, LogRange> ranges,
            SourceRows rows,
            @Nullable DuckDBConnection connection,
            AutoCloseable held)
            implements PinnedRows {
        @Override
        public void close() {
            try {
                held.close();
            } catch (Exception e) {
                throw new io.k2data.api.K2Exception.Retry("cannot let go of rows", e);
            }
        }
    }
}
