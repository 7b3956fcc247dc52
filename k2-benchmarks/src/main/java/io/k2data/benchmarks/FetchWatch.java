package io.k2data.benchmarks;

import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Sits in the consumers of a contender and says on standard output when the first records came and when all had come, so
 * that the clock of both contenders runs from the same event. Depends on Kafka's client only, as it runs among the peer's
 * jars too. Public because Kafka makes it by name.
 */
public final class FetchWatch implements ConsumerInterceptor<byte[], byte[]> {
    static final String TOPIC = "trades";
    static final String FIRST = "race: first records";
    static final String ALL = "race: all records";
    static final String RECORDS_PROPERTY = "k2.race.records";

    /** Over all consumers of the process: the peer may have one per task. */
    private static final AtomicLong SEEN = new AtomicLong();

    private static final long EXPECTED = Long.getLong(RECORDS_PROPERTY, Long.MAX_VALUE);

    /** Made by Kafka. */
    public FetchWatch() {}

    @Override
    public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
        int count = 0;
        for (TopicPartition partition : records.partitions()) {
            if (partition.topic().equals(TOPIC)) {
                count += records.records(partition).size();
            }
        }
        if (count > 0) {
            long after = SEEN.addAndGet(count);
            if (after == count) {
                System.out.println(FIRST);
            }
            if (after >= EXPECTED && after - count < EXPECTED) {
                System.out.println(ALL);
            }
        }
        return records;
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {}

    @Override
    public void close() {}

    @Override
    public void configure(Map<String, ?> settings) {}
}
