package io.k2data.pipeline;

import io.k2data.api.FencedException;
import io.k2data.api.FreshnessException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StartPosition;
import io.k2data.api.StreamKey;
import io.k2data.api.TopicRecreatedException;
import io.k2data.api.UnreadableTableException;
import io.k2data.api.dedup.DeduplicatorFactory;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.api.event.Column;
import io.k2data.api.event.EventType;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.degradation.PriorityTiers;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes one topic into one table: reads, decodes, checks, judges, stores, and commits rows together with offsets. As a
 * follower it does the same but for the commit: it begins at the table's offsets, keeps what it read as live rows, and
 * drops them once a writer has committed as far. It changes nothing that others share: no table, no dead letter.
 *
 * <p>Which partitions it works on: all of the topic's; for a member of a group those that the group gives it, which come
 * and go; for a follower beside such a member, the others. A partition that goes is committed first if there is time, and
 * nothing of it is kept. One that comes is read from the table's offset on, whatever was known of it before. The same way
 * is taken when another writer moved a partition: it is given up, with its part in what waits for its commit, and taken
 * anew; the other partitions are not touched.
 *
 * <p>Under load, if it was given a way to go on, it passes records of the less important tiers over: their ranges of offsets
 * go to a ledger, which is part of the partition's state and so rides in the same commits. When the load is gone they are
 * read again and brought in, by commits that shrink the ledger as they add the rows. See docs/decisions/0013-deferral.md.
 *
 * <p>Two threads. The <em>ingest</em> thread reads the log and owns everything a record passes through; the
 * <em>committer</em> thread turns sealed generations into commits. They meet at a bounded queue: when it is full,
 * reading pauses. Whatever goes wrong that time may heal, the pipeline reads the table again and goes on from its
 * offsets, as after a crash; so there is one way back, and it is walked often. What time cannot heal stops it, and
 * {@link #health} says why.
 *
 * <p>Public methods may be called by any thread.
 */
public final class IngestPipeline implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(IngestPipeline.class);
    private static final Duration POLL = Duration.ofMillis(50);
    private static final long MEMORY_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final long FIRST_BACKOFF_MILLIS = 200;
    private static final long LAST_BACKOFF_MILLIS = 10_000;
    private static final long MICROS_PER_DAY = 86_400_000_000L;
    private static final int START_ATTEMPTS = 5;
    private static final int MAX_COLUMNS = 500;
    private static final Duration FOLLOW_AT_LEAST = Duration.ofSeconds(1);
    /** How long a commit may take before what waits for it goes on without. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    /** The same while a group waits for us to let partitions go; shorter than any sensible rebalance. */
    private static final Duration LEAVING_PATIENCE = Duration.ofSeconds(20);

    /** How often the log is asked for its ends while no commit asks. */
    private static final long WATCH_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** The same where the level goes by the lag. */
    private static final long WATCH_UNDER_LOAD_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private static final long INFORM_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** Rows judged at a time while somebody waits for rows, so that what is read after those does not delay them. */
    private static final int ROWS_WHILE_WAITED_FOR = 2_000;
    /** How many rows, and for how long, may be held back while nobody waits for them. */
    private static final int ROWS_HELD = 10_000;

    private static final long HOLD_NANOS = TimeUnit.MILLISECONDS.toNanos(25);
    private static final Duration POLL_WHILE_HOLDING = Duration.ofMillis(1);

    /** How much of its time the ingest thread spends on bringing in what was put off, while new records come. */
    private static final double BACKFILL_SHARE = 0.25;

    private static final long BACKFILL_CREDIT_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final Duration BACKFILL_POLL = Duration.ofMillis(20);
    private static final long RETENTION_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final EventType<?> type;
    private final RowFormat format;
    private final IngestPlan plan;
    private final EventLog log;
    private final EventStore store;
    private final Checkpoints checkpoints;
    private final PipelineSettings settings;
    private final Clock clock;
    private final Judge judge;
    private final MeterRegistry meters;
    private final Tags tags;
    private final List<Meter> registered = new ArrayList<>();
    private final Committer committer;
    private final Thread thread;
    private final Timer commitTimer;
    private final Counter fenced;
    private final Counter retried;
    private final Map<Class<?>, Counter> sequenceCounters = new HashMap<>();
    private final Counter deferredHoles;
    private final Map<String, Counter> backfilled = new HashMap<>();
    private final Counter enrichmentFailures;
    private final Counter consumedBytes;
    /** Null where nothing is done under load. */
    private final @Nullable LoadControl load;

    /** Guards what other threads look at: health, live ends, committed states. */
    private final ReentrantLock lock = new ReentrantLock();

    private final Condition moved = lock.newCondition();
    private final Map<LogPartition, Long> liveEnds = new TreeMap<>();
    private final Map<LogPartition, PartitionState> committed = new TreeMap<>();
    private final Map<LogPartition, PartitionState> left = new TreeMap<>();
    private final Map<LogPartition, Long> logEnds = new TreeMap<>();
    /** Where the log ended when a partition was begun with; whoever has read so far has caught up. */
    private final Map<LogPartition, Long> catchUp = new TreeMap<>();

    private final Queue<FutureTask<?>> questions = new ConcurrentLinkedQueue<>();
    private Health health = new Health(Health.Status.NEW, null);
    private K2Exception.@Nullable Stop stopped;
    /** What views wait for. */
    private final List<Awaited> awaited = new CopyOnWriteArrayList<>();

    private volatile boolean closing;
    private volatile boolean draining;
    private volatile boolean unreachable;
    private volatile long watchedNanos;
    private volatile boolean partitionsMayHaveGrown;
    /** What a follower leaves to the member of a group beside it. */
    private volatile Set<LogPartition> leftToOthers = Set.of();

    /** Told which partitions are ours when that changes. */
    private volatile Consumer<Set<LogPartition>> onOwned = owned -> {};

    private volatile long lagRecords;
    private volatile long liveBytes;
    private volatile Tally committedHere = Tally.ZERO;
    private volatile long deferredRecords;
    private volatile long deferredRanges;
    private volatile long oldestDeferredMillis = Long.MAX_VALUE;
    private volatile double retentionSeconds = Double.NaN;
    private volatile long commitBeganNanos;
    private volatile long lastCommitNanos;
    /** Bytes of the generations that wait for their commit. Guarded by {@code lock}. */
    private final Map<EventStore.Generation, Long> sealedBytes = new IdentityHashMap<>();

    // Ingest thread only, once it runs.
    private @Nullable RowDecoder decoder;
    private @Nullable RowChecker checker;
    private final Set<String> refusedColumns = new HashSet<>();
    private boolean full;
    private long followedNanos;
    private Set<LogPartition> leftBefore = Set.of();
    private final Map<LogPartition, PartitionWork> work = new TreeMap<>();
    /** What a group gave us; not used without a group. */
    private final Set<LogPartition> owned = new TreeSet<>();
    /** Ours, but not in {@code work} yet. */
    private final Set<LogPartition> toTake = new TreeSet<>();

    private boolean reloadNeeded;
    /** Records of a batch are being taken; it is not done until all are. */
    private boolean processing;

    private long informedNanos;
    private final List<Row> rows = new ArrayList<>();
    private final Map<LogPartition, Long> newEnds = new HashMap<>();
    private final Set<Long> days = new HashSet<>();
    /** In {@code days}; most records are of the same day as the one before. */
    private long lastDay = Long.MIN_VALUE;

    private long generationRows;
    private long generationBytes;
    private long generationSinceNanos;
    private long memoryCheckedNanos;
    private long heldSinceNanos;
    private final PartitionWork.Outcomes outcomes = new PartitionWork.Outcomes();
    private final EnrichedValues enriched;
    private final Map<String, PriorityTiers> tiersByVersion = new HashMap<>();
    private long queueingNanos;
    private long backfillCreditNanos;
    private long backfillSinceNanos;
    private boolean idle;
    private long retentionAskedNanos;
    private boolean retentionWarned;

    /**
     * Makes a pipeline; {@link #start} sets it going. It closes the log and the store when it is closed.
     *
     * @param type the event type
     * @param format how records read
     * @param plan what to do with the topic
     * @param log the topic
     * @param store the table
     * @param trackers opens sequence trackers, one per partition
     * @param deduplicators opens deduplicators, one per partition
     * @param settings how to cut generations
     * @param meters where meters are registered
     * @param clock tells the ingestion time of rows
     */
    public IngestPipeline(
            EventType<?> type,
            RowFormat format,
            IngestPlan plan,
            EventLog log,
            EventStore store,
            SequenceTrackerFactory trackers,
            DeduplicatorFactory deduplicators,
            PipelineSettings settings,
            MeterRegistry meters,
            Clock clock) {
        this.type = type;
        this.format = format;
        this.plan = plan;
        this.log = log;
        this.store = store;
        this.settings = settings;
        this.clock = clock;
        this.meters = meters;
        this.tags = Tags.of("table", type.name(), "role", plan.role().name().toLowerCase(Locale.ROOT));
        this.checkpoints = new Checkpoints(
                type.name(),
                store,
                trackers,
                deduplicators,
                settings,
                this::tiers,
                meters,
                tags,
                registered::add,
                System::nanoTime);
        this.judge = new Judge(type, store, deduplicators.window().toMillis(), this::observed, this::publish);
        this.committer = new Committer(
                "k2-commit-" + type.name(), settings.pendingGenerations(), this::commitOnce, this::onCommitTrouble);
        this.thread = new Thread(this::run, "k2-ingest-" + type.name());
        this.thread.setDaemon(true);
        this.commitTimer = registered(Timer.builder("k2.commit.duration")
                .description("time from a sealed generation to its commit")
                .tags(tags)
                .register(meters));
        this.fenced = counter("fenced");
        this.retried = counter("retried");
        this.load = isFollower()
                ? null
                : plan.degradation()
                        .map(degradation ->
                                new LoadControl(type.name(), degradation, meters, tags, registered::add, clock))
                        .orElse(null);
        this.enriched = new EnrichedValues(type);
        this.deferredHoles = registered(Counter.builder("k2.sequence.verdicts")
                .description("sequence numbers that were not in order")
                .tags(tags)
                .tag("verdict", "deferred")
                .register(meters));
        this.enrichmentFailures = registered(Counter.builder("k2.enrichment.failures")
                .description("rows stored as they came, since the enrichment failed on them")
                .tags(tags)
                .register(meters));
        this.consumedBytes = registered(Counter.builder("k2.consumed.bytes")
                .description("keys and values of the records of sealed generations, as they are after decompression")
                .baseUnit("bytes")
                .tags(tags)
                .register(meters));
        registerMeters();
        registerStorageMeters();
    }

    private Counter counter(String outcome) {
        return registered(Counter.builder("k2.commit.failures")
                .description("commits that did not go through at once")
                .tags(tags)
                .tag("outcome", outcome)
                .register(meters));
    }

    /** Notes a meter, to be removed on close: a registry outlives its pipelines, and keeps the first of a name. */
    private <M extends Meter> M registered(M meter) {
        registered.add(meter);
        return meter;
    }

    private void registerMeters() {
        Map<String, ToDoubleFunction<Tally>> outcomes = Map.of(
                "consumed", Tally::consumed,
                "stored", Tally::stored,
                "duplicate", Tally::duplicate,
                "rejected", Tally::rejected,
                "lost", Tally::lost,
                "skipped", Tally::skipped,
                "foreign", Tally::foreign);
        outcomes.forEach((outcome, value) -> registered(FunctionCounter.builder(
                        "k2.records", this, pipeline -> value.applyAsDouble(pipeline.committedHere))
                .description("records by what became of them, committed by this process; consumed is the sum of stored,"
                        + " duplicate, rejected and lost, and of what k2.deferred.records grew by")
                .tags(tags)
                .tag("outcome", outcome)
                .register(meters)));
        Map.of(
                        SequenceVerdict.Gap.class, "gap",
                        SequenceVerdict.Late.class, "late",
                        SequenceVerdict.Duplicate.class, "duplicate",
                        SequenceVerdict.Reset.class, "reset")
                .forEach((verdict, name) -> sequenceCounters.put(
                        verdict,
                        registered(Counter.builder("k2.sequence.verdicts")
                                .description("sequence numbers that were not in order")
                                .tags(tags)
                                .tag("verdict", name)
                                .register(meters))));
        registered(Gauge.builder("k2.lag.records", this, pipeline -> pipeline.lagRecords)
                .description("records in the log not read yet, as of the last commit")
                .tags(tags)
                .register(meters));
        for (String outcome : List.of("stored", "duplicate", "rejected", "lost")) {
            backfilled.put(
                    outcome,
                    registered(Counter.builder("k2.backfill.records")
                            .description("records that were put off under load and brought in, by what became of them")
                            .tags(tags)
                            .tag("outcome", outcome)
                            .register(meters)));
        }
        registered(Gauge.builder("k2.deferred.records", this, pipeline -> pipeline.deferredRecords)
                .description("records that are put off under load and not brought in yet")
                .tags(tags)
                .register(meters));
        registered(Gauge.builder("k2.deferred.ranges", this, pipeline -> pipeline.deferredRanges)
                .description("ranges of the log that hold them")
                .tags(tags)
                .register(meters));
        registered(Gauge.builder("k2.deferred.age", this, IngestPipeline::oldestDeferredSeconds)
                .description("age of the oldest of them, by its Kafka timestamp; compare it with the topic's retention")
                .baseUnit("seconds")
                .tags(tags)
                .register(meters));
        registered(Gauge.builder("k2.log.retention", this, pipeline -> pipeline.retentionSeconds)
                .description("how long the topic keeps records, known while some are put off; not a number if for ever")
                .baseUnit("seconds")
                .tags(tags)
                .register(meters));
        registered(Gauge.builder("k2.live.bytes", this, pipeline -> pipeline.liveBytes)
                .description("memory of rows not committed yet")
                .baseUnit("bytes")
                .tags(tags)
                .register(meters));
        registered(Gauge.builder(
                        "k2.healthy", this, pipeline -> pipeline.health().status() == Health.Status.RUNNING ? 1 : 0)
                .description("1 while reading and committing")
                .tags(tags)
                .register(meters));
    }

    /** The quantities that a storage provider bills. */
    private void registerStorageMeters() {
        Map<String, ToDoubleFunction<StorageUse>> operations =
                Map.of("put", StorageUse::puts, "get", StorageUse::gets, "delete", StorageUse::deletes);
        operations.forEach((operation, value) -> registered(
                FunctionCounter.builder("k2.storage.requests", store, used -> value.applyAsDouble(used.use()))
                        .description("files of the table written, opened to be read, and deleted by this process")
                        .tags(tags)
                        .tag("operation", operation)
                        .register(meters)));
        registered(FunctionCounter.builder(
                        "k2.storage.files", store, used -> used.use().dataFiles())
                .description("data files committed by this process")
                .tags(tags)
                .register(meters));
        registered(FunctionCounter.builder(
                        "k2.storage.written.bytes", store, used -> used.use().writtenBytes())
                .description("size of the data files committed by this process")
                .baseUnit("bytes")
                .tags(tags)
                .register(meters));
        if (!isFollower()) {
            registered(Gauge.builder("k2.table.bytes", store, used -> used.use().tableBytes())
                    .description("size of all data files of the table, as of this process's last commit")
                    .baseUnit("bytes")
                    .tags(tags)
                    .register(meters));
        }
    }

    private double oldestDeferredSeconds() {
        long oldest = oldestDeferredMillis;
        return oldest == Long.MAX_VALUE ? 0 : Math.max(0, clock.millis() - oldest) / 1000.0;
    }

    private void observed(PartitionWork partition, StreamKey stream, long offset, SequenceVerdict verdict) {
        if (!partition.ledger.isEmpty() && partition.seen(stream, offset, verdict, this::tiers)) {
            deferredHoles.increment();
            return;
        }
        Counter counter = sequenceCounters.get(verdict.getClass());
        if (counter != null) {
            counter.increment();
        }
    }

    /**
     * Reads the table, makes it if there is none, commits the start offsets of partitions it does not know, and begins
     * to read. Blocks until that is done; after it, queries see what was committed before.
     *
     * @throws K2Exception if the log or the table cannot be reached, or cannot be used; nothing runs then
     */
    public void start() {
        lock.lock();
        try {
            if (health.status() != Health.Status.NEW) {
                throw new IllegalStateException("an ingest is started once");
            }
            health = new Health(Health.Status.RUNNING, null);
        } finally {
            lock.unlock();
        }
        boolean started = false;
        try {
            if (!isFollower()) {
                committer.start();
            }
            plan.group().ifPresent(group -> log.join(group, new Ownership()));
            loadFirst();
            started = true;
        } finally {
            if (!started) {
                setHealth(Health.Status.FAILED, "did not start");
                closing = true;
                committer.close(Duration.ofSeconds(1));
                release();
            }
        }
        thread.start();
    }

    private boolean isFollower() {
        return plan.role() == PartitionContext.Role.FOLLOWER;
    }

    private boolean isMember() {
        return plan.group().isPresent();
    }

    /**
     * Has somebody told which partitions the group gives us, and that nothing of them is left to be done for others.
     * Called before {@link #start}.
     *
     * @param listener told by the ingest thread, with all that are ours, whenever that changed
     */
    public void onOwned(Consumer<Set<LogPartition>> listener) {
        onOwned = listener;
    }

    /**
     * Has a follower leave partitions to others: it does not read them, and shows no rows of them. Takes effect soon.
     *
     * @param partitions all that are to be left; replaces what was said before
     */
    public void leaveToOthers(Set<LogPartition> partitions) {
        lock.lock();
        try {
            leftToOthers = Set.copyOf(partitions);
            moved.signalAll();
        } finally {
            lock.unlock();
        }
        log.wakeup();
    }

    /**
     * Returns the table's name.
     *
     * @return the name
     */
    public String table() {
        return type.name();
    }

    /**
     * Returns how the ingest is.
     *
     * @return status and cause
     */
    public Health health() {
        lock.lock();
        try {
            return health;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns how far each partition is that is read here.
     *
     * @return by partition, in order
     */
    public Map<LogPartition, PartitionProgress> progress() {
        lock.lock();
        try {
            Map<LogPartition, PartitionProgress> progress = new TreeMap<>();
            liveEnds.forEach((partition, end) -> {
                PartitionState state = committed.get(partition);
                if (state != null) {
                    progress.put(
                            partition,
                            new PartitionProgress(
                                    plan.role(),
                                    state.next().offset(),
                                    Math.max(end, state.next().offset()),
                                    logEnds.getOrDefault(partition, -1L),
                                    state.tally()));
                }
            });
            return progress;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Says whether the ingest is well and has caught up: it runs, and has read each of its partitions at least as far as
     * the log reached when it began with it.
     *
     * @return true if so
     */
    public boolean ready() {
        lock.lock();
        try {
            return health.status() == Health.Status.RUNNING && hasCaughtUp();
        } finally {
            lock.unlock();
        }
    }

    /** The caller holds the lock. */
    private boolean hasCaughtUp() {
        return catchUp.entrySet().stream()
                .allMatch(end -> liveEnds.getOrDefault(end.getKey(), Long.MAX_VALUE) >= end.getValue());
    }

    /**
     * Stops reading and commits what was read; leaves the group if it is a member of one. Views still answer. A drained
     * ingest can only be closed.
     *
     * @param timeout the longest wait
     * @return whether all that was read is committed
     */
    public boolean drain(Duration timeout) {
        long left = timeout.toNanos();
        lock.lock();
        try {
            draining = true;
            moved.signalAll();
            log.wakeup();
            while (health.status() == Health.Status.RUNNING || health.status() == Health.Status.RETRYING) {
                if (left <= 0) {
                    return false;
                }
                left = moved.awaitNanos(left);
            }
            return health.status() == Health.Status.DRAINED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns what is in the table, by partition.
     *
     * @return states as last committed, in order of partition
     */
    public Map<LogPartition, PartitionState> committed() {
        lock.lock();
        try {
            return new TreeMap<>(committed);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns what was in the table of partitions when they were given up.
     *
     * @return states as last committed, in order of partition; also of those that came back
     */
    public Map<LogPartition, PartitionState> left() {
        lock.lock();
        try {
            return new TreeMap<>(left);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns what sequence tracking knows of every stream, as of the last record read. Waits for the ingest thread to
     * come round, milliseconds as a rule.
     *
     * @return one entry per stream and partition, in order of stream
     * @throws K2Exception.Retry if the ingest is not running
     */
    public List<StreamLedger> streams() {
        return ledgers().stream()
                .flatMap(partition -> partition.streams().stream())
                .sorted(Comparator.comparing(StreamLedger::stream))
                .toList();
    }

    /**
     * Returns what sequence tracking knows of every partition that is worked on here, each with the offset that it is as of.
     * Waits for the ingest thread to come round, milliseconds as a rule.
     *
     * @return in order of partition
     * @throws K2Exception.Retry if the ingest is not running
     */
    public List<PartitionLedger> ledgers() {
        return ask(() -> work.values().stream()
                .map(partition -> new PartitionLedger(
                        partition.partition, partition.next().offset(), partition.streams()))
                .toList());
    }

    /**
     * Returns how the ingest stands under load.
     *
     * @return level, lag, memory and what is put off; always {@code NORMAL} where nothing is done under load
     */
    public DegradationStatus degradation() {
        LoadControl control = load;
        return control == null
                ? new DegradationStatus(
                        DegradationLevel.NORMAL,
                        "",
                        0,
                        lagRecords,
                        0,
                        Map.of(),
                        deferredRecords,
                        deferredRanges,
                        List.of())
                : control.status(lagRecords, deferredRecords, deferredRanges);
    }

    private <R> R ask(java.util.concurrent.Callable<R> question) {
        FutureTask<R> task = new FutureTask<>(question);
        questions.add(task);
        log.wakeup();
        try {
            while (true) {
                try {
                    return task.get(100, TimeUnit.MILLISECONDS);
                } catch (java.util.concurrent.TimeoutException e) {
                    if (!thread.isAlive()) {
                        throw new K2Exception.Retry("the ingest of " + type.name() + " is not running", e);
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new K2Exception.Retry("interrupted", e);
        } catch (ExecutionException e) {
            throw new K2Exception.Retry("the ingest of " + type.name() + " could not answer", e.getCause());
        }
    }

    /**
     * Asks the log how far it reaches. Blocks for the network.
     *
     * @return by partition, the offset after the last record that a reader may see
     */
    public Map<LogPartition, Long> stableEnds() {
        Map<LogPartition, Long> ends = new TreeMap<>();
        if (closing) {
            throw new K2Exception.Retry("the ingest of " + type.name() + " is closed", null);
        }
        log.bounds().forEach((partition, bounds) -> ends.put(partition, bounds.stableEnd()));
        return ends;
    }

    /**
     * Waits until the log was read up to given offsets and what was read is visible to queries. Where partitions come and
     * go it does not wait for those that are not there.
     *
     * @param ends by partition, the offset after the last record waited for
     * @param deadlineNanos when to give up, by {@link System#nanoTime}
     * @param deadline how long the wait was to be in all, for the message
     * @throws FreshnessException if that took longer; it names the partitions that lag
     * @throws K2Exception.Stop if the ingest has stopped, with the cause
     */
    public void await(Map<LogPartition, Long> ends, long deadlineNanos, Duration deadline) {
        Awaited mine = new Awaited(Map.copyOf(ends));
        lock.lock();
        try {
            awaited.add(mine);
            if (!isMember() && leftToOthers.isEmpty() && !liveEnds.keySet().containsAll(ends.keySet())) {
                partitionsMayHaveGrown = true;
                log.wakeup();
            }
            while (true) {
                if (stopped != null) {
                    throw stopped;
                }
                String behind = ends.entrySet().stream()
                        .filter(end -> liveEnd(end.getKey()) < end.getValue())
                        .limit(8)
                        .map(end -> end.getKey() + " read to " + liveEnd(end.getKey()) + " of " + end.getValue())
                        .collect(Collectors.joining(", "));
                if (behind.isEmpty() && health.status() != Health.Status.NEW) {
                    return;
                }
                if (health.status() != Health.Status.RUNNING && health.status() != Health.Status.RETRYING) {
                    throw new K2Exception.Retry(
                            "the ingest of " + type.name() + " reads no more: " + health.status(), null);
                }
                long left = deadlineNanos - System.nanoTime();
                if (left <= 0) {
                    throw new FreshnessException(
                            type.name() + " was not up to date within " + deadline + ": " + behind
                                    + (health.cause() == null ? "" : "; " + health.cause()),
                            null);
                }
                long unused = moved.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new K2Exception.Retry("interrupted while waiting for " + type.name(), e);
        } finally {
            awaited.remove(mine);
            lock.unlock();
        }
    }

    /** Ends that one view waits for; equal to nothing but itself. */
    private static final class Awaited {
        private final Map<LogPartition, Long> ends;

        Awaited(Map<LogPartition, Long> ends) {
            this.ends = ends;
        }
    }

    /**
     * Whether a view waits for something, and for nothing that was not read yet. Publishing before that would only delay
     * it: each time costs as much as hundreds of rows. Ingest thread.
     */
    private boolean isAwaited() {
        if (awaited.isEmpty() || newEnds.isEmpty()) {
            return false;
        }
        lock.lock();
        try {
            return awaited.stream().anyMatch(view -> {
                boolean visible = true;
                for (Map.Entry<LogPartition, Long> end : view.ends.entrySet()) {
                    if (liveEnd(end.getKey()) < end.getValue()) {
                        visible = false;
                        if (newEnds.getOrDefault(end.getKey(), -1L) < end.getValue()) {
                            return false;
                        }
                    }
                }
                return !visible;
            });
        } finally {
            lock.unlock();
        }
    }

    /** How far a partition was read; what is not ours to read counts as read. The caller holds the lock. */
    private long liveEnd(LogPartition partition) {
        boolean isOthers = isMember() || leftToOthers.contains(partition);
        return liveEnds.getOrDefault(partition, isOthers ? Long.MAX_VALUE : -1L);
    }

    /** Throws what stopped the ingest, if something did; a view must not answer from a table it cannot trust. */
    public void requireNotStopped() {
        lock.lock();
        try {
            if (stopped != null) {
                throw stopped;
            }
        } finally {
            lock.unlock();
        }
    }

    /** Commits what was read and closes, waiting at most a minute. */
    @Override
    public void close() {
        close(Duration.ofMinutes(1));
    }

    /**
     * Stops reading, commits what was read, and closes log and store. What could not be committed in time is read again
     * after the next start. Closing twice does nothing.
     *
     * @param timeout the longest wait
     */
    public void close(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        boolean first;
        lock.lock();
        try {
            first = !closing;
            closing = true;
            moved.signalAll();
        } finally {
            lock.unlock();
        }
        if (thread.isAlive()) {
            log.wakeup();
            try {
                thread.join(Math.max(1, timeout.toMillis()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        if (first) {
            Duration left = Duration.ofNanos(Math.max(1_000_000, deadline - System.nanoTime()));
            if (health().status() != Health.Status.NEW) {
                committer.close(left);
            }
            release();
            lock.lock();
            try {
                health = new Health(Health.Status.CLOSED, health.cause());
                moved.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void release() {
        registered.forEach(meters::remove);
        work.values().forEach(PartitionWork::close);
        work.clear();
        try (log) {
            store.close();
        }
    }

    // ---------------------------------------------------------------- ingest thread

    private void run() {
        long backoff = FIRST_BACKOFF_MILLIS;
        boolean reload = false;
        while (!closing) {
            try {
                reload |= reloadNeeded;
                reloadNeeded = false;
                processing = false;
                if (draining && !reload && settle(PATIENCE, Set.copyOf(work.keySet()))) {
                    drained();
                    return;
                }
                if (partitionsMayHaveGrown && !reload) {
                    LOG.atInfo().log("{}: the topic may have new partitions", type.name());
                    reload = settle(PATIENCE);
                }
                if (reload) {
                    committer.withdraw();
                    load();
                    reload = false;
                    setHealth(Health.Status.RUNNING, null);
                }
                step();
                backoff = FIRST_BACKOFF_MILLIS;
            } catch (K2Exception.Stop e) {
                stop(e);
                return;
            } catch (FencedException e) {
                // Half-way through loading everything, that is what has to be done again. And half-way through a batch
                // the
                // rest of it, of whatever partition, can only be had by reading it again.
                reload = reload || processing || !giveUpFenced(e);
            } catch (ColumnsNeeded e) {
                reload = true;
                try {
                    addColumns(e.columns);
                } catch (RuntimeException trouble) {
                    LOG.atWarn().setCause(trouble).log("{}: could not add columns; trying again", type.name());
                    setHealth(Health.Status.RETRYING, trouble.getMessage());
                    pause(backoff);
                    backoff = Math.min(LAST_BACKOFF_MILLIS, backoff * 2);
                }
            } catch (RuntimeException | LinkageError | OutOfMemoryError e) {
                LOG.atWarn().setCause(e).log("{}: trouble; going back to what the table holds", type.name());
                setHealth(Health.Status.RETRYING, e.toString());
                reload = true;
                pause(backoff);
                backoff = Math.min(LAST_BACKOFF_MILLIS, backoff * 2);
            }
        }
        if (!reload) {
            finish();
        }
    }

    /** Commits what was read so far, gives the table the columns that the next record needs, and has it loaded again. */
    private void addColumns(List<Rejection.NewColumn> needed) {
        if (isFollower()) {
            throw new K2Exception.Retry(
                    type.name() + " has no column for " + needed + " yet; its writer has to add it", null);
        }
        if (!settle(PATIENCE)) {
            throw new K2Exception.Retry(
                    "the last commit before adding " + needed + " did not go through in time", null);
        }
        for (Rejection.NewColumn column : needed) {
            try {
                store.addColumns(List.of(column));
                LOG.atInfo().log("{}: added column {}", type.name(), column);
            } catch (UnreadableTableException e) {
                LOG.atWarn().log("{}: records that need it are rejected from now on: {}", type.name(), e.getMessage());
                refusedColumns.add(column.name());
            }
        }
    }

    /** All that was read is committed: leaves the log, and then only answers questions until it is closed. */
    private void drained() {
        log.leave();
        if (isMember()) {
            // The follower beside us, if there is one, shows them from now on.
            owned.clear();
            giveUp(Set.copyOf(work.keySet()));
            onOwned.accept(Set.of());
        }
        setHealth(Health.Status.DRAINED, null);
        while (!closing) {
            for (FutureTask<?> question = questions.poll(); question != null; question = questions.poll()) {
                question.run();
            }
            pause(POLL.toMillis());
        }
    }

    private void finish() {
        if (isFollower()) {
            return;
        }
        try {
            if (!settle(PATIENCE, Set.copyOf(work.keySet()))) {
                LOG.atWarn().log("{}: closed before the last commit went through", type.name());
            }
        } catch (RuntimeException e) {
            LOG.atWarn().setCause(e).log("{}: the last commit did not go through; it will be read again", type.name());
        }
    }

    /**
     * Commits what was read. What another writer moved meanwhile is given up on the way.
     *
     * @return whether it was done in time
     */
    private boolean settle(Duration timeout) {
        return settle(timeout, Set.of());
    }

    private boolean settle(Duration timeout, Set<LogPartition> leaving) {
        if (isFollower()) {
            seal();
            return true;
        }
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            try {
                seal(leaving);
                return committer.drain(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
            } catch (FencedException e) {
                if (!giveUpFenced(e)) {
                    throw e;
                }
            }
        }
    }

    /** Gives up what another writer moved, to be taken anew; says no if it is the whole table that was moved. */
    private boolean giveUpFenced(FencedException e) {
        fenced.increment();
        LOG.atWarn().log("{}: another writer was first; reading the table again: {}", type.name(), e.getMessage());
        if (e.partitions().isEmpty()) {
            return false;
        }
        giveUp(e.partitions());
        e.partitions().stream()
                .filter(partition -> !isMember() || owned.contains(partition))
                .forEach(toTake::add);
        return true;
    }

    /** Forgets everything about partitions, also their part in what waits for its commit. */
    private void giveUp(Set<LogPartition> partitions) {
        List<EventStore.Generation> waitingForCommit = isFollower() ? List.of() : committer.withdraw();
        log.remove(partitions);
        rows.removeIf(row -> partitions.contains(row.partition()));
        newEnds.keySet().removeAll(partitions);
        store.forget(partitions);
        toTake.removeAll(partitions);
        for (LogPartition partition : partitions) {
            PartitionWork gone = work.remove(partition);
            if (gone != null) {
                gone.close();
            }
        }
        lock.lock();
        try {
            liveEnds.keySet().removeAll(partitions);
            for (LogPartition partition : partitions) {
                PartitionState state = committed.remove(partition);
                if (state != null) {
                    left.put(partition, state);
                }
            }
            moved.signalAll();
        } finally {
            lock.unlock();
        }
        noteDeferred();
        committer.resume(waitingForCommit);
    }

    /** Begins with partitions that came: from the table's offsets, whatever was known of them before. */
    private void take() {
        if (!settle(PATIENCE)) {
            throw new K2Exception.Retry(type.name() + ": cannot take " + toTake + " before the last commit", null);
        }
        if (toTake.isEmpty()) {
            return;
        }
        Set<LogPartition> taking = Set.copyOf(toTake);
        Map<LogPartition, PartitionState> known = store.states(taking);
        requireSameTopic(known.keySet(), taking);
        Map<LogPartition, PartitionState> states = new TreeMap<>(known);
        List<PartitionState> unknown = new ArrayList<>();
        taking.stream()
                .filter(partition -> !known.containsKey(partition))
                .map(IngestPipeline::grown)
                .forEach(unknown::add);
        unknown.forEach(state -> states.put(state.partition(), state));
        Map<LogPartition, LogOffset> next = new TreeMap<>();
        for (PartitionState state : states.values()) {
            PartitionWork before = work.put(state.partition(), open(state));
            if (before != null) {
                // An earlier attempt came as far as this one, and failed over the next.
                before.close();
            }
            next.put(state.partition(), state.next());
        }
        store.beginWith(states.values());
        commitStarts(unknown);
        log.add(next);
        toTake.removeAll(taking);
        lock.lock();
        try {
            committed.putAll(states);
            next.forEach((partition, offset) -> liveEnds.put(partition, offset.offset()));
            moved.signalAll();
        } finally {
            lock.unlock();
        }
        noteDeferred();
        LOG.atInfo().log("{}: took {}", type.name(), next);
    }

    /** A partition that a known topic grew has never been read: it starts at 0, whatever the log still has. */
    private static PartitionState grown(LogPartition partition) {
        return new PartitionState(partition, 0, LogOffset.of(0), Tally.ZERO);
    }

    /** The first commit fixes where a partition began; until it stands there is no seam to query across. */
    private void commitStarts(List<PartitionState> states) {
        if (states.isEmpty() || isFollower()) {
            return;
        }
        committer.submit(store.seal(states));
        if (!committer.drain(PATIENCE)) {
            throw new K2Exception.Retry("the start offsets of " + type.name() + " were not committed in time", null);
        }
    }

    /** What the group says, within polls. */
    private final class Ownership implements EventLog.Ownership {
        @Override
        public void gained(Set<LogPartition> partitions) {
            LOG.atInfo().log("{}: the group gave us {}", type.name(), partitions);
            owned.addAll(partitions);
            toTake.addAll(partitions);
            onOwned.accept(Set.copyOf(owned));
        }

        @Override
        public void leaving(Set<LogPartition> partitions) {
            LOG.atInfo().log("{}: the group takes {} away", type.name(), partitions);
            try {
                if (!closing && !settle(LEAVING_PATIENCE, partitions)) {
                    LOG.atWarn().log("{}: {} go before their last commit; it is read again", type.name(), partitions);
                }
            } catch (RuntimeException e) {
                LOG.atWarn().setCause(e).log("{}: {} go without a last commit", type.name(), partitions);
                reloadNeeded = true;
            }
            lost(partitions);
        }

        @Override
        public void lost(Set<LogPartition> partitions) {
            owned.removeAll(partitions);
            if (!closing) {
                giveUp(partitions);
            }
            onOwned.accept(Set.copyOf(owned));
        }
    }

    private void stop(K2Exception.Stop cause) {
        LOG.atError().setCause(cause).log("{}: stopped", type.name());
        lock.lock();
        try {
            stopped = cause;
            health = new Health(Health.Status.FAILED, cause.getMessage());
            moved.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void setHealth(Health.Status status, @Nullable String cause) {
        lock.lock();
        try {
            health = new Health(status, cause);
            moved.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void pause(long millis) {
        long left = TimeUnit.MILLISECONDS.toNanos(millis);
        lock.lock();
        try {
            while (left > 0 && !closing) {
                left = moved.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Several writers that start on a new table at once race for its first commit, and a table that is moved on may drop
     * what it named while that is being opened; those who lose read it again.
     */
    private void loadFirst() {
        for (int attempt = 1; ; attempt++) {
            try {
                load();
                return;
            } catch (FencedException e) {
                fenced.increment();
                if (attempt == START_ATTEMPTS) {
                    throw e;
                }
                committer.withdraw();
            }
        }
    }

    /** Reads the table and the log's bounds, and begins from there: at the start, and after every trouble. */
    private void load() {
        Map<LogPartition, PartitionState> states = store.load();
        Map<LogPartition, EventLog.Bounds> bounds = log.bounds();
        requireSameTopic(states.keySet(), bounds.keySet());
        if (states.isEmpty() && isFollower()) {
            throw new K2Exception.Retry(
                    "table " + type.name() + " holds no offsets yet: a follower begins where a writer began; start one",
                    null);
        }
        Map<LogPartition, Long> starts = states.isEmpty() ? starts(bounds) : Map.of();
        Map<LogPartition, PartitionState> all = new TreeMap<>();
        List<PartitionState> unknown = new ArrayList<>();
        bounds.keySet().forEach(partition -> {
            PartitionState state = states.get(partition);
            if (state == null) {
                Long start = starts.get(partition);
                state = start == null
                        ? grown(partition)
                        : new PartitionState(partition, start, LogOffset.of(start), Tally.ZERO);
                // On a new table whoever comes first fixes the starts of all partitions, also of those that others
                // take.
                if (states.isEmpty() || isOurs(partition)) {
                    unknown.add(state);
                }
            }
            if (isOurs(partition)) {
                all.put(partition, state);
            }
        });
        List<Column> columns = store.columns();
        decoder = format.open(type, columns, plan.unknownFields());
        checker = new RowChecker(type, columns, settings);
        work.values().forEach(PartitionWork::close);
        work.clear();
        all.values().forEach(state -> work.put(state.partition(), open(state)));
        Map<LogPartition, LogOffset> next = new TreeMap<>();
        Map<LogPartition, Long> ends = new TreeMap<>();
        all.forEach((partition, state) -> {
            next.put(partition, state.next());
            ends.put(partition, state.next().offset());
        });
        store.begin(ends);
        clearGeneration();
        commitStarts(unknown);
        log.assign(next);
        toTake.clear();
        lock.lock();
        try {
            committed.clear();
            committed.putAll(all);
            liveEnds.clear();
            liveEnds.putAll(ends);
            catchUp.clear();
            sealedBytes.clear();
            noteLag(bounds);
            moved.signalAll();
        } finally {
            lock.unlock();
        }
        partitionsMayHaveGrown = false;
        full = false;
        noteDeferred();
    }

    private boolean isOurs(LogPartition partition) {
        return isMember() ? owned.contains(partition) : !leftToOthers.contains(partition);
    }

    /** Where a new table begins, by partition. */
    private Map<LogPartition, Long> starts(Map<LogPartition, EventLog.Bounds> bounds) {
        Map<LogPartition, Long> starts = new TreeMap<>();
        if (plan.start() instanceof StartPosition.Offsets given) {
            List<String> problems = new ArrayList<>();
            Set<Integer> left = new TreeSet<>(given.next().keySet());
            bounds.forEach((partition, bound) -> {
                left.remove(partition.partition());
                Long offset = given.next().get(partition.partition());
                if (offset == null) {
                    problems.add(partition + " has none");
                } else if (offset < bound.start() || offset > bound.stableEnd()) {
                    problems.add(partition + " is to begin at " + offset + ", but the log holds [" + bound.start()
                            + ", " + bound.stableEnd() + ")");
                } else {
                    starts.put(partition, offset);
                }
            });
            left.forEach(number -> problems.add("the topic has no partition " + number));
            if (!problems.isEmpty()) {
                throw new K2Exception.Stop(
                        "the start offsets given for " + type.name() + " do not fit its topic: "
                                + String.join("; ", problems),
                        null);
            }
        } else {
            boolean latest = plan.start() == StartPosition.Edge.LATEST;
            bounds.forEach((partition, bound) -> starts.put(partition, latest ? bound.stableEnd() : bound.start()));
        }
        return starts;
    }

    private void requireSameTopic(Collection<LogPartition> stored, Collection<LogPartition> found) {
        LogPartition now = found.iterator().next();
        for (LogPartition before : stored) {
            if (!before.topic().equals(now.topic())) {
                throw new K2Exception.Stop(
                        "table " + type.name() + " is fed by topic '" + before.topic()
                                + "', and one table takes one topic;" + " '" + now.topic()
                                + "' needs a warehouse of its own",
                        null);
            }
            if (!before.clusterId().equals(now.clusterId()) || !before.topicId().equals(now.topicId())) {
                throw new TopicRecreatedException(
                        "table " + type.name() + " holds offsets of topic '" + before.topic() + "' with id "
                                + before.topicId() + " on cluster " + before.clusterId() + ", but it is now "
                                + now.topicId()
                                + " on cluster " + now.clusterId()
                                + ": the topic was recreated, or this is another cluster. Point K2 at the right one, or use"
                                + " a new topic name and warehouse",
                        null);
            }
        }
    }

    private PartitionWork open(PartitionState state) {
        LogPartition partition = state.partition();
        try {
            state.deferred().forEach(deferral -> loadTiers(partition, deferral.tiersVersion()));
            store.deferred(partition, state.deferred());
            return checkpoints.open(state, plan.role());
        } catch (IOException e) {
            throw new K2Exception.Retry("cannot open the state of " + partition, e);
        }
    }

    private void loadTiers(LogPartition partition, String version) {
        if (!tiersByVersion.containsKey(version)) {
            String text = store.tiers(version)
                    .orElseThrow(() -> new K2Exception.Stop(
                            "records of " + partition + " are put off by tiers of version " + version + ", which table "
                                    + type.name() + " does not hold: its property was removed",
                            null));
            tiersByVersion.put(version, PriorityTiers.parse(text));
        }
    }

    private PriorityTiers tiers(String version) {
        return Objects.requireNonNull(tiersByVersion.get(version), version);
    }

    private void step() {
        committer.check();
        for (FutureTask<?> question = questions.poll(); question != null; question = questions.poll()) {
            question.run();
        }
        if (store.outdated()) {
            throw new FencedException(
                    type.name() + ": rows were put below the offsets judged here, by a repair or a backfill", Set.of());
        }
        if (isFollower()) {
            follow();
            if (full) {
                // What was read before is to be seen all the same.
                publish();
                pause(POLL.toMillis());
                return;
            }
        }
        if (!toTake.isEmpty()) {
            take();
        }
        inform();
        if (!isFollower()) {
            watch();
        }
        if (work.isEmpty() && !isMember()) {
            // All partitions are left to others; there is nothing that a poll would wait for.
            pause(POLL.toMillis());
            return;
        }
        if (isHeldBack()) {
            return;
        }
        if (isAwaited()) {
            publish();
        }
        boolean behind = deferredRanges > 0 && mayBackfill();
        LogBatch batch = log.poll(!newEnds.isEmpty() ? POLL_WHILE_HOLDING : behind ? Duration.ZERO : POLL);
        idle = batch.next().isEmpty();
        if (idle) {
            publish();
        } else {
            long began = System.nanoTime();
            processing = true;
            process(batch);
            processing = false;
            queueingNanos = System.nanoTime() - began;
        }
        if (generationIsDue()) {
            seal();
        }
        backfill();
    }

    /** Has the level chosen, and says whether nothing is to be taken now, until what was taken is committed. */
    private boolean isHeldBack() {
        LoadControl control = load;
        if (control == null) {
            return false;
        }
        long now = System.nanoTime();
        if (control.isDue(now) && control.decide(figures(now), now)) {
            String version = control.tiers().version();
            if (tiersByVersion.putIfAbsent(version, control.tiers()) == null) {
                store.keepTiers(version, control.tiers().canonical());
            }
            work.values().forEach(partition -> partition.ledger.admit(control::admits, version));
        }
        if (!control.holding()) {
            return false;
        }
        seal();
        pause(POLL.toMillis());
        return true;
    }

    private LoadControl.Figures figures(long now) {
        // What the log's client knows of its end is as old as what it fetched last, which a slow reader reads for long.
        long lag = Math.max(log.lag().orElse(0), behind());
        lagRecords = lag;
        long committing = commitBeganNanos;
        boolean catchingUp;
        long sealed;
        lock.lock();
        try {
            catchingUp = !hasCaughtUp();
            sealed = sealedBytes.values().stream().mapToLong(Long::longValue).sum();
        } finally {
            lock.unlock();
        }
        return new LoadControl.Figures(
                lag,
                catchingUp,
                liveBytes,
                store.liveBytesLimit(),
                generationBytes + sealed,
                // One more than there can be: reading as fast as the table takes is no overload.
                settings.generationBytes() * (settings.pendingGenerations() + 2),
                queueingNanos,
                Math.max(lastCommitNanos, committing == 0 ? 0 : now - committing),
                newEnds.isEmpty() && generationRows == 0 && committer.isIdle());
    }

    /** Records between where reading is and where the log ended when it was last asked. */
    private long behind() {
        long behind = 0;
        lock.lock();
        try {
            for (PartitionWork partition : work.values()) {
                long end = logEnds.getOrDefault(partition.partition, 0L);
                behind += Math.max(0, end - partition.next().offset());
            }
        } finally {
            lock.unlock();
        }
        return behind;
    }

    /** Whether what was put off may be brought in now: at NORMAL, and only a share of the time while new records come. */
    private boolean mayBackfill() {
        if (isFollower() || load != null && load.level() != DegradationLevel.NORMAL) {
            return false;
        }
        return idle || backfillCreditNanos > 0;
    }

    /** Brings in some of what was put off, the most important tier first, and of that the oldest. */
    private void backfill() {
        if (deferredRanges == 0) {
            return;
        }
        watchRetention();
        long began = System.nanoTime();
        long elapsed = backfillSinceNanos == 0 ? 0 : began - backfillSinceNanos;
        backfillSinceNanos = began;
        backfillCreditNanos = Math.min(BACKFILL_CREDIT_NANOS, backfillCreditNanos + (long) (elapsed * BACKFILL_SHARE));
        if (!mayBackfill()) {
            return;
        }
        PartitionWork partition = work.values().stream()
                .filter(each -> !each.ledger.isEmpty())
                .min(Comparator.comparing(each -> each.ledger.next().orElseThrow().tier))
                .orElse(null);
        if (partition == null) {
            return;
        }
        DeferralLedger.Entry entry = partition.ledger.next().orElseThrow();
        LogBatch batch = log.replay(partition.partition, entry.fromOffset(), entry.toOffset(), BACKFILL_POLL);
        LogOffset next = batch.next().get(partition.partition);
        if (next != null) {
            processing = true;
            List<LogRecord> records =
                    batch.runs().isEmpty() ? List.of() : batch.runs().get(0).records();
            pass(partition, records, 0, records.size(), next, micros(clock.instant()), entry);
            processing = false;
            publish();
            if (generationIsDue()) {
                seal();
            }
        }
        backfillCreditNanos -= System.nanoTime() - began;
    }

    private void noteDeferred() {
        long records = 0;
        long ranges = 0;
        long oldest = Long.MAX_VALUE;
        for (PartitionWork partition : work.values()) {
            if (!partition.ledger.isEmpty()) {
                records += partition.ledger.records();
                ranges += partition.ledger.size();
                oldest = Math.min(oldest, partition.ledger.oldestMillis());
            }
        }
        if (ranges == 0) {
            retentionWarned = false;
        }
        deferredRecords = records;
        deferredRanges = ranges;
        oldestDeferredMillis = oldest;
    }

    /** Says early that what is put off may be gone before it is brought in. */
    private void watchRetention() {
        long now = System.nanoTime();
        if (retentionAskedNanos != 0 && now - retentionAskedNanos < RETENTION_NANOS) {
            return;
        }
        retentionAskedNanos = Math.max(1, now);
        Optional<Duration> found;
        try {
            found = log.retention();
        } catch (K2Exception.Retry e) {
            // It is asked again; nothing that is under way depends on the answer.
            LOG.atDebug().setCause(e).log("{}: the topic's retention is not known just now", type.name());
            return;
        }
        retentionSeconds = found.map(retention -> retention.toMillis() / 1000.0).orElse(Double.NaN);
        if (retentionWarned) {
            return;
        }
        found.ifPresent(retention -> {
            double age = oldestDeferredSeconds();
            if (age * 2 > retention.toSeconds()) {
                retentionWarned = true;
                LOG.atWarn()
                        .log(
                                "{}: {} records are put off, the oldest {} seconds old, and the topic keeps records for {}"
                                        + " seconds: bring the load down, or raise retention.ms, or they are lost",
                                type.name(),
                                deferredRecords,
                                (long) age,
                                retention.toSeconds());
            }
        });
    }

    /** Tells the group now and then how far its partitions were taken. */
    private void inform() {
        long now = System.nanoTime();
        if (!isMember() || now - informedNanos < INFORM_NANOS) {
            return;
        }
        informedNanos = now;
        Map<LogPartition, LogOffset> next = new HashMap<>();
        lock.lock();
        try {
            committed.forEach((partition, state) -> next.put(partition, state.next()));
        } finally {
            lock.unlock();
        }
        log.inform(next);
    }

    /** Asks the log for its ends where no commit has done so for a while: for the lag, for new partitions, for health. */
    private void watch() {
        long now = System.nanoTime();
        if (watchedNanos != 0 && now - watchedNanos < (load == null ? WATCH_NANOS : WATCH_UNDER_LOAD_NANOS)) {
            return;
        }
        try {
            Map<LogPartition, EventLog.Bounds> bounds = log.bounds();
            lock.lock();
            try {
                if (unreachable) {
                    // What piled up meanwhile is to be caught up with; it does not say that we are too slow.
                    catchUp.clear();
                }
                noteBounds(bounds);
                if (unreachable) {
                    unreachable = false;
                    health = new Health(Health.Status.RUNNING, null);
                }
            } finally {
                lock.unlock();
            }
        } catch (K2Exception.Retry e) {
            // What is read already goes on; nothing has to be read again for this.
            watchedNanos = System.nanoTime();
            unreachable = true;
            setHealth(Health.Status.RETRYING, e.getMessage());
        }
    }

    /** Looks how far the writer has come, and drops live rows that the table holds by now. */
    private void follow() {
        long now = System.nanoTime();
        Set<LogPartition> left = leftToOthers;
        if (left.equals(leftBefore)
                && followedNanos != 0
                && now - followedNanos < followInterval().toNanos()) {
            return;
        }
        followedNanos = now;
        leftBefore = left;
        Map<LogPartition, EventLog.Bounds> bounds = new TreeMap<>(log.bounds());
        Map<LogPartition, PartitionState> states = new TreeMap<>(store.follow());
        requireSameTopic(states.keySet(), bounds.keySet());
        bounds.keySet().removeAll(left);
        states.keySet().retainAll(bounds.keySet());
        Set<LogPartition> gone = new TreeSet<>(work.keySet());
        gone.retainAll(left);
        if (!gone.isEmpty()) {
            giveUp(gone);
        }
        liveBytes = store.liveBytes();
        boolean wasFull = full;
        full = liveBytes >= settings.memoryBytes();
        lock.lock();
        try {
            committed.putAll(states);
            // The table may reach further than what was read here: that is answered from history.
            states.forEach((partition, state) -> liveEnds.computeIfPresent(
                    partition, (known, end) -> Math.max(end, state.next().offset())));
            bounds.keySet().stream()
                    .filter(partition -> !liveEnds.containsKey(partition))
                    .forEach(toTake::add);
            noteLag(bounds);
            if (full) {
                health = new Health(
                        Health.Status.RETRYING,
                        "reading pauses: " + liveBytes
                                + " bytes of live rows wait for the writer's commits, the bound is "
                                + settings.memoryBytes() + "; is the writer running?");
            } else if (wasFull) {
                health = new Health(Health.Status.RUNNING, null);
            }
            moved.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private Duration followInterval() {
        Duration quarter = settings.commitInterval().dividedBy(4);
        return quarter.compareTo(FOLLOW_AT_LEAST) > 0 ? FOLLOW_AT_LEAST : quarter;
    }

    private void process(LogBatch batch) {
        long nowMicros = micros(clock.instant());
        Map<LogPartition, LogOffset> quiet = new HashMap<>(batch.next());
        for (LogBatch.Run run : batch.runs()) {
            LogOffset next = quiet.remove(run.partition());
            if (next == null) {
                throw new IllegalStateException(
                        "the log gave records of " + run.partition() + " without its next offset");
            }
            PartitionWork partitionWork = work(run.partition());
            List<LogRecord> records = run.records();
            int from = 0;
            while (from < records.size()) {
                int to = awaited.isEmpty() ? records.size() : Math.min(records.size(), from + ROWS_WHILE_WAITED_FOR);
                LogOffset reached = to == records.size()
                        ? next
                        : new LogOffset(records.get(to).offset(), next.leaderEpoch());
                pass(partitionWork, records, from, to, reached, nowMicros, null);
                if (isAwaited()) {
                    publish();
                }
                from = to;
            }
        }
        quiet.forEach((partition, next) -> {
            outcomes.clear();
            advance(work(partition), next);
        });
        // Each step that makes rows visible costs as much as hundreds of rows. While they come fast and nobody waits
        // for just these, they are held back for a moment and go together.
        long now = System.nanoTime();
        if (heldSinceNanos == 0) {
            heldSinceNanos = Math.max(1, now);
        }
        if (isAwaited() || rows.size() >= ROWS_HELD || now - heldSinceNanos >= HOLD_NANOS) {
            publish();
        }
    }

    /**
     * Passes records of one partition, new ones or such as were put off, the entry says which; seals in between where one
     * commit would touch too many days.
     */
    private void pass(
            PartitionWork partitionWork,
            List<LogRecord> records,
            int from,
            int to,
            LogOffset next,
            long nowMicros,
            DeferralLedger.@Nullable Entry entry) {
        LogPartition partition = partitionWork.partition;
        LoadControl control = entry == null && load != null && load.sheds() ? load : null;
        judge.clear();
        outcomes.clear();
        for (int i = from; i < to; i++) {
            LogRecord record = records.get(i);
            byte[] key = record.key();
            // A record without a key that cannot be decoded has no tier: it was rejected when it first came.
            boolean meant = entry == null || key != null;
            try {
                if (!isSelected(record)) {
                    outcomes.foreign += entry == null ? 1 : 0;
                    continue;
                }
                if (entry != null && key != null && tiers(entry.tiersVersion).tierOf(key) != entry.tier
                        || control != null
                                && key != null
                                && putsOff(
                                        control,
                                        partitionWork,
                                        record,
                                        control.tiers().tierOf(key))) {
                    continue;
                }
                @Nullable
                Object @Nullable [] values = Objects.requireNonNull(decoder).decode(record);
                if (values == null) {
                    outcomes.foreign += entry == null || key != null ? 1 : 0;
                    continue;
                }
                if (key == null
                        && (entry != null && tiers(entry.tiersVersion).tierOf(stream(values)) != entry.tier
                                || control != null
                                        && putsOff(
                                                control,
                                                partitionWork,
                                                record,
                                                control.tiers().tierOf(stream(values))))) {
                    continue;
                }
                meant = true;
                generationBytes += bytes(key) + bytes(record.value());
                long eventTime = check(values, record);
                long day = Math.floorDiv(eventTime, MICROS_PER_DAY);
                if (day != lastDay && days.size() >= settings.daysPerCommit() && !days.contains(day)) {
                    // All before this record goes with this generation, and this record begins the next.
                    store(partitionWork, new LogOffset(record.offset(), next.leaderEpoch()), entry);
                    publish();
                    seal();
                    judge.clear();
                    outcomes.clear();
                }
                if (day != lastDay) {
                    days.add(day);
                    lastDay = day;
                }
                judge.add(new Row(partition, record.offset(), record.timestampMillis(), nowMicros, values));
            } catch (Rejection rejection) {
                if (!meant) {
                    continue;
                }
                if (mayAdd(rejection.newColumns())) {
                    store(partitionWork, new LogOffset(record.offset(), next.leaderEpoch()), entry);
                    publish();
                    throw new ColumnsNeeded(rejection.newColumns());
                }
                if (!isFollower()) {
                    log.deadLetter(type.name(), record, rejection);
                }
                outcomes.rejected++;
            }
        }
        store(partitionWork, next, entry);
    }

    private boolean isSelected(LogRecord record) throws Rejection {
        try {
            return plan.select().test(record);
        } catch (K2Exception e) {
            throw e;
        } catch (RuntimeException e) {
            throw new Rejection(Rejection.Reason.UNDECODABLE, "the selection of records failed: " + e);
        }
    }

    /** Puts a record off if its tier is not taken now. */
    private boolean putsOff(LoadControl control, PartitionWork partitionWork, LogRecord record, PriorityTier tier) {
        if (control.admits(tier)
                || !partitionWork.ledger.defer(
                        tier, control.tiers().version(), record.offset(), record.timestampMillis())) {
            return false;
        }
        control.shed(tier);
        outcomes.deferred++;
        return true;
    }

    private StreamKey stream(@Nullable Object[] values) throws Rejection {
        if (values[type.index("venue")] instanceof String venue
                && values[type.index("symbol")] instanceof String symbol
                && !venue.isEmpty()
                && !symbol.isEmpty()) {
            return new StreamKey(venue, symbol);
        }
        throw new Rejection(Rejection.Reason.MISSING_FIELD, "venue or symbol is missing");
    }

    private long check(@Nullable Object[] values, LogRecord record) throws Rejection {
        boolean checked = Objects.requireNonNull(decoder).checked();
        if (plan.enrichment().isPresent() && (load == null || load.enriches())) {
            checked = false;
            try {
                plan.enrichment().get().enrich(enriched.over(values));
            } catch (K2Exception e) {
                throw e;
            } catch (RuntimeException e) {
                enrichmentFailures.increment();
                LOG.atDebug().setCause(e).log("{}: the enrichment of {} failed", type.name(), record.offset());
            }
        }
        RowChecker rows = Objects.requireNonNull(checker);
        return checked
                ? rows.checkTime(values, record.timestampMillis())
                : rows.check(values, record.timestampMillis());
    }

    private boolean mayAdd(List<Rejection.NewColumn> needed) {
        return plan.unknownFields() == UnknownFields.ADD_COLUMN
                && !needed.isEmpty()
                && needed.size() + store.columns().size() <= MAX_COLUMNS
                && needed.stream().noneMatch(column -> refusedColumns.contains(column.name()));
    }

    private void store(PartitionWork partitionWork, LogOffset next, DeferralLedger.@Nullable Entry entry) {
        outcomes.stored = judge.judge(partitionWork, rows::add);
        outcomes.duplicate = judge.size() - outcomes.stored;
        if (entry == null) {
            advance(partitionWork, next);
        } else {
            backfilled(partitionWork, entry, next.offset());
        }
    }

    private void advance(PartitionWork partitionWork, LogOffset next) {
        partitionWork.advance(next, outcomes);
        newEnds.put(partitionWork.partition, next.offset());
        if (load != null) {
            load.taken(outcomes.records());
        }
        if (outcomes.deferred > 0) {
            store.deferred(partitionWork.partition, partitionWork.ledger.snapshot());
            noteDeferred();
        }
    }

    private void backfilled(PartitionWork partitionWork, DeferralLedger.Entry entry, long next) {
        if (outcomes.records() + outcomes.foreign > entry.records()) {
            throw new K2Exception.Stop(
                    "more records of tier " + entry.tier + " are in " + partitionWork.partition + " below offset "
                            + next
                            + " than were put off there: " + entry.snapshot()
                            + "; the selection of records has to say the same of the same record",
                    null);
        }
        Deferral before = entry.snapshot();
        long gone = partitionWork.backfill(entry, next, outcomes);
        if (gone > 0) {
            LOG.atError()
                    .log(
                            "{}: {} records of tier {} are lost: they were put off, in offsets [{}, {}) of {}, and are gone from"
                                    + " the log before they could be brought in",
                            type.name(),
                            gone,
                            before.tier(),
                            before.fromOffset(),
                            before.toOffset(),
                            partitionWork.partition);
        }
        count("stored", outcomes.stored);
        count("duplicate", outcomes.duplicate);
        count("rejected", outcomes.rejected);
        count("lost", gone);
        if (partitionWork.ledger.isEmpty()) {
            Objects.requireNonNull(sequenceCounters.get(SequenceVerdict.Gap.class))
                    .increment(partitionWork.closeHoles());
        }
        newEnds.put(partitionWork.partition, partitionWork.next().offset());
        store.deferred(partitionWork.partition, partitionWork.ledger.snapshot());
        noteDeferred();
    }

    private void count(String outcome, long records) {
        Objects.requireNonNull(backfilled.get(outcome)).increment(records);
    }

    private PartitionWork work(LogPartition partition) {
        PartitionWork found = work.get(partition);
        if (found == null) {
            throw new IllegalStateException("the log gave " + partition + ", which was not asked for");
        }
        return found;
    }

    private static int bytes(byte @Nullable [] array) {
        return array == null ? 0 : array.length;
    }

    private static long micros(Instant time) {
        return time.getEpochSecond() * 1_000_000L + time.getNano() / 1000;
    }

    /** Makes rows and ends visible together, first to queries, then to those who wait for freshness. */
    private void publish() {
        if (newEnds.isEmpty()) {
            return;
        }
        if (generationSinceNanos == 0) {
            generationSinceNanos = Math.max(1, System.nanoTime());
        }
        store.append(rows, newEnds);
        generationRows += rows.size();
        lock.lock();
        try {
            // Of a follower the table may have gone farther meanwhile.
            newEnds.forEach((partition, end) -> liveEnds.merge(partition, end, Math::max));
            moved.signalAll();
        } finally {
            lock.unlock();
        }
        rows.clear();
        newEnds.clear();
        heldSinceNanos = 0;
    }

    private boolean generationIsDue() {
        boolean begun = generationSinceNanos != 0;
        if (!begun && newEnds.isEmpty()) {
            return false;
        }
        long now = System.nanoTime();
        if (now - memoryCheckedNanos > MEMORY_CHECK_NANOS) {
            memoryCheckedNanos = now;
            liveBytes = store.liveBytes();
            if (liveBytes >= settings.memoryBytes() && generationRows > 0 && !isFollower()) {
                return true;
            }
        }
        // What is held back counts: sealing makes it visible first.
        return (begun && now - generationSinceNanos >= settings.commitInterval().toNanos())
                || generationBytes >= settings.generationBytes()
                || generationRows + rows.size() >= settings.generationRows();
    }

    private void seal() {
        seal(Set.of());
    }

    /** Seals the open generation; of partitions that leave with it all state is kept for whoever comes next. */
    private void seal(Set<LogPartition> leaving) {
        publish();
        if (work.values().stream().anyMatch(PartitionWork::moved)) {
            List<StoredRows.StateSnapshot> kept = isFollower() ? List.of() : checkpoints.cut(work.values(), leaving);
            Set<LogPartition> named =
                    kept.stream().map(StoredRows.StateSnapshot::partition).collect(Collectors.toSet());
            List<PartitionState> states = new ArrayList<>();
            for (PartitionWork partition : work.values()) {
                if (partition.moved() || named.contains(partition.partition)) {
                    states.add(partition.state());
                    partition.sealed();
                }
            }
            EventStore.Generation generation = store.seal(states, kept);
            consumedBytes.increment(generationBytes);
            if (!isFollower()) {
                lock.lock();
                try {
                    sealedBytes.put(generation, generationBytes);
                } finally {
                    lock.unlock();
                }
            }
            clearGeneration();
            if (!isFollower()) {
                committer.submit(generation);
            }
        }
    }

    private void clearGeneration() {
        rows.clear();
        newEnds.clear();
        heldSinceNanos = 0;
        days.clear();
        lastDay = Long.MIN_VALUE;
        generationRows = 0;
        generationBytes = 0;
        generationSinceNanos = 0;
    }

    // ---------------------------------------------------------------- committer thread

    private void commitOnce(EventStore.Generation generation) {
        long began = System.nanoTime();
        commitBeganNanos = began;
        // Dead letters are at least once: they stand before the commit that passes them. If one was not acknowledged,
        // only reading its record again brings it back, so this attempt is not simply repeated.
        try {
            log.flushDeadLetters();
        } catch (K2Exception.Retry e) {
            throw new IllegalStateException("dead letters were not acknowledged: " + e.getMessage(), e);
        }
        Map<LogPartition, EventLog.Bounds> bounds = log.bounds();
        requireSameTopic(
                generation.states().stream().map(PartitionState::partition).toList(), bounds.keySet());
        store.commit(generation);
        lastCommitNanos = System.nanoTime() - began;
        commitBeganNanos = 0;
        commitTimer.record(lastCommitNanos, TimeUnit.NANOSECONDS);
        lock.lock();
        try {
            sealedBytes.remove(generation);
            for (PartitionState state : generation.states()) {
                PartitionState before = committed.put(state.partition(), state);
                Tally counted = before == null ? Tally.ZERO : before.tally();
                committedHere = committedHere.plus(state.tally()).minus(counted);
            }
            noteBounds(bounds);
            if (health.status() == Health.Status.RETRYING) {
                health = new Health(Health.Status.RUNNING, null);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The caller holds the lock. */
    private void noteBounds(Map<LogPartition, EventLog.Bounds> bounds) {
        if (!isMember() && !liveEnds.isEmpty() && !liveEnds.keySet().containsAll(bounds.keySet())) {
            partitionsMayHaveGrown = true;
        }
        noteLag(bounds);
    }

    /** The caller holds the lock. */
    private void noteLag(Map<LogPartition, EventLog.Bounds> bounds) {
        watchedNanos = Math.max(1, System.nanoTime());
        logEnds.clear();
        bounds.forEach((partition, bound) -> logEnds.put(partition, bound.stableEnd()));
        liveEnds.keySet().stream()
                .filter(partition -> logEnds.containsKey(partition) && !catchUp.containsKey(partition))
                .forEach(partition -> catchUp.put(partition, logEnds.getOrDefault(partition, 0L)));
        catchUp.keySet().retainAll(liveEnds.keySet());
        lagRecords = bounds.entrySet().stream()
                .filter(entry -> liveEnds.containsKey(entry.getKey()))
                .mapToLong(
                        entry -> Math.max(0, entry.getValue().stableEnd() - liveEnds.getOrDefault(entry.getKey(), 0L)))
                .sum();
    }

    private void onCommitTrouble(RuntimeException trouble) {
        retried.increment();
        setHealth(Health.Status.RETRYING, trouble.getMessage());
    }

    /** A row's values by name, for the enrichment. */
    private final class EnrichedValues implements Enrichment.Values {
        private final Set<Integer> identity = new HashSet<>();
        private @Nullable Object[] values = {};

        EnrichedValues(EventType<?> type) {
            Stream.of("venue", "symbol", "event_time").forEach(name -> identity.add(type.index(name)));
            type.idColumns().forEach(column -> identity.add(type.index(column.name())));
            type.sequenceColumn().ifPresent(column -> identity.add(type.index(column.name())));
        }

        EnrichedValues over(@Nullable Object[] row) {
            values = row;
            return this;
        }

        private int index(String column) {
            List<Column> columns = store.columns();
            for (int i = 0; i < columns.size(); i++) {
                if (columns.get(i).name().equals(column)) {
                    return i;
                }
            }
            throw new IllegalArgumentException("table " + type.name() + " has no column '" + column + "'");
        }

        @Override
        public @Nullable Object value(String column) {
            return values[index(column)];
        }

        @Override
        public void set(String column, @Nullable Object value) {
            int index = index(column);
            if (identity.contains(index)) {
                throw new IllegalArgumentException(
                        "'" + column + "' is part of an event's identity and stays as it is");
            }
            values[index] = value;
        }
    }

    /** Leaves the taking of a batch at a record that the table has no columns for. */
    private static final class ColumnsNeeded extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final transient List<Rejection.NewColumn> columns;

        ColumnsNeeded(List<Rejection.NewColumn> columns) {
            super("columns needed: " + columns, null, false, false);
            this.columns = columns;
        }
    }
}
