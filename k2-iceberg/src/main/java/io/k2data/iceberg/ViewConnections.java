package io.k2data.iceberg;

import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.duckdb.DuckDBConnection;

/**
 * The DuckDB connections of views, kept for the next view with the relations on them: making those costs more than the rest
 * of opening a view, and between two commits they are the same ones. Any thread.
 */
final class ViewConnections implements AutoCloseable {
    /** Idle ones beyond these are closed: so many readers at a time find a connection. */
    private static final int MAX_IDLE = 16;

    private final DuckDBConnection root;
    private final Deque<ViewConnection> idle = new ArrayDeque<>();
    private boolean closed;

    /**
     * Keeps connections.
     *
     * @param root what they are duplicates of; stays the caller's
     */
    ViewConnections(DuckDBConnection root) {
        this.root = root;
    }

    /** A connection for one view, in no transaction; the caller gives it back or closes it. */
    ViewConnection take() throws SQLException {
        synchronized (this) {
            // The last one that was used, so that those which are too many grow old, and hold what is newest.
            ViewConnection kept = idle.pollFirst();
            if (kept != null) {
                return kept;
            }
        }
        return new ViewConnection(root.duplicate());
    }

    /** Takes a connection back that a view has ended well on. */
    void give(ViewConnection connection) throws SQLException {
        synchronized (this) {
            if (!closed && idle.size() < MAX_IDLE) {
                idle.addFirst(connection);
                return;
            }
        }
        connection.close();
    }

    @Override
    public synchronized void close() throws SQLException {
        closed = true;
        for (ViewConnection connection : idle) {
            connection.close();
        }
        idle.clear();
    }
}
