package io.k2data.iceberg;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QueryThreadsTest {
    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 10);

    @Test
    void readersHaveAllThreadsAndRowsGoBackToOneAfterAWhile() throws SQLException {
        try (DuckDBConnection duck = (DuckDBConnection) DriverManager.getConnection("jdbc:duckdb:")) {
            Sql.run(duck, "set threads = 3");
            QueryThreads threads = new QueryThreads(duck, now::get);
            assertThat(of(duck)).isEqualTo(1);

            threads.read();
            threads.read();
            assertThat(of(duck)).isEqualTo(3);
            threads.done();
            now.addAndGet(QueryThreads.IDLE_NANOS + 1);
            threads.write();
            assertThat(of(duck)).as("one still reads").isEqualTo(3);

            threads.done();
            now.addAndGet(QueryThreads.IDLE_NANOS);
            threads.write();
            assertThat(of(duck)).as("the next reader may be near").isEqualTo(3);
            now.incrementAndGet();
            assertThat(of(duck)).as("till rows come").isEqualTo(3);
            threads.write();
            assertThat(of(duck)).isEqualTo(1);

            threads.read();
            assertThat(of(duck)).isEqualTo(3);
        }
    }

    @Test
    void anEngineWritesWithOneThreadAndItsViewsHaveThemAllThoughSettingsAreLocked(@TempDir Path directory)
            throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(StoreFixture.P0);
                Connection connection = fixture.engine.connect();
                Connection untouched = DriverManager.getConnection("jdbc:duckdb:")) {
            fixture.append(StoreFixture.P0, 10);
            fixture.store.commit(fixture.seal());
            assertThat(of(connection)).isEqualTo(1);

            fixture.engine.view(Set.of()).close();
            assertThat(of(connection)).isEqualTo(of(untouched));
        }
    }

    @Test
    void settingThreadsBackAndForthDisturbsNeitherFilesNorRows(@TempDir Path directory) throws Exception {
        int rows = 100_000;
        AtomicBoolean stop = new AtomicBoolean();
        AtomicInteger written = new AtomicInteger();
        try (DuckDBConnection duck = (DuckDBConnection) DriverManager.getConnection("jdbc:duckdb:")) {
            Sql.run(duck, "set threads = 4");
            Sql.run(
                    duck,
                    "create table filed as select range as i, 'S' || range * 7919 % 500 as s from range(" + rows + ")");
            Sql.run(duck, "create table appended (i bigint)");
            QueryThreads threads = new QueryThreads(duck, now::get);
            CompletableFuture<Void> files = CompletableFuture.runAsync(() -> {
                String file = Sql.text(directory.resolve("filed.parquet").toString());
                try (Connection connection = duck.duplicate();
                        Statement statement = connection.createStatement()) {
                    while (!stop.get()) {
                        statement.execute("copy (select * from filed order by s, i) to " + file
                                + " (format parquet, row_group_size 30720)");
                        try (ResultSet result =
                                statement.executeQuery("select count(*), sum(i), count(*) filter (s <> 'S'"
                                        + " || i * 7919 % 500) from read_parquet(" + file + ")")) {
                            result.next();
                            assertThat(result.getLong(1)).isEqualTo(rows);
                            assertThat(result.getLong(2)).isEqualTo(rows * (rows - 1L) / 2);
                            assertThat(result.getLong(3)).isZero();
                        }
                        written.incrementAndGet();
                    }
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
            CompletableFuture<Long> appends = CompletableFuture.supplyAsync(() -> {
                long appended = 0;
                try (DuckDBConnection connection = duck.duplicate()) {
                    Sql.run(connection, "pragma disable_optimizer");
                    try (DuckDBAppender appender = connection.createAppender("main", "appended")) {
                        while (!stop.get()) {
                            Sql.run(connection, "BEGIN");
                            for (int i = 0; i < 5_000; i++, appended++) {
                                appender.beginRow().append(appended).endRow();
                            }
                            appender.flush();
                            Sql.run(connection, "COMMIT");
                        }
                    }
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
                return appended;
            });
            for (int i = 0; (i < 200 || written.get() < 5) && !files.isDone() && !appends.isDone(); i++) {
                threads.read();
                threads.done();
                now.addAndGet(QueryThreads.IDLE_NANOS + 1);
                threads.write();
            }
            stop.set(true);
            files.get(1, TimeUnit.MINUTES);
            long appended = appends.get(1, TimeUnit.MINUTES);
            try (Statement statement = duck.createStatement();
                    ResultSet result = statement.executeQuery("select count(*), count(distinct i) from appended")) {
                result.next();
                assertThat(result.getLong(1)).isEqualTo(appended);
                assertThat(result.getLong(2)).isEqualTo(appended);
            }
        }
    }

    private static int of(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("select current_setting('threads')")) {
            result.next();
            return result.getInt(1);
        }
    }
}
