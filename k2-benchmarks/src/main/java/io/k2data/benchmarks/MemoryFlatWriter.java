package io.k2data.benchmarks;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.event.EventTypes;
import io.k2data.dedup.Deduplicators;
import io.k2data.dedup.Deduplicators.ExactConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;

/** The writer that {@link MemoryFlat} looks at. Prints how many records it has committed, ten times a second. */
final class MemoryFlatWriter {
    private static final int DELETE_EVERY = 100;

    private MemoryFlatWriter() {}

    /** Takes the brokers and a directory; runs until it is killed. */
    public static void main(String[] args) throws Exception {
        try (K2 k2 = K2.builder()
                        .kafka(Map.of("bootstrap.servers", args[0]))
                        .warehouse(Path.of(args[1], "warehouse"))
                        .spool(Path.of(args[1], "spool"))
                        .memoryLimitBytes(256L << 20)
                        .commitInterval(Duration.ofSeconds(5))
                        // Of 64 partitions, with a window of 24 hours: 64 MB, and the older ids in bitmaps.
                        .deduplicator(Deduplicators.exact(
                                ExactConfig.builder().maxIds(20_000).build()))
                        .build();
                Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, MemoryFlat.TOPIC).start();
            for (int i = 1; ; i++) {
                TimeUnit.MILLISECONDS.sleep(100);
                System.out.println(ingest.tally().consumed());
                if (i % DELETE_EVERY == 0) {
                    Map<TopicPartition, RecordsToDelete> committed = new HashMap<>();
                    ingest.committed()
                            .forEach((partition, state) -> committed.put(
                                    new TopicPartition(partition.topic(), partition.partition()),
                                    RecordsToDelete.beforeOffset(state.next().offset())));
                    admin.deleteRecords(committed).all().get();
                }
            }
        }
    }
}
