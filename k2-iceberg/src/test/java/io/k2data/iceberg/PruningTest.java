package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.LogPartition;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.pipeline.Row;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a statement asks chooses the files it reads, and never changes its answer. The truth of a condition is taken where
 * it cannot choose files: as a value that is computed for every row.
 */
class PruningTest {
    private static final List<String> VENUES = List.of("BINANCE", "COINBASE");
    private static final List<String> SYMBOLS = List.of("AAA", "BBB", "BTCUSDT", "ETH'USD", "it''s", "Ω\\n", "a\nb");
    private static final Instant DAY = StoreFixture.DAY;
    private static final int COMMITS = 24;

    @TempDir
    static Path directory;

    private static StoreFixture fixture;

    /** One file for each of so many quarters of a day, a few symbols in each, and live rows after them. */
    @BeforeAll
    static void fill() {
        fixture = new StoreFixture(directory).begin(P0, P1);
        for (int commit = 0; commit <= COMMITS; commit++) {
            for (LogPartition partition : List.of(P0, P1)) {
                List<Row> rows = new ArrayList<>();
                for (int i = 0; i < 20; i++) {
                    rows.add(row(partition, commit * 20L + i, commit));
                }
                fixture.appendRows(partition, rows);
            }
            if (commit < COMMITS) {
                fixture.store.commit(fixture.seal());
            }
        }
    }

    @AfterAll
    static void close() {
        fixture.close();
    }

    private static Row row(LogPartition partition, long offset, int commit) {
        Instant time = DAY.plusSeconds(commit * 6L * 3600 + (offset % 20) * 60);
        String symbol = SYMBOLS.get((int) (offset + commit) % 3 + (partition == P0 ? 0 : SYMBOLS.size() - 3));
        Trade.Builder trade = offset % 10 == 9
                ? Trade.of(VENUES.get(commit % 2), symbol, "ref-" + offset)
                : Trade.of(VENUES.get(commit % 2), symbol, offset);
        Trade built = trade.at(time)
                .priced(new BigDecimal(offset % 7 + ".25").setScale(12), BigDecimal.ONE.setScale(10))
                .build();
        Object[] values = new Object[EventTypes.TRADE.columns().size()];
        for (int i = 0; i < values.length; i++) {
            Object value = EventTypes.TRADE.value(i, built);
            values[i] = value instanceof Instant ? (Object) (time.toEpochMilli() * 1000) : value;
        }
        return new Row(partition, offset, time.toEpochMilli(), time.toEpochMilli() * 1000, values);
    }

    @Test
    void randomConditionsGiveTheSameRowsFromTheFilesTheyChooseAsFromAll() throws SQLException {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        int conditions = Boolean.getBoolean("k2.full") ? 3_000 : 120;
        int pruned = 0;
        int spared = 0;
        try (View view = fixture.engine.view(Set.of());
                Statement statement = view.connection().createStatement()) {
            for (int i = 0; i < conditions; i++) {
                String condition = condition(random, 3);
                List<String> truth = answer(
                        statement,
                        "select count(*) filter (where " + condition + "), sum(kafka_offset) filter (where " + condition
                                + "), 0 from trades");
                assertThat(view.filesRead().get("trades").read()).isEqualTo(COMMITS);
                String sql =
                        switch (random.nextInt(4)) {
                            case 0 ->
                                "with t as (select * from trades) select count(*), sum(kafka_offset), 0 from t where "
                                        + condition;
                            case 1 ->
                                "select sum(n)::bigint, sum(s), 0 from (select symbol, count(*) as n, sum(kafka_offset) as s"
                                        + " from trades where " + condition + " group by symbol)";
                            case 2 ->
                                "select count(*), sum(a.kafka_offset), 0 from (select * from trades where " + condition
                                        + ") a join trades b using (kafka_partition, kafka_offset)";
                            default -> "select count(*), sum(kafka_offset), 0 from trades where " + condition;
                        };
                List<String> found = answer(statement, sql);
                assertThat(found.toString().replace("null", "0"))
                        .as("seed %s, %s", seed, sql)
                        .isEqualTo(truth.toString().replace("null", "0"));
                View.Files files = view.filesRead().get("trades");
                assertThat(files.of()).isEqualTo(COMMITS);
                pruned += files.read() < files.of() ? 1 : 0;
                spared += files.of() - files.read();
            }
        }
        assertThat(pruned).as("statements that read fewer files, seed %s", seed).isGreaterThan(conditions / 10);
        System.out.println("PruningTest: seed " + seed + ", " + pruned + " of " + conditions
                + " statements read fewer files, " + spared + " of " + conditions * COMMITS + " files spared");
    }

