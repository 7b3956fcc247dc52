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

/** A view: one DuckDB transaction, from the pin to the close. The connection it is on serves others after it. */
final class PinnedView implements View {
    private final ViewConnection connection;
    private final ViewConnections connections;
    private final Cut cut;
    private final Connection readOnly;

    private final ViewRelations relations;

    private final Consumer<PinnedView> onClose;
    private final AtomicBoolean closed = new AtomicBoolean();
    private final ViewUse use = new ViewUse();

    /** Makes a view of a connection, which goes back to where it is from when the view is closed. */
    PinnedView(
            ViewConnection connection,
            ViewConnections connections,
            Cut cut,
            Duration maxAge,
            ViewRelations relations,
            Consumer<PinnedView> onClose) {
        this.onClose = onClose;
        this.relations = relations;
        this.connection = connection;
        this.connections = connections;
        this.cut = cut;
        this.readOnly = ReadOnlyConnection.over(connection.duck(), maxAge, relations, use);
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
        use.end(why);
        K2Exception.Retry failure = new K2Exception.Retry("cannot close a view", null);
        try {
            if (use.letGo() && connection.end()) {
                connections.give(connection);
            } else {
                // Stops what runs on it, in another thread as a rule, and waits until it has stopped.
                connection.close();
            }
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
