package io.k2data;

import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.FreshnessException;
import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.SpiSelection;
import io.k2data.api.View;
import io.k2data.api.dedup.DeduplicatorFactory;
import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.api.event.EventType;
import io.k2data.api.query.QuerySource;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.dedup.Deduplicators;
import io.k2data.degradation.Degradation;
import io.k2data.degradation.DegradationPolicies;
import io.k2data.degradation.PriorityTiers;
import io.k2data.degradation.TierFile;
import io.k2data.iceberg.HybridEngine;
import io.k2data.iceberg.Warehouses;
import io.k2data.jdbc.ViewDataSource;
import io.k2data.kafka.KafkaDeadLetters;
import io.k2data.kafka.KafkaEventLog;
import io.k2data.kafka.RowFormats;
import io.k2data.pipeline.EventLog;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.IngestPipeline;
import io.k2data.pipeline.IngestPlan;
import io.k2data.pipeline.PartitionLedger;
import io.k2data.pipeline.PipelineSettings;
import io.k2data.pipeline.RowFormat;
import io.k2data.sequence.SequenceTrackers;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.apache.iceberg.catalog.Catalog;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/**
 * Takes market data from Kafka into Apache Iceberg, and answers SQL over both as one table.
 *
 * <pre>{@code
 * try (K2 k2 = K2.builder()
 *         .kafka(Map.of("bootstrap.servers", "localhost:9092"))
 *         .warehouse(Path.of("warehouse"))
 *         .build()) {
 *     k2.ingest(EventTypes.TRADE, "trades").start();
 *     try (View view = k2.view(Freshness.now(Duration.ofSeconds(2)));
 *             Statement statement = view.connection().createStatement();
 *             ResultSet rows = statement.executeQuery("select symbol, count(*) from trades group by symbol")) {
 *         ...
 *     }
 * }
 * }</pre>
 *
 * <p>Safe to use from several threads. Whoever builds one closes it.
 */
public final class K2 implements AutoCloseable {
    private static final long UNOWNED_PAUSE_NANOS = Duration.ofMillis(2).toNanos();

    private final Map<String, ?> kafka;
    private final Catalog catalog;
    private final boolean ownsCatalog;
    private final HybridEngine engine;
    private final SequenceTrackerFactory trackers;
    private final DeduplicatorFactory deduplicators;
    private final PipelineSettings settings;
    private final @Nullable Degradation degradation;
    private final MeterRegistry meters;
    private final Clock clock;
    private final List<Ingest> ingests = new ArrayList<>();
    private volatile boolean closed;

    private K2(
            Builder builder,
            Catalog catalog,
            HybridEngine engine,
            SequenceTrackerFactory trackers,
            DeduplicatorFactory deduplicators,
            PipelineSettings settings,
            @Nullable Degradation degradation) {
        this.degradation = degradation;
        this.kafka = Map.copyOf(builder.kafka);
        this.catalog = catalog;
        this.ownsCatalog = builder.catalog == null;
        this.engine = engine;
        this.trackers = trackers;
        this.deduplicators = deduplicators;
        this.settings = settings;
        this.meters = builder.meters;
        engine.ledgers(this::ledgers);
        this.clock = builder.clock;
    }

