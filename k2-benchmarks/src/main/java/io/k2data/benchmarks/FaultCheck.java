package io.k2data.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.k2data.iceberg.Warehouses;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * Compares a topic with its table, by code that shares nothing with K2: a plain consumer and a plain JSON parser on one side,
 * a plain DuckDB over the files that Iceberg plans on the other.
 */
final class FaultCheck {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String VALUES = "concat_ws('|', epoch_us(event_time), price::decimal(38, 12),"
            + " quantity::decimal(38, 10), coalesce(side, '-'), coalesce(source_sequence::varchar, '-'),"
            + " coalesce(asset_class, '-'), coalesce(currency, '-'), coalesce(conditions::varchar, '-'),"
            + " coalesce(vendor_data, '-'))";

    private FaultCheck() {}

    /**
     * What was found.
     *
     * @param records records in the topic
     * @param trades different trades among them, by partition
     * @param rows rows in the table
     * @param lost trades without a row
     * @param doubled rows beyond the first of a trade
     * @param elsewhere rows at another position than the first of their trade, or of no trade at all
     * @param changed rows with another value in a field that the feed sends than the record at their position has
     * @param undelivered broken records that are not in the dead letters
     * @param conserved whether Law 2 holds in every partition, up to the topic's end, with nothing lost or deferred
     */
    record Found(
            long records,
            long trades,
            long rows,
            long lost,
            long doubled,
            long elsewhere,
            long changed,
            long undelivered,
            boolean conserved) {}

    static Found compare(String brokers, String topic, Path warehouse) throws IOException, SQLException {
        try (DuckDBConnection duck = (DuckDBConnection) DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            statement.execute(
                    "create table log (kafka_partition int, kafka_offset bigint, id varchar, row_values varchar)");
            long records = load(
                    duck,
                    "log",
                    (row, record) -> {
                        row.append(record.partition());
                        row.append(record.offset());
                        JsonNode trade = trade(record.value());
                        row.append(trade == null ? null : id(trade));
                        row.append(trade == null ? null : values(trade));
                    },
                    brokers,
                    topic);
            statement.execute("create table letters (kafka_partition int, kafka_offset bigint)");
            load(
                    duck,
                    "letters",
                    (row, record) -> {
                        row.append(Integer.parseInt(header(record, "k2.partition")));
                        row.append(Long.parseLong(header(record, "k2.offset")));
                    },
                    brokers,
                    topic + ".k2-dlq");
            Table table = Warehouses.local(warehouse).loadTable(TableIdentifier.of("k2", "trades"));
            statement.execute(
                    "create table rows as select kafka_partition, kafka_offset, venue || '/' || symbol || '/' ||"
                            + " trade_id as id, " + VALUES + " as row_values from read_parquet(" + files(table)
                            // Decimals have fewer digits in some files, and the first would decide for all.
                            + ", union_by_name = true)");
            statement.execute(
                    "create table firsts as select kafka_partition, id, min(kafka_offset) as kafka_offset from log"
                            + " where id is not null group by all");
            long lost = count(statement, "select count(*) from firsts anti join rows using (kafka_partition, id)");
            long doubled = count(
                    statement,
                    "select coalesce(sum(n - 1), 0) from (select count(*) as n from rows group by kafka_partition, id)");
            long elsewhere = count(
                    statement, "select count(*) from rows anti join firsts using (kafka_partition, id, kafka_offset)");
            long changed = count(
                    statement,
                    "select count(*) from rows join log using (kafka_partition, kafka_offset)"
                            + " where rows.row_values is distinct from log.row_values");
            long undelivered = count(
                    statement,
                    "select count(*) from (select kafka_partition, kafka_offset from log where id is null) anti join letters"
                            + " using (kafka_partition, kafka_offset)");
            return new Found(
                    records,
                    count(statement, "select count(*) from firsts"),
                    count(statement, "select count(*) from rows"),
                    lost,
                    doubled,
                    elsewhere,
                    changed,
                    undelivered,
                    conserved(statement, table));
        }
    }

