package io.k2data.iceberg;

import io.k2data.api.Cut.PartitionCut;
import io.k2data.api.FencedException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.event.Column;
import io.k2data.api.event.EventType;
import io.k2data.iceberg.FileCache.RemoteFile;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Row;
import io.k2data.pipeline.StorageUse;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.zip.ZipException;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.StatisticsFile;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.exceptions.NotFoundException;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.FileIO;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * One table's rows: those not committed in DuckDB segments, the others in Iceberg.
 *
 * <p>Which thread touches what: the ingest thread owns {@code writer} and the open segment; the committer thread owns
 * {@code sealer} and {@code table}; views come from any thread, through {@code reading} and connections of their own. The
 * list of segments is shared, guarded by the engine's lock, so that no segment is dropped between the moment a view lists
 * it and the moment the view's transaction has pinned it.
 */
final class IcebergEventStore implements EventStore {
    private static final int COMMITS_PER_EXPIRY = 50;
    private static final int VALUES_THAT_PRUNE = 200;
    /** Bounds how long the first who asks has to wait. */
    private static final long HELD_BYTES =
            Math.min(128L << 20, Runtime.getRuntime().maxMemory() / 8);

    private static final long HOLD_AFTER_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final HybridEngine engine;
    private final EventType<?> type;
    private final Role role;
    private final EventTable table;
    private final EventTable reading;
    private final StorageCounts counts;
    private final DuckDBConnection writer;
    private final DuckDBConnection sealer;
    /** Guarded by the engine. */
    private final DuckDBConnection bringer;

    /** Segments whose rows are not known to be in the table, oldest first; the last is open. Guarded by the engine. */
    private final List<Segment> segments = new ArrayList<>();

    /** What the table's properties said when they were last read or written. Committer thread, or no commit under way. */
    private final Map<LogPartition, StoredState> stored = new HashMap<>();

    /** The table as it was when states were last read; what is opened on the ground of them is read as of then. */
    private TableMetadata loaded;

    /** The columns as of the last load; and as of the segments, guarded by the engine. */
    private TableLayout layout;

    private TableLayout segmentLayout;
    private DataFileWriter files;

    /** Ingest thread. */
    private SegmentShape shape;

    /** Ingest thread; closed with its connection. */
    private @Nullable PreparedStatement askMemory;

    private final HeldRows.Blocks blocks = new HeldRows.Blocks();

    /** By partition number, how many repairs the table had when the segments' rows were judged. Guarded by the engine. */
    private Map<Integer, Long> repairs = Map.of();

    /** What is put off as of the live end or later. Any thread. */
    private final Map<LogPartition, List<Deferral>> deferring = new ConcurrentHashMap<>();

    private final Map<String, String> tiers = new ConcurrentHashMap<>();

    /** The last segment. Ingest thread. */
    private @Nullable Segment open;

    /** When somebody last asked for the live rows; 0 if nobody did. */
    private volatile long askedNanos;

    private volatile boolean outdated;
    private @Nullable Planned planned;
    private long commits;

    IcebergEventStore(
            HybridEngine engine,
            EventType<?> type,
            Role role,
            EventTable table,
            EventTable reading,
            StorageCounts counts)
            throws SQLException {
        this.engine = engine;
        this.type = type;
        this.role = role;
        this.table = table;
        this.reading = reading;
        this.counts = counts;
        this.loaded = table.current();
        this.layout = TableLayout.of(type, table.table().schema());
        this.segmentLayout = layout;
        this.shape = new SegmentShape(type, layout);
        this.files = new DataFileWriter(table.table(), layout, engine.spool());
        this.writer = engine.connectForAppends();
        this.sealer = engine.connect();
        this.bringer = engine.connectForAppends();
    }

    EventType<?> type() {
        return type;
    }

    EventTable table() {
        return table;
    }

    Role role() {
        return role;
    }

    @Override
    public Map<LogPartition, PartitionState> load() {
        TableMetadata metadata = table.refresh();
        loaded = metadata;
        stored.clear();
        stored.putAll(table.states(metadata));
        layout = TableLayout.of(type, metadata.schema());
        files = new DataFileWriter(table.table(), layout, engine.spool());
        return states(stored);
    }

    @Override
    public Map<LogPartition, PartitionState> states(Set<LogPartition> partitions) {
        loaded = table.refresh();
        Map<LogPartition, StoredState> read = new HashMap<>(table.states(loaded));
        read.keySet().retainAll(partitions);
        stored.keySet().removeAll(partitions);
        stored.putAll(read);
        return states(read);
    }

