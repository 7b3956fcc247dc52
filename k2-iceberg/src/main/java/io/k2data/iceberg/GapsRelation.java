package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.pipeline.PartitionLedger;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * The relation {@code gaps}: the sequence numbers that are missing, one row for each range, as the running ingests know it.
 * Asked for and filled when the first statement that reads it is bound, since there may be thousands of streams.
 *
 * <p>The ledger belongs to the ingest thread and goes on, so it is as of a record at or after the view's cut, which each row
 * names. It is never behind the cut, and never shown for less than all partitions of it: then the statement fails.
 */
final class GapsRelation {
    static final String NAME = "gaps";

    private static final String COLUMNS = "table_name varchar, venue varchar, symbol varchar, kafka_partition integer,"
            + " from_sequence bigint, to_sequence bigint, missing bigint, state varchar, as_of_offset bigint";

    private GapsRelation() {}

    /**
     * Asks the ingests of a cut's tables what is missing.
     *
     * @param ledgers gives by table what its ingest knows
     * @throws SQLException if that is not to be had for all partitions, with the reason
     */
    static Map<String, List<PartitionLedger>> ask(Cut cut, Function<String, List<PartitionLedger>> ledgers)
            throws SQLException {
        Map<String, List<PartitionLedger>> asked = new HashMap<>();
        for (Map.Entry<String, Cut.TableCut> table : cut.tables().entrySet()) {
            List<PartitionLedger> answer;
            try {
                answer = ledgers.apply(table.getKey());
            } catch (K2Exception e) {
                throw unknown(table.getKey(), String.valueOf(e.getMessage()), e);
            }
            Set<LogPartition> behind = new TreeSet<>();
            table.getValue().partitions().forEach((partition, range) -> {
                if (answer.stream()
                        .noneMatch(ledger ->
                                ledger.partition().equals(partition) && ledger.asOfOffset() >= range.liveEnd())) {
                    behind.add(partition);
                }
            });
            if (!behind.isEmpty()) {
                throw unknown(table.getKey(), "it does not reach the cut of " + behind, null);
            }
            asked.put(table.getKey(), answer);
        }
        return asked;
    }

    private static SQLException unknown(String table, String why, @Nullable Exception cause) {
        return SqlErrors.transientFailure(
                "the relation " + NAME + " cannot be read: the sequence ledger of " + table + " is not to be had now: "
                        + why,
                cause);
    }

    /** Makes the relation, inside the view's transaction. */
    static void make(DuckDBConnection connection, Cut cut, Map<String, List<PartitionLedger>> asked)
            throws SQLException {
        Sql.run(connection, "create temp table " + NAME + " (" + COLUMNS + ")");
        List<Missing> rows = new ArrayList<>();
        asked.forEach((table, ledgers) -> ledgers.forEach(ledger -> {
            Cut.TableCut shown = cut.tables().get(table);
            if (shown != null && shown.partitions().containsKey(ledger.partition())) {
                ledger.streams().forEach(stream -> {
                    stream.gaps().forEach(range -> rows.add(new Missing(table, ledger, stream, range, "open")));
                    stream.deferred().forEach(range -> rows.add(new Missing(table, ledger, stream, range, "deferred")));
                });
            }
        }));
        if (rows.isEmpty()) {
            return;
        }
        // In the transaction that was begun by hand the appender does not commit by itself.
        try (DuckDBAppender appender = connection.createAppender("temp", "main", NAME)) {
            for (Missing row : rows) {
                row.append(appender);
            }
            appender.flush();
        }
    }

    private record Missing(String table, PartitionLedger ledger, StreamLedger stream, Range range, String state) {
        void append(DuckDBAppender appender) throws SQLException {
            appender.beginRow();
            appender.append(table);
            appender.append(stream.stream().venue());
            appender.append(stream.stream().symbol());
            appender.append(ledger.partition().partition());
            appender.append(range.from());
            appender.append(range.to());
            appender.append(range.length());
            appender.append(state);
            appender.append(ledger.asOfOffset());
            appender.endRow();
        }
    }
}
