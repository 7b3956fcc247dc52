package io.k2data;

import io.k2data.api.K2Exception;
import io.k2data.cost.CostInput;
import io.k2data.cost.CostInputs;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/**
 * Reads quantities that the cost model needs off what is there: a table that K2 writes, and its topic.
 *
 * <pre>{@code
 * CostInputs inputs = CostProbe.topic(kafka, "trades")
 *         .applyTo(CostProbe.table(catalog, "trades").applyTo(CostInputs.builder()))
 *         .build();
 * }</pre>
 */
public final class CostProbe {
    private static final int SAMPLED_SNAPSHOTS = 20;
    private static final int SAMPLED_RECORDS = 2_000;
    private static final int MANIFEST_LIST_AND_METADATA = 2;
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final double KIB = 1024;
    private static final double HOUR_MILLIS = 3_600_000;

    private CostProbe() {}

    /**
     * What was measured.
     *
     * @param inputs the values; only those that could be told
     * @param source of what, in words
     */
    public record Measured(Map<CostInput, Double> inputs, String source) {
        /** Copies the map. */
        public Measured {
            inputs = Map.copyOf(inputs);
        }

        /**
         * Sets what was measured.
         *
         * @param builder the inputs to set it in
         * @return the builder
         */
        public CostInputs.Builder applyTo(CostInputs.Builder builder) {
            return builder.measured(inputs, source);
        }
    }

    /**
     * Measures a table: bytes of a row in Parquet, rows a second, and of its last commits the time between them, their data
     * files and their metadata. Blocks for the catalog and for the manifests of the current snapshot.
     *
     * @param catalog the catalog; stays the caller's
     * @param table the table's name, without the namespace
     * @return what could be told of it; of a table without rows only its settings
     * @throws K2Exception.Stop if there is no such table
     * @throws K2Exception.Retry if it cannot be read just now
     */
    public static Measured table(Catalog catalog, String table) {
        TableIdentifier identifier = TableIdentifier.of(Namespace.of("k2"), table);
        try {
            Table loaded = catalog.loadTable(identifier);
            Map<CostInput, Double> inputs = new EnumMap<>(CostInput.class);
            rows(inputs, loaded);
            commits(inputs, loaded);
            String expiry = loaded.properties().get("history.expire.max-snapshot-age-ms");
            if (expiry != null) {
                inputs.put(CostInput.SNAPSHOT_RETENTION_HOURS, Long.parseLong(expiry) / HOUR_MILLIS);
            }
            return new Measured(inputs, "measured on table " + identifier);
        } catch (NoSuchTableException e) {
            throw new K2Exception.Stop("there is no table " + identifier + " in this catalog", e);
        } catch (K2Exception e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw new K2Exception.Retry("cannot measure table " + identifier + ": " + e, e);
        }
    }

    private static void rows(Map<CostInput, Double> inputs, Table table) throws IOException {
        Types.NestedField time = table.schema().findField("kafka_time");
        long rows = 0;
        long bytes = 0;
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        // Column statistics are left out of a plan unless they are asked for.
        try (CloseableIterable<FileScanTask> tasks =
                table.newScan().includeColumnStats().planFiles()) {
            for (FileScanTask task : tasks) {
                DataFile file = task.file();
                rows += file.recordCount();
                bytes += file.fileSizeInBytes();
                if (time != null
                        && file.lowerBounds() != null
                        && file.lowerBounds().containsKey(time.fieldId())) {
                    long lower = Objects.requireNonNull(Conversions.<Long>fromByteBuffer(
                            time.type(), file.lowerBounds().get(time.fieldId())));
                    long upper = Objects.requireNonNull(Conversions.<Long>fromByteBuffer(
                            time.type(), file.upperBounds().get(time.fieldId())));
                    first = Math.min(first, lower);
                    last = Math.max(last, upper);
                }
            }
        }
        if (rows > 0) {
            inputs.put(CostInput.PARQUET_BYTES, (double) bytes / rows);
            if (last > first) {
                inputs.put(CostInput.RECORDS_PER_SECOND, rows * 1e6 / (last - first));
            }
        }
    }

