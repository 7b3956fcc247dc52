package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.event.ColumnType;
import io.k2data.iceberg.SegmentShape.Form;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Row;
import io.k2data.pipeline.StoredRows.StateSnapshot;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.apache.iceberg.DataFile;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rows of one generation, in two DuckDB tables: the rows, and how far each partition has been read. Both move in one
 * transaction, so that a reader sees rows and live end together. It is what live queries read, and what becomes Parquet.
 *
 * <p>Filled by the ingest thread; read by the committer thread once it is sealed.
 */
final class Segment implements EventStore.Generation {
    static final String SCHEMA = "k2_live";

    private static final Logger LOG = LoggerFactory.getLogger(Segment.class);
    private static final int LONG_DIGITS = 18;

    private final SegmentShape shape;
    private Form[] forms = {};
    private final TableLayout layout;
    private final String rowTable;
    private final String progressTable;
    private final String commitId = UUID.randomUUID().toString();
    private final Map<LogPartition, Long> rowsByPartition = new TreeMap<>();
    private final Map<LogPartition, Long> liveEnds = new HashMap<>();
    /** In the order of the row table's columns. */
    private ColumnAppender[] appenders = {};

    private @Nullable DuckDBAppender appender;
    private @Nullable DuckDBAppender progressAppender;
    private @Nullable Thread appending;
    private final Map<LogPartition, Long> starts;
    /** Null once the rows are in their DuckDB table. Guarded by {@code this}. */
    private @Nullable HeldRows held;

    private final AtomicLong heldInAll;
    /** What of it is ours. */
    private long heldBytes;

    private boolean broken;
    private boolean tablesMade;

    private boolean sealed;
    private volatile Collection<PartitionState> states = List.of();
    private volatile Collection<StateSnapshot> checkpoints = List.of();
    private @Nullable List<DataFile> files;
    private CheckpointFiles.@Nullable Written checkpointFile;

    /**
     * Makes one that holds its rows.
     *
     * @param layout the columns
     * @param shape what is known of their values
     * @param blocks where the memory of held rows comes from
     * @param heldInAll counts the bytes that segments hold, those of other tables among them
     * @param event the event type's name
     * @param number not used before
     * @param from where it begins
     */
    Segment(
            TableLayout layout,
            SegmentShape shape,
            HeldRows.Blocks blocks,
            AtomicLong heldInAll,
            String event,
            long number,
            Map<LogPartition, Long> from) {
        this.layout = layout;
        this.shape = shape;
        this.rowTable = event + "_" + number;
        this.progressTable = rowTable + "_progress";
        this.starts = new HashMap<>(from);
        this.liveEnds.putAll(from);
        this.heldInAll = heldInAll;
        this.held = new HeldRows(layout.valueColumns(), layout.idColumns(), blocks);
    }

    /** Adds rows and moves live ends, and says no if the rows are in DuckDB by now. */
    synchronized boolean hold(List<Row> rows, Map<LogPartition, Long> ends) {
        requireOpen();
        HeldRows into = held;
        if (into == null) {
            return false;
        }
        // If that fails half-way, there are rows beyond the live ends.
        broken = true;
        rows.forEach(into::add);
        count(rows);
        liveEnds.putAll(ends);
        broken = false;
        heldInAll.addAndGet(into.bytes() - heldBytes);
        heldBytes = into.bytes();
        return true;
    }

    private void countNoMore() {
        heldInAll.addAndGet(-heldBytes);
        heldBytes = 0;
    }

    synchronized boolean isHeld() {
        return held != null;
    }

    /** Puts the rows and live ends that are held into DuckDB tables, anew after a failure; no view knows of these before. */
    synchronized void bringIn(DuckDBConnection connection) throws SQLException {
        HeldRows from = held;
        if (from == null) {
            return;
        }
        if (broken) {
            throw new K2Exception.Retry("rows of " + rowTable + " could not be kept, and are read again", null);
        }
        tablesMade = true;
        if (from.size() == 0) {
            forms = shape.forms(connection).toArray(Form[]::new);
            createRowTable(connection);
        } else {
            createRowTable(connection, from);
        }
        Sql.run(
                connection,
                "create or replace table " + progressRelation()
                        + " (kafka_partition integer not null, next_offset bigint not null)");
        insertEnds(connection, starts);
        insertEnds(connection, liveEnds);
        requireAll(connection);
        held = null;
        countNoMore();
    }

