package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.LogPartition;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.Row;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** In whatever form a segment keeps values, views and files show them as they were given. */
class SegmentShapeTest {
    private static final List<String> COLUMNS = List.of(
            "venue",
            "symbol",
            "trade_id",
            "trade_ref",
            "price",
            "quantity",
            "side",
            "message_id",
            "asset_class",
            "currency",
            "conditions",
            "vendor_data");
    private static final String[] ODD = {
        "",
        "x",
        "it's \"quoted\"",
        "\u65e5\u672c",
        "\ud83d\ude80",
        "\uffee",
        "a\u001fb",
        "long ".repeat(40),
        "{\"a\": [1, 2]}"
    };

    @TempDir
    Path directory;

    private final List<String> given = new ArrayList<>();
    private long next;

    /** When live rows are asked for decides how they are kept until they are files. */
    private enum Asked {
        ALL_THE_WHILE,
        ONCE_BEFORE_THE_COMMITS,
        AFTER_THE_COMMITS
    }

    @ParameterizedTest
    @EnumSource(Asked.class)
    void everyValueComesBackFromLiveRowsAndFromFilesWhateverFormItTook(Asked asked) throws SQLException {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            List<EventStore.Generation> sealed = new ArrayList<>();
            for (int step = 0; step < 24; step++) {
                append(fixture, step % 2 == 0 ? P0 : P1, random, step);
                if (step % 3 == 2) {
                    sealed.add(fixture.store.seal(List.of(StoreFixture.state(P0, next), StoreFixture.state(P1, next))));
                    if (asked == Asked.ALL_THE_WHILE) {
                        assertThat(shown(fixture)).as("live, seed " + seed).isEqualTo(sorted(given));
                    }
                }
                if (asked == Asked.ONCE_BEFORE_THE_COMMITS && step == 22) {
                    assertThat(shown(fixture)).as("held, seed " + seed).isEqualTo(sorted(given));
                }
                if (asked == Asked.ALL_THE_WHILE && step % 6 == 5) {
                    fixture.store.commit(sealed.remove(0));
                    assertThat(shown(fixture))
                            .as("some committed, seed " + seed)
                            .isEqualTo(sorted(given));
                }
            }
            sealed.forEach(fixture.store::commit);
            assertThat(shown(fixture)).as("committed, seed " + seed).isEqualTo(sorted(given));
        }
    }

    @Test
    void filesAreSortedByTheTextsAndHaveTheirBounds() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            List<String> symbols = List.of("Z", "\ud83d\ude80", "\uffee", "a", "B");
            // The first segment learns the names; the second has them from the start and meets one more.
            for (int segment = 0; segment < 2; segment++) {
                List<Row> rows = new ArrayList<>();
                for (int i = 0; i < 200; i++) {
                    Row row = StoreFixture.row(P0, next++);
                    row.values()[1] = symbols.get(i % symbols.size());
                    if (segment == 1 && i == 7) {
                        row.values()[1] = "new";
                    }
                    rows.add(row);
                }
                fixture.store.append(rows.subList(0, 100), Map.of(P0, next - 100));
                fixture.store.append(rows.subList(100, 200), Map.of(P0, next));
                fixture.store.commit(fixture.store.seal(List.of(StoreFixture.state(P0, next))));
            }
            Table table = fixture.catalog.loadTable(TableIdentifier.of("k2", "trades"));
            int files = 0;
            try (CloseableIterable<FileScanTask> tasks =
                            table.newScan().includeColumnStats().planFiles();
                    Connection connection = fixture.engine.connect();
                    Statement statement = connection.createStatement()) {
                for (FileScanTask task : tasks) {
                    files++;
                    Path path = LocalFileIO.localPath(task.file().location());
                    try (ResultSet result = statement.executeQuery(
                            "select symbol from read_parquet('" + path + "') order by file_row_number")) {
                        List<String> inFile = new ArrayList<>();
                        while (result.next()) {
                            inFile.add(result.getString(1));
                        }
                        assertThat(inFile).isSortedAccordingTo(byBytes());
                        assertThat(bound(task.file().lowerBounds().get(2))).isEqualTo(inFile.get(0));
                        assertThat(bound(task.file().upperBounds().get(2))).isEqualTo(inFile.get(inFile.size() - 1));
                    }
                }
            }
            assertThat(files).isEqualTo(2);
        }
    }

    /** DuckDB tells no bounds of texts of hundreds of characters; then a file has none, and is never left out for them. */
    @ParameterizedTest
    @ValueSource(ints = {15, 40, 300, 20_000})
    void boundsOfLongTextsAreShortAndHoldEveryRow(int length) throws Exception {
        List<String> symbols =
                List.of("B\u00e9" + "y".repeat(length), "A" + "x".repeat(length), "\ud83d\ude80".repeat(length));
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                Row row = StoreFixture.row(P0, next++);
                row.values()[1] = symbols.get(i % symbols.size());
                rows.add(row);
            }
            fixture.store.append(rows, Map.of(P0, next));
            fixture.store.commit(fixture.store.seal(List.of(StoreFixture.state(P0, next))));
            Table table = fixture.catalog.loadTable(TableIdentifier.of("k2", "trades"));
            try (CloseableIterable<FileScanTask> tasks =
                    table.newScan().includeColumnStats().planFiles()) {
                for (FileScanTask task : tasks) {
                    if (length > 100 && !task.file().upperBounds().containsKey(2)) {
                        continue;
                    }
                    assertThat(bound(task.file().lowerBounds().get(2)))
                            .hasSizeLessThanOrEqualTo(32)
                            .usingComparator(byBytes())
                            .isLessThanOrEqualTo(symbols.get(1));
                    assertThat(bound(task.file().upperBounds().get(2)))
                            .hasSizeLessThanOrEqualTo(32)
                            .usingComparator(byBytes())
                            .isGreaterThanOrEqualTo(symbols.get(2));
                }
            }
        }
    }

    /** Of files of several row groups DuckDB 2.0.0.1 writes empty texts now and then, if several threads write an ENUM. */
    @Test
    void filesOfSeveralRowGroupsAreSortedAndHoldTheTextsThatTheirRowsWereGiven() throws Exception {
        int segments = 12;
        int rowsOfEach = 70_000;
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            for (int segment = 0; segment < segments; segment++) {
                List<Row> rows = new ArrayList<>();
                for (int i = 0; i < rowsOfEach; i++) {
                    Row row = StoreFixture.row(P0, next);
                    // All of one day, which is one file.
                    row.values()[4] = StoreFixture.DAY.toEpochMilli() * 1_000 + next;
                    row.values()[1] = "S" + next * 7_919 % 500;
                    row.values()[10] = "A" + next * 7_907 % 400;
                    row.values()[11] = "C" + next * 7_901 % 300;
                    rows.add(row);
                    next++;
                    // The first few teach the names.
                    if (i == 999 || i == rowsOfEach - 1) {
                        fixture.store.append(rows, Map.of(P0, next));
                        rows.clear();
                    }
                }
                fixture.store.commit(fixture.store.seal(List.of(StoreFixture.state(P0, next))));
            }
            List<String> files = new ArrayList<>();
            try (CloseableIterable<FileScanTask> tasks = fixture.catalog
                    .loadTable(TableIdentifier.of("k2", "trades"))
                    .newScan()
                    .planFiles()) {
                tasks.forEach(task ->
                        files.add("'" + LocalFileIO.localPath(task.file().location()) + "'"));
            }
            try (Connection connection = fixture.engine.connect();
                    Statement statement = connection.createStatement();
                    ResultSet result = statement.executeQuery(
                            "select count(*), count(*) filter (symbol <> 'S' || kafka_offset * 7919 % 500),"
                                    + " count(*) filter (asset_class <> 'A' || kafka_offset * 7907 % 400),"
                                    + " count(*) filter (currency <> 'C' || kafka_offset * 7901 % 300),"
                                    + " count(*) filter ((symbol, event_time) < before), count(distinct filename)"
                                    + " from (select *, lag((symbol, event_time)) over (partition by filename"
                                    + " order by file_row_number) as before from read_parquet("
                                    + files + ", filename = true, file_row_number = true))")) {
                result.next();
                assertThat(result.getLong(1)).isEqualTo((long) segments * rowsOfEach);
                assertThat(result.getLong(2)).as("wrong symbols").isZero();
                assertThat(result.getLong(3)).as("wrong asset classes").isZero();
                assertThat(result.getLong(4)).as("wrong currencies").isZero();
                assertThat(result.getLong(5)).as("rows out of order").isZero();
                assertThat(result.getLong(6)).as("files").isEqualTo(segments);
            }
        }
    }

    private static String bound(java.nio.ByteBuffer bytes) {
        return Conversions.fromByteBuffer(Types.StringType.get(), bytes).toString();
    }

    private static Comparator<String> byBytes() {
        return (a, b) -> Arrays.compareUnsigned(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }

    private void append(StoreFixture fixture, LogPartition partition, Random random, int step) throws SQLException {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            Row row = StoreFixture.row(partition, next++);
            Object[] values = row.values();
            set(values, "venue", "V" + random.nextInt(1 + step / 4));
            set(values, "symbol", random.nextInt(20) == 0 ? "new" + next : "S" + random.nextInt(1 + step));
            if (random.nextBoolean()) {
                set(values, "trade_id", null);
                set(values, "trade_ref", "ref " + next);
            }
            set(values, "price", decimal(random, step, 12));
            set(values, "quantity", decimal(random, step, 10));
            set(values, "side", random.nextInt(3) == 0 ? null : random.nextBoolean() ? "BUY" : "SELL");
            set(values, "message_id", step < 5 ? null : odd(random));
            set(values, "asset_class", odd(random));
            set(values, "currency", step < 9 ? "USD" : odd(random));
            set(values, "conditions", conditions(random));
            set(values, "vendor_data", random.nextInt(4) == 0 ? odd(random) : null);
            rows.add(row);
            given.add(line(partition.partition(), row.offset(), values));
        }
        fixture.store.append(rows, Map.of(partition, next));
    }

    private static Object decimal(Random random, int step, int scale) {
        return switch (random.nextInt(step < 8 ? 2 : 4)) {
            case 0 -> (Object) (long) random.nextInt();
            case 1 -> BigDecimal.valueOf(random.nextLong() / 100, scale);
            case 2 -> random.nextLong();
            default -> new BigDecimal("-12345678901234567890123456").setScale(scale);
        };
    }

    private static String odd(Random random) {
        return random.nextInt(5) == 0 ? null : ODD[random.nextInt(ODD.length)];
    }

    private static List<String> conditions(Random random) {
        if (random.nextInt(3) == 0) {
            return null;
        }
        List<String> conditions = new ArrayList<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            conditions.add(random.nextBoolean() ? "maker" : ODD[random.nextInt(ODD.length)]);
        }
        return conditions;
    }

    private static void set(Object[] values, String column, Object value) {
        values[EventTypes.TRADE.index(column)] = value;
    }

    private static String line(int partition, long offset, Object[] values) {
        StringBuilder line = new StringBuilder(partition + ":" + offset);
        for (String column : COLUMNS) {
            Object value = values[EventTypes.TRADE.index(column)];
            if (value instanceof Long digits && column.equals("price")) {
                value = BigDecimal.valueOf(digits, 12);
            } else if (value instanceof Long digits && column.equals("quantity")) {
                value = BigDecimal.valueOf(digits, 10);
            }
            line.append('|').append(value instanceof BigDecimal number ? number.toPlainString() : value);
        }
        return line.toString();
    }

    private static List<String> sorted(List<String> lines) {
        return lines.stream().sorted().toList();
    }

    private static List<String> shown(StoreFixture fixture) throws SQLException {
        List<String> lines = new ArrayList<>();
        try (View view = fixture.engine.view(Set.of());
                Statement statement = view.connection().createStatement();
                ResultSet result = statement.executeQuery(
                        "select kafka_partition, kafka_offset, " + String.join(", ", COLUMNS) + " from trades")) {
            while (result.next()) {
                StringBuilder line = new StringBuilder(result.getInt(1) + ":" + result.getLong(2));
                for (int i = 0; i < COLUMNS.size(); i++) {
                    Object value = result.getObject(3 + i);
                    if (value instanceof java.sql.Array array) {
                        value = List.of((Object[]) array.getArray());
                    }
                    line.append('|').append(value instanceof BigDecimal number ? number.toPlainString() : value);
                }
                lines.add(line.toString());
            }
        }
        return sorted(lines);
    }
}
