package io.k2data.cost;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * A number that costs depend on, with its unit, its range, and a default whose reason is told. A GiB is 2^30 bytes, a
 * month a twelfth of 365 days: 730 hours.
 */
public enum CostInput {
    /** Records a second, the month's average. */
    RECORDS_PER_SECOND(Kind.NUMBER, "records/s", 10_000, 1e-3, 1e9, "the month's average"),
    /** The busiest minute's rate, as a multiple of the average: processors and brokers are bought for it. */
    PEAK_RATIO(
            Kind.NUMBER,
            "times the average",
            3,
            1,
            100,
            "markets open and close; brokers and cores are bought for the peak"),
    /** By how much the rate grows from a month to the next, as a part of it. */
    GROWTH_PER_MONTH(Kind.NUMBER, "part", 0.03, -0.5, 1, "an assumption: 43 % a year"),
    /** Key and value of a record, not compressed: what fills a generation. */
    RECORD_BYTES(Kind.NUMBER, "bytes", 233, 1, 1e7, Measured.FEED),
    /** A record in Kafka's log and on the wire, compressed, with its share of the batch. */
    WIRE_BYTES(Kind.NUMBER, "bytes", 36, 1, 1e7, Measured.FEED),
    /** A record in the table's Parquet files. */
    PARQUET_BYTES(Kind.NUMBER, "bytes", 15.5, 0.01, 1e7, Measured.FEED),
    /** Partitions of the topic. */
    PARTITIONS(Kind.WHOLE, "partitions", 24, 1, 1e6, "an assumption"),
    /** Copies of a record in Kafka. */
    REPLICATION(Kind.WHOLE, "copies", 3, 1, 10, "Kafka's usual setting"),
    /** Availability zones that brokers and clients are spread over evenly. */
    ZONES(Kind.WHOLE, "zones", 3, 1, 10, "one replica in each"),
    /** Brokers there are at least; more where the load needs them. */
    BROKERS(Kind.WHOLE, "brokers", 3, 1, 10_000, "one in each zone"),
    /** What a broker may be asked to write at the peak, all copies counted. */
    BROKER_WRITE_MIB_PER_SECOND(
            Kind.NUMBER, "MiB/s", 80, 1, 10_000, "gp3 gives 125 MB/s; some of it is left for recovery"),
    /** Consumers that each read all records, K2 among them. */
    CONSUMERS(Kind.NUMBER, "consumers", 2, 1, 1000, "K2 and one other"),
    /** Whether consumers read from a replica in their own zone (KIP-392). */
    FOLLOWER_FETCH(Kind.SWITCH, "0 or 1", 0, 0, 1, "off unless replica.selector.class and client.rack are set"),
    /** How long Kafka keeps records. */
    KAFKA_RETENTION_HOURS(Kind.NUMBER, "hours", 72, 0.01, 1e6, "a long weekend's outage can be caught up"),
    /** Whether older records are kept in the object store instead of on disks (KIP-405). */
    TIERED(Kind.SWITCH, "0 or 1", 0, 0, 1, "off unless it is set up"),
    /** How long records stay on disks where older ones are tiered. */
    LOCAL_RETENTION_HOURS(Kind.NUMBER, "hours", 6, 0.01, 1e6, "what consumers read from memory and disk"),
    /** How full disks are allowed to be. */
    DISK_FILL(Kind.NUMBER, "part", 0.7, 0.05, 1, "an assumption: room for a broker's outage"),
    /** How large a log segment is when it is tiered; each makes three objects. */
    SEGMENT_MIB(Kind.NUMBER, "MiB", 1024, 1, 1e5, "Kafka's segment.bytes"),
    /** The longest time between two commits of a writer. */
    COMMIT_INTERVAL_SECONDS(Kind.NUMBER, "seconds", 10, 0.1, 3600, "K2's default"),
    /** How many rows make a commit due. */
    GENERATION_ROWS(Kind.WHOLE, "rows", 500_000, 1, 1e7, "K2's default"),
    /** How many bytes of keys and values make a commit due. */
    GENERATION_MIB(Kind.NUMBER, "MiB", 128, 1e-3, 4096, "K2's default"),
    /** Data files that a commit adds, one for each day of event time. */
    FILES_PER_COMMIT(Kind.NUMBER, "files", 1, 0.001, 1000, Measured.COMMITS),
    /** Files of metadata that a commit writes: manifest, manifest list, table metadata. */
    METADATA_PUTS_PER_COMMIT(Kind.NUMBER, "requests", 3, 0, 1000, Measured.COMMITS),
    /** Requests that read metadata for a commit. */
    GETS_PER_COMMIT(Kind.NUMBER, "requests", 4, 0, 10_000, Measured.COMMITS),
    /** Size of the metadata that a commit writes. */
    METADATA_KIB_PER_COMMIT(Kind.NUMBER, "KiB", 57, 0, 1e6, Measured.COMMITS),
    /** How long files that are not in the table any more are kept for its older snapshots. */
    SNAPSHOT_RETENTION_HOURS(Kind.NUMBER, "hours", 1, 0, 1e5, "K2's default"),
    /** Whether small files are rewritten into larger ones, by a tool beside K2. */
    COMPACTION(Kind.SWITCH, "0 or 1", 0, 0, 1, "K2 does not compact by itself"),
    /** How large compaction makes files. */
    COMPACTED_FILE_MIB(Kind.NUMBER, "MiB", 256, 1, 1e5, "an assumption"),
    /** Rows that compaction reads and writes in a second on one processor. */
    COMPACTION_ROWS_PER_CORE_SECOND(
            Kind.NUMBER,
            "rows/s",
            1_000_000,
            1,
            1e9,
            "an assumption: DuckDB writes sorted zstd at 2.5 M rows/s on two cores; reading costs as much"),
    /** How long the table keeps rows. */
    TABLE_RETENTION_MONTHS(Kind.NUMBER, "months", 12, 1e-6, 1200, "an assumption"),
    /** Queries a day that read history. */
    SCANS_PER_DAY(Kind.NUMBER, "queries/day", 500, 0, 1e9, "an assumption"),
    /** How long a stretch of history a query reads. */
    HOURS_PER_SCAN(Kind.NUMBER, "hours", 1, 0, 1e6, "an assumption"),
    /** Requests for each file that a query reads. */
    GETS_PER_FILE(Kind.NUMBER, "requests", 1, 0, 1000, "K2 fetches whole files"),
    /** Part of what queries read that is in K2's file cache already. */
    CACHED_SCAN_PART(Kind.NUMBER, "part", 0.5, 0, 1, "an assumption: the last days are asked for again and again"),
    /** Part of what queries fetch that is in the oldest storage tier. */
    COLD_SCAN_PART(Kind.NUMBER, "part", 0.02, 0, 1, "an assumption"),
    /** Processors for queries. */
    QUERY_CORES(Kind.NUMBER, "vCPUs", 4, 0, 1e6, "an assumption"),
    /** Whether the catalog is paid by request instead of by node. */
    CATALOG_METERED(Kind.SWITCH, "0 or 1", 0, 0, 1, "a database of one's own; 1 is a service such as AWS Glue"),
    /** Nodes of the catalog's database. */
    CATALOG_NODES(Kind.WHOLE, "nodes", 1, 0, 1000, "one, with its standby in the price"),
    /** Requests that a commit asks the catalog. */
    CATALOG_REQUESTS_PER_COMMIT(
            Kind.NUMBER, "requests", 4, 0, 1000, "read before, swap, read after, and one of a follower"),
    /** How long ids are remembered for deduplication. */
    DEDUP_WINDOW_HOURS(Kind.NUMBER, "hours", 24, 0, 1e5, "K2's default"),
    /** Whether ids are in Redis, shared by a fleet, instead of in each process. */
    REDIS(Kind.SWITCH, "0 or 1", 0, 0, 1, "in process is K2's default"),
    /** Memory of an id in process. */
    MEMORY_BYTES_PER_ID(
            Kind.NUMBER, "bytes", 50, 0.01, 1e5, "about 200 MB for 4 million integer ids (docs/ARCHITECTURE.md)"),
    /** The most ids in process, by partition; older ones are looked up in the table. */
    MEMORY_IDS_PER_PARTITION(Kind.WHOLE, "ids", 4_000_000, 1, 1e12, "K2's bound"),
    /** Memory of an id in Redis. */
    REDIS_BYTES_PER_ID(
            Kind.NUMBER, "bytes", 100, 0.01, 1e5, "an assumption: a key of some 30 bytes with its entry and expiry"),
    /** Copies of an id in Redis. */
    REDIS_COPIES(Kind.WHOLE, "copies", 2, 1, 10, "a replica in another zone"),
    /** Bytes that asking Redis for an id sends, both ways. */
    REDIS_WIRE_BYTES(Kind.NUMBER, "bytes", 80, 0, 1e5, "an assumption"),
    /** Records that K2 takes in a second on one processor, all parts of it counted. */
    RECORDS_PER_CORE_SECOND(
            Kind.NUMBER,
            "records/s",
            101_000,
            1,
            1e9,
            "9.9 us of CPU a record (docs/benchmarks/2026-11-24-fleet-and-peer.md)"),
    /** How busy processors are allowed to be at the peak. */
    UTILISATION(Kind.NUMBER, "part", 0.6, 0.05, 1, "an assumption: room for catching up"),
    /** Processors there are at least. */
    LEAST_CORES(Kind.WHOLE, "vCPUs", 2, 1, 1e6, "the smallest machine"),
    /** Processors of one writer, of which there are as many as it takes. */
    CORES_PER_WRITER(Kind.WHOLE, "vCPUs", 4, 1, 1000, "an assumption: small machines are lost one at a time"),
    /** What is taken off the price of processors, memory, Redis and the catalog's nodes. */
    COMPUTE_DISCOUNT(Kind.NUMBER, "part", 0, 0, 0.99, "list prices"),
    /** What is taken off the price of disks and the object store. */
    STORAGE_DISCOUNT(Kind.NUMBER, "part", 0, 0, 0.99, "list prices"),
    /** What is taken off the price of transfer. */
    TRANSFER_DISCOUNT(Kind.NUMBER, "part", 0, 0, 0.99, "list prices");

