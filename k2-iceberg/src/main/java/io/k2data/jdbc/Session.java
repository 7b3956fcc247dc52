package io.k2data.jdbc;

import io.k2data.api.View;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A connection of the data source: no more than its settings, until a statement runs. */
final class Session implements InvocationHandler {
    private static final String WHAT = "K2 connection";

    private final Supplier<View> views;
    private final BooleanSupplier open;
    private final Connection proxy;
    private final Set<SessionStatement> statements = ConcurrentHashMap.newKeySet();

    private boolean autoCommit = true;
    private int isolation = Connection.TRANSACTION_SERIALIZABLE;
    private volatile int networkTimeoutMillis;

    /** The cut of the transaction. Guarded by this. */
    private @Nullable View pinned;

    /** A statement of the transaction failed, and the cut went with it. */
    private volatile boolean failed;

    private volatile boolean closed;

    private Session(Supplier<View> views, BooleanSupplier open) {
        this.views = views;
        this.open = open;
        this.proxy = Refusals.proxy(Connection.class, this);
    }

    static Connection open(Supplier<View> views, BooleanSupplier open) {
        return new Session(views, open).proxy;
    }

    Connection proxy() {
        return proxy;
    }

    int networkTimeoutMillis() {
        return networkTimeoutMillis;
    }

    /**
     * A view to run something on.
     *
     * @param view the view
     * @param own whether it is to be closed with what runs on it
     */
    record Lease(View view, boolean own) {
        void release() {
            if (own) {
                view.close();
            }
        }
    }

    /** Pins a cut: for one statement, or for the transaction. Blocks as the views do. */
    Lease lease() throws SQLException {
        requireOpen();
        if (autoCommit) {
            return new Lease(view(), true);
        }
        if (failed) {
            throw new SQLException(
                    "an earlier statement of this transaction failed, and its cut went with it; roll back, and begin again",
                    "25P02");
        }
        synchronized (this) {
            if (pinned != null) {
                return new Lease(pinned, false);
            }
        }
        View view = view();
        synchronized (this) {
            if (!closed) {
                pinned = view;
                return new Lease(view, false);
            }
        }
        view.close();
        throw Refusals.closed("connection");
    }

    private View view() throws SQLException {
        try {
            return views.get();
        } catch (RuntimeException e) {
            throw Refusals.noCut(e);
        }
    }

    /** Notes that what ran on a lease failed. */
    void failed(Lease lease) {
        if (!lease.own()) {
            failed = true;
        }
    }

    void forget(SessionStatement statement) {
        statements.remove(statement);
    }

    private void release() {
        statements.forEach(SessionStatement::closeRows);
        View view;
        synchronized (this) {
            view = pinned;
            pinned = null;
        }
        failed = false;
        if (view != null) {
            view.close();
        }
    }

    private void close() {
        if (!closed) {
            closed = true;
            statements.forEach(SessionStatement::close);
            release();
        }
    }

    void requireOpen() throws SQLException {
        if (closed) {
            throw Refusals.closed("connection");
        }
    }

