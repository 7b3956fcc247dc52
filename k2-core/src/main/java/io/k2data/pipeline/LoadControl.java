package io.k2data.pipeline;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.degradation.Admission;
import io.k2data.degradation.Degradation;
import io.k2data.degradation.PriorityTiers;
import io.k2data.degradation.TierFile;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Samples the load of one ingest, has the policy choose the level, and says by it what becomes of a record. Ingest thread
 * only, but for {@link #level} and {@link #memoryShare} and what tells of the past.
 */
final class LoadControl {
    private static final Logger LOG = LoggerFactory.getLogger(LoadControl.class);
    private static final long SAMPLE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long RELOAD_NANOS = TimeUnit.SECONDS.toNanos(5);
    /** How much of the drain rate is the last second's. */
    private static final double RATE_SMOOTHING = 0.1;

    private static final int RECENT = 64;

    private final String table;
    private final Degradation degradation;
    private final DegradationPolicy policy;
    private final DegradationState state;
    private final LoadSample sample = new LoadSample();
    private final List<MemoryPoolMXBean> heapPools = new ArrayList<>();
    private final long heapMaxBytes = Runtime.getRuntime().maxMemory();
    private final MeterRegistry meters;
    private final Tags tags;
    private final Consumer<Meter> registered;
    private final Clock clock;
    private final Map<String, Counter> transitionCounters = new TreeMap<>();
    /** By tier's number: what was put off, and how much of it the counters tell already. */
    private final LongAdder[] shed = new LongAdder[PriorityTier.values().length];

    private final long[] shedCounted = new long[shed.length];
    private final Map<String, Counter> shedCounters = new TreeMap<>();

    private PriorityTiers tiers;
    private long sampledNanos;
    private long reloadedNanos;
    private long taken;
    private long takenBefore;
    private double drainRate;

    private volatile DegradationLevel level = DegradationLevel.NORMAL;
    private volatile String cause = "";
    private volatile long transitions;
    private volatile double memoryShare;
    private volatile List<DegradationStatus.Transition> recent = List.of();

    LoadControl(
            String table,
            Degradation degradation,
            MeterRegistry meters,
            Tags tags,
            Consumer<Meter> registered,
            Clock clock) {
        this.clock = clock;
        this.table = table;
        this.degradation = degradation;
        this.policy = degradation.policy();
        this.tiers = degradation.tiers();
        this.state = DegradationState.at(DegradationLevel.NORMAL, System.nanoTime());
        this.meters = meters;
        this.tags = tags;
        this.registered = registered;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP && pool.getCollectionUsage() != null) {
                heapPools.add(pool);
            }
        }
        for (int i = 0; i < shed.length; i++) {
            shed[i] = new LongAdder();
        }
        registered.accept(Gauge.builder("k2.degradation.level", this, control -> control.level.number())
                .description("0 NORMAL, 1 SOFT, 2 GRACEFUL, 3 AGGRESSIVE, 4 CIRCUIT_BREAK")
                .tags(tags)
                .register(meters));
        registered.accept(Gauge.builder("k2.degradation.memory", this, control -> control.memoryShare)
                .description("the share of the scarcest memory in use: heap after collection, DuckDB, bytes in flight")
                .tags(tags)
                .register(meters));
    }

    /** What only the pipeline knows of the load. */
    record Figures(
            long lagRecords,
            boolean catchingUp,
            long liveBytes,
            long liveBytesLimit,
            long inFlightBytes,
            long inFlightBound,
            long queueingDelayNanos,
            long commitLatencyNanos,
            boolean inFlightDrained) {}

    /** Says whether it is time for {@link #decide}. */
    boolean isDue(long nowNanos) {
        return sampledNanos == 0 || nowNanos - sampledNanos >= SAMPLE_NANOS;
    }

    /** Has the policy choose the level. Returns whether it changed, or other tiers count from now on. */
    boolean decide(Figures figures, long nowNanos) {
        countShed();
        long elapsed = sampledNanos == 0 ? 0 : nowNanos - sampledNanos;
        sampledNanos = Math.max(1, nowNanos);
        if (elapsed > 0 && figures.lagRecords() > 0) {
            double rate = (taken - takenBefore) * 1e9 / elapsed;
            drainRate = drainRate == 0 ? rate : drainRate + RATE_SMOOTHING * (rate - drainRate);
        }
        takenBefore = taken;
        sample.clear()
                .heapAfterCollection(heapAfterCollection(), heapMaxBytes)
                .duckDb(figures.liveBytes(), figures.liveBytesLimit())
                .inFlight(figures.inFlightBytes(), figures.inFlightBound())
                .queueingDelayNanos(figures.queueingDelayNanos())
                .commitLatencyNanos(figures.commitLatencyNanos());
        if (drainRate > 0) {
            sample.lag(figures.lagRecords(), drainRate);
        } else {
            sample.lag(figures.lagRecords());
        }
        if (figures.catchingUp()) {
            sample.markCatchingUp();
        }
        if (figures.inFlightDrained()) {
            sample.markInFlightDrained();
        }
        memoryShare = sample.memoryShare();
        boolean changed = state.advance(policy, sample, nowNanos);
        if (changed) {
            DegradationLevel now = state.level();
            cause = policy.cause(state, sample);
            transitions++;
            level = now;
            List<DegradationStatus.Transition> last =
                    new ArrayList<>(recent.subList(Math.max(0, recent.size() - RECENT + 1), recent.size()));
            last.add(new DegradationStatus.Transition(clock.instant(), state.previousLevel(), now, cause));
            recent = List.copyOf(last);
            LOG.atLevel(
                            now.compareTo(state.previousLevel()) > 0
                                    ? org.slf4j.event.Level.WARN
                                    : org.slf4j.event.Level.INFO)
                    .addKeyValue("table", table)
                    .log("{}: {}", table, cause);
            transitionCounters
                    .computeIfAbsent(
                            state.previousLevel() + " " + now,
                            pair -> counter(
                                    "k2.degradation.transitions",
                                    "changes of the degradation level",
                                    Tags.of("from", state.previousLevel().name(), "to", now.name())))
                    .increment();
        }
        return reload(nowNanos) || changed;
    }

    private boolean reload(long nowNanos) {
        if (reloadedNanos != 0 && nowNanos - reloadedNanos < RELOAD_NANOS) {
            return false;
        }
        reloadedNanos = Math.max(1, nowNanos);
        degradation.reload().ifPresent(found -> {
            if (found instanceof TierFile.Reload.Changed changed) {
                LOG.atInfo().log(
                        "tiers changed from version {} to {}",
                        changed.before().version(),
                        changed.after().version());
            } else if (found instanceof TierFile.Reload.Refused refused) {
                LOG.atWarn().log("the tiers' file is not taken into use: {}", String.join("; ", refused.problems()));
            }
        });
        // Another ingest that shares the file may have been the one to find it changed.
        PriorityTiers now = degradation.tiers();
        boolean changed = !now.version().equals(tiers.version());
        tiers = now;
        return changed;
    }

    private Counter counter(String name, String description, Tags more) {
        Counter counter = Counter.builder(name)
                .description(description)
                .tags(tags)
                .tags(more)
                .register(meters);
        registered.accept(counter);
        return counter;
    }

    private long heapAfterCollection() {
        long used = 0;
        for (int i = 0; i < heapPools.size(); i++) {
            MemoryUsage usage = heapPools.get(i).getCollectionUsage();
            used += usage == null ? 0 : usage.getUsed();
        }
        return used;
    }

    /** Notes that records were gone through, whatever became of them. */
    void taken(long records) {
        taken += records;
    }

    /** Whether no record is taken now. */
    boolean holding() {
        return state.holding();
    }

    /** Whether records have to be looked at one by one. */
    boolean sheds() {
        return !Admission.takesAll(state.level());
    }

    boolean enriches() {
        return Admission.enriches(state.level());
    }

    boolean admits(PriorityTier tier) {
        return Admission.of(state.level(), tier) == Admission.ADMIT;
    }

    PriorityTiers tiers() {
        return tiers;
    }

    /** Notes that a record was put off. */
    void shed(PriorityTier tier) {
        shed[tier.ordinal()].increment();
    }

    /** Counts what was put off since the last time, all of it at the level that is still the present one. */
    private void countShed() {
        for (PriorityTier tier : PriorityTier.values()) {
            long now = shed[tier.ordinal()].sum();
            long more = now - shedCounted[tier.ordinal()];
            if (more > 0) {
                shedCounted[tier.ordinal()] = now;
                String reason = state.level().name();
                shedCounters
                        .computeIfAbsent(
                                tier + " " + reason,
                                pair -> counter(
                                        "k2.messages.shed",
                                        "records put off under load, to be brought in later",
                                        Tags.of("tier", tier.name(), "reason", reason)))
                        .increment(more);
            }
        }
    }

    DegradationLevel level() {
        return level;
    }

    DegradationStatus status(long lagRecords, long deferredRecords, long deferredRanges) {
        Map<PriorityTier, Long> sums = new TreeMap<>();
        for (PriorityTier tier : PriorityTier.values()) {
            sums.put(tier, shed[tier.ordinal()].sum());
        }
        return new DegradationStatus(
                level, cause, transitions, lagRecords, memoryShare, sums, deferredRecords, deferredRanges, recent);
    }
}