    /**
     * Returns a builder.
     *
     * @return the builder; it needs {@link Builder#kafka} and {@link Builder#warehouse}
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns a builder filled from properties: {@code k2.warehouse} or {@code k2.catalog.*} (an Iceberg catalog's
     * properties), {@code k2.kafka.*} (client settings, without the prefix), and optionally {@code k2.spool}, {@code k2.commit-interval}, {@code k2.checkpoint-interval} and {@code k2.view-max-age} (ISO-8601, such as
     * {@code PT10S}), {@code k2.generation-bytes}, {@code k2.generation-rows}, {@code k2.checkpoint-bytes}, {@code k2.memory-limit-bytes}, {@code k2.spool-bytes}, {@code k2.cache-bytes},
     * {@code k2.discover} ({@code true} or {@code false}), {@code k2.sequence-tracker}, {@code k2.deduplicator} and
     * {@code k2.degradation-policy} (names of implementations), and {@code k2.tiers} (a file of priority tiers). Keys without the prefix {@code k2.} are left alone.
     *
     * @param properties the properties
     * @return the builder
     * @throws InvalidSettingsException listing all keys that are unknown and all values that cannot be read
     */
    public static Builder fromProperties(Map<String, String> properties) {
        Builder builder = new Builder();
        Map<String, Object> client = new HashMap<>();
        Map<String, String> catalog = new HashMap<>();
        Map<String, Consumer<String>> known = new LinkedHashMap<>();
        known.put("k2.warehouse", value -> builder.warehouse(Path.of(value)));
        known.put("k2.spool", value -> builder.spool(Path.of(value)));
        known.put("k2.commit-interval", value -> builder.commitInterval(Duration.parse(value)));
        known.put(
                "k2.checkpoint-interval", value -> builder.checkpoints(Duration.parse(value), builder.checkpointBytes));
        known.put(
                "k2.checkpoint-bytes",
                value -> builder.checkpoints(builder.checkpointInterval, Integer.parseInt(value)));
        known.put("k2.view-max-age", value -> builder.viewMaxAge(Duration.parse(value)));
        known.put("k2.generation-bytes", value -> builder.generationBytes(Long.parseLong(value)));
        known.put("k2.generation-rows", value -> builder.generationRows(Integer.parseInt(value)));
        known.put("k2.spool-bytes", value -> builder.spoolBytes(Long.parseLong(value)));
        known.put("k2.cache-bytes", value -> builder.cacheBytes(Long.parseLong(value)));
        known.put("k2.memory-limit-bytes", value -> builder.memoryLimitBytes(Long.parseLong(value)));
        known.put("k2.sequence-tracker", builder::sequenceTracker);
        known.put("k2.deduplicator", builder::deduplicator);
        known.put("k2.degradation-policy", builder::degradationPolicy);
        known.put("k2.tiers", value -> builder.tiers(Path.of(value)));
        known.put("k2.discover", value -> {
            if (!value.equals("true") && !value.equals("false")) {
                throw new IllegalArgumentException("expected true or false");
            }
            if (value.equals("true")) {
                builder.discover();
            }
        });
        List<String> problems = new ArrayList<>();
        new TreeMap<>(properties).forEach((key, value) -> {
            if (key.startsWith("k2.kafka.")) {
                client.put(key.substring("k2.kafka.".length()), value);
            } else if (key.startsWith("k2.catalog.")) {
                catalog.put(key.substring("k2.catalog.".length()), value);
            } else if (known.containsKey(key)) {
                try {
                    known.get(key).accept(value);
                } catch (DateTimeParseException | IllegalArgumentException e) {
                    problems.add(key + ": '" + value + "' cannot be read: " + e.getMessage());
                }
            } else if (key.startsWith("k2.")) {
                problems.add(
                        key + ": unknown; known are k2.kafka.*, k2.catalog.* and " + String.join(", ", known.keySet()));
            }
        });
        if (!problems.isEmpty()) {
            throw new InvalidSettingsException(problems);
        }
        if (!catalog.isEmpty()) {
            builder.catalog("k2", catalog);
        }
        return builder.kafka(client);
    }

    /**
     * Prepares to take a topic of K2's own JSON events into the event type's table. Several event types may share a topic;
     * each has its own ingest, table and offsets.
     *
     * @param type the event type, one of {@link io.k2data.api.event.EventTypes} or one's own
     * @param topic the topic
     * @return the ingest; {@link Ingest#start} sets it going, and closing this K2 closes it
     */
    public Ingest ingest(EventType<?> type, String topic) {
        return ingest(type, topic, RowFormats.json());
    }

    /**
     * Prepares to take a topic into the event type's table.
     *
     * @param type the event type
     * @param topic the topic
     * @param deserializer makes events of record values; called by one thread. A record it fails on goes to the dead
     *     letters. It stays the caller's
     * @param <T> the class of the events
     * @return the ingest; {@link Ingest#start} sets it going, and closing this K2 closes it
     */
    public <T> Ingest ingest(EventType<T> type, String topic, Deserializer<? extends T> deserializer) {
        return ingest(type, topic, RowFormats.of(type, deserializer));
    }

    /**
     * Prepares to take a topic into the event type's table.
     *
     * @param type the event type
     * @param topic the topic
     * @param format how the record values read, one of {@link RowFormats} or one's own
     * @return the ingest; {@link Ingest#start} sets it going, and closing this K2 closes it
     */
    public Ingest ingest(EventType<?> type, String topic, RowFormat format) {
        IngestPlan plan = IngestPlan.writing(type);
        return prepare(type, topic, format, degradation == null ? plan : plan.degradation(degradation));
    }

