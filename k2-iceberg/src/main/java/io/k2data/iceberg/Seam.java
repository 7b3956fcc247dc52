package io.k2data.iceberg;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Where history ends and live begins: per partition, at the table offset of the very snapshot that history is read from.
 * Rows below it come from the snapshot, rows from it on from the segments. Nothing else decides, least of all time.
 */
final class Seam {
    private Seam() {}

    /**
     * Live rows.
     *
     * @param relation a segment's row table, quoted
     * @param columns by column of the table, an expression over it for the values
     * @param without partitions whose rows in it do not count
     */
    record Live(String relation, Map<String, String> columns, Set<Integer> without) {
        Live without(Set<Integer> partitions) {
            return new Live(relation, columns, Set.copyOf(partitions));
        }
    }

    /**
     * Puts live rows on top of history.
     *
     * @param history a query for the snapshot's rows
     * @param layout the columns
     * @param segments the live rows
     * @param tableOffsets by partition, the next offset after those in the snapshot
     * @return a query for all rows
     */
    static String union(String history, TableLayout layout, List<Live> segments, Map<Integer, Long> tableOffsets) {
        StringBuilder sql = new StringBuilder(history);
        if (!tableOffsets.isEmpty()) {
            String notInHistory = tableOffsets.entrySet().stream()
                    .map(entry -> "when " + entry.getKey() + " then " + entry.getValue())
                    .collect(Collectors.joining(" ", "kafka_offset >= case kafka_partition ", " end"));
            for (Live segment : segments) {
                sql.append(rows(layout, segment)).append(" where ").append(notInHistory);
                if (!segment.without().isEmpty()) {
                    sql.append(segment.without().stream()
                            .map(String::valueOf)
                            .collect(Collectors.joining(", ", " and kafka_partition not in (", ")")));
                }
            }
        }
        return sql.toString();
    }

    /** A query for history and all live rows, where one that is in both may come twice. */
    static String both(String history, TableLayout layout, List<Live> segments) {
        return history + segments.stream().map(segment -> rows(layout, segment)).collect(Collectors.joining());
    }

    private static String rows(TableLayout layout, Live segment) {
        return layout.columns().stream()
                .map(column ->
                        segment.columns().getOrDefault(column.name(), "null::" + TableLayout.duckType(column.type()))
                                + " as " + Sql.name(column.name()))
                .collect(Collectors.joining(", ", " union all select ", " from " + segment.relation()));
    }
}