    private static Map<LogPartition, PartitionState> states(Map<LogPartition, StoredState> from) {
        Map<LogPartition, PartitionState> states = new TreeMap<>();
        from.forEach((partition, state) -> states.put(partition, state.state()));
        return states;
    }

    @Override
    public List<Column> columns() {
        return layout.valueColumns();
    }

    @Override
    public void addColumns(List<Rejection.NewColumn> columns) {
        requireWriter();
        table.addColumns(type, columns);
    }

    @Override
    public Map<LogPartition, PartitionState> follow() {
        Map<LogPartition, PartitionState> states = states(table.states(table.refresh()));
        engine.locked(() -> {
            outdated |= isOutdated(repairs, states.values());
            // The last segment is open.
            for (Segment segment : List.copyOf(segments.subList(0, Math.max(0, segments.size() - 1)))) {
                boolean covered = segment.liveEnds().entrySet().stream().allMatch(end -> {
                    PartitionState state = states.get(end.getKey());
                    return state != null && state.next().offset() >= end.getValue();
                });
                if (covered) {
                    segments.remove(segment);
                    segment.drop(writer);
                }
            }
        });
        return states;
    }

    /** Whether the table holds changes below its offsets that whoever judged rows did not know of. */
    private boolean isOutdated(Map<Integer, Long> judgedWith, Collection<PartitionState> states) {
        return states.stream()
                .anyMatch(state ->
                        judgedWith.getOrDefault(state.partition().partition(), changes(state)) != changes(state));
    }

    /** A writer knows what it brought in itself; one that judges beside it does not. */
    private long changes(PartitionState state) {
        return role == Role.WRITER ? state.repairs() : state.repairs() + state.backfills();
    }

    @Override
    public boolean outdated() {
        return outdated;
    }

    private void requireWriter() {
        if (role == Role.FOLLOWER) {
            throw new IllegalStateException("a follower does not write to " + table.name());
        }
    }

    @Override
    public void begin(Map<LogPartition, Long> from) {
        engine.locked(() -> {
            dropSegments();
            if (!layout.columnNames().equals(segmentLayout.columnNames())) {
                shape.drop(writer);
                shape = new SegmentShape(type, layout);
            }
            segmentLayout = layout;
            Map<Integer, Long> judgedWith = new HashMap<>();
            from.keySet().forEach(partition -> {
                StoredState state = stored.get(partition);
                judgedWith.put(partition.partition(), state == null ? 0 : changes(state.state()));
            });
            repairs = judgedWith;
            deferring.keySet().retainAll(from.keySet());
            outdated = false;
            addSegment(from);
        });
    }

    @Override
    public void beginWith(Collection<PartitionState> states) {
        Map<LogPartition, Long> from = new HashMap<>();
        Map<Integer, Long> judgedWith = new HashMap<>(repairs);
        states.forEach(state -> {
            from.put(state.partition(), state.next().offset());
            judgedWith.put(state.partition().partition(), changes(state));
        });
        engine.locked(() -> {
            open().beginWith(writer, from);
            repairs = judgedWith;
        });
    }

    @Override
    public void forget(Set<LogPartition> partitions) {
        Map<Integer, Long> judgedWith = new HashMap<>(repairs);
        partitions.forEach(partition -> judgedWith.remove(partition.partition()));
        engine.locked(() -> {
            deferring.keySet().removeAll(partitions);
            // A transaction that failed half-way is still open.
            engine.rollback(writer);
            bringIn();
            for (Segment segment : segments) {
                segment.forget(writer, partitions);
            }
            repairs = judgedWith;
        });
    }

    private void addSegment(Map<LogPartition, Long> from) {
        Segment made = new Segment(layout, shape, blocks, engine.heldBytes(), type.name(), engine.nextSegment(), from);
        segments.add(made);
        open = made;
    }

    private void dropSegments() throws SQLException {
        // A transaction that failed half-way is still open on the writer's connection.
        engine.rollback(writer);
        for (Segment segment : segments) {
            segment.drop(writer);
        }
        segments.clear();
        open = null;
    }

