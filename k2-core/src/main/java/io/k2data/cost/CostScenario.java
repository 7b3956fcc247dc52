package io.k2data.cost;

import java.util.Locale;

/** Feeds of three sizes. What they do not say is {@link CostInput}'s default. */
public enum CostScenario {
    /** 10,000 records a second: one venue. */
    SMALL(10_000, 24, 2),
    /** A million records a second: the venues of a region. */
    MEDIUM(1_000_000, 256, 3),
    /** Ten million records a second. */
    LARGE(10_000_000, 2_048, 4);

    private final double recordsPerSecond;
    private final int partitions;
    private final int consumers;

    CostScenario(double recordsPerSecond, int partitions, int consumers) {
        this.recordsPerSecond = recordsPerSecond;
        this.partitions = partitions;
        this.consumers = consumers;
    }

    /**
     * Returns its name.
     *
     * @return in lower case
     */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Returns its inputs.
     *
     * @return a builder that holds them
     */
    public CostInputs.Builder inputs() {
        return CostInputs.builder()
                .set(CostInput.RECORDS_PER_SECOND, recordsPerSecond, "the scenario's")
                .set(CostInput.PARTITIONS, partitions, "the scenario's")
                .set(CostInput.CONSUMERS, consumers, "the scenario's")
                .set(CostInput.SCANS_PER_DAY, 500 * (ordinal() + 1), "the scenario's")
                .set(CostInput.QUERY_CORES, this == SMALL ? 4 : this == MEDIUM ? 32 : 128, "the scenario's");
    }
}
