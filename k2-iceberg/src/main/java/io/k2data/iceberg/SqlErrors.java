package io.k2data.iceberg;

import java.sql.SQLDataException;
import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLSyntaxErrorException;
import java.sql.SQLTimeoutException;
import java.sql.SQLTransientException;
import org.jspecify.annotations.Nullable;

/** DuckDB's errors with the class and SQLState that tools decide by; DuckDB itself has neither. */
final class SqlErrors {
    private SqlErrors() {}

    static SQLException explained(SQLException e) {
        String message = String.valueOf(e.getMessage());
        if (message.contains("transaction is aborted")) {
            return new SQLException(
                    "an earlier statement of this view failed, and the pinned cut went with it; open a new view, or roll"
                            + " back where a data source gave the connection",
                    "25P02",
                    e);
        }
        if (e.getSQLState() != null) {
            return e;
        }
        if (e instanceof SQLTimeoutException || message.startsWith("INTERRUPT")) {
            return new SQLTimeoutException("stopped: its time was up, or it was cancelled", "57014", e);
        }
        int colon = message.indexOf(" Error:");
        return switch (colon < 0 ? "" : message.substring(0, colon)) {
            case "Parser", "Syntax" -> new SQLSyntaxErrorException(message, "42601", e);
            case "Binder", "Catalog" -> new SQLSyntaxErrorException(message, "42000", e);
            case "Permission" -> new SQLSyntaxErrorException(message, "42501", e);
            case "Conversion", "Out of Range", "Invalid Input" -> new SQLDataException(message, "22000", e);
            case "Out of Memory" -> new SQLTransientException(message, "53200", e);
            default -> e;
        };
    }

    /** Something that may be different the next time. */
    static SQLException transientFailure(String message, @Nullable Exception cause) {
        return new SQLTransientException(message, "55000", cause);
    }

    static SQLException closed(String why, @Nullable Throwable cause) {
        return new SQLNonTransientConnectionException(why, "08003", cause);
    }
}
