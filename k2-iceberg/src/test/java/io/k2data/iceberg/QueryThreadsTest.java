package io.k2data.iceberg;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
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

    private static int of(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("select current_setting('threads')")) {
            result.next();
            return result.getInt(1);
        }
    }
}
