package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collection;
import java.util.stream.Collectors;

/** Quoting, and running a statement for its effect. */
final class Sql {
    private Sql() {}

    static String name(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }

    static String text(String value) {
        return '\'' + value.replace("'", "''") + '\'';
    }

    static String names(Collection<String> identifiers) {
        return identifiers.stream().map(Sql::name).collect(Collectors.joining(", "));
    }

    static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** DuckDB failing under us says nothing about the table: what is in memory is dropped and read again. */
    static K2Exception.Retry failed(String doing, SQLException e) {
        return new K2Exception.Retry("DuckDB failed while " + doing + ": " + e.getMessage(), e);
    }
}