    /**
     * Prepares to follow a topic of K2's own JSON events that a writer, another process as a rule, takes into the event
     * type's table. Views give the same answers here as there, whether or not the writer lives. Nothing that others share
     * is changed. The format must be the writer's.
     *
     * @param type the event type
     * @param topic the topic
     * @return the ingest; {@link Ingest#start} sets it going, and closing this K2 closes it
     */
    public Ingest follow(EventType<?> type, String topic) {
        return follow(type, topic, RowFormats.json());
    }

    /**
     * Prepares to follow a topic, as {@link #follow(EventType, String)} does.
     *
     * @param type the event type
     * @param topic the topic
     * @param format how the record values read
     * @return the ingest; {@link Ingest#start} sets it going, and closing this K2 closes it
     */
    public Ingest follow(EventType<?> type, String topic, RowFormat format) {
        return prepare(type, topic, format, IngestPlan.writing(type).role(PartitionContext.Role.FOLLOWER));
    }

    private synchronized Ingest prepare(EventType<?> type, String topic, RowFormat format, IngestPlan plan) {
        requireOpen();
        // Beside a member of a group the follower's rows must leave room for the member's, in one memory.
        PipelineSettings half = settings.memoryBytes(Math.max(1L << 20, settings.memoryBytes() / 2));
        Ingest ingest = new Ingest(
                type.name(),
                topic,
                plan,
                chosen -> open(type, topic, format, chosen, settings),
                chosen -> open(type, topic, format, chosen, half));
        ingests.add(ingest);
        return ingest;
    }

    private IngestPipeline open(
            EventType<?> type, String topic, RowFormat format, IngestPlan plan, PipelineSettings own) {
        EventLog log = KafkaEventLog.open(kafka, topic);
        EventStore store = null;

        try {
            store = engine.store(type, plan.role());
            return new IngestPipeline(type, format, plan, log, store, trackers, deduplicators, own, meters, clock);
        } finally {
            if (store == null) {
                log.close();
            }
        }
    }

    /**
     * Lists and repairs the dead letters of a topic of K2's own JSON events.
     *
     * @param type the event type whose table could not take them
     * @param topic the topic they were on
     * @return the dead letters; the caller closes them
     */
    public DeadLetters deadLetters(EventType<?> type, String topic) {
        return deadLetters(type, topic, RowFormats.json());
    }

    /**
     * Lists and repairs the dead letters of a topic.
     *
     * @param type the event type whose table could not take them
     * @param topic the topic they were on
     * @param format how repaired values read
     * @return the dead letters; the caller closes them
     */
    public DeadLetters deadLetters(EventType<?> type, String topic, RowFormat format) {
        requireOpen();
        return new DeadLetters(
                type,
                KafkaDeadLetters.open(kafka, topic),
                () -> engine.storeAside(type),
                format,
                deduplicators.window(),
                settings);
    }

    /**
     * Pins one cut over the live rows and the history of ingests that were started.
     *
     * @param freshness how fresh it has to be
     * @param tables the tables to show, and to wait for; all if none is named
     * @return the view; the caller closes it
     * @throws FreshnessException if the deadline passed first; it names the partitions that lag
     * @throws K2Exception if no exact answer can be given, with the reason
     */
    public View view(Freshness freshness, String... tables) {
        Set<String> shown = Set.copyOf(Arrays.asList(tables));
        List<Ingest> running = running(shown);
        running.forEach(ingest -> ingest.pipelines().forEach(IngestPipeline::requireNotStopped));
        if (freshness instanceof Freshness.Now now) {
            return fresh(running, shown, K2::stableEnds, now.deadline(), now.onMiss());
        } else if (freshness instanceof Freshness.AtLeast least) {
            return fresh(running, shown, ingest -> ends(ingest, least), least.deadline(), least.onMiss());
        }
        return engine.view(shown);
    }

    /**
     * Shows what the tables of ingests that were started held at an instant: what was committed by then, and nothing of
     * what was on its way. Columns are those of now; ones added later are null.
     *
     * @param instant the instant, by the clocks of those who committed
     * @param tables the tables to show; all if none is named
     * @return the view; the caller closes it
     * @throws K2Exception if a table's snapshot of that instant expired, with the oldest that is left, or if a table cannot
     *     be read
     */
    public View asOf(Instant instant, String... tables) {
        Set<String> shown = Set.copyOf(Arrays.asList(tables));
        requireStarted(shown);
        return engine.asOf(shown, instant);
    }