    /** Makes the row table of rows that are there, in forms that need nothing learnt; rows to come are appended to it. */
    private void createRowTable(DuckDBConnection connection, HeldRows from) throws SQLException {
        forms = new Form[from.valueColumns().size()];
        for (int i = 0; i < forms.length; i++) {
            forms[i] = shape.form(i, from.values(i));
        }
        // What is registered with a connection goes with it.
        try (ArrowRows sorted = new ArrowRows(from);
                DuckDBConnection own = connection.duplicate()) {
            List<String> columns = new ArrayList<>();
            for (int i = 0; i < forms.length; i++) {
                String value =
                        sorted.expressions().get(from.valueColumns().get(i).name());
                if (forms[i].hasSmall()) {
                    columns.add(value + " as " + forms[i].smallName());
                } else if (forms[i].hasFull()) {
                    columns.add(value + " as " + forms[i].fullName());
                }
            }
            columns.add("ingestion_time, kafka_partition, kafka_offset, kafka_time");
            appenders();
            Sql.run(
                    own,
                    "create or replace table " + rowRelation() + " as select " + String.join(", ", columns) + " from "
                            + sorted.register(own));
        }
    }

    /** In the order of the row table's columns. */
    private void appenders() {
        List<ColumnAppender> inOrder = new ArrayList<>();
        for (int i = 0; i < forms.length; i++) {
            if (forms[i].hasSmall()) {
                inOrder.add(new ValueAppender(i, forms[i], true));
            }
            if (forms[i].hasFull()) {
                inOrder.add(new ValueAppender(i, forms[i], false));
            }
        }
        inOrder.add(Segment::appendProvenance);
        appenders = inOrder.toArray(ColumnAppender[]::new);
    }

    /** Nothing is declared NOT NULL: rows were checked, and DuckDB's check costs as much as appending. */
    private void createRowTable(DuckDBConnection connection) throws SQLException {
        List<String> columns = new ArrayList<>();
        for (int i = 0; i < forms.length; i++) {
            Form form = forms[i];
            if (form.hasSmall()) {
                columns.add(form.smallName() + " " + form.smallType());
            }
            if (form.hasFull()) {
                columns.add(form.fullName() + " " + form.fullType());
            }
        }
        columns.add("ingestion_time TIMESTAMPTZ, kafka_partition INTEGER, kafka_offset BIGINT, kafka_time TIMESTAMPTZ");
        appenders();
        Sql.run(
                connection,
                "create or replace table " + rowRelation()
                        + columns.stream().collect(Collectors.joining(", ", " (", ")")));
    }

    /** By column of the table, an expression over the row table for its values. */
    Map<String, String> expressions() {
        Map<String, String> expressions = new HashMap<>();
        for (int i = 0; i < forms.length; i++) {
            expressions.put(layout.valueColumns().get(i).name(), forms[i].expression());
        }
        layout.columns().forEach(column -> expressions.putIfAbsent(column.name(), Sql.name(column.name())));
        return expressions;
    }

    /** A query for the rows in the forms in which a file of so many of them is written. */
    private String forFile() {
        List<String> columns = new ArrayList<>();
        for (int i = 0; i < forms.length; i++) {
            columns.add(forms[i].forFile() + " as "
                    + Sql.name(layout.valueColumns().get(i).name()));
        }
        layout.columns().stream().skip(forms.length).forEach(column -> columns.add(Sql.name(column.name())));
        return "(select " + String.join(", ", columns) + " from " + rowRelation() + ")";
    }

    String rowRelation() {
        return SCHEMA + "." + Sql.name(rowTable);
    }

    String progressRelation() {
        return SCHEMA + "." + Sql.name(progressTable);
    }

    String commitId() {
        return commitId;
    }

    Map<LogPartition, Long> liveEnds() {
        return liveEnds;
    }

