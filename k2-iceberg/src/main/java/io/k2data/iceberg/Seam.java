package io.k2data.iceberg;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Where history ends and live begins: per partition, at the table offset of the very snapshot that history is read from.
 * Rows below it come from the snapshot, rows from it on from the segments. Nothing else decides, least of all time.
 */
final class Seam {
    private Seam() {}

    /**
     * Puts live rows on top of history.
     *
     * @param history a query for the snapshot's rows
     * @param layout the columns
     * @param segments the segments' row tables, quoted
     * @param tableOffsets by partition, the next offset after those in the snapshot
     * @return a query for all rows
     */
    static String union(String history, TableLayout layout, List<String> segments, Map<Integer, Long> tableOffsets) {
        StringBuilder sql = new StringBuilder(history);
        if (!tableOffsets.isEmpty()) {
            String columns = Sql.names(layout.columnNames());
            String notInHistory = tableOffsets.entrySet().stream()
                    .map(entry -> "when " + entry.getKey() + " then " + entry.getValue())
                    .collect(Collectors.joining(" ", "kafka_offset >= case kafka_partition ", " end"));
            for (String segment : segments) {
                sql.append(" union all select ")
                        .append(columns)
                        .append(" from ")
                        .append(segment)
                        .append(" where ")
                        .append(notInHistory);
            }
        }
        return sql.toString();
    }
}