    @Override
    public @Nullable Object invoke(Object self, Method method, @Nullable Object @Nullable [] given) throws Throwable {
        Refusals.Call common = Refusals.common(self, WHAT, method, given);
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
            case "abort" -> {
                close();
                return null;
            }
            case "isClosed" -> {
                return closed;
            }
            case "isValid" -> {
                return !closed && open.getAsBoolean();
            }
            default -> requireOpen();
        }
        return switch (name) {
            case "createStatement" -> {
                requireForwardOnly(arguments, 0);
                yield statement(Statement.class, null);
            }
            case "prepareStatement" -> {
                if (arguments.length > 2) {
                    requireForwardOnly(arguments, 1);
                } else if (arguments.length == 2
                        && !Integer.valueOf(Statement.NO_GENERATED_KEYS).equals(arguments[1])) {
                    throw Refusals.write("a statement that returns generated keys");
                }
                yield statement(PreparedStatement.class, (String) arguments[0]);
            }
            case "prepareCall" -> throw Refusals.unsupported("a call", "there are no procedures here");
            case "nativeSQL" -> arguments[0];
            case "getMetaData" -> Refusals.proxy(DatabaseMetaData.class, new MetaData());
            case "getAutoCommit" -> autoCommit;
            case "setAutoCommit" -> {
                boolean wanted = (Boolean) argument(arguments);
                if (wanted != autoCommit) {
                    release();
                    autoCommit = wanted;
                }
                yield null;
            }
            case "commit" -> {
                endTransaction(name);
                yield null;
            }
            case "rollback" -> {
                if (arguments.length == 0) {
                    endTransaction(name);
                } else if (failed) {
                    throw new SQLException("the cut went with the statement that failed; roll back all of it", "3B001");
                }
                yield null;
            }
            // Nothing is written, so there is nothing to go back to: frameworks that nest transactions may have their
            // way.
            case "setSavepoint" -> new Mark(arguments.length == 0 ? null : (String) arguments[0]);
            case "releaseSavepoint" -> null;
            // A hint, says JDBC. Pools and frameworks set it back to what they think is usual.
            case "setReadOnly" -> null;
            case "isReadOnly" -> true;
            case "getTransactionIsolation" -> isolation;
            case "setTransactionIsolation" -> {
                int level = (Integer) argument(arguments);
                if (level != Connection.TRANSACTION_READ_UNCOMMITTED
                        && level != Connection.TRANSACTION_READ_COMMITTED
                        && level != Connection.TRANSACTION_REPEATABLE_READ
                        && level != Connection.TRANSACTION_SERIALIZABLE) {
                    throw Refusals.unsupported("isolation level " + level, "a cut is pinned whatever it is called");
                }
                isolation = level;
                yield null;
            }
            case "getHoldability" -> ResultSet.CLOSE_CURSORS_AT_COMMIT;
            case "setHoldability" -> {
                if ((Integer) argument(arguments) != ResultSet.CLOSE_CURSORS_AT_COMMIT) {
                    throw Refusals.unsupported("holding cursors", "a result set ends with the cut it is from");
                }
                yield null;
            }
            case "getNetworkTimeout" -> networkTimeoutMillis;
            case "setNetworkTimeout" -> {
                networkTimeoutMillis = (Integer) Refusals.nonNull(arguments[1]);
                yield null;
            }
            case "getWarnings", "clearWarnings", "beginRequest", "endRequest" -> null;
            case "getCatalog" -> "temp";
            case "getSchema" -> "main";
            case "setCatalog", "setSchema" -> {
                String only = name.equals("setCatalog") ? "temp" : "main";
                if (arguments[0] != null && !only.equals(arguments[0])) {
                    throw Refusals.unsupported(name + "('" + arguments[0] + "')", "all relations are in temp.main");
                }
                yield null;
            }
            case "getTypeMap" -> Map.of();
            case "setTypeMap" -> {
                if (arguments[0] instanceof Map<?, ?> types && !types.isEmpty()) {
                    throw Refusals.unsupported("a type map", "there are no types of one's own in SQL");
                }
                yield null;
            }
            case "getClientInfo" -> arguments.length == 0 ? new Properties() : null;
            case "setClientInfo" -> null;
            case "createArrayOf", "createStruct" -> leased(view -> Refusals.invoke(view.connection(), method, given));
            default -> throw Refusals.unsupported(name, "SQL here reads the relations of a view");
        };
    }

    private static Object argument(@Nullable Object[] arguments) throws SQLException {
        return Refusals.nonNull(arguments[0]);
    }

    private void endTransaction(String name) throws SQLException {
        if (autoCommit) {
            throw new SQLException(name + "() in auto-commit mode, where each statement has a cut of its own", "25P01");
        }
        release();
    }

    private <T extends Statement> T statement(Class<T> type, @Nullable String sql) {
        SessionStatement statement = new SessionStatement(this, type, sql);
        statements.add(statement);
        return type.cast(statement.proxy());
    }

    private static void requireForwardOnly(@Nullable Object[] arguments, int from) throws SQLException {
        if (arguments.length > from
                && (!Integer.valueOf(ResultSet.TYPE_FORWARD_ONLY).equals(arguments[from])
                        || !Integer.valueOf(ResultSet.CONCUR_READ_ONLY).equals(arguments[from + 1]))) {
            throw Refusals.unsupported("a result set that scrolls or writes", "read it from its first row to its last");
        }
    }

    /** Something done on a view. */
    @FunctionalInterface
    interface OnView {
        @Nullable
        Object run(View view) throws Throwable;
    }

    @Nullable
    Object leased(OnView action) throws Throwable {
        Lease lease = lease();
        try {
            return action.run(lease.view());
        } finally {
            lease.release();
        }
    }

    private record Mark(@Nullable String name) implements Savepoint {
        @Override
        public int getSavepointId() throws SQLException {
            if (name != null) {
                throw new SQLException("this savepoint has a name, and no number");
            }
            return 1;
        }

        @Override
        public String getSavepointName() throws SQLException {
            if (name == null) {
                throw new SQLException("this savepoint has no name");
            }
            return name;
        }
    }

    /** What there is, as of a cut that is pinned for the question, as for a statement. */
    private final class MetaData implements InvocationHandler {
        private static final Set<String> ABOUT_CONNECTIONS = Set.of(
                "supportsTransactionIsolationLevel",
                "supportsTransactions",
                "supportsSavepoints",
                "supportsBatchUpdates",
                "supportsGetGeneratedKeys",
                "supportsResultSetHoldability",
                "supportsResultSetType",
                "supportsResultSetConcurrency");

        @Override
        public @Nullable Object invoke(Object self, Method method, @Nullable Object @Nullable [] arguments)
                throws Throwable {
            Refusals.Call common = Refusals.common(self, "K2 metadata", method, arguments);
            if (common != null) {
                return common.run();
            }
            requireOpen();
            String name = method.getName();
            Object first = arguments == null ? null : arguments[0];
            if (ABOUT_CONNECTIONS.contains(name)) {
                return switch (name) {
                    case "supportsTransactions", "supportsSavepoints" -> true;
                    case "supportsTransactionIsolationLevel" ->
                        !Integer.valueOf(Connection.TRANSACTION_NONE).equals(first);
                    case "supportsResultSetHoldability" ->
                        Integer.valueOf(ResultSet.CLOSE_CURSORS_AT_COMMIT).equals(first);
                    case "supportsResultSetType", "supportsResultSetConcurrency" ->
                        Integer.valueOf(ResultSet.TYPE_FORWARD_ONLY).equals(first);
                    default -> false;
                };
            }
            return switch (name) {
                case "getConnection" -> proxy;
                case "isReadOnly" -> true;
                // Those that tools tell a dialect by, so that no cut is pinned for them.
                case "getDatabaseProductName" -> "DuckDB";
                case "getDriverName" -> "K2";
                case "getURL" -> "jdbc:duckdb:k2";
                case "getUserName" -> "";
                case "getDefaultTransactionIsolation" -> Connection.TRANSACTION_SERIALIZABLE;
                case "getResultSetHoldability" -> ResultSet.CLOSE_CURSORS_AT_COMMIT;
                default -> ask(method, arguments);
            };
        }

        private @Nullable Object ask(Method method, @Nullable Object @Nullable [] arguments) throws Throwable {
            Lease lease = lease();
            boolean released = false;
            try {
                Object answer = Refusals.invoke(lease.view().connection().getMetaData(), method, arguments);
                if (answer instanceof ResultSet rows) {
                    released = true;
                    return SessionRows.of(rows, null, lease::release, 0);
                }
                return answer;
            } finally {
                if (!released) {
                    lease.release();
                }
            }
        }
    }
}
