package io.k2data.jdbc;

import io.k2data.api.FreshnessException;
import io.k2data.api.K2Exception;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLNonTransientException;
import java.sql.SQLTimeoutException;
import java.sql.SQLTransientException;
import org.jspecify.annotations.Nullable;

/** What the proxies of this package share: how they are called, and how they say no. */
final class Refusals {
    private Refusals() {}

    /** Stands for a call that a proxy hands on to DuckDB's object. */
    @FunctionalInterface
    interface Call {
        @Nullable
        Object run() throws Throwable;
    }

    static <T> T proxy(Class<T> type, java.lang.reflect.InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(Refusals.class.getClassLoader(), new Class<?>[] {type}, handler));
    }

    /** Answers what every proxy answers alike; null if it is something else. */
    static @Nullable Call common(Object proxy, String what, Method method, @Nullable Object @Nullable [] arguments) {
        Object first = arguments == null || arguments.length == 0 ? null : arguments[0];
        return switch (method.getName()) {
            case "equals" -> () -> proxy == first;
            case "hashCode" -> () -> System.identityHashCode(proxy);
            case "toString" -> () -> what;
            case "isWrapperFor" -> () -> first instanceof Class<?> type && type.isInstance(proxy);
            case "unwrap" -> () -> unwrap(proxy, (Class<?>) first);
            default -> null;
        };
    }

    static <T> T unwrap(Object object, @Nullable Class<T> type) throws SQLException {
        if (type != null && type.isInstance(object)) {
            return type.cast(object);
        }
        throw new SQLException("there is no " + type + " behind it that may be reached", "0A000");
    }

    static @Nullable Object invoke(Object target, Method method, @Nullable Object @Nullable [] arguments)
            throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getTargetException();
        }
    }

    static Object nonNull(@Nullable Object argument) throws SQLException {
        if (argument == null) {
            throw new SQLException("an argument that is null", "22004");
        }
        return argument;
    }

    static SQLFeatureNotSupportedException write(String what) {
        return new SQLFeatureNotSupportedException(
                what + " is refused: SQL here only reads; rows come into a table through Kafka and its ingest alone",
                "25006");
    }

    /** A state of its own, and not 0A000: HikariCP throws a connection away that says that. */
    static SQLFeatureNotSupportedException unsupported(String what, String instead) {
        return new SQLFeatureNotSupportedException(what + " is not supported: " + instead, "0A001");
    }

    static SQLException closed(String what) {
        return new SQLNonTransientConnectionException("this " + what + " is closed", "08003");
    }

    /** Why no cut could be pinned, as an exception that tools can decide by. */
    static SQLException noCut(RuntimeException e) {
        String message = String.valueOf(e.getMessage());
        if (e instanceof FreshnessException) {
            return new SQLTimeoutException(message, "HYT00", e);
        } else if (e instanceof K2Exception.Retry) {
            return new SQLTransientException(message, "40001", e);
        } else if (e instanceof IllegalStateException) {
            return new SQLNonTransientConnectionException(message, "08003", e);
        }
        return new SQLNonTransientException(message, "58000", e);
    }
}