    @Override
    public void append(List<Row> rows, Map<LogPartition, Long> liveEnds) {
        if (role == Role.FOLLOWER) {
            // A writer's committer does it, since it may have to wait for what other threads have at hand.
            engine.threads().write();
        }
        Segment open = open();
        if (open.isHeld()) {
            if (mayHold() && open.hold(rows, liveEnds)) {
                return;
            }
            engine.locked(this::bringIn);
        }
        if (open.needsFit(rows)) {
            engine.locked(() -> open.fit(writer, rows));
        }
        try {
            open.append(writer, rows, liveEnds);
        } catch (SQLException e) {
            throw Sql.failed("appending rows of " + type.name(), e);
        }
    }

    private boolean mayHold() {
        long asked = askedNanos;
        return ArrowRows.usable()
                && engine.heldBytes().get() < Math.min(HELD_BYTES, engine.memoryBytes() / 4)
                && (asked == 0 || System.nanoTime() - asked > HOLD_AFTER_NANOS);
    }

    /**
     * Has DuckDB hold all rows, and keep them coming while somebody asks. The caller holds the engine's lock, and its
     * transaction has read nothing yet.
     */
    void show() throws SQLException {
        askedNanos = Math.max(1, System.nanoTime());
        bringIn();
    }

    /** For tests: as if nobody had asked. */
    void askedLongAgo() {
        askedNanos = 0;
    }

    private void bringIn() throws SQLException {
        for (Segment segment : segments) {
            segment.bringIn(bringer);
        }
    }

    private Segment open() {
        Segment last = open;
        if (last == null) {
            throw new IllegalStateException("begin() comes first");
        }
        return last;
    }

    @Override
    public void deferred(LogPartition partition, List<Deferral> deferred) {
        deferring.put(partition, deferred);
    }

    @Override
    public void keepTiers(String version, String text) {
        tiers.put(version, text);
    }

    @Override
    public Optional<String> tiers(String version) {
        Optional<String> kept = table.tiers(version);
        kept.ifPresent(text -> tiers.put(version, text));
        return kept.or(() -> Optional.ofNullable(tiers.get(version)));
    }

    @Override
    public long liveBytesLimit() {
        return engine.memoryBytes();
    }

    @Override
    public long liveBytes() {
        // What queries use besides says nothing about rows that wait for their commit.
        try {
            if (askMemory == null) {
                // Asked several times a second; planning it costs more than running it.
                askMemory = writer.prepareStatement("select coalesce(sum(memory_usage_bytes), 0)::BIGINT from"
                        + " duckdb_memory() where tag = 'IN_MEMORY_TABLE'");
            }
            try (ResultSet result = askMemory.executeQuery()) {
                result.next();
                return result.getLong(1) + engine.heldBytes().get();
            }
        } catch (SQLException e) {
            throw Sql.failed("asking for its memory", e);
        }
    }

    @Override
    public Generation seal(Collection<PartitionState> states, Collection<StateSnapshot> checkpoints) {
        Segment sealed = open();
        try {
            sealed.seal(writer, states, checkpoints);
        } catch (SQLException e) {
            throw Sql.failed("sealing a segment of " + type.name(), e);
        }
        engine.locked(() -> {
            addSegment(sealed.liveEnds());
        });
        return sealed;
    }

    @Override
    public void commit(Generation generation) {
        requireWriter();
        Segment segment = (Segment) generation;
        if (segment.states().isEmpty()) {
            drop(segment);
            return;
        }
        List<org.apache.iceberg.DataFile> dataFiles;
        engine.threads().write();
        try {
            dataFiles = segment.files(sealer, files);
        } catch (SQLException e) {
            throw Sql.failed("writing Parquet of " + type.name(), e);
        }
        stored.putAll(table.commit(
                segment.commitId(), dataFiles, stored, segment.states(), tiers, segment.checkpointFile(table)));
        dataFiles.forEach(file -> counts.dataFile(file.fileSizeInBytes()));
        counts.tableBytes(table.bytes());
        drop(segment);
        if (++commits % COMMITS_PER_EXPIRY == 0) {
            table.expireSnapshots();
        }
    }

    @Override
    public StorageUse use() {
        return counts.use();
    }

    private void drop(Segment segment) {
        engine.locked(() -> {
            segments.remove(segment);
            segment.drop(sealer);
            segment.recycle();
        });
    }