    private static String condition(Random random, int depth) {
        int what = depth == 0 ? 0 : random.nextInt(10);
        return what < 4
                ? atom(random)
                : what < 7
                        ? "(" + condition(random, depth - 1) + " and " + condition(random, depth - 1) + ")"
                        : what < 9
                                ? "(" + condition(random, depth - 1) + " or " + condition(random, depth - 1) + ")"
                                : "not (" + condition(random, depth - 1) + ")";
    }

    private static String atom(Random random) {
        String comparison = List.of("=", "<", "<=", ">", ">=", "<>").get(random.nextInt(6));
        String time = DAY.plusSeconds(random.nextInt(7 * 24 * 3600)).toString();
        String symbol = Sql.text(SYMBOLS.get(random.nextInt(SYMBOLS.size())));
        int number = random.nextInt(COMMITS * 20);
        return switch (random.nextInt(18)) {
            case 0 -> "event_time " + comparison + " timestamptz '" + time + "'";
            case 1 -> "event_time between '" + time + "' and timestamptz '" + time + "' + interval 1 day";
            case 2 -> "event_time > now() - interval " + (random.nextInt(400) + 700) + " day";
            case 3 -> "event_time::date = '" + time.substring(0, 10) + "'";
            case 4 -> "date_trunc('day', event_time) " + comparison + " timestamptz '" + time.substring(0, 10) + "'";
            case 5 -> "symbol " + comparison + " " + symbol;
            case 6 -> "symbol in (" + symbol + ", 'BBB', 'nobody')";
            case 7 -> "symbol like 'B" + (random.nextBoolean() ? "T" : "") + "%'";
            case 8 -> "venue = '" + VENUES.get(random.nextInt(2)) + "'";
            case 9 -> "trade_id " + comparison + " " + number;
            case 10 -> "trade_id in (" + number + ", " + (number + 3) + ", null)";
            case 11 -> "trade_id is " + (random.nextBoolean() ? "not " : "") + "null";
            case 12 -> "kafka_offset between " + number + " and " + (number + 30);
            case 13 -> "kafka_partition " + comparison + " " + random.nextInt(2);
            case 14 -> "price " + comparison + " " + random.nextInt(7) + ".25";
            case 15 -> "kafka_offset + 1 " + comparison + " " + number + ".5";
            case 16 -> "coalesce(trade_ref, 'x') " + comparison + " 'ref-" + number + "'";
            default -> "(case when kafka_offset > " + number + " then symbol else venue end) = " + symbol;
        };
    }

    private static List<String> answer(Statement statement, String sql) throws SQLException {
        try (ResultSet result = statement.executeQuery(sql)) {
            return rows(result);
        }
    }

