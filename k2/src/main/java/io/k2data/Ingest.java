package io.k2data;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.StartPosition;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.pipeline.Health;
import io.k2data.pipeline.IngestPipeline;
import io.k2data.pipeline.IngestPlan;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Tally;
import io.k2data.pipeline.UnknownFields;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One topic on its way into one table, or followed beside a writer. What is to be set is set before {@link #start}; the
 * setters return this. Methods may be called by any thread.
 */
public final class Ingest implements AutoCloseable {
    private final String table;
    private final String topic;
    private final Function<IngestPlan, IngestPipeline> open;
    private IngestPlan plan;
    private @Nullable IngestPipeline pipeline;

    Ingest(String table, String topic, IngestPlan plan, Function<IngestPlan, IngestPipeline> open) {
        this.table = table;
        this.topic = topic;
        this.plan = plan;
        this.open = open;
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
        opened.start();
        pipeline = opened;
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
     * Returns how the ingest is: the hook for a health check.
     *
     * @return status and, where something is wrong, its cause
     */
    public Health health() {
        IngestPipeline running = running();
        return running == null ? new Health(Health.Status.NEW, null) : running.health();
    }

    /**
     * Returns what the table holds of each partition, as of the last commit; for a follower as of the last look.
     *
     * @return by partition: table offset, and what became of the records below it
     */
    public Map<LogPartition, PartitionState> committed() {
        return started().committed();
    }

    /**
     * Returns what became of all records, as of the last commit: the sum over the partitions.
     *
     * @return the counts of Law 2
     */
    public Tally tally() {
        return started().committedTally();
    }

    /**
     * Returns what sequence tracking knows of every stream, as of the last record read: gaps, late arrivals, duplicates,
     * resets.
     *
     * @return one entry per stream, in order of stream
     */
    public List<StreamLedger> streams() {
        return started().streams();
    }

    /**
     * Stops reading, commits what was read and releases everything.
     *
     * @param timeout the longest wait; what was not committed by then is read again after the next start
     */
    public void close(Duration timeout) {
        IngestPipeline running = running();
        if (running != null) {
            running.close(timeout);
        }
    }

    /** Closes, waiting at most a minute. */
    @Override
    public void close() {
        close(Duration.ofMinutes(1));
    }

    synchronized @Nullable IngestPipeline running() {
        return pipeline;
    }

    private IngestPipeline started() {
        IngestPipeline running = running();
        if (running == null) {
            throw new IllegalStateException("the ingest of " + table + " was not started");
        }
        return running;
    }
}
