package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/** A view: one DuckDB transaction, from the pin to the close. */
final class PinnedView implements View {
    private final DuckDBConnection connection;
    private final Cut cut;
    private final Connection readOnly;

    private final ViewRelations relations;

    private final Consumer<PinnedView> onClose;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Why nothing can be asked any more. */
    private volatile @Nullable String ended;

    PinnedView(
            DuckDBConnection connection,
            Cut cut,
            Duration maxAge,
            ViewRelations relations,
            Consumer<PinnedView> onClose) {
        this.onClose = onClose;
        this.relations = relations;
        this.connection = connection;
        this.cut = cut;
        this.readOnly = ReadOnlyConnection.over(connection, maxAge, relations, () -> ended);
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
        close("this view is closed");
    }

    /** Closes it since the engine closes, whatever runs on it. */
    void end() {
        close("K2 was closed, and its views with it");
    }

    private void close(String why) {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        ended = why;
        K2Exception.Retry failure = new K2Exception.Retry("cannot close a view", null);
        try {
            // Stops what runs on it, in another thread as a rule, and waits until it has stopped.
            connection.close();
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
        relations.close();
        onClose.accept(this);
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
