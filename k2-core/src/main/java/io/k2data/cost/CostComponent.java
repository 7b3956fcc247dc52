package io.k2data.cost;

/** What a line is for. */
public enum CostComponent {
    /** Brokers, their disks and tiered storage. */
    KAFKA("Kafka"),
    /** Traffic between availability zones. */
    TRANSFER("Cross-zone transfer"),
    /** Bytes kept in the object store. */
    STORAGE("Table storage"),
    /** Requests to the object store, of commits, compaction and queries. */
    REQUESTS("Object store requests"),
    /** Processors that take in, compact and answer. */
    COMPUTE("K2 compute"),
    /** Ids remembered for deduplication. */
    STATE("Deduplication state"),
    /** The Iceberg catalog. */
    CATALOG("Catalog");

    private final String title;

    CostComponent(String title) {
        this.title = title;
    }

    /**
     * Returns its name for readers.
     *
     * @return the name
     */
    public String title() {
        return title;
    }
}