    /** Law 2, read off the table's properties, against what was read from the topic. */
    private static boolean conserved(Statement statement, Table table) throws IOException, SQLException {
        long consumed = 0;
        boolean holds = true;
        int partitions = 0;
        for (Map.Entry<String, String> property : table.properties().entrySet()) {
            if (!property.getKey().startsWith("k2.p.")) {
                continue;
            }
            partitions++;
            JsonNode state = JSON.readTree(property.getValue());
            int partition = Integer.parseInt(
                    property.getKey().substring(property.getKey().lastIndexOf('.') + 1));
            long end = count(
                    statement,
                    "select coalesce(max(kafka_offset) + 1, 0) from log where kafka_partition = " + partition);
            long stored = count(statement, "select count(*) from rows where kafka_partition = " + partition);
            holds &= state.get("consumed").asLong()
                            == state.get("stored").asLong()
                                    + state.get("duplicate").asLong()
                                    + state.get("rejected").asLong()
                    && state.get("next").asLong() - state.get("start").asLong()
                            == state.get("consumed").asLong()
                                    + state.get("skipped").asLong()
                    && state.get("next").asLong() == end
                    && state.get("stored").asLong() == stored;
            consumed += state.get("consumed").asLong();
        }
        return holds && partitions > 0 && consumed == count(statement, "select count(*) from log");
    }

    private static long count(Statement statement, String query) throws SQLException {
        try (ResultSet result = statement.executeQuery(query)) {
            result.next();
            return result.getLong(1);
        }
    }

    private static String files(Table table) throws IOException {
        List<String> files = new ArrayList<>();
        try (CloseableIterable<FileScanTask> tasks = table.newScan().planFiles()) {
            tasks.forEach(task -> files.add("'" + task.file().location().replaceFirst("^file:/+", "/") + "'"));
        }
        return files.stream().collect(Collectors.joining(", ", "[", "]"));
    }

    /** Appends the columns of a record. */
    @FunctionalInterface
    private interface Columns {
        void append(DuckDBAppender row, ConsumerRecord<byte[], byte[]> record) throws SQLException;
    }

    private static long load(DuckDBConnection duck, String into, Columns columns, String brokers, String topic)
            throws SQLException {
        try (DuckDBAppender appender = duck.createAppender("main", into)) {
            long[] records = {0};
            readAll(brokers, topic, record -> {
                try {
                    appender.beginRow();
                    columns.append(appender, record);
                    appender.endRow();
                    records[0]++;
                } catch (SQLException e) {
                    throw new IllegalStateException(e);
                }
            });
            return records[0];
        }
    }

    private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
        return new String(letter.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
    }

    private static String id(JsonNode trade) {
        return trade.get("venue").asText() + "/" + trade.get("symbol").asText() + "/" + trade.get("trade_id");
    }

    /** What the row of a record has to hold, as {@link #VALUES} has it. */
    private static String values(JsonNode trade) {
        JsonNode time = trade.get("event_time");
        return Stream.of(
                        String.valueOf(
                                time.isIntegralNumber()
                                        ? time.longValue()
                                        : ChronoUnit.MICROS.between(Instant.EPOCH, Instant.parse(time.textValue()))),
                        new BigDecimal(trade.get("price").textValue())
                                .setScale(12)
                                .toPlainString(),
                        new BigDecimal(trade.get("quantity").textValue())
                                .setScale(10)
                                .toPlainString(),
                        trade.path("side").asText("-"),
                        trade.path("source_sequence").asText("-"),
                        trade.path("asset_class").asText("-"),
                        trade.path("currency").asText("-"),
                        trade.path("conditions").isMissingNode()
                                ? "-"
                                : StreamSupport.stream(trade.get("conditions").spliterator(), false)
                                        .map(JsonNode::textValue)
                                        .collect(Collectors.joining(", ", "[", "]")),
                        trade.path("vendor_data").asText("-"))
                .collect(Collectors.joining("|"));
    }

    /** What a record holds; null if it is no trade that the table can hold. */
    private static @Nullable JsonNode trade(byte @Nullable [] value) {
        if (value == null || value.length == 0) {
            return null;
        }
        try {
            JsonNode json = JSON.readTree(value);
            JsonNode time = json.path("event_time");
            boolean whole = json.path("venue").isTextual()
                    && json.path("symbol").isTextual()
                    && json.path("trade_id").isIntegralNumber()
                    && (time.isIntegralNumber()
                            || Instant.parse(time.textValue()).isAfter(Instant.MIN))
                    && isDecimal(json.path("price"))
                    && isDecimal(json.path("quantity"))
                    && (json.path("side").isMissingNode() || json.path("side").isTextual())
                    && (json.path("source_sequence").isMissingNode()
                            || json.path("source_sequence").isIntegralNumber());
            return whole ? json : null;
        } catch (IOException | RuntimeException e) {
            return null;
        }
    }

    private static boolean isDecimal(JsonNode number) {
        return new BigDecimal(number.textValue()).precision() < 39;
    }

    private static void readAll(String brokers, String topic, Consumer<ConsumerRecord<byte[], byte[]>> to) {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                consumer.poll(Duration.ofMillis(200)).forEach(to);
            }
        }
    }
}
