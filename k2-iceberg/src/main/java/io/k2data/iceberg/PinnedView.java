package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.duckdb.DuckDBConnection;

/** A view: one DuckDB transaction, from the pin to the close. */
final class PinnedView implements View {
    private final DuckDBConnection connection;
    private final Cut cut;
    private final Connection readOnly;

    PinnedView(DuckDBConnection connection, Cut cut, Duration maxAge) {
        this.connection = connection;
        this.cut = cut;
        this.readOnly = ReadOnlyConnection.over(connection, maxAge);
    }

    @Override
    public Connection connection() {
        return readOnly;
    }

    @Override
    public Cut cut() {
        return cut;
    }

    @Override
    public void close() {
        try {
            if (!connection.isClosed()) {
                connection.close();
            }
        } catch (SQLException e) {
            throw new K2Exception.Retry("cannot close a view", e);
        }
    }
}
