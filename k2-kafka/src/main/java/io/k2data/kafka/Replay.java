package io.k2data.kafka;

import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.LogBatch;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/** Reads ranges of a topic again, by a consumer of its own, beside the reading of what comes. One thread. */
final class Replay {
    private final TopicQuestions questions;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private @Nullable TopicPartition reading;
    private long position;

    Replay(ClientSettings settings, TopicQuestions questions) {
        this.questions = questions;
        this.consumer =
                new KafkaConsumer<>(settings.consumer(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    LogBatch read(LogPartition partition, long from, long to, Duration timeout) {
        TopicPartition name = new TopicPartition(partition.topic(), partition.partition());
        if (!name.equals(reading)) {
            consumer.assign(List.of(name));
            reading = name;
            position = -1;
        }
        if (position != from) {
            consumer.seek(name, from);
            position = from;
        }
        ConsumerRecords<byte[], byte[]> polled;
        try {
            polled = consumer.poll(timeout);
        } catch (OffsetOutOfRangeException e) {
            // Nothing is left of the range's beginning; whoever asked counts what is missing in the end.
            long start = questions.start(name);
            if (start <= from) {
                throw e;
            }
            return new LogBatch(List.of(), Map.of(partition, LogOffset.of(Math.min(start, to))));
        }
        List<ConsumerRecord<byte[], byte[]>> records = polled.records(name);
        int wanted = 0;
        while (wanted < records.size() && records.get(wanted).offset() < to) {
            wanted++;
        }
        long next = consumer.position(name);
        if (next == from) {
            return LogBatch.EMPTY;
        }
        position = next;
        List<LogBatch.Run> runs =
                wanted == 0 ? List.of() : List.of(KafkaEventLog.run(partition, records.subList(0, wanted)));
        return new LogBatch(runs, Map.of(partition, LogOffset.of(Math.min(next, to))));
    }

    void close(Duration timeout) {
        consumer.close(CloseOptions.timeout(timeout));
    }
}
