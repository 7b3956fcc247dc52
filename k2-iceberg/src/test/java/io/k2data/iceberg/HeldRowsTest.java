package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.Row;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.io.CloseableIterable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows that nobody asks for are columns until they are files; who asks sees them like any others. */
class HeldRowsTest {
    private static final int ROWS = 70_000;

    @TempDir
    Path directory;

    /** Times backwards, in disorder, equal ones; several days; more rows than a batch has, and some without a value. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void filesAreTheSameRowForRowWhicheverWayTheyWereWritten(boolean whileOthersRead) throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        List<String> byTable = written("by-table", seed, true, whileOthersRead);
        List<String> byColumns = written("by-columns", seed, false, whileOthersRead);
        assertThat(byColumns).as("seed %s", seed).isEqualTo(byTable);
    }

    private List<String> written(String name, long seed, boolean asked, boolean whileOthersRead) throws Exception {
        Random random = new Random(seed);
        try (StoreFixture fixture = new StoreFixture(directory.resolve(name)).begin(P0, P1)) {
            if (whileOthersRead) {
                // DuckDB has all its threads then.
                fixture.engine.threads().read();
            }
            if (asked) {
                fixture.engine.locked(fixture.store::show);
            }
            for (int generation = 0; generation < 3; generation++) {
                List<Row> rows = new ArrayList<>();
                for (int i = 0; i < ROWS; i++) {
                    long offset = (long) generation * ROWS + i;
                    Row row = StoreFixture.row(P0, offset);
                    row.values()[0] = "V" + random.nextInt(3);
                    row.values()[1] = "S" + random.nextInt(7);
                    long micros = StoreFixture.DAY.toEpochMilli() * 1_000
                            + (generation == 1
                                    ? -i
                                    : generation == 2 ? random.nextInt(200) * 3_600_000_000L : random.nextInt(1_000));
                    row.values()[4] = micros;
                    set(row, "trade_ref", random.nextInt(3) == 0 ? null : "ref " + offset);
                    set(row, "trade_id", random.nextInt(3) == 0 ? null : offset);
                    set(row, "side", random.nextInt(3) == 0 ? null : random.nextBoolean() ? "BUY" : "SELL");
                    set(row, "currency", random.nextInt(3) == 0 ? null : "C" + random.nextInt(40));
                    set(row, "conditions", conditions(random));
                    set(row, "vendor_data", random.nextInt(9) == 0 ? "{\"n\": " + offset + "}" : null);
                    set(row, "quantity", BigDecimal.valueOf(random.nextInt(1_000_000), 10));
                    if (generation == 1 && random.nextInt(100) == 0) {
                        set(row, "price", new BigDecimal("-12345678901234567890123456").setScale(12));
                    }
                    rows.add(row);
                }
                fixture.appendRows(P0, rows);
                EventStore.Generation sealed = fixture.seal();
                assertThat(((Segment) sealed).isHeld()).isEqualTo(!asked);
                fixture.store.commit(sealed);
            }
            return files(fixture);
        }
    }

    private static void set(Row row, String column, @Nullable Object value) {
        row.values()[EventTypes.TRADE.index(column)] = value;
    }

    private static @Nullable List<String> conditions(Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> null;
            case 1 -> List.of();
            case 2 -> List.of("maker");
            default -> List.of("maker", "", "odd lot " + random.nextInt(9));
        };
    }

    /** Everything that files hold, in their order, and what the table says of them. */
    private static List<String> files(StoreFixture fixture) throws Exception {
        List<DataFile> files = new ArrayList<>();
        try (CloseableIterable<FileScanTask> tasks = fixture.catalog
                .loadTable(TableIdentifier.of("k2", "trades"))
                .newScan()
                .includeColumnStats()
                .planFiles()) {
            tasks.forEach(task -> files.add(task.file()));
        }
        List<String> found = new ArrayList<>();
        try (Connection connection = fixture.engine.connect();
                Statement statement = connection.createStatement()) {
            for (DataFile file : files) {
                String path = Sql.text(LocalFileIO.localPath(file.location()).toString());
                StringBuilder line = new StringBuilder();
                line.append(file.partition()).append(' ').append(file.recordCount());
                line.append(' ').append(bytes(file.lowerBounds())).append(' ').append(bytes(file.upperBounds()));
                line.append(' ').append(file.nullValueCounts());
                try (ResultSet result = statement.executeQuery(
                        "select string_agg(hash(held::varchar)::varchar, ' ' order by held.file_row_number) from"
                                + " read_parquet(" + path + ", file_row_number = true) held")) {
                    result.next();
                    line.append(' ').append(result.getString(1));
                }
                try (ResultSet result = statement.executeQuery(
                        "select string_agg(name || ' ' || coalesce(type, '') || ' ' || coalesce(converted_type, ''), ', ')"
                                + " from parquet_schema(" + path
                                // A table's segment that once had prices of many digits is made for them for good.
                                + ") where name <> 'price'")) {
                    result.next();
                    line.append(' ').append(result.getString(1));
                }
                found.add(line.toString());
            }
        }
        Collections.sort(found);
        return found;
    }

