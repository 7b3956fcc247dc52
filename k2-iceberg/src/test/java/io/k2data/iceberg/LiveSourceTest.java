package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;

import io.k2data.api.event.Column;
import io.k2data.api.query.PinnedRows;
import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import io.k2data.testkit.QuerySourceContract;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Rows that are not committed yet keep the contract of sources. */
class LiveSourceTest extends QuerySourceContract {
    @TempDir
    Path directory;

    private StoreFixture fixture;

    /** By what was pinned, the connection that can read it. */
    private final Map<SourceRows, DuckDBConnection> connections = new IdentityHashMap<>();

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
        StoreSource live = StoreSource.live(fixture.engine, fixture.store);
        return new QuerySource() {
            @Override
            public String name() {
                return live.name();
            }

            @Override
            public List<Column> columns() {
                return live.columns();
            }

            @Override
            public PinnedRows pin() {
                StoreSource.Pinned pinned = live.pin();
                connections.put(pinned.rows(), Objects.requireNonNull(pinned.connection()));
                return pinned;
            }

            @Override
            public void close() {
                live.close();
            }
        };
    }

    @Override
    protected void grow() {
        fixture.append(P0, 7);
        fixture.append(P1, 2);
        // Another segment: a pin spans several.
        fixture.seal();
        fixture.append(P0, 1);
    }

    @Override
    protected List<@Nullable Object[]> read(QuerySource source, SourceRows rows) throws SQLException {
        return SourceReading.rows(Objects.requireNonNull(connections.get(rows)), source, rows);
    }
}