    /**
     * Shows what a table held as of a snapshot, as {@link #asOf(Instant, String...)} does. {@link View#cut} tells a view's
     * snapshots.
     *
     * @param table the table, of an ingest that was started
     * @param snapshotId the snapshot, on the table's main branch
     * @return the view; the caller closes it
     * @throws K2Exception if the snapshot expired or was never there, with the oldest that is left, or if the table cannot
     *     be read
     */
    public View asOf(String table, long snapshotId) {
        requireStarted(Set.of(table));
        return engine.asOf(table, snapshotId);
    }

    /**
     * Returns a data source for tools that take one: jOOQ, Jdbi, Spring's JdbcTemplate, a pool. In auto-commit mode each
     * statement has a cut of its own, otherwise each transaction has; see {@link ViewDataSource}. It shows all tables, as
     * fresh as they are.
     *
     * @return a data source, which holds nothing and need not be closed; its connections are of no use once this is closed
     */
    public DataSource dataSource() {
        return dataSource(Freshness.asFreshAsIs());
    }

    /**
     * Returns a data source, as {@link #dataSource()} does, for a demand on freshness and on some tables alone. With
     * {@link Freshness#now} each cut waits for what Kafka had acknowledged when it was asked for, and a statement fails with
     * {@link java.sql.SQLTimeoutException} where that cannot be had in time.
     *
     * @param freshness how fresh each cut has to be
     * @param tables the tables to show, and to wait for; all if none is named
     * @return a data source
     */
    public DataSource dataSource(Freshness freshness, String... tables) {
        Objects.requireNonNull(freshness, "freshness");
        String[] shown = tables.clone();
        return new ViewDataSource(() -> view(freshness, shown), () -> !closed);
    }

    /** What is missing of a table's streams, from whoever reads each partition here. */
    private List<PartitionLedger> ledgers(String table) {
        List<IngestPipeline> running;
        synchronized (this) {
            running = ingests.stream()
                    .filter(ingest -> ingest.table().equals(table))
                    .flatMap(ingest -> ingest.pipelines().stream())
                    .toList();
        }
        Map<LogPartition, PartitionLedger> ledgers = new TreeMap<>();
        // Where a member of a group and the follower beside it both have a partition on its way, the member's counts.
        running.forEach(
                pipeline -> pipeline.ledgers().forEach(ledger -> ledgers.putIfAbsent(ledger.partition(), ledger)));
        return List.copyOf(ledgers.values());
    }

    private static Map<LogPartition, Long> stableEnds(Ingest ingest) {
        return ingest.pipelines().get(0).stableEnds();
    }

    private static Map<LogPartition, Long> ends(Ingest ingest, Freshness.AtLeast least) {
        Map<LogPartition, Long> ends = new TreeMap<>();
        for (LogPartition known : ingest.committed().keySet()) {
            if (!known.topic().equals(least.topic())) {
                return Map.of();
            }
            least.next()
                    .forEach((number, next) -> ends.put(
                            new LogPartition(known.clusterId(), known.topicId(), known.topic(), number), next));
        }
        return ends;
    }

    private View fresh(
            List<Ingest> running,
            Set<String> tables,
            Function<Ingest, Map<LogPartition, Long>> demand,
            Duration deadline,
            Freshness.OnMiss onMiss) {
        long deadlineNanos = System.nanoTime() + deadline.toNanos();
        try {
            Map<Ingest, Map<LogPartition, Long>> demanded = new LinkedHashMap<>();
            running.forEach(ingest -> demanded.put(ingest, demand.apply(ingest)));
            if (demanded.values().stream().allMatch(Map::isEmpty)) {
                throw new IllegalArgumentException("none of the tables "
                        + running.stream().map(Ingest::table).toList() + " takes the topic asked for");
            }
            while (true) {
                demanded.forEach((ingest, ends) ->
                        ingest.pipelines().forEach(pipeline -> pipeline.await(ends, deadlineNanos, deadline)));
                View view = engine.view(tables);
                // Between the wait and the pin a fenced writer may have gone back to the table's offsets, and a
                // partition
                // on its way from one member of a group to another is nobody's for a moment.
                String behind = demanded.entrySet().stream()
                        .flatMap(entry ->
                                behind(view.cut().tables().get(entry.getKey().table()), entry.getValue()))
                        .limit(8)
                        .collect(Collectors.joining(", "));
                if (behind.isEmpty()) {
                    return view;
                }
                view.close();
                if (System.nanoTime() - deadlineNanos >= 0) {
                    throw new FreshnessException("not up to date within " + deadline + ": " + behind, null);
                }
                LockSupport.parkNanos(UNOWNED_PAUSE_NANOS);
                if (Thread.interrupted()) {
                    Thread.currentThread().interrupt();
                    throw new K2Exception.Retry("interrupted while waiting for " + behind, null);
                }
            }
        } catch (FreshnessException e) {
            if (onMiss == Freshness.OnMiss.FAIL) {
                throw e;
            }
            return engine.view(tables);
        }
    }

