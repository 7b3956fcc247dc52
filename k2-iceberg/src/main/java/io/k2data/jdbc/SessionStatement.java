package io.k2data.jdbc;

import io.k2data.jdbc.Session.Lease;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A statement of the data source. It outlives what it runs: each run has a statement of DuckDB's, on the connection of the
 * cut it is answered at, with the settings and parameters that are noted here.
 */
final class SessionStatement implements InvocationHandler {
    private final Session session;
    private final Statement proxy;
    private final @Nullable String prepared;
    private final Map<Integer, Setting> parameters = new TreeMap<>();
    private long maxRows;
    private int queryTimeoutSeconds;
    private int fetchSize;
    private boolean closeOnCompletion;
    private boolean poolable;
    private volatile boolean closed;

    /** What was run last, until its rows are closed. Guarded by this. */
    private @Nullable Run last;

    /** What is running. Guarded by this. */
    private @Nullable Statement running;

    private volatile boolean cancelled;

    /** A call that sets a parameter. */
    private record Setting(Method method, @Nullable Object[] arguments) {}

    private record Run(Lease lease, Statement statement, ResultSet rows) {}

    SessionStatement(Session session, Class<? extends Statement> type, @Nullable String prepared) {
        this.session = session;
        this.prepared = prepared;
        this.proxy = Refusals.proxy(type, this);
    }

    Statement proxy() {
        return proxy;
    }

    @Override
    public @Nullable Object invoke(Object self, Method method, @Nullable Object @Nullable [] given) throws Throwable {
        Refusals.Call common = Refusals.common(self, "K2 statement", method, given);
        if (common != null) {
            return common.run();
        }
        @Nullable Object[] arguments = given == null ? new Object[0] : given;
        String name = method.getName();
        switch (name) {
            case "close" -> {
                close();
                return null;
            }
            case "isClosed" -> {
                return closed;
            }
            case "cancel" -> {
                cancel();
                return null;
            }
            default -> requireOpen();
        }
        if (method.getDeclaringClass() == PreparedStatement.class && name.startsWith("set") && arguments.length > 1) {
            parameters.put((Integer) Refusals.nonNull(arguments[0]), new Setting(method, arguments.clone()));
            return null;
        }
        return switch (name) {
            case "executeQuery" -> run(text(arguments));
            case "execute" -> {
                if (arguments.length > 1
                        && !Integer.valueOf(Statement.NO_GENERATED_KEYS).equals(arguments[1])) {
                    throw Refusals.write("a statement that returns generated keys");
                }
                ResultSet rows = run(text(arguments));
                yield rows != null;
            }
            case "executeUpdate", "executeLargeUpdate", "addBatch", "executeBatch", "executeLargeBatch" ->
                throw Refusals.write(name);
            case "getGeneratedKeys" -> throw Refusals.write("asking for generated keys");
            case "clearBatch", "clearWarnings", "getWarnings", "setEscapeProcessing" -> null;
            case "clearParameters" -> {
                parameters.clear();
                yield null;
            }
            case "getMetaData" -> described(PreparedStatement::getMetaData);
            case "getParameterMetaData" -> described(PreparedStatement::getParameterMetaData);
            case "getResultSet" -> rows();
            case "getUpdateCount" -> -1;
            case "getLargeUpdateCount" -> -1L;
            case "getMoreResults" -> {
                closeRows();
                yield false;
            }
            case "getConnection" -> session.proxy();
            case "getQueryTimeout" -> queryTimeoutSeconds;
            case "setQueryTimeout" -> {
                queryTimeoutSeconds = (int) notNegative(name, arguments);
                yield null;
            }
            case "getMaxRows" -> (int) Math.min(Integer.MAX_VALUE, maxRows);
            case "getLargeMaxRows" -> maxRows;
            case "setMaxRows", "setLargeMaxRows" -> {
                maxRows = notNegative(name, arguments);
                yield null;
            }
            case "getFetchSize" -> fetchSize;
            case "setFetchSize" -> {
                fetchSize = (int) notNegative(name, arguments);
                yield null;
            }
            case "getMaxFieldSize" -> 0;
            case "setMaxFieldSize" -> {
                if (notNegative(name, arguments) != 0) {
                    throw Refusals.unsupported("a longest field", "values are given whole");
                }
                yield null;
            }
            case "getFetchDirection" -> ResultSet.FETCH_FORWARD;
            case "setFetchDirection" -> {
                if (!Integer.valueOf(ResultSet.FETCH_FORWARD).equals(arguments[0])) {
                    throw Refusals.unsupported("fetching backwards", "order the rows as they are wanted");
                }
                yield null;
            }
            case "getResultSetType" -> ResultSet.TYPE_FORWARD_ONLY;
            case "getResultSetConcurrency" -> ResultSet.CONCUR_READ_ONLY;
            case "getResultSetHoldability" -> ResultSet.CLOSE_CURSORS_AT_COMMIT;
            case "isPoolable" -> poolable;
            case "setPoolable" -> {
                poolable = (Boolean) Refusals.nonNull(arguments[0]);
                yield null;
            }
            case "isCloseOnCompletion" -> closeOnCompletion;
            case "closeOnCompletion" -> {
                closeOnCompletion = true;
                yield null;
            }
            case "enquoteLiteral", "enquoteIdentifier", "enquoteNCharLiteral", "isSimpleIdentifier" ->
                InvocationHandler.invokeDefault(self, method, given);
            default -> throw Refusals.unsupported(name, "SQL here reads the relations of a view");
        };
    }