    private static Map<Integer, String> bytes(Map<Integer, ByteBuffer> bounds) {
        Map<Integer, String> bytes = new TreeMap<>();
        bounds.forEach((column, bound) -> {
            byte[] content = new byte[bound.remaining()];
            bound.duplicate().get(content);
            bytes.put(column, HexFormat.of().formatHex(content));
        });
        return bytes;
    }

    @Test
    void whoAsksSeesWhatWasHeldOfSealedGenerationsAndOfTheOpenOneAndWhatComesThen() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 10);
            Segment first = (Segment) fixture.seal();
            fixture.append(P1, 5);
            fixture.append(P0, 3);
            assertThat(first.isHeld()).isTrue();
            assertThat(fixture.store.liveBytes()).isPositive();
            assertThat(fixture.positions()).hasSize(18).doesNotHaveDuplicates();
            assertThat(first.isHeld()).isFalse();
            fixture.append(P0, 2);
            try (View view = fixture.engine.view(Set.of())) {
                assertThat(StoreFixture.positions(view)).isEqualTo(StoreFixture.expected(view.cut()));
                assertThat(StoreFixture.positions(view)).hasSize(20);
            }
            fixture.store.commit(first);
            fixture.store.commit(fixture.seal());
            assertThat(fixture.positions()).hasSize(20).doesNotHaveDuplicates();
        }
    }

    @Test
    void aPartitionThatIsGivenUpLeavesNothingOfWhatWasHeld() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 10);
            fixture.append(P1, 5);
            EventStore.Generation sealed = fixture.seal();
            fixture.append(P1, 5);
            fixture.store.forget(Set.of(P0));
            fixture.store.commit(sealed);
            assertThat(fixture.positions()).hasSize(10).allMatch(position -> position.startsWith("1:"));
        }
    }

    /** Rows come, generations are sealed and committed, and somebody asks again and again: each answer is whole. */
    @Test
    void rowsMayBeAskedForAtAnyMoment() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            CompletableFuture<Integer> asking = CompletableFuture.supplyAsync(() -> {
                int answers = 0;
                while (!done.get() || answers == 0) {
                    try (View view = fixture.engine.view(Set.of())) {
                        assertThat(StoreFixture.positions(view)).isEqualTo(StoreFixture.expected(view.cut()));
                        answers++;
                    } catch (SQLException e) {
                        throw new IllegalStateException(e);
                    }
                    // As if nobody had asked for long.
                    fixture.store.askedLongAgo();
                }
                return answers;
            });
            for (int generation = 0; generation < 40; generation++) {
                for (int i = 0; i < 5; i++) {
                    fixture.append(P0, 20);
                }
                fixture.store.commit(fixture.seal());
            }
            done.set(true);
            assertThat(asking.get()).isPositive();
            assertThat(fixture.positions()).hasSize(40 * 5 * 20);
        }
    }

    @Test
    void whatIsHeldIsBounded() {
        HeldRows rows = new HeldRows(EventTypes.TRADE.columns(), List.of(), new HeldRows.Blocks());
        IntStream.range(0, 10_000).forEach(i -> rows.add(StoreFixture.row(P0, i)));
        // Fourteen columns and four of K2's; the conditions are two texts each.
        assertThat(rows.bytes()).isBetween(10_000L * 100, 10_000L * 500);
        assertThat(rows.size()).isEqualTo(10_000);
        assertThat(rows.offsets().word(9_999)).isEqualTo(9_999);
    }
}
