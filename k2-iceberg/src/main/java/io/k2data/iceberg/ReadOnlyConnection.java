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

    private final DuckDBConnection parser;
    private final Object target;
    private final @Nullable Connection connection;
    private final @Nullable Object parent;
    private final long expiresNanos;
    private final Duration maxAge;
    private final BeforeSelect before;

    /** Of a prepared statement: its text, and the calls that set its parameters, by their number. */
    private final @Nullable String prepared;

    private final Map<Integer, Setting> settings = new TreeMap<>();

    /** A call that sets a parameter. */
    private record Setting(Method method, Object[] arguments) {}

    private ReadOnlyConnection(
            DuckDBConnection parser,
            Object target,
            @Nullable Connection connection,
            @Nullable Object parent,
            long expiresNanos,
            Duration maxAge,
            BeforeSelect before,
            @Nullable String prepared) {
        this.before = before;
        this.prepared = prepared;
        this.parser = parser;
        this.target = target;
        this.connection = connection;
        this.parent = parent;
        this.expiresNanos = expiresNanos;
        this.maxAge = maxAge;
    }

    static Connection over(DuckDBConnection connection, Duration maxAge, BeforeSelect before) {
        return wrap(
                Connection.class,
                new ReadOnlyConnection(
                        connection,
                        connection,
                        null,
                        null,
                        System.nanoTime() + maxAge.toNanos(),
                        maxAge,
                        before,
                        null));
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
        String sql = prepared;
        if (arguments != null && arguments.length > 0 && arguments[0] instanceof String given && takesSql(name)) {
            requireSelect(given);
            sql = given;
        }
        if (name.startsWith("execute")) {
            if (name.endsWith("Update")) {
                throw refused(name);
            }
            if (System.nanoTime() - expiresNanos > 0) {
                throw new SQLTimeoutException("this view is older than " + maxAge
                        + ", the files it reads may be removed by now; open a new one");
            }
            if (sql != null) {
                String text = sql;
                before(() -> before.run(text, text == prepared ? parameters() : Parameters.NONE));
            }
        } else if (name.startsWith("prepare")) {
            before(before::bind);
        }
        Object result;
        try {
            result = method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw explained(e.getTargetException());
        }
        if (prepared != null) {
            note(method, arguments);
        }
        return wrapResult(proxy, result, sql);
    }

    private static void before(HybridEngine.SqlAction action) throws Throwable {
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
        return new ReadOnlyConnection(parser, behind, owner, statement, expiresNanos, maxAge, before, sql);
    }

    private void requireSelect(String sql) throws SQLException {
        try (PreparedStatement statement = parser.prepareStatement(
                "select j ->> 'error' = 'true', j ->> 'error_type', j ->> 'error_message', json_array_length(j, '$.statements')"
                        + " from (select json_serialize_sql(?::varchar) as j)")) {
            statement.setString(1, sql);
            try (ResultSet result = statement.executeQuery()) {
                result.next();
                if (result.getBoolean(1)) {
                    throw "not implemented".equals(result.getString(2))
                            ? refused("a statement that is no SELECT")
                            : new SQLException(result.getString(3));
                }
                if (result.getLong(4) != 1) {
                    throw new SQLException("one statement at a time, found " + result.getLong(4));
                }
            }
        } catch (SQLException e) {
            throw (SQLException) explained(e);
        }
    }

    /** A statement that fails while it runs ends DuckDB's transaction, and with it the pin. Say so the next time. */
    private static Throwable explained(Throwable failure) {
        String message = failure.getMessage();
        return failure instanceof SQLException && message != null && message.contains("transaction is aborted")
                ? new SQLException(
                        "an earlier statement of this view failed, and the pinned cut went with it; open a new view",
                        failure)
                : failure;
    }

    private static SQLFeatureNotSupportedException refused(String what) {
        return new SQLFeatureNotSupportedException(
                what + " is refused: a view is read-only and pinned to one cut until it is closed");
    }
}
