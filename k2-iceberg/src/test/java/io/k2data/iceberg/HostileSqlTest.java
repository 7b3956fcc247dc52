package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.jdbc.ViewDataSource;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.apache.iceberg.catalog.TableIdentifier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * SQL text of those who mean no good, and of those who mistype: it writes nothing, reads no file and no setting, reaches no
 * network, and leaves an engine that answers. Files that hold a word nobody may see lie inside and outside of the warehouse,
 * and a server that nobody may call listens. 2,000 mutations of statements; 200,000 with {@code -Pfull}.
 */
class HostileSqlTest {
    private static final int MUTATIONS = Boolean.getBoolean("k2.full") ? 200_000 : 2_000;
    private static final String CANARY = "nobody-may-see-this";

    @TempDir
    Path directory;

    private Path inside;
    private Path outside;

    /** Each with a part of the reason that is given. */
    private List<String[]> hostile(int port) {
        String file = inside.toString();
        String http = "http://127.0.0.1:" + port + "/x.parquet";
        return List.of(
                // Writes, in whatever dress.
                refused("insert into trades select * from trades", "only reads"),
                refused(
                        "with x as (insert into k2_live.trades_1 select * from trades returning *) select * from x",
                        "INSERT"),
                refused("with x as (delete from k2_live.trades_1 returning *) select * from x", "DELETE"),
                refused("with x as (update k2_live.trades_1 set venue = 'x' returning *) select * from x", "UPDATE"),
                refused(
                        "select * from (with x as (insert into k2_live.trades_1 select * from trades returning 1) from x)",
                        "INSERT"),
                refused("create table x as select 1", "only reads"),
                refused("create temp view trades as select 1", "only reads"),
                refused("create macro abs(a) as 1", "only reads"),
                refused("drop view trades", "only reads"),
                refused("copy trades to '" + file + "'", "only reads"),
                refused("copy k2_live.trades_1 from '" + file + "'", "only reads"),
                refused("export database '" + directory + "'", "only reads"),
                refused("import database '" + directory + "'", "only reads"),
                refused("attach '" + directory + "/x.db'", "only reads"),
                refused("detach temp", "only reads"),
                refused("vacuum", "only reads"),
                refused("checkpoint", "only reads"),
                refused("select * from checkpoint()", "out of reach"),
                refused("select nextval('s')", "out of reach"),
                refused("select write_log('x')", "out of reach"),
                // The session and its transaction.
                refused("set threads = 1", "only reads"),
                refused("reset threads", "only reads"),
                refused("set variable k2_files_0 = ['" + file + "']", "only reads"),
                refused("pragma database_list", "only reads"),
                refused("call pragma_version()", "only reads"),
                refused("begin", "only reads"),
                refused("commit", "only reads"),
                refused("rollback", "only reads"),
                refused("prepare x as select 1", "only reads"),
                refused("execute x", "only reads"),
                refused("use main", "only reads"),
                refused("install httpfs", "only reads"),
                refused("load httpfs", "only reads"),
                refused("load '" + directory + "/evil.duckdb_extension'", "only reads"),
                // Files.
                refused("select * from '/etc/passwd'", "out of reach"),
                refused("select * from '" + file + "'", "out of reach"),
                refused("select * from \"" + file + "\"", "out of reach"),
                refused("describe '" + file + "'", "out of reach"),
                refused("summarize \"" + file + "\"", "out of reach"),
                refused(
                        "select * from (with \"" + file + "\" as (select 1) select 1), \"" + file + "\"",
                        "out of reach"),
                refused("select (select canary from '" + file + "')", "out of reach"),
                refused("select 1 where exists (from '" + file + "')", "out of reach"),
                refused(
                        "select * from trades t join lateral (select * from read_parquet('" + file + "')) on true",
                        "out of reach"),
                refused("select * from read_parquet('" + file + "')", "out of reach"),
                refused("select * from READ_Parquet('" + file + "')", "out of reach"),
                refused("select * from \"read_parquet\"('" + file + "')", "out of reach"),
                refused("select * from main.read_parquet('" + file + "')", "out of reach"),
                refused("select * from system.main.parquet_scan(['" + file + "'])", "out of reach"),
                refused("select * from/**/read_parquet/**/('" + file + "')", "out of reach"),
                refused("select * from read_csv('" + outside + "')", "out of reach"),
                refused("select * from read_text('" + outside + "')", "out of reach"),
                refused("select * from read_blob('" + outside + "')", "out of reach"),
                refused("select * from read_json_auto('" + outside + "')", "out of reach"),
                refused("select * from sniff_csv('" + outside + "')", "out of reach"),
                refused("select * from read_duckdb('" + outside + "')", "out of reach"),
                refused("select * from parquet_metadata('" + file + "')", "out of reach"),
                refused("select * from parquet_kv_metadata('" + file + "')", "out of reach"),
                refused("select * from glob('" + directory + "/**')", "out of reach"),
                refused("select * from query('select * from read_parquet(''" + file + "'')')", "out of reach"),
                refused("select * from query_table('" + file + "')", "out of reach"),
                refused("select * from json_execute_serialized_sql(json_serialize_sql('select 1'))", "out of reach"),
                refused("select * from arrow_scan()", "out of reach"),
                refused("select * from seq_scan('trades')", "out of reach"),
                refused("select * from duckdb_table_sample('trades')", "out of reach"),
                // What is behind the view.
                refused("select * from k2_live.trades_1", "out of reach"),
                refused("select * from memory.k2_live.trades_1", "out of reach"),
                refused("select * from duckdb_settings()", "out of reach"),
                refused("select * from duckdb_secrets()", "out of reach"),
                refused("select * from duckdb_tables", "no relation"),
                refused("select * from sqlite_master", "no relation"),
                refused("select * from pg_catalog.pg_settings", "out of reach"),
                refused("show all tables", "out of reach"),
                refused("show databases", "out of reach"),
                refused("select current_setting('allowed_directories')", "out of reach"),
                refused("select getenv('HOME')", "out of reach"),
                refused("select getvariable('k2_files_0')", "out of reach"),
                refused("select \"GetVariable\"('k2_files_0')", "out of reach"),
                // The network.
                refused("select * from '" + http + "'", "out of reach"),
                refused("select * from read_parquet('" + http + "')", "out of reach"),
                refused("select * from 's3://bucket/x.parquet'", "out of reach"),
                refused("select * from postgres_scan('host=127.0.0.1 port=" + port + "', 'a', 'b')", "out of reach"),
                refused("select st_point(1, 2)", "spatial"),
                refused("select * from sql_auto_complete('sel')", "out of reach"),
                // More than one statement, and less than one.
                refused("select 1; drop view trades", "only reads"),
                refused("select 1; select 2", "one statement"),
                refused("", "one statement"),
                refused("-- select 1", "one statement"),
                refused("/* select 1", "comment"),
                refused("select 1 /*; */; commit --", "only reads"),
                refused("select '\0'", ""),
                refused("\u200bselect 1 \ud800", ""),
                refused("\uff53\uff45\uff4c\uff45\uff43\uff54 1", ""),
                refused("select * from \u02bc/etc/passwd\u02bc", ""),
                // Beyond what a stack or the memory holds.
                refused(nested("select * from (", "trades", ")", 5_000), "nested"),
                refused("select " + nested("(", "1", ")", 3_000), "nested"),
                refused("select " + nested("(select ", "1", ")", 110), "nested"),
                refused("select * from " + nested("(select * from ", "trades", ")", 110), "nested"),
                refused("select " + nested("case when true then ", "1", " end", 1_000), "depth"),
                refused("select 1" + "+1".repeat(900), "depth"),
                refused("select 1" + "+1".repeat(230), "nested"),
                refused("select " + "not ".repeat(5_000) + "true", "depth"),
                refused("select " + "- ".repeat(5_000) + "1", "depth"),
                refused("select 1" + "::int".repeat(2_000), "depth"),
                refused("select null::int" + "[]".repeat(2_000), "depth"),
                refused("select a" + ".a".repeat(5_000) + " from trades", "nested"),
                refused("select 1 from cuts" + " cross join cuts".repeat(3_000), "nested"),
                refused("select 1" + " union all select 1".repeat(3_000), "500 queries"),
                refused("select " + "(".repeat(20_000), "nested"),
                refused("select " + nested("[", "1", "]", 2_000), "nested"),
                refused("select '" + "x".repeat(300_000) + "'", "too long"),
                refused("select len(range(1000000000))", "out of reach"),
                refused("select repeat('x', 4000000000)", "out of reach"),
                refused("select list_resize([1], 4000000000)", "out of reach"),
                refused("select sleep_ms(100000000)", "out of reach"),
                refused(withs(150), "WITH"));
    }