    private static List<String> rows(ResultSet result) throws SQLException {
        List<String> rows = new ArrayList<>();
        while (result.next()) {
            StringBuilder row = new StringBuilder();
            for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                row.append(result.getString(i)).append(' ');
            }
            rows.add(row.toString());
        }
        return rows;
    }

    @Test
    void conditionsOnTimeStreamIdAndPositionReachThePlanning() throws SQLException {
        try (View view = fixture.engine.view(Set.of());
                Statement statement = view.connection().createStatement()) {
            Map<String, Integer> expected = Map.of(
                    "event_time < timestamptz '2024-08-08 05:00:00+00'", 1,
                    "date_trunc('day', event_time) = '2024-08-09'", 4,
                    "event_time < now() - interval 50 years", 0,
                    "symbol = '0'", 0,
                    "venue = 'COINBASE' and event_time between '2024-08-09' and '2024-08-09 23:59:59'", 2,
                    "trade_id = 45", 1,
                    "kafka_offset = 45", 1,
                    "kafka_partition = 7", 0,
                    "kafka_offset in (45, 461)", 2,
                    "trade_ref = 'ref-9'", COMMITS);
            for (Map.Entry<String, Integer> each : expected.entrySet()) {
                answer(statement, "select count(*) from trades where " + each.getKey());
                assertThat(view.filesRead().get("trades"))
                        .as(each.getKey())
                        .isEqualTo(new View.Files(each.getValue(), COMMITS));
            }
            answer(statement, "select count(*) from trades");
            assertThat(view.filesRead().get("trades").read()).isEqualTo(COMMITS);
            answer(statement, "select 1");
            assertThat(view.filesRead().get("trades").read()).isZero();
        }
    }

    @Test
    void twoScansOfATableNeedTheFilesOfBoth() throws SQLException {
        try (View view = fixture.engine.view(Set.of());
                Statement statement = view.connection().createStatement()) {
            assertThat(
                            answer(
                                    statement,
                                    "select (select count(*) from trades), (select count(*) from trades where kafka_offset = 45)"))
                    .containsExactly(2 * 20 * (COMMITS + 1) + " 2 ");
            assertThat(answer(
                            statement,
                            "select a.kafka_offset, b.kafka_offset from trades a, trades b where a.kafka_offset = 5 and"
                                    + " b.kafka_offset = 445 and a.kafka_partition = 0 and b.kafka_partition = 1"))
                    .containsExactly("5 445 ");
            assertThat(view.filesRead().get("trades")).isEqualTo(new View.Files(2, COMMITS));
        }
    }

    @Test
    void aPreparedStatementChoosesByItsParametersEachTimeItRuns() throws SQLException {
        try (View view = fixture.engine.view(Set.of());
                PreparedStatement statement = view.connection()
                        .prepareStatement("select count(*), min(kafka_offset) from trades where kafka_offset = ?"
                                + " and symbol <> ?");
                PreparedStatement plain = view.connection().prepareStatement("select count(*) from trades")) {
            for (long offset : new long[] {45, 3, 450, 99_999, 3}) {
                statement.setLong(1, offset);
                statement.setString(2, "it's not");
                try (ResultSet result = statement.executeQuery()) {
                    assertThat(rows(result)).containsExactly(offset == 99_999 ? "0 null " : "2 " + offset + " ");
                }
                assertThat(view.filesRead().get("trades").read()).isEqualTo(offset == 99_999 ? 0 : 1);
                try (ResultSet result = plain.executeQuery()) {
                    assertThat(rows(result)).containsExactly(2 * 20 * (COMMITS + 1) + " ");
                }
            }
        }
    }

    @Test
    void aNameThatTheStatementGivesAColumnIsNotTakenForAnother() throws SQLException {
        try (View view = fixture.engine.view(Set.of());
                Statement statement = view.connection().createStatement()) {
            assertThat(answer(
                            statement,
                            "select count(*) from (select trade_id as kafka_offset, kafka_offset as trade_id from trades)"
                                    + " where trade_id = 49 and kafka_offset + 0 is null"))
                    .containsExactly("2 ");
            assertThat(answer(
                            statement,
                            "select count(*) from (select trade_id as k2_0_kafka_offset, kafka_offset from trades)"
                                    + " where k2_0_kafka_offset is null and kafka_offset = 49"))
                    .containsExactly("2 ");
        }
    }

    @Test
    void aTextThatLooksLikeAFilterIsNotTakenForOne() throws SQLException {
        try (View view = fixture.engine.view(Set.of());
                PreparedStatement statement =
                        view.connection().prepareStatement("select count(*) from trades where symbol <> ?")) {
            for (String text : List.of(
                    "x\n(k2_0_kafka_offset = 99999)\ny",
                    "x'\n(k2_0_kafka_offset = 99999)\n'y",
                    "\n(k2_0_kafka_offset = 99999)",
                    "') AND (k2_0_kafka_offset = 99999) AND (k2_0_symbol <> '")) {
                statement.setString(1, text);
                try (ResultSet result = statement.executeQuery()) {
                    assertThat(rows(result)).as(text).containsExactly(2 * 20 * (COMMITS + 1) + " ");
                }
            }
        }
    }

    @Test
    void anErrorShowsTheStatementAsItWasGiven() {
        try (View view = fixture.engine.view(Set.of())) {
            assertThatThrownBy(() -> view.connection().createStatement().executeQuery("select prise from trades"))
                    .isInstanceOf(SQLException.class)
                    .hasMessageContaining("LINE 1: select prise from trades\n               ^")
                    .hasMessageNotContaining("explain");
        }
    }

    @Test
    void theFilesOfManifestsAreKeptWithinABound() throws Exception {
        fixture.positions();
        assertThat(fixture.engine.manifests().size()).isEqualTo(COMMITS);
        Table table = fixture.catalog.loadTable(TableIdentifier.of("k2", "trades"));
        ManifestCache small = new ManifestCache(5);
        HistoryFiles files =
                HistoryFiles.plan(table, table.schema(), table.currentSnapshot(), Set.of("event_time"), small);
        assertThat(files.count()).isEqualTo(COMMITS);
        assertThat(small.size()).isLessThanOrEqualTo(5);
    }
}
