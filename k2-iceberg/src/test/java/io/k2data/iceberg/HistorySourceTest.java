package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;

import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import io.k2data.testkit.QuerySourceContract;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Committed rows keep the contract of sources. */
class HistorySourceTest extends QuerySourceContract {
    @TempDir
    Path directory;

    private StoreFixture fixture;

    @BeforeEach
    void begin() {
        fixture = new StoreFixture(directory).begin(P0, P1);
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    @Override
    protected QuerySource open() {
        grow();
        return StoreSource.history(fixture.engine, fixture.store);
    }

    @Override
    protected void grow() {
        fixture.append(P0, 7);
        fixture.append(P1, 2);
        fixture.store.commit(fixture.seal());
    }

    @Override
    protected List<@Nullable Object[]> read(QuerySource source, SourceRows rows) throws SQLException {
        try (DuckDBConnection connection = fixture.engine.connect()) {
            return SourceReading.rows(connection, source, rows);
        }
    }
}
