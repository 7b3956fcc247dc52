package io.k2data.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads a topic of trades from a moment of record time to its end, as scripts do that ask a table and Kafka at once. */
final class NaiveTail {
    private static final ObjectMapper JSON = new ObjectMapper();

    private NaiveTail() {}

    static void read(String bootstrapServers, String topic, Instant from, Path csv) throws IOException {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers",
                bootstrapServers,
                "max.poll.records",
                20_000,
                "max.partition.fetch.bytes",
                4 << 20,
                "fetch.min.bytes",
                1);
        try (KafkaConsumer<byte[], byte[]> consumer =
                        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                BufferedWriter out = Files.newBufferedWriter(csv)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(each -> new TopicPartition(topic, each.partition()))
                    .toList();
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = new HashMap<>(consumer.endOffsets(partitions));
            Map<TopicPartition, OffsetAndTimestamp> starts = consumer.offsetsForTimes(
                    partitions.stream().collect(Collectors.toMap(each -> each, each -> from.toEpochMilli())));
            for (TopicPartition partition : partitions) {
                OffsetAndTimestamp start = starts.get(partition);
                consumer.seek(partition, start == null ? ends.get(partition) : start.offset());
            }
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    JsonNode json = JSON.readTree(record.value());
                    JsonNode time = json.get("event_time");
                    Instant event = time.isNumber()
                            ? Instant.EPOCH.plus(time.longValue(), ChronoUnit.MICROS)
                            : Instant.parse(time.textValue());
                    out.append(json.get("venue").asText())
                            .append(',')
                            .append(json.get("symbol").asText())
                            .append(',')
                            .append(json.get("trade_id").asText())
                            .append(',')
                            .append(event.toString())
                            .append(',')
                            .append(json.get("price").asText())
                            .append(',')
                            .append(json.get("quantity").asText())
                            .append('\n');
                }
            }
        }
    }
}