    @Override
    public void replay(LogPartition partition, long horizonMillis, StoredRowVisitor visitor) {
        TableMetadata metadata = loaded;
        HistoryFiles history = plan(table.table(), metadata, metadata.currentSnapshot());
        try (LocalFiles local = engine.local(table.table().io(), history.matching(inPartition(partition)))) {
            String inPartition = inPartition(HistoryFiles.select(layout, metadata.schema(), local.paths()), partition);
            // The deduplicator counts from the newest row that has an id; so must the horizon.
            String withId = type.idColumns().isEmpty()
                    ? ""
                    : type.idColumns().stream()
                            .map(column -> Sql.name(column.name()) + " is not null")
                            .collect(Collectors.joining(" or ", " and (", ")"));
            replay(
                    inPartition + " and epoch_ms(kafka_time) >= (select max(epoch_ms(kafka_time))" + inPartition
                            + withId + ") - " + horizonMillis,
                    visitor);
        }
    }

    @Override
    public StoredCheckpoint checkpoint(LogPartition partition, StateKind kind) {
        StoredState state = stored.get(partition);
        Long named = state == null ? null : state.checkpoints().get(kind);
        if (state == null || named == null) {
            return new StoredCheckpoint.None();
        }
        TableMetadata metadata = loaded;
        FileIO io = table.table().io();
        String problem;
        StatisticsFile file = CheckpointFiles.registered(metadata, named).orElse(null);
        if (!CheckpointFiles.isKnown(metadata, named)) {
            problem = "snapshot " + named + ", which it came with, has expired";
        } else if (file == null) {
            problem = "snapshot " + named + " has no such statistics file any more";
        } else {
            try {
                Optional<byte[]> content = CheckpointFiles.read(io, file, partition, kind);
                if (content.isPresent()) {
                    return new StoredCheckpoint.Found(content.get());
                }
                problem = file.path() + " does not hold it";
            } catch (NotFoundException e) {
                problem = file.path() + " is gone";
            } catch (ZipException e) {
                problem = file.path() + " is damaged: " + e.getMessage();
            } catch (IOException | RuntimeException e) {
                if (io.newInputFile(file.path()).exists()) {
                    throw new K2Exception.Retry("cannot read a checkpoint from " + file.path() + ": " + e, e);
                }
                problem = file.path() + " is gone";
            }
        }
        requireUnmoved(partition);
        return new StoredCheckpoint.Missing(problem);
    }

    /** What a table named as it was loaded may be gone because it was moved on; it names something else by now. */
    private void requireUnmoved(LogPartition partition) {
        StoredState state = stored.get(partition);
        String now = table.refresh().properties().get(StoredState.key(partition));
        if (state != null && !state.text().equals(now)) {
            throw new FencedException(partition + " was moved while it was being opened", Set.of(partition));
        }
    }

    @Override
    public void replaySince(LogPartition partition, StateKind kind, StoredRowVisitor visitor) {
        StoredState state = stored.get(partition);
        Long named = state == null ? null : state.checkpoints().get(kind);
        TableMetadata metadata = loaded;
        try {
            List<RemoteFile> files =
                    named == null ? null : CheckpointFiles.since(table.table().io(), metadata, named, partition);
            if (files == null) {
                throw new FencedException(
                        "the " + CheckpointFiles.word(kind) + "'s checkpoint of " + partition
                                + " expired while it was being opened",
                        Set.of(partition));
            }
            if (files.isEmpty()) {
                return;
            }
            try (LocalFiles local = engine.local(table.table().io(), files)) {
                replay(inPartition(HistoryFiles.select(layout, metadata.schema(), local.paths()), partition), visitor);
            }
        } catch (FencedException e) {
            throw e;
        } catch (K2Exception.Retry e) {
            requireUnmoved(partition);
            throw e;
        }
    }

    /** Rows of a partition below its offset as it was loaded: whatever was committed since comes again from the log. */
    private String inPartition(String rows, LogPartition partition) {
        StoredState state = stored.get(partition);
        return " from (" + rows + ") where kafka_partition = " + partition.partition()
                + (state == null
                        ? ""
                        : " and kafka_offset < " + state.state().next().offset());
    }

