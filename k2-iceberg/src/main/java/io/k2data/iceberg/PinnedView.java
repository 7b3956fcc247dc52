package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.duckdb.DuckDBConnection;

/** A view: one DuckDB transaction, from the pin to the close. */
final class PinnedView implements View {
    private final DuckDBConnection connection;
    private final Cut cut;
    private final Connection readOnly;

    private final ViewRelations relations;

    PinnedView(DuckDBConnection connection, Cut cut, Duration maxAge, ViewRelations relations) {
        this.relations = relations;
        this.connection = connection;
        this.cut = cut;
        this.readOnly = ReadOnlyConnection.over(connection, maxAge, relations);
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
    public Map<String, Files> filesRead() {
        return relations.files();
    }

    @Override
    public void close() {
        K2Exception.Retry failure = new K2Exception.Retry("cannot close a view", null);
        try {
            if (!connection.isClosed()) {
                connection.close();
            }
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
        relations.close();
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }

    /** Closes all, and notes on a failure what did not close. */
    static void closeAll(List<? extends AutoCloseable> held, Exception failure) {
        for (AutoCloseable each : held) {
            try {
                each.close();
            } catch (Exception e) {
                failure.addSuppressed(e);
            }
        }
    }
}
