package io.k2data.jdbc;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/** The rows of a statement. Closing them releases the cut they are from, if it was pinned for them alone. */
final class SessionRows implements InvocationHandler {
    private final ResultSet rows;
    private final @Nullable Statement statement;
    private final Runnable onClose;
    private final long maxRows;
    private long read;
    private boolean closed;

    private SessionRows(ResultSet rows, @Nullable Statement statement, Runnable onClose, long maxRows) {
        this.rows = rows;
        this.statement = statement;
        this.onClose = onClose;
        this.maxRows = maxRows;
    }

    /**
     * Wraps rows.
     *
     * @param rows the rows
     * @param statement whose they are; null for metadata
     * @param onClose run once, when they are closed
     * @param maxRows how many are shown, 0 for all; DuckDB's driver takes a limit and does not keep it
     */
    static ResultSet of(ResultSet rows, @Nullable Statement statement, Runnable onClose, long maxRows) {
        return Refusals.proxy(ResultSet.class, new SessionRows(rows, statement, onClose, maxRows));
    }

    @Override
    public @Nullable Object invoke(Object self, Method method, @Nullable Object @Nullable [] arguments)
            throws Throwable {
        Refusals.Call common = Refusals.common(self, "K2 rows", method, arguments);
        if (common != null) {
            return common.run();
        }
        return switch (method.getName()) {
            case "close" -> {
                close();
                yield null;
            }
            case "isClosed" -> closed || rows.isClosed();
            case "getStatement" -> statement;
            case "next" -> {
                boolean more = (maxRows == 0 || read < maxRows) && rows.next();
                read += more ? 1 : 0;
                yield more;
            }
            default -> Refusals.invoke(rows, method, arguments);
        };
    }

    private void close() throws SQLException {
        if (!closed) {
            closed = true;
            try {
                rows.close();
            } finally {
                onClose.run();
            }
        }
    }
}