    private static void commits(Map<CostInput, Double> inputs, Table table) {
        if (!(table instanceof HasTableOperations holder)) {
            return;
        }
        TableMetadata metadata = holder.operations().current();
        List<Snapshot> ours = new ArrayList<>();
        for (Snapshot snapshot : metadata.snapshots()) {
            if (snapshot.summary().containsKey("k2.commit") && added(snapshot) > 0) {
                ours.add(snapshot);
            }
        }
        List<Snapshot> sample = ours.subList(Math.max(0, ours.size() - SAMPLED_SNAPSHOTS), ours.size());
        if (sample.isEmpty()) {
            return;
        }
        long files = 0;
        long manifests = 0;
        long bytes = 0;
        for (Snapshot snapshot : sample) {
            files += added(snapshot);
            bytes += table.io().newInputFile(snapshot.manifestListLocation()).getLength();
            for (ManifestFile manifest : snapshot.allManifests(table.io())) {
                if (Objects.equals(manifest.snapshotId(), snapshot.snapshotId())) {
                    manifests++;
                    bytes += manifest.length();
                }
            }
        }
        double commits = sample.size();
        double tableMetadata =
                table.io().newInputFile(metadata.metadataFileLocation()).getLength();
        inputs.put(CostInput.FILES_PER_COMMIT, files / commits);
        inputs.put(CostInput.METADATA_PUTS_PER_COMMIT, manifests / commits + MANIFEST_LIST_AND_METADATA);
        inputs.put(CostInput.METADATA_KIB_PER_COMMIT, (bytes / commits + tableMetadata) / KIB);
        List<Long> intervals = new ArrayList<>();
        for (int i = 1; i < sample.size(); i++) {
            intervals.add(sample.get(i).timestampMillis() - sample.get(i - 1).timestampMillis());
        }
        if (!intervals.isEmpty()) {
            long median = intervals.stream().sorted().toList().get(intervals.size() / 2);
            inputs.put(CostInput.COMMIT_INTERVAL_SECONDS, Math.max(0.1, median / 1000.0));
        }
    }

    private static long added(Snapshot snapshot) {
        return Long.parseLong(snapshot.summary().getOrDefault("added-data-files", "0"));
    }