    private void replay(String fromRows, StoredRowVisitor visitor) {
        String id = type.idColumns().isEmpty() ? "" : ", " + Sql.names(names(type.idColumns()));
        String sequence =
                type.sequenceColumn().map(column -> Sql.name(column.name())).orElse("null::BIGINT");
        engine.threads().read();
        try (DuckDBConnection connection = engine.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select venue, symbol, kafka_offset, epoch_ms(kafka_time), "
                        + sequence + id + fromRows + " order by kafka_offset")) {
            while (row.next()) {
                long number = row.getLong(5);
                Long sequenceNumber = row.wasNull() ? null : number;
                Object found = null;
                for (int i = 0; i < type.idColumns().size() && found == null; i++) {
                    found = row.getObject(6 + i);
                }
                visitor.row(
                        new StreamKey(row.getString(1), row.getString(2)),
                        found,
                        sequenceNumber,
                        row.getLong(3),
                        row.getLong(4));
            }
        } catch (SQLException e) {
            throw Sql.failed("reading ids of " + type.name() + " back", e);
        } finally {
            engine.threads().done();
        }
    }

    @Override
    public Set<Long> storedOffsets(LogPartition partition, Collection<Long> offsets) {
        Set<Long> found = new HashSet<>();
        if (offsets.isEmpty()) {
            return found;
        }
        TableMetadata metadata = table.refresh();
        HistoryFiles history = plan(table.table(), metadata, metadata.currentSnapshot());
        Expression among = Expressions.and(
                inPartition(partition),
                Expressions.greaterThanOrEqual("kafka_offset", Collections.min(offsets)),
                Expressions.lessThanOrEqual("kafka_offset", Collections.max(offsets)));
        try (LocalFiles local = engine.local(table.table().io(), history.matching(among));
                DuckDBConnection connection = engine.connect();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select kafka_offset from ("
                        + HistoryFiles.select(layout, metadata.schema(), local.paths())
                        + ") where kafka_partition = " + partition.partition() + " and kafka_offset in "
                        + offsets.stream().map(String::valueOf).collect(Collectors.joining(", ", "(", ")")))) {
            while (row.next()) {
                found.add(row.getLong(1));
            }
        } catch (SQLException e) {
            throw Sql.failed("looking for offsets of " + type.name(), e);
        }
        return found;
    }

    /** Iceberg leaves files out by a list of at most 200 values, hence several; neighbours in each. */
    private static Expression amongThese(String column, Set<?> values) {
        Expression among = Expressions.alwaysFalse();
        List<?> all = List.copyOf(values);
        for (int from = 0; from < all.size(); from += VALUES_THAT_PRUNE) {
            among = Expressions.or(
                    among,
                    Expressions.in(
                            column,
                            all.subList(from, Math.min(all.size(), from + VALUES_THAT_PRUNE))
                                    .toArray()));
        }
        return among;
    }

    private static Expression inPartition(LogPartition partition) {
        return Expressions.equal("kafka_partition", partition.partition());
    }

    private HistoryFiles plan(Table from, TableMetadata metadata, @Nullable Snapshot snapshot) {
        return HistoryFiles.plan(from, metadata.schema(), snapshot, boundedColumns(), engine.manifests());
    }

    /** The columns that queries choose rows by: the stream, the event's time, id and sequence, and the position. */
    private Set<String> boundedColumns() {
        Set<String> names = new HashSet<>(Set.of("venue", "symbol", "event_time"));
        type.idColumns().forEach(column -> names.add(column.name()));
        type.sequenceColumn().ifPresent(column -> names.add(column.name()));
        type.provenance().forEach(column -> names.add(column.name()));
        return names;
    }

    private static List<String> names(List<Column> columns) {
        return columns.stream().map(Column::name).toList();
    }

    @Override
    public long[] sightings(LogPartition partition, DedupBatch ids, int from, int to, long windowMillis) {
        long[] sightings = new long[to - from];
        Arrays.fill(sightings, NOT_SIGHTED);
        List<Integer> numbers = new ArrayList<>();
        List<Integer> texts = new ArrayList<>();
        for (int i = from; i < to; i++) {
            (ids.textId(i) == null ? numbers : texts).add(i);
        }
        for (List<Integer> entries : List.of(numbers, texts)) {
            if (!entries.isEmpty()) {
                findOrHalve(partition, ids, entries, windowMillis, (entry, offset) -> sightings[entry - from] = offset);
            }
        }
        return sightings;
    }

    /** The files of a remote table come through a cache, which may have no room for those of many ids at once. */
    private void findOrHalve(
            LogPartition partition, DedupBatch ids, List<Integer> entries, long windowMillis, OnSighting found) {
        try {
            findSightings(partition, ids, entries, windowMillis, found);
        } catch (K2Exception.Stop e) {
            if (entries.size() == 1) {
                throw e;
            }
            int half = entries.size() / 2;
            findOrHalve(partition, ids, entries.subList(0, half), windowMillis, found);
            findOrHalve(partition, ids, entries.subList(half, entries.size()), windowMillis, found);
        }
    }

    /** Told where an entry's id was found. */
    @FunctionalInterface
    private interface OnSighting {
        void accept(int entry, long offset);
    }

    /** All entries have texts for ids, or all have numbers. */
    private void findSightings(
            LogPartition partition, DedupBatch ids, List<Integer> entries, long windowMillis, OnSighting found) {
        boolean text = ids.textId(entries.get(0)) != null;
        Column column = type.idColumns().stream()
                .filter(candidate -> (candidate.type() instanceof io.k2data.api.event.ColumnType.Text) == text)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no id column of " + type.name() + " holds "
                        + ids.textId(entries.get(0)) + ids.longId(entries.get(0))));
        Set<String> venues = new TreeSet<>();
        Set<String> symbols = new TreeSet<>();
        Set<Object> wanted = new TreeSet<>();
        List<String> asked = new ArrayList<>();
        long earliest = Long.MAX_VALUE;
        long latest = Long.MIN_VALUE;
        for (int i : entries) {
            StreamKey stream = ids.stream(i);
            String textId = ids.textId(i);
            venues.add(stream.venue());
            symbols.add(stream.symbol());
            wanted.add(textId != null ? textId : (Object) ids.longId(i));
            earliest = Math.min(earliest, ids.logTimeMillis(i));
            latest = Math.max(latest, ids.logTimeMillis(i));
            asked.add("(" + i + ", " + Sql.text(stream.venue()) + ", " + Sql.text(stream.symbol()) + ", "
                    + (textId != null ? Sql.text(textId) : "CAST(" + ids.longId(i) + " AS BIGINT)") + ", "
                    + ids.offset(i) + ", CAST(" + ids.logTimeMillis(i) + " AS BIGINT))");
        }
        Expression near = Expressions.and(
                inPartition(partition),
                amongThese("venue", venues),
                amongThese("symbol", symbols),
                amongThese(column.name(), wanted),
                Expressions.greaterThanOrEqual("kafka_time", (earliest - windowMillis) * 1000),
                Expressions.lessThanOrEqual("kafka_time", (latest + windowMillis) * 1000));
        String id = Sql.name(column.name());
        engine.threads().read();
        try (DuckDBConnection connection = engine.connect()) {
            Pin[] pins = new Pin[1];
            engine.locked(() -> {
                show();
                Sql.run(connection, "BEGIN");
                pins[0] = pin(connection);
            });
            Resolved resolved = resolve(pins[0]);
            try (LocalFiles local =
                            engine.local(resolved.io(), resolved.history().matching(near));
                    Statement statement = connection.createStatement();
                    ResultSet result =
                            statement.executeQuery("with asked(entry, venue, symbol, id, own_offset, time) as (values "
                                    + String.join(", ", asked)
                                    + ") select asked.entry, min(stored.kafka_offset) from asked join ("
                                    + resolved.everyRow(local.paths())
                                    + ") stored on stored.venue = asked.venue and stored.symbol ="
                                    + " asked.symbol and stored." + id + " = asked.id where stored.kafka_partition = "
                                    + partition.partition()
                                    + " and stored.kafka_offset <> asked.own_offset and epoch_ms(stored.kafka_time)"
                                    + " between asked.time - " + windowMillis + " and asked.time + " + windowMillis
                                    + " and epoch_ms(stored.kafka_time) between " + (earliest - windowMillis) + " and "
                                    + (latest + windowMillis) + " group by asked.entry")) {
                while (result.next()) {
                    found.accept(result.getInt(1), result.getLong(2));
                }
            }
        } catch (SQLException e) {
            throw Sql.failed("looking for ids of " + type.name(), e);
        } finally {
            engine.threads().done();
        }
    }

    /**
     * Pins the live side: lists the segments and reads their ends. The first read is what pins in DuckDB, BEGIN alone
     * does not. The caller holds the engine's lock, and has called {@link #show} for all stores that it pins.
     */
    Pin pin(Connection connection) throws SQLException {
        List<Seam.Live> live = new ArrayList<>();
        Map<Integer, Long> starts = new TreeMap<>();
        Map<Integer, Long> ends = new TreeMap<>();
        for (Segment segment : segments) {
            live.add(new Seam.Live(segment.rowRelation(), segment.expressions(), Set.of()));
        }
        // One statement for all of them: each costs more than what it reads.
        String progress = segments.stream()
                .map(segment -> "select kafka_partition, next_offset from " + segment.progressRelation())
                .collect(Collectors.joining(" union all "));
        if (!progress.isEmpty()) {
            try (Statement statement = connection.createStatement();
                    ResultSet result = statement.executeQuery("select kafka_partition, min(next_offset),"
                            + " max(next_offset) from (" + progress + ") group by kafka_partition")) {
                while (result.next()) {
                    starts.put(result.getInt(1), result.getLong(2));
                    ends.put(result.getInt(1), result.getLong(3));
                }
            }
        }
        // Read after the ends, so it reaches as far as they do, or further.
        return new Pin(segmentLayout, repairs, live, starts, ends, Map.copyOf(deferring));
    }

    /**
     * Finds the snapshot to put under a pinned live side, after it was pinned: then history can only reach further than
     * live begins, never less far. Any thread.
     */
    Resolved resolve(Pin pin) {
        Map<LogPartition, PartitionCut> cut = new LinkedHashMap<>();
        Map<Integer, Long> tableOffsets = new TreeMap<>();
        TableMetadata metadata;
        HistoryFiles history;
        synchronized (reading) {
            metadata = reading.refresh();
            Map<LogPartition, StoredState> states = reading.states(metadata);
            if (isOutdated(pin.repairs(), states(states).values())) {
                outdated = true;
                throw new K2Exception.Retry(
                        "rows of " + reading.name() + " were repaired or brought in; live rows are being judged again",
                        null);
            }
            states.values().stream()
                    .map(StoredState::state)
                    .sorted(Comparator.comparing(PartitionState::partition))
                    .forEach(state -> {
                        int number = state.partition().partition();
                        long tableOffset = state.next().offset();
                        long start = pin.starts().getOrDefault(number, tableOffset);
                        if (start > tableOffset) {
                            throw new K2Exception.Retry(
                                    "live rows of " + state.partition() + " begin at " + start
                                            + ", but the table ends at " + tableOffset,
                                    null);
                        }
                        tableOffsets.put(number, tableOffset);
                        cut.put(
                                state.partition(),
                                new PartitionCut(
                                        state.startOffset(),
                                        tableOffset,
                                        Math.max(tableOffset, pin.ends().getOrDefault(number, tableOffset)),
                                        deferred(state, pin)));
                    });
            pin.starts().forEach((number, start) -> {
                if (!tableOffsets.containsKey(number)) {
                    LogPartition known = cut.keySet().stream().findFirst().orElse(null);
                    // A partition that a known topic grew starts at 0, also before its writer has noticed.
                    if (known == null || start != 0) {
                        throw new K2Exception.Retry(
                                "partition " + number + " has live rows, but table " + reading.name()
                                        + " has no offset of it",
                                null);
                    }
                    tableOffsets.put(number, 0L);
                    cut.put(
                            new LogPartition(known.clusterId(), known.topicId(), known.topic(), number),
                            new PartitionCut(0, 0, pin.ends().getOrDefault(number, 0L), List.of()));
                }
            });
            history = planned(metadata);
        }
        Snapshot snapshot = metadata.currentSnapshot();
        return new Resolved(
                snapshot == null ? null : snapshot.snapshotId(),
                cut,
                pin.layout(),
                pin.live(),
                tableOffsets,
                history,
                reading.table().io());
    }

    /** An earlier snapshot's rows and no live ones. Any thread. */
    Resolved past(TimeTravel.Choice choice) {
        synchronized (reading) {
            TableMetadata metadata = reading.refresh();
            List<Snapshot> known = EventTable.history(metadata);
            Snapshot chosen = choice.among(reading.name(), known);
            Map<LogPartition, PartitionCut> cut =
                    TimeTravel.cut(reading.name(), chosen, known, reading.states(metadata));
            Map<Integer, Long> ends = new TreeMap<>();
            cut.forEach((partition, range) -> ends.put(partition.partition(), range.tableOffset()));
            return new Resolved(
                    chosen == null ? null : chosen.snapshotId(),
                    cut,
                    TableLayout.of(type, metadata.schema()),
                    List.of(),
                    ends,
                    plan(reading.table(), metadata, chosen),
                    reading.table().io());
        }
    }

    /**
     * What the view does not show of a partition since it was put off: below the table offset as the snapshot's state says,
     * which is the one that its rows agree with, and above as the ingest says.
     */
    private static List<Deferral> deferred(PartitionState state, Pin pin) {
        long tableOffset = state.next().offset();
        long liveEnd = pin.ends().getOrDefault(state.partition().partition(), tableOffset);
        List<Deferral> deferred = new ArrayList<>(state.deferred());
        for (Deferral live : pin.deferring().getOrDefault(state.partition(), List.of())) {
            if (live.toOffset() > tableOffset && live.fromOffset() < liveEnd) {
                // One that grows still covers what the snapshot knows of it.
                deferred.removeIf(known -> known.tier() == live.tier() && known.fromOffset() == live.fromOffset());
                long to = Math.min(live.toOffset(), liveEnd);
                deferred.add(new Deferral(
                        live.tier(),
                        live.fromOffset(),
                        to,
                        Math.min(live.records(), to - live.fromOffset()),
                        live.fromTimeMillis(),
                        live.toTimeMillis(),
                        live.tiersVersion()));
            }
        }
        return deferred;
    }

    private HistoryFiles planned(TableMetadata metadata) {
        Snapshot snapshot = metadata.currentSnapshot();
        long id = snapshot == null ? -1 : snapshot.snapshotId();
        Planned known = planned;
        if (known == null || known.snapshotId() != id) {
            known = new Planned(id, plan(reading.table(), metadata, snapshot));
            planned = known;
        }
        return known.files();
    }

    @Override
    public void close() {
        engine.locked(() -> {
            dropSegments();
            shape.drop(writer);
            files.close();
            writer.close();
            sealer.close();
            bringer.close();
            engine.forget(this);
        });
    }

    /** The files of a snapshot; a snapshot never changes. */
    private record Planned(long snapshotId, HistoryFiles files) {}

    /**
     * The live side as one DuckDB transaction sees it.
     *
     * @param layout the columns of its rows
     * @param repairs by partition number, how many repairs its rows were judged with
     * @param live the segments
     * @param starts by partition, where live rows begin
     * @param ends by partition, the next offset after those read
     * @param deferring by partition, what is put off as of the ends or later
     */
    record Pin(
            TableLayout layout,
            Map<Integer, Long> repairs,
            List<Seam.Live> live,
            Map<Integer, Long> starts,
            Map<Integer, Long> ends,
            Map<LogPartition, List<Deferral>> deferring) {
        /**
         * Puts what a follower has beside what a writer has of the same table. A partition on its way from one to the other
         * may be with both: the writer's rows count, as they are judged from the table's offset on like the follower's.
         */
        Pin beside(Pin follower) {
            Set<Integer> ours = starts.keySet();
            List<Seam.Live> both = new ArrayList<>(live);
            follower.live.forEach(each -> both.add(each.without(ours)));
            Map<Integer, Long> allRepairs = new HashMap<>(follower.repairs);
            allRepairs.putAll(repairs);
            Map<Integer, Long> allStarts = new TreeMap<>(follower.starts);
            allStarts.putAll(starts);
            Map<Integer, Long> allEnds = new TreeMap<>(follower.ends);
            allEnds.putAll(ends);
            // Columns are only ever added.
            TableLayout wider =
                    follower.layout.columnNames().size() > layout.columnNames().size() ? follower.layout : layout;
            return new Pin(wider, allRepairs, both, allStarts, allEnds, deferring);
        }
    }

    /**
     * A pinned live side with the history under it.
     *
     * @param snapshotId the snapshot, or null if there is none yet
     * @param cut by partition
     * @param layout the columns
     * @param live the live rows
     * @param tableOffsets by partition, where history ends
     * @param history the snapshot's files
     * @param io reads them
     */
    record Resolved(
            @Nullable Long snapshotId,
            Map<LogPartition, PartitionCut> cut,
            TableLayout layout,
            List<Seam.Live> live,
            Map<Integer, Long> tableOffsets,
            HistoryFiles history,
            FileIO io) {
        /** A query for all rows of the cut, given one for those of history. */
        String sql(String rowsOfHistory) {
            return Seam.union(rowsOfHistory, layout, live, tableOffsets);
        }

        /**
         * A query for the rows of files of history and all live rows, those below the table offset that are not committed
         * yet among them; a row may come twice.
         */
        String everyRow(List<Path> files) {
            return Seam.both(HistoryFiles.select(layout, history.schema(), files), layout, live);
        }
    }
}