    private static String[] refused(String sql, String reason) {
        return new String[] {sql, reason};
    }

    private static String nested(String open, String inner, String close, int times) {
        return open.repeat(times) + inner + close.repeat(times);
    }

    private static String withs(int number) {
        StringBuilder sql = new StringBuilder("with c0 as (select 1 as a)");
        for (int i = 1; i < number; i++) {
            sql.append(", c")
                    .append(i)
                    .append(" as (select * from c")
                    .append(i - 1)
                    .append(')');
        }
        return sql + " select * from c" + (number - 1);
    }

    /** What people ask, and must go on being able to. */
    private static final List<String> HARMLESS = List.of(
            "select count(*) from trades",
            "select symbol, sum(quantity) from trades where venue = 'BINANCE' group by symbol order by 2 desc limit 3;",
            "with t as (select * from trades), u as (from t) select * from u join t using (trade_id) limit 2",
            "with trades as (select * from trades where symbol = 'BTCUSDT') select count(*) from trades",
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select * from n",
            "select time_bucket(interval 1 minute, event_time), first(price order by event_time) from trades group by 1",
            "select *, lag(price) over (partition by symbol order by event_time) from trades qualify row_number() over () < 3",
            "select minute, count(t.price) from generate_series(timestamptz '2024-08-08', timestamptz '2024-08-08 00:10',"
                    + " interval 1 minute) g(minute) left join trades t on t.event_time = minute group by 1",
            "from trades select venue limit 1",
            "select unnest([1, 2]), list_transform([1, 2], lambda x: x + 1), {'a': 1}.a",
            "select * from trades asof join (select venue, event_time from trades) q using (venue, event_time) limit 1",
            "pivot_free as (select 1)",
            "describe trades",
            "summarize trades",
            "show tables",
            "select * from deferred",
            "select * from cuts",
            "select table_name from information_schema.tables where table_name = 'trades'",
            "select $$a 'quoted' (text$$, 'b /* no comment', \"venue\" from trades limit 1",
            "select 1" + "+1".repeat(150),
            "select count(*) from trades where trade_id in (" + "1,".repeat(2_000) + "2)",
            "select * from trades where venue = 'x'" + " or venue = 'y'".repeat(500),
            "select * from " + nested("(select * from ", "trades", ")", 60),
            "select 1 from cuts" + " cross join cuts".repeat(60));

