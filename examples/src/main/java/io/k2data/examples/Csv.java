package io.k2data.examples;

import java.io.PrintStream;
import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** Query results as CSV (RFC 4180) with a header line. A null is an empty field, a text without a character is {@code ""}. */
final class Csv {
    private Csv() {}

    static void print(ResultSet rows, PrintStream out) throws SQLException {
        ResultSetMetaData columns = rows.getMetaData();
        StringJoiner header = new StringJoiner(",");
        for (int i = 1; i <= columns.getColumnCount(); i++) {
            header.add(quoted(columns.getColumnLabel(i)));
        }
        out.println(header);
        while (rows.next()) {
            StringJoiner line = new StringJoiner(",");
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                line.add(field(value(rows, i, columns.getColumnType(i))));
            }
            out.println(line);
        }
    }

    /** A timestamp without zone is UTC here; read as java.sql.Timestamp it would be in the zone of this JVM. */
    private static @Nullable Object value(ResultSet rows, int column, int type) throws SQLException {
        if (type == Types.TIMESTAMP && rows.getObject(column) != null) {
            return rows.getObject(column, LocalDateTime.class).atOffset(ZoneOffset.UTC);
        }
        return rows.getObject(column);
    }

    private static String field(@Nullable Object value) {
        if (value == null) {
            return "";
        } else if (value instanceof OffsetDateTime time) {
            return time.toInstant().toString();
        } else if (value instanceof BigDecimal number) {
            return number.toPlainString();
        } else if (value instanceof Double number && Double.isFinite(number)) {
            return BigDecimal.valueOf(number).toPlainString();
        } else if (value instanceof Float number && Float.isFinite(number)) {
            return new BigDecimal(number.toString()).toPlainString();
        }
        return quoted(value.toString());
    }

    private static String quoted(String text) {
        return !text.isEmpty() && text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r')
                ? text
                : '"' + text.replace("\"", "\"\"") + '"';
    }
}
