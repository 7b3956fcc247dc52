package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedTruth;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
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

/**
 * Compares a topic with its table by code that shares nothing with the pipeline: a plain consumer, a plain JSON parser and a
 * plain DuckDB.
 */
final class TopicAndTable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String VALUES =
            "epoch_us(event_time), price::decimal(38, 12)::varchar, quantity::decimal(38, 10)::varchar, side,"
                    + " source_sequence, asset_class, currency, conditions::varchar, vendor_data";

    private TopicAndTable() {}

    /**
     * Checks that every trade is stored once, at its first position, with the values that the feed sent, that Law 2 holds for
     * every partition up to its end, and that what was rejected is in the dead letters.
     *
     * @param run said in failures
     * @return what was compared, in words
     */
    static String check(EmbeddedKafka kafka, String topic, Path warehouse, FeedTruth truth, String run)
            throws Exception {
        return check(kafka, topic, warehouse, truth, run, true);
    }

    /**
     * Checks the same where records were put off under load and brought in: the position that is stored may be that of a copy
     * which was taken while the first one waited.
     */
    static String checkDeferred(EmbeddedKafka kafka, String topic, Path warehouse, FeedTruth truth, String run)
            throws Exception {
        return check(kafka, topic, warehouse, truth, run, false);
    }

    private static String check(
            EmbeddedKafka kafka, String topic, Path warehouse, FeedTruth truth, String run, boolean atFirstPosition)
            throws Exception {
        List<ConsumerRecord<byte[], byte[]>> log = readAll(kafka, topic);
        Map<String, String> expected = new HashMap<>();
        Map<String, Set<String>> sightings = new HashMap<>();
        Map<String, List<String>> values = new HashMap<>();
        Set<String> rejected = new HashSet<>();
        long duplicates = 0;
        for (ConsumerRecord<byte[], byte[]> record : log) {
            String position = record.partition() + ":" + record.offset();
            String id = idOf(record.value());
            if (id != null) {
                sightings.computeIfAbsent(id, key -> new HashSet<>()).add(position);
                values.put(position, values(JSON.readTree(record.value())));
            }
            if (id == null) {
                rejected.add(position);
            } else if (expected.putIfAbsent(id, position) != null) {
                duplicates++;
            }
        }
        assertThat(expected).as("the checker agrees with the feed, %s", run).hasSize((int) truth.trades());
        assertThat(duplicates).isEqualTo(truth.duplicates());

        Table table = Warehouses.local(warehouse).loadTable(TableIdentifier.of("k2", "trades"));
        Map<String, List<String>> foundValues = new HashMap<>();
        Map<String, List<String>> found = rows(table, foundValues);
        assertThat(found.keySet()).as("trades stored, %s", run).isEqualTo(expected.keySet());
        found.forEach((id, positions) -> assertThat(positions)
                .as("positions of %s, %s", id, run)
                .hasSize(1)
                .isSubsetOf(atFirstPosition ? Set.of(expected.get(id)) : sightings.get(id)));
        foundValues.forEach((position, row) -> assertThat(row)
                .as("values of the record at %s, %s", position, run)
                .isEqualTo(values.get(position)));

        Map<String, Long> sums = new TreeMap<>();
        Map<Integer, Long> next = new TreeMap<>();
        for (Map.Entry<String, String> property : table.properties().entrySet()) {
            if (property.getKey().startsWith("k2.p.")) {
                JsonNode state = JSON.readTree(property.getValue());
                for (String count : List.of("consumed", "stored", "duplicate", "rejected", "deferred", "lost")) {
                    sums.merge(count, state.get(count).asLong(), Long::sum);
                }
                assertThat(state.get("consumed").asLong())
                        .isEqualTo(state.get("stored").asLong()
                                + state.get("duplicate").asLong()
                                + state.get("rejected").asLong()
                                + state.get("deferred").asLong()
                                + state.get("lost").asLong());
                assertThat(state.get("next").asLong() - state.get("start").asLong())
                        .isEqualTo(state.get("consumed").asLong()
                                + state.get("skipped").asLong());
                next.put(
                        Integer.parseInt(
                                property.getKey().substring(property.getKey().lastIndexOf('.') + 1)),
                        state.get("next").asLong());
            }
        }
        Map<Integer, Long> ends = new TreeMap<>();
        log.forEach(record -> ends.merge(record.partition(), record.offset() + 1, Math::max));
        assertThat(next).as(run).isEqualTo(ends);
        assertThat(sums)
                .containsEntry("consumed", truth.records())
                .containsEntry("stored", truth.trades())
                .containsEntry("duplicate", truth.duplicates())
                .containsEntry("rejected", truth.malformedRecords())
                .containsEntry("deferred", 0L)
                .containsEntry("lost", 0L);
        assertThat(deadLetters(kafka, topic)).as("dead letters, %s", run).isEqualTo(rejected);
        return "records " + truth.records() + ", rows " + found.size() + ", snapshots kept "
                + table.history().size();
    }

    /** A trade's identity; null if the value is not a trade that K2 takes. */
    private static String idOf(byte[] value) {
        if (value == null || value.length == 0) {
            return null;
        }
        try {
            JsonNode json = JSON.readTree(value);
            if (!json.path("event_time").isIntegralNumber()) {
                Instant unused = Instant.parse(json.path("event_time").textValue());
            }
            boolean whole = json.path("venue").isTextual()
                    && json.path("symbol").isTextual()
                    && json.path("trade_id").isIntegralNumber()
                    && new BigDecimal(json.path("price").textValue()).precision() < 39
                    && new BigDecimal(json.path("quantity").textValue()).precision() < 39
                    && (json.path("side").isMissingNode() || json.path("side").isTextual())
                    && (json.path("source_sequence").isMissingNode()
                            || json.path("source_sequence").isIntegralNumber());
            return whole
                    ? json.get("venue").asText() + "/" + json.get("symbol").asText() + "/" + json.get("trade_id")
                    : null;
        } catch (IOException | RuntimeException e) {
            return null;
        }
    }

    /** What the row of a record has to hold, in the order of {@link #VALUES}. */
    private static List<String> values(JsonNode json) {
        JsonNode time = json.get("event_time");
        return List.of(
                String.valueOf(
                        time.isIntegralNumber()
                                ? time.longValue()
                                : ChronoUnit.MICROS.between(Instant.EPOCH, Instant.parse(time.textValue()))),
                new BigDecimal(json.get("price").textValue()).setScale(12).toPlainString(),
                new BigDecimal(json.get("quantity").textValue()).setScale(10).toPlainString(),
                text(json.path("side")),
                text(json.path("source_sequence")),
                text(json.path("asset_class")),
                text(json.path("currency")),
                json.path("conditions").isMissingNode()
                        ? "null"
                        : StreamSupport.stream(json.get("conditions").spliterator(), false)
                                .map(JsonNode::textValue)
                                .collect(Collectors.joining(", ", "[", "]")),
                text(json.path("vendor_data")));
    }

    private static String text(JsonNode value) {
        return value.isMissingNode() ? "null" : value.asText();
    }

    private static Map<String, List<String>> rows(Table table, Map<String, List<String>> values) throws Exception {
        List<String> files = new ArrayList<>();
        try (CloseableIterable<FileScanTask> tasks = table.newScan().planFiles()) {
            tasks.forEach(task -> files.add("'" + task.file().location() + "'"));
        }
        Map<String, List<String>> rows = new HashMap<>();
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement();
                ResultSet result = statement.executeQuery(
                        "select venue || '/' || symbol || '/' || trade_id, kafka_partition || ':' || kafka_offset, "
                                + VALUES + " from read_parquet("
                                + files.stream().collect(Collectors.joining(", ", "[", "]"))
                                // Decimals have fewer digits in some files, and the first would decide for all.
                                + ", union_by_name = true)")) {
            while (result.next()) {
                rows.computeIfAbsent(result.getString(1), id -> new ArrayList<>())
                        .add(result.getString(2));
                List<String> row = new ArrayList<>();
                for (int column = 3; column <= result.getMetaData().getColumnCount(); column++) {
                    row.add(String.valueOf(result.getString(column)));
                }
                values.put(result.getString(2), row);
            }
        }
        return rows;
    }

    private static Set<String> deadLetters(EmbeddedKafka kafka, String topic) {
        return readAll(kafka, topic + ".k2-dlq").stream()
                .map(letter -> new String(
                                letter.headers().lastHeader("k2.partition").value(), StandardCharsets.UTF_8)
                        + ":"
                        + new String(letter.headers().lastHeader("k2.offset").value(), StandardCharsets.UTF_8))
                .collect(Collectors.toSet());
    }

    private static List<ConsumerRecord<byte[], byte[]>> readAll(EmbeddedKafka kafka, String topic) {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, kafka.bootstrapServers()),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                consumer.poll(Duration.ofMillis(200)).forEach(all::add);
            }
            return all;
        }
    }
}