    @Test
    void whatWouldWriteReadAFileOrReachOutIsRefusedAndChangesNothing() throws Exception {
        try (Scene scene = new Scene(directory)) {
            for (String[] each : hostile(scene.port())) {
                String said = each[0].length() > 200 ? each[0].substring(0, 200) + "..." : each[0];
                try (Connection connection = scene.dataSource.getConnection();
                        Statement statement = connection.createStatement()) {
                    statement.setQueryTimeout(20);
                    assertThatThrownBy(() -> statement.execute(each[0]))
                            .as(said)
                            .isInstanceOf(SQLException.class)
                            .hasMessageContaining(each[1]);
                    assertThatThrownBy(
                                    () -> connection.prepareStatement(each[0]).executeQuery())
                            .as(said)
                            .isInstanceOf(SQLException.class);
                }
            }
            scene.requireUntouched("after hostile statements");
        }
    }

    @Test
    void whatIsRefusedByTheGuardLeavesTheViewAsItWas() throws Exception {
        try (Scene scene = new Scene(directory);
                var view = scene.fixture.engine.view(Set.of())) {
            for (String[] each : hostile(scene.port())) {
                if (each[1].contains("only reads") || each[1].contains("out of reach")) {
                    try (Statement statement = view.connection().createStatement()) {
                        assertThatThrownBy(() -> statement.execute(each[0])).isInstanceOf(SQLException.class);
                    }
                }
            }
            assertThat(StoreFixture.positions(view)).hasSize(30);
        }
    }

    @Test
    void whatPeopleAskIsAnsweredOnASmallStackToo() throws Exception {
        try (Scene scene = new Scene(directory)) {
            List<String> failed = new ArrayList<>();
            Thread small = new Thread(null, () -> HARMLESS.forEach(sql -> scene.ask(sql, failed)), "small", 512 << 10);
            small.start();
            small.join();
            // One of them is no SQL at all, so that this test can fail.
            assertThat(failed).singleElement().asString().startsWith("pivot_free");
        }
    }

    @Test
    void mutatedStatementsChangeNothingAndSeeNothing() throws Exception {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        Random random = new Random(seed);
        try (Scene scene = new Scene(directory)) {
            List<String> pieces = new ArrayList<>(HARMLESS);
            hostile(scene.port()).stream()
                    .map(each -> each[0])
                    .filter(sql -> sql.length() < 300)
                    .forEach(pieces::add);
            int answered = 0;
            for (int i = 0; i < MUTATIONS; i++) {
                String sql = mutated(random, pieces);
                String place = "mutation " + i + " of seed " + seed + ": " + sql;
                answered += scene.sees(sql, place) ? 1 : 0;
                if (i % 1_000 == 999) {
                    scene.requireUntouched(place);
                }
            }
            scene.requireUntouched("seed " + seed);
            assertThat(answered).as("statements that ran, seed %s", seed).isPositive();
            System.out.println("HostileSqlTest: seed " + seed + ", mutations " + MUTATIONS + ", answered " + answered);
        }
    }

