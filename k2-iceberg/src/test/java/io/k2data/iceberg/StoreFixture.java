package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Row;
import io.k2data.pipeline.Tally;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.iceberg.catalog.Catalog;

/** A store of trades over a local warehouse, and rows to put into it. */
final class StoreFixture implements AutoCloseable {
    static final LogPartition P0 = new LogPartition("cluster.1", "topicIdA", "trades", 0);
    static final LogPartition P1 = new LogPartition("cluster.1", "topicIdA", "trades", 1);
    static final Instant DAY = Instant.parse("2024-08-08T00:00:00Z");

    final Catalog catalog;
    final HybridEngine engine;
    final IcebergEventStore store;
    private final Map<LogPartition, Long> next = new TreeMap<>();

    StoreFixture(Path directory) {
        this(directory, Warehouses.local(directory.resolve("warehouse")));
    }

    StoreFixture(Path directory, Catalog catalog) {
        this(directory, catalog, List.of(directory), 1L << 30);
    }

    /** Data files that are not below the given directories come through a cache, as those of a remote table do. */
    StoreFixture(Path directory, Catalog catalog, List<Path> local, long cacheBytes) {
        this.catalog = catalog;
        this.engine = HybridEngine.open(
                catalog,
                local,
                directory.resolve("spool"),
                new HybridEngine.Bounds(256L << 20, 1L << 30, cacheBytes),
                Duration.ofMinutes(5),
                new SimpleMeterRegistry());
        this.store = (IcebergEventStore) engine.store(EventTypes.TRADE, Role.WRITER);
    }

    /** Loads, commits start offsets 0 for partitions that are new, and begins. */
    StoreFixture begin(LogPartition... partitions) {
        Map<LogPartition, PartitionState> states = store.load();
        List<PartitionState> fresh = new ArrayList<>();
        next.clear();
        for (LogPartition partition : partitions) {
            PartitionState state = states.get(partition);
            if (state == null) {
                state = new PartitionState(partition, 0, LogOffset.of(0), Tally.ZERO);
                fresh.add(state);
            }
            next.put(partition, state.next().offset());
        }
        store.begin(next);
        if (!fresh.isEmpty()) {
            store.commit(store.seal(fresh));
        }
        return this;
    }

    /** Begins with a partition again, at the table's offset. */
    void retake(LogPartition partition) {
        Map<LogPartition, PartitionState> states = store.states(Set.of(partition));
        store.beginWith(states.values());
        states.forEach((each, state) -> next.put(each, state.next().offset()));
    }

    /** Appends rows at the partition's next offsets. */
    void append(LogPartition partition, int count) {
        List<Row> rows = new ArrayList<>();
        long offset = next.getOrDefault(partition, 0L);
        for (int i = 0; i < count; i++) {
            rows.add(row(partition, offset++));
        }
        next.put(partition, offset);
        store.append(rows, Map.of(partition, offset));
    }

    /** Appends rows that end a partition's log. */
    void appendRows(LogPartition partition, List<Row> rows) {
        long offset = rows.get(rows.size() - 1).offset() + 1;
        next.put(partition, offset);
        store.append(rows, Map.of(partition, offset));
    }

    /** The same for a table that has one more column, with a text to put there. */
    void appendWith(LogPartition partition, int count, String extra) {
        List<Row> rows = new ArrayList<>();
        long offset = next.getOrDefault(partition, 0L);
        for (int i = 0; i < count; i++) {
            Row row = row(partition, offset++);
            Object[] values = Arrays.copyOf(row.values(), row.values().length + 1);
            values[values.length - 1] = extra;
            rows.add(new Row(partition, row.offset(), row.logTimeMillis(), row.ingestionTimeMicros(), values));
        }
        next.put(partition, offset);
        store.append(rows, Map.of(partition, offset));
    }

    EventStore.Generation seal() {
        List<PartitionState> states = new ArrayList<>();
        next.forEach((partition, offset) -> states.add(state(partition, offset)));
        return store.seal(states);
    }

    static PartitionState state(LogPartition partition, long offset) {
        return new PartitionState(partition, 0, LogOffset.of(offset), new Tally(offset, offset, 0, 0, 0, 0, 0, 0));
    }

    static Row row(LogPartition partition, long offset) {
        Instant time = DAY.plusSeconds(offset * 60);
        Trade trade = Trade.of("BINANCE", offset % 3 == 0 ? "BTCUSDT" : "ETHUSDT", offset)
                .at(time)
                .priced(
                        new BigDecimal("100.5").setScale(12),
                        BigDecimal.valueOf(offset).setScale(10))
                .conditions(List.of("a", "b"))
                .build();
        Object[] values = new Object[EventTypes.TRADE.columns().size()];
        for (int i = 0; i < values.length; i++) {
            Object value = EventTypes.TRADE.value(i, trade);
            values[i] = value instanceof Instant ? (Object) (time.toEpochMilli() * 1000) : value;
        }
        return new Row(partition, offset, time.toEpochMilli(), time.toEpochMilli() * 1000, values);
    }

    /** All (partition, offset) pairs that a view shows, as often as it shows them. */
    List<String> positions() throws SQLException {
        try (View view = engine.view(Set.of())) {
            return positions(view);
        }
    }

    static List<String> positions(View view) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet result =
                        statement.executeQuery("select kafka_partition, kafka_offset from trades order by 1, 2")) {
            List<String> found = new ArrayList<>();
            while (result.next()) {
                found.add(result.getInt(1) + ":" + result.getLong(2));
            }
            return found;
        }
    }

    static List<String> expected(Cut cut) {
        List<String> positions = new ArrayList<>();
        cut.tables().get("trades").partitions().forEach((partition, range) -> {
            for (long offset = range.startOffset(); offset < range.liveEnd(); offset++) {
                positions.add(partition.partition() + ":" + offset);
            }
        });
        return positions;
    }

    @Override
    public void close() {
        engine.close();
    }
}
