package io.k2data.examples;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.k2data.Ingest;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.pipeline.Tally;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What became of every event, as one JSON object: counts of all tables together and of each, and the streams of trades. */
record CaptureReport(Map<StreamKey, ObjectNode> streams) {
    private static final String TRADES = """
            select venue, symbol, count(*),
                coalesce(min(trade_id)::varchar, min_by(trade_ref, try_cast(trade_ref as hugeint)), min(trade_ref)),
                coalesce(max(trade_id)::varchar, max_by(trade_ref, try_cast(trade_ref as hugeint)), max(trade_ref)),
                sum(quantity)
            from trades group by venue, symbol order by venue, symbol""";

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Reads what the trades' table holds of each stream, and what sequence tracking says of it. */
    static CaptureReport of(Ingest trades, View view) throws SQLException {
        Map<StreamKey, ObjectNode> streams = new TreeMap<>();
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery(TRADES)) {
            while (row.next()) {
                ObjectNode stream = JSON.createObjectNode();
                stream.put("venue", row.getString(1));
                stream.put("symbol", row.getString(2));
                stream.put("rows", row.getLong(3));
                stream.put("firstId", row.getString(4));
                stream.put("lastId", row.getString(5));
                stream.put("gaps", 0);
                stream.put("missing", 0);
                stream.put("late", 0);
                stream.put("volume", row.getBigDecimal(6).stripTrailingZeros().toPlainString());
                streams.put(new StreamKey(row.getString(1), row.getString(2)), stream);
            }
        }
        for (StreamLedger ledger : trades.streams()) {
            ObjectNode stream = streams.get(ledger.stream());
            if (stream != null) {
                stream.put("gaps", ledger.gaps().size());
                stream.put("missing", ledger.missing());
                stream.put("late", ledger.late());
            }
        }
        return new CaptureReport(streams);
    }

    /** Returns the JSON, with the counts as of the ingests' last commits. */
    String json(List<Ingest> ingests, long ignored) {
        Tally total = ingests.stream().map(Ingest::tally).reduce(Tally.ZERO, Tally::plus);
        ObjectNode json = JSON.createObjectNode();
        json.put("consumed", total.consumed());
        json.put("stored", total.stored());
        json.put("duplicate", total.duplicate());
        json.put("deferred", total.deferred());
        json.put("rejected", total.rejected());
        json.put("lost", total.lost());
        json.put("ignored", ignored);
        ObjectNode tables = json.putObject("tables");
        ingests.forEach(ingest -> tables.set(ingest.table(), JSON.valueToTree(ingest.tally())));
        json.putArray("streams").addAll(streams.values());
        return json.toString();
    }
}