    private static String mutated(Random random, List<String> pieces) {
        // Most begin with what works and are changed little, so that many are still SQL and get past the first check.
        List<String> bases = random.nextInt(4) > 0 ? HARMLESS.subList(0, HARMLESS.size() - 4) : pieces;
        String sql = bases.get(random.nextInt(bases.size()));
        for (int step = random.nextInt(2); step >= 0; step--) {
            List<String> words = new ArrayList<>(List.of(sql.split("(?<=\\W)|(?=\\W)")));
            int at = random.nextInt(words.size());
            String[] others = pieces.get(random.nextInt(pieces.size())).split("(?<=\\W)|(?=\\W)");
            int from = random.nextInt(others.length);
            switch (random.nextInt(6)) {
                case 0 -> words.remove(at);
                case 1 -> words.add(at, words.get(random.nextInt(words.size())));
                case 2 -> words.set(at, others[from]);
                case 3 ->
                    words.addAll(
                            at, List.of(others).subList(from, Math.min(others.length, from + 1 + random.nextInt(8))));
                case 4 -> words.set(at, "(" + pieces.get(random.nextInt(pieces.size())) + ")");
                default -> words.add(at, String.valueOf((char) random.nextInt(0x300)));
            }
            sql = String.join("", words);
        }
        return sql;
    }

    /** Trades on both sides of the seam, and things nobody may touch. */
    private final class Scene implements AutoCloseable {
        private final StoreFixture fixture;
        private final DataSource dataSource;
        private final ServerSocket server;
        private final TreeMap<Path, Long> files;
        private final long snapshot;

        Scene(Path directory) throws Exception {
            inside = directory.resolve("warehouse").resolve("canary.parquet");
            outside = directory.resolveSibling(directory.getFileName() + "-outside.csv");
            fixture = new StoreFixture(directory).begin(P0);
            fixture.append(P0, 20);
            fixture.store.commit(fixture.seal());
            fixture.append(P0, 10);
            try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                    Statement statement = duck.createStatement()) {
                statement.execute("copy (select '" + CANARY + "' as canary) to '" + inside + "' (format parquet)");
            }
            Files.writeString(outside, "canary\n" + CANARY + "\n");
            server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
            dataSource = new ViewDataSource(() -> fixture.engine.view(Set.of()), () -> true);
            snapshot = snapshot();
            files = files();
        }

        int port() {
            return server.getLocalPort();
        }

        private long snapshot() {
            return fixture.catalog
                    .loadTable(TableIdentifier.of("k2", "trades"))
                    .currentSnapshot()
                    .snapshotId();
        }

        private TreeMap<Path, Long> files() throws IOException {
            TreeMap<Path, Long> found = new TreeMap<>();
            try (Stream<Path> all = Files.walk(directory)) {
                for (Path path : all.filter(Files::isRegularFile).toList()) {
                    if (!path.toString().contains("spill")) {
                        found.put(path, Files.size(path));
                    }
                }
            }
            return found;
        }

        void ask(String sql, List<String> failed) {
            try (Connection connection = dataSource.getConnection();
                    Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery(sql)) {
                while (rows.next()) {
                    rows.getObject(1);
                }
            } catch (SQLException e) {
                failed.add(sql + ": " + e.getMessage());
            }
        }

        /** Runs a text, whatever it is; says whether it was answered. */
        boolean sees(String sql, String place) throws SQLException {
            try (Connection connection = dataSource.getConnection();
                    Statement statement = connection.createStatement()) {
                statement.setQueryTimeout(2);
                try (ResultSet rows = statement.executeQuery(sql)) {
                    int columns = rows.getMetaData().getColumnCount();
                    for (int row = 0; row < 100 && rows.next(); row++) {
                        for (int column = 1; column <= columns; column++) {
                            String value = String.valueOf(rows.getObject(column));
                            // Those that are part of a text come out of it again.
                            assertThat(value.contains(CANARY)).as(place).isFalse();
                        }
                    }
                    return true;
                } catch (SQLException e) {
                    assertThat(String.valueOf(e.getMessage())).as(place).doesNotContain(CANARY, "INTERNAL");
                    return false;
                }
            }
        }

        void requireUntouched(String place) throws Exception {
            assertThat(snapshot()).as(place).isEqualTo(snapshot);
            assertThat(files()).as(place).isEqualTo(files);
            assertThat(fixture.positions()).as(place).hasSize(30);
            server.setSoTimeout(1);
            assertThatThrownBy(server::accept).as(place).isInstanceOf(SocketTimeoutException.class);
        }

        @Override
        public void close() throws IOException {
            server.close();
            fixture.close();
            Files.deleteIfExists(outside);
        }
    }
}