    private static Stream<String> behind(Cut.@Nullable TableCut cut, Map<LogPartition, Long> ends) {
        return ends.entrySet().stream()
                .filter(end -> read(cut, end.getKey()) < end.getValue())
                .map(end -> end.getKey() + " read to " + read(cut, end.getKey()) + " of " + end.getValue());
    }

    private static long read(Cut.@Nullable TableCut cut, LogPartition partition) {
        Cut.PartitionCut known = cut == null ? null : cut.partitions().get(partition);
        return known == null ? -1 : known.liveEnd();
    }

    private synchronized List<Ingest> running(Set<String> tables) {
        Collection<Ingest> running = requireStarted(tables);
        for (Ingest ingest : running) {
            if (!ingest.readsAll()) {
                throw new IllegalStateException("the ingest of " + ingest.table()
                        + " reads only its own partitions of the group, so that a view would miss rows of the others;"
                        + " have it read all, or ask a follower");
            }
        }
        return List.copyOf(running);
    }

    private synchronized Collection<Ingest> requireStarted(Set<String> tables) {
        requireOpen();
        Map<String, Ingest> running = new TreeMap<>();
        for (Ingest ingest : ingests) {
            if (!ingest.pipelines().isEmpty() && (tables.isEmpty() || tables.contains(ingest.table()))) {
                running.put(ingest.table(), ingest);
            }
        }
        if (running.isEmpty()) {
            throw new IllegalStateException("there is nothing to view: start an ingest first");
        }
        if (!running.keySet().containsAll(tables)) {
            Set<String> unknown = new TreeSet<>(tables);
            unknown.removeAll(running.keySet());
            throw new IllegalArgumentException("no ingest was started for " + unknown);
        }
        return running.values();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this K2 is closed");
        }
    }

    /** Closes all ingests, each with a last commit, then the query engine. Views that are open fail from now on. */
    @Override
    public void close() {
        List<Ingest> closing;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            closing = List.copyOf(ingests);
        }
        AutoCloseable ownCatalog = ownsCatalog && catalog instanceof AutoCloseable closeable ? closeable : null;
        try (AutoCloseable last = ownCatalog;
                HybridEngine next = engine) {
            closing.forEach(Ingest::close);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new K2Exception.Retry("cannot close the catalog", e);
        }
    }

    /** Collects settings. Not thread-safe. */
    public static final class Builder {
        private Map<String, ?> kafka = Map.of();
        private @Nullable Path warehouse;
        private @Nullable Catalog catalog;
        private List<Path> catalogDirectories = List.of();
        private @Nullable Map<String, String> catalogProperties;
        private String catalogName = "k2";
        private long spoolBytes = 2L << 30;
        private long cacheBytes = 4L << 30;
        private Path spool = Path.of(System.getProperty("java.io.tmpdir"), "k2-spool");
        private @Nullable SequenceTrackerFactory tracker;
        private @Nullable DeduplicatorFactory deduplicator;
        private @Nullable String trackerName;
        private @Nullable String deduplicatorName;
        private @Nullable DegradationPolicyFactory degradationPolicy;
        private @Nullable String degradationPolicyName;
        private @Nullable PriorityTiers tiers;
        private @Nullable Path tierFile;
        private final List<QuerySource> sources = new ArrayList<>();
        private boolean discover;
        private MeterRegistry meters = new SimpleMeterRegistry();
        private Duration commitInterval = PipelineSettings.DEFAULT.commitInterval();
        private long generationBytes = PipelineSettings.DEFAULT.generationBytes();
        private int generationRows = PipelineSettings.DEFAULT.generationRows();
        private Duration checkpointInterval = PipelineSettings.DEFAULT.checkpointInterval();
        private int checkpointBytes = PipelineSettings.DEFAULT.checkpointBytes();
        private Clock clock = Clock.systemUTC();
        private long memoryLimitBytes = 1L << 30;
        private Duration viewMaxAge = Duration.ofMinutes(30);

        private Builder() {}

        /**
         * Sets the Kafka clients' settings. All pass through untouched but those that K2 owns, which are refused:
         * {@link KafkaEventLog#OWNED_SETTINGS}.
         *
         * @param settings by name; {@code bootstrap.servers} is needed
         * @return this
         */
        public Builder kafka(Map<String, ?> settings) {
            this.kafka = settings;
            return this;
        }

        /**
         * Sets a local directory to hold the tables and their SQLite catalog; made if it is not there.
         *
         * @param directory the directory
         * @return this
         */
        public Builder warehouse(Path directory) {
            this.warehouse = directory;
            return this;
        }

        /**
         * Sets a catalog by its usual Iceberg properties instead of a warehouse: {@code type} or {@code catalog-impl},
         * {@code uri}, {@code warehouse}, {@code io-impl} and so on. Where {@code io-impl} is not given, a warehouse in
         * S3 gets Iceberg's {@code S3FileIO} and one on a local path gets {@link io.k2data.iceberg.LocalFileIO}. The
         * classes of the catalog and its file access must be on the class path; see docs/storage.md.
         *
         * @param name the catalog's name
         * @param properties its properties; no value is shown in any message
         * @return this
         */
        public Builder catalog(String name, Map<String, String> properties) {
            this.catalogName = name;
            this.catalogProperties = Map.copyOf(properties);
            return this;
        }

        /**
         * Sets a catalog instead of a warehouse.
         *
         * @param existing the catalog; stays the caller's
         * @param directories local directories that hold tables' files, possibly none; files elsewhere, in S3 say, are
         *     fetched into a cache. Queries can read nothing else
         * @return this
         */
        public Builder catalog(Catalog existing, Path... directories) {
            this.catalog = existing;
            this.catalogDirectories = List.of(directories);
            return this;
        }

        /**
         * Sets the local directory for files on their way to a table and for what queries spill; by default
         * {@code k2-spool} in the system's temporary directory. Processes may share it.
         *
         * @param directory the directory
         * @return this
         */
        public Builder spool(Path directory) {
            this.spool = directory;
            return this;
        }

        /**
         * Sets the sequence tracker; beats a name and whatever discovery finds.
         *
         * @param factory opens one per partition
         * @return this
         */
        public Builder sequenceTracker(SequenceTrackerFactory factory) {
            this.tracker = factory;
            return this;
        }

        /**
         * Chooses the sequence tracker by name.
         *
         * @param name the name, {@code in-memory} or one that discovery finds
         * @return this
         */
        public Builder sequenceTracker(String name) {
            this.trackerName = name;
            return this;
        }

        /**
         * Sets the deduplicator; beats a name and whatever discovery finds.
         *
         * @param factory opens one per partition
         * @return this
         */
        public Builder deduplicator(DeduplicatorFactory factory) {
            this.deduplicator = factory;
            return this;
        }

        /**
         * Chooses the deduplicator by name.
         *
         * @param name the name, {@code exact} or one that discovery finds
         * @return this
         */
        public Builder deduplicator(String name) {
            this.deduplicatorName = name;
            return this;
        }

        /**
         * Sets what chooses the degradation level under load; beats a name and whatever discovery finds. Without a policy
         * and without tiers nothing is put off: an ingest that is too slow falls behind. With tiers alone it is
         * {@link DegradationPolicies#thresholds()}.
         *
         * @param factory gives the policy
         * @return this
         */
        public Builder degradationPolicy(DegradationPolicyFactory factory) {
            this.degradationPolicy = factory;
            return this;
        }

        /**
         * Chooses the degradation policy by name.
         *
         * @param name the name, {@code thresholds} or one that discovery finds
         * @return this
         */
        public Builder degradationPolicy(String name) {
            this.degradationPolicyName = name;
            return this;
        }

        /**
         * Sets how important streams are under load: what is least important is put off first, and brought in later.
         *
         * @param priorityTiers the tiers
         * @return this
         */
        public Builder tiers(PriorityTiers priorityTiers) {
            this.tiers = priorityTiers;
            return this;
        }

        /**
         * Sets how important streams are under load, by a file that may be replaced while it is in use, see
         * {@link TierFile} and {@link PriorityTiers}.
         *
         * @param file the file
         * @return this
         */
        public Builder tiers(Path file) {
            this.tierFile = file;
            return this;
        }

        /**
         * Adds rows that views show as a relation beside the tables, such as reference data to join with. Each view shows
         * them as they were when it was opened.
         *
         * @param source the source; stays the caller's
         * @return this
         */
        public Builder source(QuerySource source) {
            this.sources.add(source);
            return this;
        }

        /**
         * Looks for implementations on the class path ({@link java.util.ServiceLoader}); without this nothing is looked
         * for.
         *
         * @return this
         */
        public Builder discover() {
            this.discover = true;
            return this;
        }

        /**
         * Sets where meters are registered; all begin with {@code k2.}.
         *
         * @param registry the registry; stays the caller's
         * @return this
         */
        public Builder meterRegistry(MeterRegistry registry) {
            this.meters = registry;
            return this;
        }

        /**
         * Sets the longest time a record waits for its commit; 10 s by default. Queries do not wait for commits.
         *
         * @param interval 100 ms to 1 h
         * @return this
         */
        public Builder commitInterval(Duration interval) {
            this.commitInterval = interval;
            return this;
        }

        /**
         * Sets how many bytes of records make a commit due; 128 MiB by default.
         *
         * @param bytes 1 KiB to 4 GiB
         * @return this
         */
        public Builder generationBytes(long bytes) {
            this.generationBytes = bytes;
            return this;
        }

        /**
         * Sets how many rows make a commit due; 500,000 by default.
         *
         * @param rows 1 to 10 million
         * @return this
         */
        public Builder generationRows(int rows) {
            this.generationRows = rows;
            return this;
        }

        /**
         * Sets how checkpoints are kept of what judges a partition, its sequence tracker and its deduplicator. They ride in
         * commits; whoever takes the partition over begins from them, and need not read two dedup windows of the table.
         *
         * @param interval the shortest time between two of one partition, 100 ms to 24 h; one minute by default
         * @param bytes how large one may be, 0 to 1 GiB; what is larger is rebuilt from the table. 16 MiB by default, which
         *     is half a million integer ids; 0 keeps none, and gaps older than two windows are forgotten at a restart
         * @return this
         */
        public Builder checkpoints(Duration interval, int bytes) {
            this.checkpointInterval = interval;
            this.checkpointBytes = bytes;
            return this;
        }

        /**
         * Sets the clock that the rows' ingestion time is read from; the system's by default. Nothing else follows it: how
         * long something takes is measured by {@link System#nanoTime}, and where a row belongs is decided by offsets.
         *
         * @param clock the clock
         * @return this
         */
        public Builder clock(Clock clock) {
            this.clock = clock;
            return this;
        }

        /**
         * Sets the most memory that DuckDB takes, for live rows and for queries; 1 GiB by default. A commit is due when
         * live rows take a third of it. While nobody asks for them, live rows are on the Java heap, and take up to an eighth
         * of that, at most 128 MiB, and as much again for those to come.
         *
         * @param bytes 64 MiB or more
         * @return this
         */
        public Builder memoryLimitBytes(long bytes) {
            this.memoryLimitBytes = bytes;
            return this;
        }

        /**
         * Sets the most bytes of files on their way to tables; 2 GiB by default. As much again may be taken by what
         * queries spill. A generation becomes at most a few files of about its own size.
         *
         * @param bytes 64 MiB or more
         * @return this
         */
        public Builder spoolBytes(long bytes) {
            this.spoolBytes = bytes;
            return this;
        }

        /**
         * Sets the most bytes of local copies of data files that are not on a local disk; 4 GiB by default. A
         * statement needs room for the files that its conditions leave.
         *
         * @param bytes 64 KiB or more
         * @return this
         */
        public Builder cacheBytes(long bytes) {
            this.cacheBytes = bytes;
            return this;
        }

        /**
         * Sets how long a view may be used; 30 minutes by default. It must be shorter than the tables keep snapshots,
         * one hour unless their properties say otherwise.
         *
         * @param age more than zero
         * @return this
         */
        public Builder viewMaxAge(Duration age) {
            this.viewMaxAge = age;
            return this;
        }

        /**
         * Opens the catalog and the query engine. Kafka is first asked when an ingest starts.
         *
         * @return the K2; the caller closes it
         * @throws InvalidSettingsException listing everything that is wrong with the settings
         */
        public K2 build() {
            List<String> problems = new ArrayList<>();
            if (!kafka.containsKey("bootstrap.servers")) {
                problems.add("kafka: bootstrap.servers is missing, for example localhost:9092");
            }
            long homes = Stream.of(warehouse, catalog, catalogProperties)
                    .filter(Objects::nonNull)
                    .count();
            if (homes != 1) {
                problems.add(
                        "warehouse: set either a warehouse directory or a catalog" + (homes == 0 ? "" : ", not both"));
            }
            if (catalogProperties != null) {
                problems.addAll(Warehouses.problems(catalogProperties));
            }
            if (spoolBytes < 64L << 20) {
                problems.add("spool-bytes: " + spoolBytes + ", expected 67108864 (64 MiB) or more");
            }
            if (cacheBytes < 64L << 10) {
                problems.add("cache-bytes: " + cacheBytes + ", expected 65536 (64 KiB) or more");
            }
            if (memoryLimitBytes < 64L << 20) {
                problems.add("memory-limit-bytes: " + memoryLimitBytes + ", expected 67108864 (64 MiB) or more");
            }
            if (viewMaxAge.isNegative() || viewMaxAge.isZero()) {
                problems.add("view-max-age: " + viewMaxAge + ", expected more than zero");
            }
            Set<String> names = new TreeSet<>();
            for (QuerySource source : sources) {
                if (!names.add(source.name())) {
                    problems.add("source: two are named '" + source.name() + "'");
                }
                if (source.name().equals("deferred")) {
                    problems.add("source: 'deferred' is a relation of every view already");
                }
            }
            problems.addAll(KafkaEventLog.problems(kafka));
            SequenceTrackerFactory chosenTracker = collect(
                    problems,
                    () -> SpiSelection.choose(
                            SequenceTrackerFactory.class,
                            tracker,
                            trackerName,
                            discover ? SpiSelection.discover(SequenceTrackerFactory.class) : List.of(),
                            SequenceTrackers.inMemory()));
            DeduplicatorFactory chosenDeduplicator = collect(
                    problems,
                    () -> SpiSelection.choose(
                            DeduplicatorFactory.class,
                            deduplicator,
                            deduplicatorName,
                            discover ? SpiSelection.discover(DeduplicatorFactory.class) : List.of(),
                            Deduplicators.exact()));
            PipelineSettings settings = collect(
                    problems,
                    () -> new PipelineSettings(
                            commitInterval,
                            generationBytes,
                            generationRows,
                            Math.max(1L << 20, memoryLimitBytes / 3),
                            PipelineSettings.DEFAULT.pendingGenerations(),
                            PipelineSettings.DEFAULT.daysPerCommit(),
                            PipelineSettings.DEFAULT.eventTimeBehind(),
                            PipelineSettings.DEFAULT.eventTimeAhead(),
                            checkpointInterval,
                            checkpointBytes));
            Degradation degradation = collect(problems, this::degradation);
            if (!problems.isEmpty() || chosenTracker == null || chosenDeduplicator == null || settings == null) {
                throw new InvalidSettingsException(problems);
            }
            Catalog opened;
            List<Path> readable;
            if (catalog != null) {
                opened = catalog;
                readable = catalogDirectories;
            } else if (catalogProperties != null) {
                opened = Warehouses.open(catalogName, catalogProperties);
                readable = Warehouses.localDirectories(catalogProperties);
            } else {
                Path directory = Objects.requireNonNull(warehouse);
                opened = Warehouses.local(directory);
                readable = List.of(directory);
            }
            HybridEngine engine = HybridEngine.open(
                    opened,
                    readable,
                    spool,
                    new HybridEngine.Bounds(memoryLimitBytes, spoolBytes, cacheBytes),
                    viewMaxAge,
                    meters);
            sources.forEach(engine::add);
            return new K2(this, opened, engine, chosenTracker, chosenDeduplicator, settings, degradation);
        }

        /** Null where nothing was said of it: then nothing is put off. */
        private @Nullable Degradation degradation() {
            if (tiers != null && tierFile != null) {
                throw new InvalidSettingsException(List.of("tiers: set either tiers or a file of them, not both"));
            }
            if (degradationPolicy == null && degradationPolicyName == null && tiers == null && tierFile == null) {
                return null;
            }
            DegradationPolicyFactory policy = SpiSelection.choose(
                    DegradationPolicyFactory.class,
                    degradationPolicy,
                    degradationPolicyName,
                    discover ? SpiSelection.discover(DegradationPolicyFactory.class) : List.of(),
                    DegradationPolicies.thresholds());
            return tierFile == null
                    ? Degradation.of(policy, tiers == null ? PriorityTiers.none() : tiers)
                    : Degradation.of(policy, TierFile.open(tierFile));
        }

        private static <V> @Nullable V collect(List<String> problems, Supplier<? extends @Nullable V> value) {
            try {
                return value.get();
            } catch (InvalidSettingsException e) {
                problems.addAll(e.problems());
                return null;
            }
        }
    }
}
