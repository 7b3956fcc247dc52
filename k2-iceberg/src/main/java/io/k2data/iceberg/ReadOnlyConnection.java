package io.k2data.iceberg;

import io.k2data.iceberg.BeforeSelect.Parameters;
import java.io.InputStream;
import java.io.Reader;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTimeoutException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * A connection that runs SELECT alone, inside the transaction that pins the cut. DuckDB's own parser says what is a
 * SELECT. Calls that would end the transaction, change the session, or reach the connection behind this one, are refused.
 */
final class ReadOnlyConnection implements InvocationHandler {
    private static final Set<String> REFUSED = Set.of(
            "commit",
            "rollback",
            "setAutoCommit",
            "setSavepoint",
            "releaseSavepoint",
            "setCatalog",
            "setSchema",
            "setTransactionIsolation",
            "prepareCall",
            "unwrap",
            "addBatch",
            "executeBatch",
            "executeLargeBatch");

    /** Metadata calls whose first argument is a catalog. */
    private static final Set<String> OF_RELATIONS = Set.of("getTables", "getColumns", "getSchemas");

    private final Pinned pinned;
    private final Object target;
    private final @Nullable Connection connection;
    private final @Nullable Object parent;

    /** Of a prepared statement: its text, and the calls that set its parameters, by their number. */
    private final @Nullable String prepared;

    private final Map<Integer, Setting> settings = new TreeMap<>();

    /** A call that sets a parameter. */
    private record Setting(Method method, Object[] arguments) {}

    /**
     * What a view's connection, statements and results have in common.
     *
     * @param expiresNanos until when statements may be run, by {@link System#nanoTime}
     * @param maxAge how long that was to be, for the message
     * @param before asked before each statement
     * @param use what is open and running
     */
    private record Pinned(long expiresNanos, Duration maxAge, BeforeSelect before, ViewUse use) {}

    private ReadOnlyConnection(
            Pinned pinned,
            Object target,
            @Nullable Connection connection,
            @Nullable Object parent,
            @Nullable String prepared) {
        this.pinned = pinned;
        this.target = target;
        this.connection = connection;
        this.parent = parent;
        this.prepared = prepared;
    }

    static Connection over(DuckDBConnection connection, Duration maxAge, BeforeSelect before, ViewUse use) {
        Pinned pinned = new Pinned(System.nanoTime() + maxAge.toNanos(), maxAge, before, use);
        return wrap(Connection.class, new ReadOnlyConnection(pinned, connection, null, null, null));
    }

    private static <T> T wrap(Class<T> type, ReadOnlyConnection handler) {
        return type.cast(
                Proxy.newProxyInstance(ReadOnlyConnection.class.getClassLoader(), new Class<?>[] {type}, handler));
    }

    @Override
    public @Nullable Object invoke(Object proxy, Method method, @Nullable Object @Nullable [] arguments)
            throws Throwable {
        String name = method.getName();
        if (method.getDeclaringClass() == Object.class) {
            return switch (name) {
                case "equals" -> arguments != null && proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "read-only " + target.getClass().getSimpleName();
            };
        }
        switch (name) {
            case "isWrapperFor" -> {
                return false;
            }
            case "getAutoCommit" -> {
                return false;
            }
            case "isReadOnly" -> {
                return true;
            }
            case "setReadOnly" -> {
                if (arguments != null && Boolean.FALSE.equals(arguments[0])) {
                    throw refused("setReadOnly(false)");
                }
                return null;
            }
            case "getConnection" -> {
                return connection;
            }
            case "getStatement" -> {
                return parent;
            }
            default -> {
                if (REFUSED.contains(name)) {
                    throw refused(name);
                }
            }
        }
        if (!pinned.use.enter()) {
            return afterTheEnd(name);
        }
        try {
            return call(proxy, method, name, arguments);
        } finally {
            pinned.use.leave();
        }
    }

    /** What a call comes to when the connection behind may serve another view already. */
    private @Nullable Object afterTheEnd(String name) throws SQLException {
        switch (name) {
            case "close", "abort", "cancel" -> {
                return null;
            }
            case "isClosed" -> {
                return true;
            }
            case "isValid" -> {
                return false;
            }
            default -> throw SqlErrors.closed(String.valueOf(pinned.use.ended()), null);
        }
    }

