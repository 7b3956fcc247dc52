package io.k2data.iceberg;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A source's rows as Java values, read by the engine. */
final class SourceReading {
    private SourceReading() {}

    static List<@Nullable Object[]> rows(Connection connection, QuerySource source, SourceRows rows)
            throws SQLException {
        List<@Nullable Object[]> values = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(SourceTable.query(source, rows))) {
            while (result.next()) {
                @Nullable Object[] row = new Object[source.columns().size()];
                for (int i = 0; i < row.length; i++) {
                    row[i] = value(source.columns().get(i), result, i + 1);
                }
                values.add(row);
            }
        }
        return values;
    }

    private static @Nullable Object value(Column column, ResultSet result, int index) throws SQLException {
        Object value = result.getObject(index);
        if (value instanceof OffsetDateTime time) {
            return time.toInstant();
        } else if (value instanceof Array array && column.type() instanceof ColumnType.TextList) {
            return Arrays.asList((Object[]) array.getArray());
        }
        return value;
    }
}