    @Override
    public long rows() {
        return rowsByPartition.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public Collection<PartitionState> states() {
        return states;
    }

    /**
     * Says whether rows have values that fit no column the segment has; it then needs {@link #fit} before {@link #append}.
     */
    boolean needsFit(List<Row> rows) {
        for (Row row : rows) {
            @Nullable Object[] values = row.values();
            for (int i = 0; i < values.length; i++) {
                Object value = values[i];
                if (value != null && !forms[i].takes(value)) {
                    return true;
                }
            }
        }
        return false;
    }

    private void requireOpen() {
        if (sealed) {
            throw new IllegalStateException("segment " + rowTable + " is sealed");
        }
    }

    /** Gives the segment the columns that rows need. No view may be between listing and pinning segments. */
    void fit(DuckDBConnection connection, List<Row> rows) throws SQLException {
        closeAppenders();
        boolean[] needed = learn(rows);
        if (rowsByPartition.isEmpty()) {
            // Nothing in it yet: it is made again, in the forms that suit these rows.
            forms = shape.forms(connection).toArray(Form[]::new);
            createRowTable(connection);
            if (!needsFit(rows)) {
                return;
            }
        }
        addColumns(connection, needed);
    }

    /** Has the shape learn from values that are not small here, and tells by column whether there are any. */
    private boolean[] learn(List<Row> rows) {
        boolean[] needed = new boolean[forms.length];
        for (Row row : rows) {
            @Nullable Object[] values = row.values();
            for (int i = 0; i < values.length; i++) {
                Object value = values[i];
                if (value != null && !forms[i].isSmall(value)) {
                    forms[i].learn(value);
                    needed[i] = true;
                }
            }
        }
        return needed;
    }

    private void addColumns(DuckDBConnection connection, boolean[] needed) throws SQLException {
        List<ColumnAppender> more = new ArrayList<>(List.of(appenders));
        for (int i = 0; i < needed.length; i++) {
            Form form = forms[i];
            if (needed[i] && !form.hasFull()) {
                Sql.run(
                        connection,
                        "alter table " + rowRelation() + " add column " + form.fullName() + " " + form.fullType());
                form.addFull();
                more.add(new ValueAppender(i, form, false));
            }
        }
        appenders = more.toArray(ColumnAppender[]::new);
    }

    /** Adds rows and moves live ends in one transaction. After a failure the segment must not be used again. */
    void append(DuckDBConnection connection, List<Row> rows, Map<LogPartition, Long> ends) throws SQLException {
        requireOpen();
        // An explicit BEGIN: the appender commits by itself every 2,048 rows otherwise, auto-commit off or not.
        Sql.run(connection, "BEGIN");
        if (!rows.isEmpty()) {
            DuckDBAppender open = openAppender(connection);
            for (Row row : rows) {
                appendRow(open, row);
            }
            count(rows);
            open.flush();
        }
        appendEnds(connection, ends);
        Sql.run(connection, "COMMIT");
    }

    /** As {@link #moveEnds}, on the hot path: by an appender, since SQL would be parsed and planned each time. */
    private void appendEnds(DuckDBConnection connection, Map<LogPartition, Long> ends) throws SQLException {
        if (ends.isEmpty()) {
            return;
        }
        DuckDBAppender open = progressAppender;
        if (open == null) {
            open = connection.createAppender(SCHEMA, progressTable);
            progressAppender = open;
            appending = Thread.currentThread();
        }
        for (Map.Entry<LogPartition, Long> end : ends.entrySet()) {
            open.beginRow();
            open.append(end.getKey().partition());
            open.append((long) end.getValue());
            open.endRow();
        }
        open.flush();
        liveEnds.putAll(ends);
    }

    /**
     * One appender for all rows of the segment: making one costs as much as appending hundreds of rows. It belongs to the
     * thread that made it, which is the one that appends, and is of no use after an error, as the segment is.
     */
    private DuckDBAppender openAppender(DuckDBConnection connection) throws SQLException {
        DuckDBAppender open = appender;
        if (open == null) {
            open = connection.createAppender(SCHEMA, rowTable);
            appender = open;
            appending = Thread.currentThread();
        }
        return open;
    }

    /** Nothing is lost by it: each append was flushed, or the segment is given up. */
    private void closeAppenders() {
        // Another thread may not touch them; there they go with their connection.
        if (Thread.currentThread().equals(appending)) {
            close(appender);
            close(progressAppender);
            appender = null;
            progressAppender = null;
        }
    }

    private void close(@Nullable DuckDBAppender open) {
        if (open != null) {
            try {
                open.close();
            } catch (SQLException e) {
                LOG.atDebug().setCause(e).log("an appender of {} was of no use any more", rowTable);
            }
        }
    }

    /** Rows of one partition stand together; counting each by itself would cost as much as appending it. */
    private void count(List<Row> rows) {
        LogPartition counted = null;
        long count = 0;
        for (Row row : rows) {
            if (!row.partition().equals(counted)) {
                count(counted, count);
                counted = row.partition();
                count = 0;
            }
            count++;
        }
        count(counted, count);
    }

    private void count(@Nullable LogPartition partition, long rows) {
        if (partition != null) {
            rowsByPartition.merge(partition, rows, Long::sum);
        }
    }

    private void insertEnds(Connection connection, Map<LogPartition, Long> ends) throws SQLException {
        if (!ends.isEmpty()) {
            Sql.run(
                    connection,
                    "insert into " + progressRelation() + " values "
                            + ends.entrySet().stream()
                                    .map(end -> "(" + end.getKey().partition() + ", " + end.getValue() + ")")
                                    .collect(Collectors.joining(", ")));
        }
    }

    private void appendRow(DuckDBAppender open, Row row) throws SQLException {
        open.beginRow();
        for (ColumnAppender column : appenders) {
            column.append(open, row);
        }
        open.endRow();
    }

    /** Appends what a row has for one or more columns of the row table. */
    @FunctionalInterface
    private interface ColumnAppender {
        void append(DuckDBAppender open, Row row) throws SQLException;
    }

    /** Those that K2 fills itself. */
    private static void appendProvenance(DuckDBAppender open, Row row) throws SQLException {
        open.appendEpochMicros(row.ingestionTimeMicros());
        open.append(row.partition().partition());
        open.append(row.offset());
        open.appendEpochMicros(row.logTimeMillis() * 1000);
    }

    private static final class ValueAppender implements ColumnAppender {
        private final int place;
        private final Form form;
        private final boolean small;
        private final Put put;

        ValueAppender(int place, Form form, boolean small) {
            this.place = place;
            this.form = form;
            this.small = small;
            this.put = small ? putSmall(form) : putFull(form.type());
        }

        @Override
        public void append(DuckDBAppender open, Row row) throws SQLException {
            Object value = row.values()[place];
            // Where the column is in both forms, the value stands in one of them.
            if (value == null || (form.hasFull() && !standsHere(value))) {
                open.appendNull();
            } else {
                put.put(open, value);
            }
        }

        private boolean standsHere(Object value) {
            if (form.isSmall(value)) {
                return small;
            }
            if (small) {
                return false;
            }
            form.learn(value);
            return true;
        }

        /** One piece of code for each kind of value: all in one would be the largest method that the JVM compiles for us. */
        @FunctionalInterface
        private interface Put {
            void put(DuckDBAppender open, Object value) throws SQLException;
        }

        private static Put putSmall(Form form) {
            return form.type() instanceof ColumnType.Decimal
                    ? (open, value) -> open.appendDecimal(
                            value instanceof Long digits
                                    ? digits
                                    : ((BigDecimal) value).unscaledValue().longValueExact())
                    : (open, value) -> open.append(form.smallText(value));
        }

        private static Put putFull(ColumnType type) {
            if (type instanceof ColumnType.Text
                    || type instanceof ColumnType.Choice
                    || type instanceof ColumnType.Json) {
                return (open, value) -> open.append((String) value);
            } else if (type instanceof ColumnType.Int64) {
                return (open, value) -> open.append((long) (Long) value);
            } else if (type instanceof ColumnType.Int32) {
                return (open, value) -> open.append((int) (Integer) value);
            } else if (type instanceof ColumnType.Decimal decimal) {
                return decimal.precision() > LONG_DIGITS ? ValueAppender::putLongDecimal : putDecimal(decimal.scale());
            } else if (type instanceof ColumnType.Timestamp) {
                return (open, value) -> open.appendEpochMicros((long) (Long) value);
            } else if (type instanceof ColumnType.Bool) {
                return (open, value) -> open.append((boolean) (Boolean) value);
            } else if (type instanceof ColumnType.Float64) {
                return (open, value) -> open.append((double) (Double) value);
            } else if (type instanceof ColumnType.TextList) {
                return (open, value) -> open.append((Collection<?>) value);
            }
            throw new IllegalArgumentException("unknown column type " + type);
        }

        private static Put putDecimal(int scale) {
            return (open, value) ->
                    open.append(value instanceof Long digits ? BigDecimal.valueOf(digits, scale) : (BigDecimal) value);
        }

        private static void putLongDecimal(DuckDBAppender open, Object value) throws SQLException {
            if (value instanceof Long digits) {
                // The digits as they are, in the two words that DuckDB keeps them in.
                open.appendDecimal(digits, digits >> (Long.SIZE - 1));
            } else {
                open.append((BigDecimal) value);
            }
        }
    }

    /** Closes the segment for rows, and checks that DuckDB holds what it was given. */
    void seal(Connection connection, Collection<PartitionState> sealedWith, Collection<StateSnapshot> kept)
            throws SQLException {
        sealed = true;
        closeAppenders();
        states = List.copyOf(sealedWith);
        checkpoints = List.copyOf(kept);
        if (!isHeld()) {
            requireAll(connection);
        }
    }

    private void requireAll(Connection connection) throws SQLException {
        Map<Integer, Long> found = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(
                        "select kafka_partition, count(*) from " + rowRelation() + " group by kafka_partition")) {
            while (result.next()) {
                found.put(result.getInt(1), result.getLong(2));
            }
        }
        Map<Integer, Long> given = new HashMap<>();
        rowsByPartition.forEach((partition, rows) -> given.merge(partition.partition(), rows, Long::sum));
        // DuckDB once committed nothing after running out of memory, and said nothing.
        if (!found.equals(given)) {
            throw new K2Exception.Retry(
                    "segment " + rowTable + " holds rows by partition " + found + ", but was given " + given, null);
        }
    }