    /**
     * Measures a topic: bytes of a record in the log and of its key and value, records a second, partitions, copies,
     * brokers, zones and retention. Blocks for the brokers.
     *
     * @param kafka settings of Kafka's clients, as those of {@link K2.Builder#kafka}
     * @param topic the topic
     * @return what could be told of it; of an empty topic only its settings
     * @throws K2Exception.Retry if it cannot be read just now
     */
    public static Measured topic(Map<String, ?> kafka, String topic) {
        Map<CostInput, Double> inputs = new EnumMap<>(CostInput.class);
        try (Admin admin = Admin.create(new HashMap<>(kafka))) {
            TopicDescription description =
                    get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
            Objects.requireNonNull(description, topic);
            inputs.put(CostInput.PARTITIONS, (double) description.partitions().size());
            inputs.put(CostInput.REPLICATION, (double)
                    description.partitions().get(0).replicas().size());
            Collection<Node> brokers = get(admin.describeCluster().nodes());
            inputs.put(CostInput.BROKERS, (double) brokers.size());
            Set<String> racks =
                    brokers.stream().map(Node::rack).filter(Objects::nonNull).collect(Collectors.toSet());
            if (!racks.isEmpty()) {
                inputs.put(CostInput.ZONES, (double) racks.size());
            }
            settings(inputs, admin, topic);
            records(inputs, kafka, topic, leaderBytes(admin, description));
        } catch (ExecutionException e) {
            throw new K2Exception.Retry("cannot measure topic " + topic + ": " + e.getCause(), e.getCause());
        } catch (TimeoutException | RetriableException e) {
            throw new K2Exception.Retry("cannot measure topic " + topic + ": " + e, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new K2Exception.Retry("interrupted while measuring topic " + topic, e);
        }
        return new Measured(inputs, "measured on topic " + topic);
    }

    private static <T> T get(KafkaFuture<T> future) throws ExecutionException, InterruptedException, TimeoutException {
        return future.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static void settings(Map<CostInput, Double> inputs, Admin admin, String topic)
            throws ExecutionException, InterruptedException, TimeoutException {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Config config = Objects.requireNonNull(
                get(admin.describeConfigs(List.of(resource)).all()).get(resource));
        positiveMillis(inputs, CostInput.KAFKA_RETENTION_HOURS, config, "retention.ms");
        if (config.get("remote.storage.enable") != null
                && "true".equals(config.get("remote.storage.enable").value())) {
            inputs.put(CostInput.TIERED, 1.0);
            positiveMillis(inputs, CostInput.LOCAL_RETENTION_HOURS, config, "local.retention.ms");
        }
    }

    /** Some values mean for ever, or the same as another setting: those tell nothing here. */
    private static void positiveMillis(Map<CostInput, Double> inputs, CostInput input, Config config, String name) {
        if (config.get(name) != null && Long.parseLong(config.get(name).value()) > 0) {
            inputs.put(input, Long.parseLong(config.get(name).value()) / HOUR_MILLIS);
        }
    }

    private static long leaderBytes(Admin admin, TopicDescription topic)
            throws ExecutionException, InterruptedException, TimeoutException {
        Map<Integer, Set<TopicPartition>> led = new HashMap<>();
        for (TopicPartitionInfo partition : topic.partitions()) {
            if (partition.leader() != null) {
                led.computeIfAbsent(partition.leader().id(), broker -> new java.util.HashSet<>())
                        .add(new TopicPartition(topic.name(), partition.partition()));
            }
        }
        long bytes = 0;
        for (var broker :
                get(admin.describeLogDirs(led.keySet()).allDescriptions()).entrySet()) {
            for (var directory : broker.getValue().values()) {
                for (var replica : directory.replicaInfos().entrySet()) {
                    if (led.getOrDefault(broker.getKey(), Set.of()).contains(replica.getKey())) {
                        bytes += replica.getValue().size();
                    }
                }
            }
        }
        return bytes;
    }

    private static void records(Map<CostInput, Double> inputs, Map<String, ?> kafka, String topic, long logBytes) {
        Map<String, Object> settings = new HashMap<>(kafka);
        settings.put("enable.auto.commit", false);
        settings.put("max.poll.records", SAMPLED_RECORDS);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic, PATIENCE).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            Map<TopicPartition, Long> begins = consumer.beginningOffsets(partitions, PATIENCE);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, PATIENCE);
            long records = 0;
            for (TopicPartition partition : partitions) {
                records += ends.getOrDefault(partition, 0L) - begins.getOrDefault(partition, 0L);
            }
            if (records == 0) {
                return;
            }
            inputs.put(CostInput.WIRE_BYTES, (double) logBytes / records);
            sample(inputs, consumer, begins, ends, records);
        }
    }

    /** Reads the first records and the last ones: their sizes, and the time that lies between them. */
    private static void sample(
            Map<CostInput, Double> inputs,
            KafkaConsumer<byte[], byte[]> consumer,
            Map<TopicPartition, Long> begins,
            Map<TopicPartition, Long> ends,
            long records) {
        long bytes = 0;
        long sampled = 0;
        long first = Long.MAX_VALUE;
        long last = Long.MIN_VALUE;
        for (TopicPartition partition : begins.keySet()) {
            long begin = begins.getOrDefault(partition, 0L);
            long end = ends.getOrDefault(partition, 0L);
            for (long from : new long[] {begin, Math.max(begin, end - SAMPLED_RECORDS / 10)}) {
                if (from >= end) {
                    continue;
                }
                consumer.assign(List.of(partition));
                consumer.seek(partition, from);
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(PATIENCE)) {
                    sampled++;
                    bytes += length(record.key()) + length(record.value());
                    first = Math.min(first, record.timestamp());
                    last = Math.max(last, record.timestamp());
                }
            }
        }
        if (sampled > 0) {
            inputs.put(CostInput.RECORD_BYTES, Math.max(1, (double) bytes / sampled));
        }
        if (last > first) {
            inputs.put(CostInput.RECORDS_PER_SECOND, records * 1000.0 / (last - first));
        }
    }

    private static int length(byte @Nullable [] bytes) {
        return bytes == null ? 0 : bytes.length;
    }
}
