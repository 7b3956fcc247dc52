package io.k2data;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StartPosition;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.pipeline.DegradationStatus;
import io.k2data.pipeline.Enrichment;
import io.k2data.pipeline.Health;
import io.k2data.pipeline.IngestPipeline;
import io.k2data.pipeline.IngestPlan;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.PartitionProgress;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Tally;
import io.k2data.pipeline.UnknownFields;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One topic on its way into one table, or followed beside a writer. What is to be set is set before {@link #start}; the
 * setters return this. Methods may be called by any thread.
 */
public final class Ingest implements AutoCloseable {
    private final String table;
    private final String topic;
    private final Function<IngestPlan, IngestPipeline> open;
    private final Function<IngestPlan, IngestPipeline> openBeside;
    private IngestPlan plan;
    private Reading reading = Reading.ALL;
    private @Nullable IngestPipeline pipeline;
    /** Beside a member of a group: for the partitions of the others. */
    private @Nullable IngestPipeline follower;

    /** What a member of a group reads. */
    public enum Reading {
        /** The partitions of the others too, as a follower does, so that views show the whole table. */
        ALL,
        /** Its own partitions alone: less work, but there are no views of the table here. */
        OWN
    }

    Ingest(
            String table,
            String topic,
            IngestPlan plan,
            Function<IngestPlan, IngestPipeline> open,
            Function<IngestPlan, IngestPipeline> openBeside) {
        this.table = table;
        this.topic = topic;
        this.plan = plan;
        this.open = open;
        this.openBeside = openBeside;
    }

    /**
     * Sets where a table that knows no offsets yet begins to take the topic; by default with the oldest record. Once the
     * table has offsets, they decide.
     *
     * @param position where
     * @return this
     */
    public synchronized Ingest startAt(StartPosition position) {
        return plan(plan.start(position));
    }

    /**
     * Sets what becomes of a record with a field that the table has no column for; by default it is rejected.
     *
     * @param way what becomes of it
     * @return this
     */
    public synchronized Ingest unknownFields(UnknownFields way) {
        return plan(plan.unknownFields(way));
    }

    /**
     * Sets which records of the topic hold events of this ingest's type; the others are counted as foreign. By default
     * all but those whose header {@value io.k2data.pipeline.IngestPlan#TYPE_HEADER} names another event type.
     *
     * @param records says whether a record is of this type; called by one thread, and should be quick
     * @return this
     */
    public synchronized Ingest select(Predicate<? super LogRecord> records) {
        return plan(plan.select(records));
    }

    /**
     * Makes this ingest a member of a Kafka consumer group: the members divide the topic's partitions among them and write
     * one table. When members come and go, the partitions that move are committed and handed over, the others go on. The
     * group's offsets only inform; where to read on is in the table, also after another member was taken for dead and
     * was not. Settings of the group's client such as {@code session.timeout.ms} or {@code group.protocol} are given with
     * the others of Kafka.
     *
     * @param groupId the group's id, the same for all members, and for nothing else
     * @return this
     */
    public Ingest group(String groupId) {
        return group(groupId, Reading.ALL);
    }

    /**
     * Makes this ingest a member of a Kafka consumer group, as {@link #group(String)} does.
     *
     * @param groupId the group's id
     * @param read what it reads
     * @return this
     * @throws IllegalStateException if it is a follower's, or was started
     */
    public synchronized Ingest group(String groupId, Reading read) {
        if (plan.role() == PartitionContext.Role.FOLLOWER) {
            throw new IllegalStateException("a follower reads all partitions and joins no group");
        }
        reading = read;
        return plan(plan.group(groupId));
    }

    /**
     * Sets what adds to rows what their records do not say. It is skipped under load, where a degradation policy says so.
     *
     * @param enrichment adds to rows; called by one thread
     * @return this
     */
    public synchronized Ingest enrich(Enrichment enrichment) {
        return plan(plan.enrichment(enrichment));
    }

    private Ingest plan(IngestPlan changed) {
        if (pipeline != null) {
            throw new IllegalStateException("the ingest of " + table + " was started before");
        }
        plan = changed;
        return this;
    }

    /**
     * Makes the table if there is none, reads how far it reaches, and begins to read the topic from there, on threads of
     * its own. Blocks until the table is ready to be queried. A follower makes nothing: its table must be there.
     *
     * @return this
     * @throws K2Exception if Kafka or the catalog cannot be reached, or table and topic do not fit; nothing runs then
     * @throws IllegalStateException if it was started before
     */
    public synchronized Ingest start() {
        if (pipeline != null) {
            throw new IllegalStateException("the ingest of " + table + " was started before");
        }
        IngestPipeline opened = open.apply(plan);
        if (plan.group().isEmpty() || reading == Reading.OWN) {
            opened.start();
            pipeline = opened;
            return this;
        }
        // The follower reads everything at first, and leaves to its neighbour what the group gives that.
        Set<LogPartition> owned = ConcurrentHashMap.newKeySet();
        AtomicReference<IngestPipeline> beside = new AtomicReference<>();
        opened.onOwned(now -> {
            IngestPipeline other = beside.get();
            owned.addAll(now);
            owned.retainAll(now);
            if (other != null) {
                other.leaveToOthers(now);
            }
        });
        opened.start();
        boolean started = false;
        try {
            IngestPipeline other = openBeside.apply(plan.role(PartitionContext.Role.FOLLOWER));
            beside.set(other);
            other.leaveToOthers(owned);
            other.start();
            follower = other;
            pipeline = opened;
            started = true;
        } finally {
            if (!started) {
                opened.close();
            }
        }
        return this;
    }

    /**
     * Returns the table's name, which is also that of its SQL relation.
     *
     * @return the name
     */
    public String table() {
        return table;
    }

    /**
     * Returns the topic.
     *
     * @return its name
     */
    public String topic() {
        return topic;
    }

    /**
     * Returns how the ingest is, both of its parts if it is a member of a group that reads all: the hook for a health check.
     *
     * @return status and, where something is wrong, its cause
     */
    public Health health() {
        Health worst = new Health(Health.Status.NEW, null);
        for (IngestPipeline each : pipelines()) {
            if (worst.status() == Health.Status.NEW || worst.status() == Health.Status.RUNNING) {
                worst = each.health();
            }
        }
        return worst;
    }

    /**
     * Says whether it is well and has caught up: it runs, and has read each of its partitions at least as far as the log
     * reached when it began with it. The hook for a readiness check.
     *
     * @return true if so
     */
    public boolean ready() {
        List<IngestPipeline> running = pipelines();
        return !running.isEmpty() && running.stream().allMatch(IngestPipeline::ready);
    }

    /**
     * Returns how far each partition is, from the log to the table.
     *
     * @return by partition, in order
     */
    public Map<LogPartition, PartitionProgress> progress() {
        Map<LogPartition, PartitionProgress> progress = new TreeMap<>();
        // The member's last: where both have a partition on its way, it counts.
        List<IngestPipeline> running = new ArrayList<>(started());
        Collections.reverse(running);
        running.forEach(each -> progress.putAll(each.progress()));
        return progress;
    }

    /**
     * Stops reading, commits what was read, and leaves the group if it is a member of one, so that others take over at once.
     * Views still answer, but nothing new comes. After it there is only {@link #close}.
     *
     * @param timeout the longest wait
     * @return whether all that was read is committed; if not, it is read again after the next start
     */
    public boolean drain(Duration timeout) {
        return started().get(0).drain(timeout);
    }

    /**
     * Returns what the table holds of each partition, as of the last commit; for a follower as of the last look. While
     * members of a group hand a partition over, it is what was known of it before.
     *
     * @return by partition: table offset, and what became of the records below it
     */
    public Map<LogPartition, PartitionState> committed() {
        List<IngestPipeline> running = started();
        Map<LogPartition, PartitionState> committed = new TreeMap<>();
        running.forEach(each -> each.committed().forEach(committed::putIfAbsent));
        // One on its way from the member to the follower or back is nobody's until the table was read for it. Whoever
        // gave it up before it was looked for above, knows it as left.
        Map<LogPartition, PartitionState> left = new TreeMap<>();
        if (running.size() > 1) {
            running.forEach(each -> each.left()
                    .forEach((partition, state) ->
                            left.merge(partition, state, BinaryOperator.maxBy(Comparator.comparingLong(it -> it.next()
                                    .offset())))));
        }
        left.forEach(committed::putIfAbsent);
        return committed;
    }

    /**
     * Returns what became of all records, as of the last commit: the sum over the partitions.
     *
     * @return the counts of Law 2
     */
    public Tally tally() {
        return committed().values().stream().map(PartitionState::tally).reduce(Tally.ZERO, Tally::plus);
    }

    /**
     * Returns what sequence tracking knows of every stream, as of the last record read: gaps, late arrivals, duplicates,
     * resets.
     *
     * @return one entry per stream, in order of stream
     */
    public List<StreamLedger> streams() {
        return started().stream()
                .flatMap(each -> each.streams().stream())
                .sorted(Comparator.comparing(StreamLedger::stream))
                .toList();
    }

    /**
     * Returns how it stands under load.
     *
     * @return level, lag, memory and what is put off
     */
    public DegradationStatus degradation() {
        return started().get(0).degradation();
    }

    /**
     * Stops reading, commits what was read and releases everything.
     *
     * @param timeout the longest wait; what was not committed by then is read again after the next start
     */
    public void close(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        for (IngestPipeline each : pipelines()) {
            each.close(Duration.ofNanos(Math.max(1_000_000, deadline - System.nanoTime())));
        }
    }

    /** Closes, waiting at most a minute. */
    @Override
    public void close() {
        close(Duration.ofMinutes(1));
    }

    /** The member, and the follower beside it if there is one; none before the start. */
    synchronized List<IngestPipeline> pipelines() {
        return Stream.of(pipeline, follower).filter(Objects::nonNull).toList();
    }

    /** Whether views over it show the whole table. */
    synchronized boolean readsAll() {
        return plan.group().isEmpty() || reading == Reading.ALL;
    }

    private List<IngestPipeline> started() {
        List<IngestPipeline> running = pipelines();
        if (running.isEmpty()) {
            throw new IllegalStateException("the ingest of " + table + " was not started");
        }
        return running;
    }
}