    private void requireOpen() throws SQLException {
        session.requireOpen();
        if (closed) {
            throw Refusals.closed("statement");
        }
    }

    private static long notNegative(String name, @Nullable Object[] arguments) throws SQLException {
        long number = ((Number) Refusals.nonNull(arguments[0])).longValue();
        if (number < 0) {
            throw new SQLException(name + "(" + number + ") is below 0", "22023");
        }
        return number;
    }

    private String text(@Nullable Object[] arguments) throws SQLException {
        String own = prepared;
        if (own != null && arguments.length == 0) {
            return own;
        } else if (own == null && arguments.length > 0) {
            return (String) Refusals.nonNull(arguments[0]);
        }
        throw new SQLException(
                own == null
                        ? "this statement was not prepared"
                        : "this statement was prepared, and takes no other text",
                "07003");
    }

    private ResultSet run(String sql) throws Throwable {
        closeRows();
        cancelled = false;
        Lease lease = session.lease();
        Statement statement = null;
        boolean answered = false;
        try {
            Connection connection = lease.view().connection();
            ResultSet rows;
            if (prepared == null) {
                statement = connection.createStatement();
                begin(statement);
                rows = statement.executeQuery(sql);
            } else {
                PreparedStatement target = connection.prepareStatement(sql);
                statement = target;
                bind(target);
                begin(target);
                rows = target.executeQuery();
            }
            ResultSet shown = SessionRows.of(rows, proxy, this::completed, maxRows);
            synchronized (this) {
                last = new Run(lease, statement, shown);
            }
            answered = true;
            return shown;
        } catch (SQLException e) {
            throw cancelled ? new SQLException("the statement was cancelled", "57014", e) : e;
        } finally {
            synchronized (this) {
                running = null;
            }
            if (!answered) {
                session.failed(lease);
                close(statement, lease);
            } else if (closed) {
                closeRows();
            }
        }
    }

    private void bind(PreparedStatement target) throws Throwable {
        for (Setting parameter : parameters.values()) {
            Object unused = Refusals.invoke(target, parameter.method, parameter.arguments);
        }
    }

    private int timeoutSeconds() {
        int network = (session.networkTimeoutMillis() + 999) / 1000;
        return queryTimeoutSeconds == 0 || network == 0
                ? Math.max(queryTimeoutSeconds, network)
                : Math.min(queryTimeoutSeconds, network);
    }

    private synchronized void begin(Statement statement) throws SQLException {
        if (cancelled || closed) {
            throw new SQLException("the statement was cancelled before it ran", "57014");
        }
        statement.setQueryTimeout(timeoutSeconds());
        running = statement;
    }

    private synchronized void cancel() throws SQLException {
        cancelled = true;
        if (running != null) {
            running.cancel();
        }
    }

    /** Asks about the columns or parameters of a prepared statement; for that DuckDB has to bind it. */
    private @Nullable Object described(Description description) throws Throwable {
        String sql = text(new Object[0]);
        return session.leased(view -> {
            try (PreparedStatement target = view.connection().prepareStatement(sql)) {
                return description.of(target);
            }
        });
    }

    /** What there is to know of a prepared statement. */
    @FunctionalInterface
    private interface Description {
        @Nullable
        Object of(PreparedStatement statement) throws SQLException;
    }

    private synchronized @Nullable ResultSet rows() {
        return last == null ? null : last.rows();
    }

    /** Called when rows were closed. */
    private void completed() {
        Run run;
        synchronized (this) {
            run = last;
            last = null;
        }
        if (run != null) {
            close(run.statement(), run.lease());
        }
        if (closeOnCompletion) {
            close();
        }
    }

    void closeRows() {
        ResultSet rows = rows();
        if (rows != null) {
            try {
                rows.close();
            } catch (SQLException e) {
                // They went with their cut, or with DuckDB's connection, which is what closing is for.
                completed();
            }
        }
    }

    private static void close(@Nullable Statement statement, Lease lease) {
        try {
            if (statement != null) {
                statement.close();
            }
        } catch (SQLException e) {
            // One that failed was closed by DuckDB itself, and its connection may be closed by now.
        } finally {
            lease.release();
        }
    }

    /** May be called by any thread: what runs is stopped, and what ran gives up its cut. */
    void close() {
        if (closed) {
            return;
        }
        closed = true;
        session.forget(this);
        try {
            cancel();
        } catch (SQLException e) {
            // It has ended by itself.
        }
        closeRows();
    }
}