    private @Nullable Object call(Object proxy, Method method, String name, @Nullable Object @Nullable [] arguments)
            throws Throwable {
        String sql = prepared;
        if (arguments != null && arguments.length > 0 && arguments[0] instanceof String given && takesSql(name)) {
            requireOpen(null);
            before(() -> pinned.before.reads(given));
            sql = given;
        }
        if (name.startsWith("execute")) {
            if (name.endsWith("Update")) {
                throw refused(name);
            }
            requireOpen(null);
            if (System.nanoTime() - pinned.expiresNanos > 0) {
                throw new SQLTimeoutException(
                        "this view is older than " + pinned.maxAge
                                + ", the files it reads may be removed by now; open a new one",
                        "25P04");
            }
            if (sql != null) {
                String text = sql;
                before(() -> pinned.before.run(text, text == prepared ? parameters() : Parameters.NONE));
            }
        } else if (name.startsWith("prepare")) {
            before(pinned.before::bind);
        }
        if (target instanceof Connection && name.startsWith("set")) {
            pinned.use.changed();
        }
        Object result;
        try {
            result = method.invoke(target, target instanceof DatabaseMetaData ? ofTheView(name, arguments) : arguments);
        } catch (InvocationTargetException e) {
            throw explained(e.getTargetException());
        }
        if (name.equals("close")) {
            pinned.use.closed(target);
        }
        if (result == null && name.equals("executeQuery")) {
            // What DuckDB's driver gives when the connection was closed at the wrong moment.
            requireOpen(null);
        }
        if (prepared != null) {
            note(method, arguments);
        }
        return wrapResult(proxy, result, sql);
    }

    /** Metadata is of the view's relations, not of the segments and system tables behind them. */
    private static @Nullable Object @Nullable [] ofTheView(String name, @Nullable Object @Nullable [] arguments) {
        if (arguments != null && arguments.length > 1 && OF_RELATIONS.contains(name)) {
            @Nullable Object[] ours = arguments.clone();
            ours[0] = "temp";
            return ours;
        }
        return arguments;
    }

    private void requireOpen(@Nullable Throwable cause) throws SQLException {
        String why = pinned.use.ended();
        if (why != null) {
            throw SqlErrors.closed(why, cause);
        }
    }

    /** A view that was closed under a statement shows in many ways, of which only the reason is worth telling. */
    private Throwable explained(Throwable failure) throws SQLException {
        requireOpen(failure);
        return failure instanceof SQLException e ? SqlErrors.explained(e) : failure;
    }

    private void before(HybridEngine.SqlAction action) throws Throwable {
        try {
            action.run();
        } catch (SQLException e) {
            throw explained(e);
        }
    }

    /** Keeps what parameters are set to. */
    private void note(Method method, @Nullable Object @Nullable [] arguments) {
        if (method.getName().equals("clearParameters")) {
            settings.clear();
        } else if (method.getDeclaringClass() == PreparedStatement.class
                && method.getName().startsWith("set")
                && arguments != null
                && arguments.length > 1
                && arguments[0] instanceof Integer number) {
            settings.put(number, new Setting(method, arguments.clone()));
        }
    }

    /** What the parameters are set to; null if one of them can be read only once. */
    private @Nullable Parameters parameters() {
        if (settings.values().stream()
                .anyMatch(setting ->
                        setting.arguments[1] instanceof InputStream || setting.arguments[1] instanceof Reader)) {
            return null;
        }
        return statement -> {
            for (Setting setting : settings.values()) {
                try {
                    setting.method.invoke(statement, setting.arguments);
                } catch (InvocationTargetException e) {
                    throw e.getTargetException() instanceof SQLException refused
                            ? refused
                            : new SQLException(e.getTargetException());
                } catch (IllegalAccessException e) {
                    throw new SQLException(e);
                }
            }
        };
    }

    private static boolean takesSql(String method) {
        return method.startsWith("execute") || method.startsWith("prepare");
    }

    private @Nullable Object wrapResult(Object proxy, @Nullable Object result, @Nullable String sql) {
        Connection owner = proxy instanceof Connection self ? self : connection;
        if (result instanceof Statement || (result instanceof ResultSet && target instanceof DatabaseMetaData)) {
            pinned.use.opened((AutoCloseable) result);
        }
        if (result instanceof PreparedStatement) {
            return wrap(PreparedStatement.class, behind(result, owner, null, sql));
        } else if (result instanceof Statement) {
            return wrap(Statement.class, behind(result, owner, null, null));
        } else if (result instanceof DatabaseMetaData) {
            return wrap(DatabaseMetaData.class, behind(result, owner, null, null));
        } else if (result instanceof ResultSet) {
            return wrap(ResultSet.class, behind(result, owner, proxy instanceof Statement ? proxy : null, null));
        }
        return result;
    }

    private ReadOnlyConnection behind(
            Object behind, @Nullable Connection owner, @Nullable Object statement, @Nullable String sql) {
        return new ReadOnlyConnection(pinned, behind, owner, statement, sql);
    }

    private static SQLFeatureNotSupportedException refused(String what) {
        return new SQLFeatureNotSupportedException(
                what + " is refused: a view is read-only and pinned to one cut until it is closed", "25006");
    }
}