    /** Writes the rows as Parquet, once; later calls give the same files. */
    List<DataFile> files(DuckDBConnection connection, DataFileWriter writer) throws SQLException {
        if (files == null) {
            HeldRows rows;
            synchronized (this) {
                rows = held;
            }
            if (rowsByPartition.isEmpty()) {
                files = List.of();
            } else if (rows != null) {
                files = writer.write(connection, rows);
            } else {
                files = writer.write(connection, forFile(), rows());
            }
        }
        return files;
    }

    /** Writes the checkpoints, once; null if there are none. */
    CheckpointFiles.@Nullable Written checkpointFile(EventTable table) {
        if (checkpointFile == null && !checkpoints.isEmpty()) {
            checkpointFile = table.write(checkpoints);
        }
        return checkpointFile;
    }

    /** Forgets the rows, progress and states of partitions. Nobody may be writing the segment's files. */
    void forget(DuckDBConnection connection, Set<LogPartition> partitions) throws SQLException {
        String numbers = partitions.stream()
                .map(partition -> String.valueOf(partition.partition()))
                .collect(Collectors.joining(", ", " where kafka_partition in (", ")"));
        Sql.run(connection, "BEGIN");
        Sql.run(connection, "delete from " + rowRelation() + numbers);
        Sql.run(connection, "delete from " + progressRelation() + numbers);
        Sql.run(connection, "COMMIT");
        // What was written already stays where it is: the attempt it was for may have landed.
        if (rowsByPartition.keySet().removeAll(partitions)) {
            files = null;
        }
        liveEnds.keySet().removeAll(partitions);
        states = states.stream()
                .filter(state -> !partitions.contains(state.partition()))
                .toList();
        List<StateSnapshot> left = checkpoints.stream()
                .filter(kept -> !partitions.contains(kept.partition()))
                .toList();
        if (left.size() < checkpoints.size()) {
            checkpoints = left;
            checkpointFile = null;
        }
    }

    /** Notes where further partitions begin. */
    synchronized void beginWith(DuckDBConnection connection, Map<LogPartition, Long> from) throws SQLException {
        if (held != null) {
            starts.putAll(from);
            liveEnds.putAll(from);
        } else {
            insertEnds(connection, from);
            liveEnds.putAll(from);
        }
    }

    /** Gives the memory of held rows to the segments that come. The caller is the one who wrote the file, or would have. */
    synchronized void recycle() {
        if (held != null) {
            held.recycle();
        }
    }

    /** Forgets everything. */
    synchronized void drop(Connection connection) throws SQLException {
        countNoMore();
        if (!tablesMade) {
            return;
        }
        closeAppenders();
        Sql.run(connection, "drop table if exists " + rowRelation());
        Sql.run(connection, "drop table if exists " + progressRelation());
    }
}