    /** What numbers an input may have. */
    public enum Kind {
        /** Any number in the range. */
        NUMBER,
        /** Whole numbers in the range. */
        WHOLE,
        /** 0 for no, 1 for yes. */
        SWITCH
    }

    /** Where defaults come from that were measured. */
    private static final class Measured {
        static final String FEED = "measured on simulated JSON trades (docs/benchmarks/2026-11-27-cost-figures.md)";
        static final String COMMITS = "counted at the FileIO (docs/benchmarks/2026-11-27-cost-figures.md)";
    }

    private final Kind kind;
    private final String unit;
    private final double fallback;
    private final double least;
    private final double most;
    private final String reason;

    CostInput(Kind kind, String unit, double fallback, double least, double most, String reason) {
        this.kind = kind;
        this.unit = unit;
        this.fallback = fallback;
        this.least = least;
        this.most = most;
        this.reason = reason;
    }

    /**
     * Returns the name that it is set by.
     *
     * @return such as {@code records-per-second}
     */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * Finds an input.
     *
     * @param key its {@link #key}
     * @return the input; empty if there is none
     */
    public static Optional<CostInput> of(String key) {
        return Arrays.stream(values()).filter(input -> input.key().equals(key)).findFirst();
    }

    /**
     * Returns what numbers it may have.
     *
     * @return the kind
     */
    public Kind kind() {
        return kind;
    }

    /**
     * Returns its unit.
     *
     * @return the unit, in words
     */
    public String unit() {
        return unit;
    }

    /**
     * Returns the value that counts where none is set.
     *
     * @return the default
     */
    public double fallback() {
        return fallback;
    }

    /**
     * Returns the lowest value there may be.
     *
     * @return the value
     */
    public double least() {
        return least;
    }

    /**
     * Returns the highest value there may be.
     *
     * @return the value
     */
    public double most() {
        return most;
    }

    /**
     * Returns why the default is what it is.
     *
     * @return the reason
     */
    public String reason() {
        return reason;
    }
}
