package io.k2data.iceberg;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A relation of a few rows that are known when it is made.
 *
 * @param columns name and type of each
 */
record ValuesRelation(List<String> columns) {
    /**
     * Makes a query of rows.
     *
     * @param rows values in the order of the columns, as SQL
     */
    String of(List<List<String>> rows) {
        if (rows.isEmpty()) {
            return columns.stream()
                    .map(column -> "null::" + type(column) + " as " + name(column))
                    .collect(Collectors.joining(", ", "select ", " where false"));
        }
        return columns.stream()
                        .map(column -> name(column) + "::" + type(column) + " as " + name(column))
                        .collect(Collectors.joining(", ", "select ", " from (values "))
                + rows.stream().map(row -> "(" + String.join(", ", row) + ")").collect(Collectors.joining(", "))
                + ") as given(" + columns.stream().map(ValuesRelation::name).collect(Collectors.joining(", ")) + ")";
    }

    private static String name(String column) {
        return column.substring(0, column.indexOf(' '));
    }

    private static String type(String column) {
        return column.substring(column.indexOf(' ') + 1);
    }
}
