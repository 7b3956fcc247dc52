package io.k2data.cost;

import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;

/** A choice that changes the bill, as two sets of inputs that differ in nothing else. */
public enum CostOption {
    /** Consumers read from a replica in their own zone. */
    FOLLOWER_FETCH(
            "consumers fetch from the leader, in three zones",
            "they fetch from a replica in their own zone",
            "more than one consumer, or transfer among the three largest lines; set replica.selector.class and client.rack",
            CostInput.CONSUMERS,
            1,
            100,
            inputs -> inputs.off(CostInput.FOLLOWER_FETCH),
            inputs -> inputs.on(CostInput.FOLLOWER_FETCH)),
    /** Kafka's older records go to the object store. */
    TIERING(
            "Kafka keeps all on disks",
            "what is older than local-retention-hours is tiered to the object store",
            "a retention of more than a day or two",
            CostInput.KAFKA_RETENTION_HOURS,
            1,
            1000,
            inputs -> inputs.off(CostInput.TIERED),
            inputs -> inputs.on(CostInput.TIERED)),
    /** Commits come less often. */
    COMMIT_INTERVAL(
            "a commit every second",
            "one every 60 s",
            "queries ask K2, which shows rows before their commit, so that nobody waits for commits",
            CostInput.RECORDS_PER_SECOND,
            100,
            1e8,
            inputs -> inputs.set(CostInput.COMMIT_INTERVAL_SECONDS, 1),
            inputs -> inputs.set(CostInput.COMMIT_INTERVAL_SECONDS, 60)),
    /** Larger generations, for rates at which rows and not time make a commit due. */
    GENERATION(
            "a commit every 500,000 rows or 128 MiB",
            "one every 2,000,000 rows or 512 MiB",
            "commits come sooner than commit-interval-seconds, and there is memory for larger generations",
            CostInput.RECORDS_PER_SECOND,
            100,
            1e8,
            inputs -> inputs.set(CostInput.GENERATION_ROWS, 500_000).set(CostInput.GENERATION_MIB, 128),
            inputs -> inputs.set(CostInput.GENERATION_ROWS, 2_000_000).set(CostInput.GENERATION_MIB, 512)),
    /** A denser codec, for Kafka's batches and for Parquet. */
    CODEC(
            "snappy in Kafka and Parquet",
            "zstd in both",
            "producers still use snappy or nothing",
            CostInput.RECORDS_PER_SECOND,
            100,
            1e8,
            inputs -> scale(
                    inputs,
                    CostInput.WIRE_BYTES,
                    Codecs.WIRE_SNAPPY_TO_ZSTD,
                    CostInput.PARQUET_BYTES,
                    Codecs.PARQUET_SNAPPY_TO_ZSTD),
            inputs -> inputs),
    /** Old data goes where it costs less. */
    STORAGE_TIERS(
            "the table is in one tier",
            "infrequent from day 60, archive from day 180",
            "the table keeps more than half a year, and old data is rarely asked for; its files are not small",
            CostInput.COLD_SCAN_PART,
            0.001,
            1,
            inputs -> inputs.tiers(List.of(new StorageTier("standard", 0))),
            inputs -> inputs.tiers(List.of(
                    new StorageTier("standard", 0),
                    new StorageTier("infrequent", 60),
                    new StorageTier("archive", 180)))),
    /** Small files are rewritten. */
    COMPACTION(
            "files as commits write them",
            "compacted into larger ones",
            "requests of queries and of tier transitions cost more than rewriting everything once",
            CostInput.SCANS_PER_DAY,
            1,
            1e6,
            inputs -> inputs.off(CostInput.COMPACTION),
            inputs -> inputs.on(CostInput.COMPACTION)),
    /** Where ids are remembered. */
    REDIS(
            "ids in Redis, shared by the fleet",
            "ids in each process",
            "each partition has one writer at a time, so that its ids are nobody else's",
            CostInput.DEDUP_WINDOW_HOURS,
            0.01,
            720,
            inputs -> inputs.on(CostInput.REDIS),
            inputs -> inputs.off(CostInput.REDIS)),
    /** Machines by the year. */
    COMMITMENT(
            "machines on demand",
            "the same with 30 % off for a commitment of a year",
            "the load has been there for some months; 30 % is an assumption, see the offers of the provider",
            CostInput.RECORDS_PER_SECOND,
            100,
            1e8,
            inputs -> inputs.set(CostInput.COMPUTE_DISCOUNT, 0),
            inputs -> inputs.set(CostInput.COMPUTE_DISCOUNT, 0.3));

    /** Sizes of the same records under another codec, measured (docs/benchmarks/2026-11-27-cost-figures.md). */
    private static final class Codecs {
        static final double WIRE_SNAPPY_TO_ZSTD = 64.3 / 35.6;
        static final double PARQUET_SNAPPY_TO_ZSTD = 32.78 / 15.47;
    }

    private final String before;
    private final String after;
    private final String trigger;
    private final CostInput over;
    private final double from;
    private final double to;
    private final UnaryOperator<CostInputs.Builder> without;
    private final UnaryOperator<CostInputs.Builder> with;

    CostOption(
            String before,
            String after,
            String trigger,
            CostInput over,
            double from,
            double to,
            UnaryOperator<CostInputs.Builder> without,
            UnaryOperator<CostInputs.Builder> with) {
        this.before = before;
        this.after = after;
        this.trigger = trigger;
        this.over = over;
        this.from = from;
        this.to = to;
        this.without = without;
        this.with = with;
    }

    private static CostInputs.Builder scale(
            CostInputs.Builder inputs, CostInput first, double firstFactor, CostInput second, double secondFactor) {
        CostInputs now = inputs.build();
        return inputs.set(first, now.value(first) * firstFactor).set(second, now.value(second) * secondFactor);
    }

    /**
     * Returns the name that reports use.
     *
     * @return such as {@code follower-fetch}
     */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * Says how it is without the choice.
     *
     * @return in words
     */
    public String before() {
        return before;
    }

    /**
     * Says how it is with it.
     *
     * @return in words
     */
    public String after() {
        return after;
    }

    /**
     * Says when it is worth a look.
     *
     * @return in words
     */
    public String trigger() {
        return trigger;
    }

    /**
     * Returns the input that decides between both, if any does: its break-even is looked for.
     *
     * @return the input
     */
    public CostInput over() {
        return over;
    }

    /**
     * Returns from where on a break-even is looked for.
     *
     * @return the lowest value
     */
    public double from() {
        return from;
    }

    /**
     * Returns up to where a break-even is looked for.
     *
     * @return the highest value
     */
    public double to() {
        return to;
    }

    /**
     * Returns inputs without the choice.
     *
     * @param inputs the inputs
     * @return the inputs, changed in what the choice is about
     */
    public CostInputs without(CostInputs inputs) {
        return without.apply(inputs.toBuilder()).build();
    }

    /**
     * Returns inputs with it.
     *
     * @param inputs the inputs
     * @return the inputs, changed in what the choice is about
     */
    public CostInputs with(CostInputs inputs) {
        return with.apply(inputs.toBuilder()).build();
    }
}
