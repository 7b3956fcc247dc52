package io.k2data.cost;

import static io.k2data.cost.CostInput.*;

import io.k2data.api.InvalidSettingsException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One month's quantities, each made into a line. */
final class CostMonth {
    static final double HOURS = 730;
    static final double SECONDS = HOURS * 3600;
    private static final double DAYS = 365 / 12.0;
    private static final double GIB = 1L << 30;
    private static final double MIB = 1L << 20;
    private static final double KIB = 1024;
    /** Iceberg's S3FileIO sends files above one and a half parts in parts of this size. */
    private static final double PART_BYTES = 32 * MIB;
    /** Objects smaller than that are billed as if they had it, outside the first tier. */
    private static final double LEAST_BILLED_BYTES = 128 * KIB;
    /** Table metadata, manifest list and a manifest. */
    private static final double METADATA_GETS_PER_SCAN = 3;
    /** Memory that comes with a core and is left for ids. */
    private static final double FREE_GIB_PER_CORE = 2;
    /** Half of what a catalog carries that takes 100 ms for a swap (docs/benchmarks/2026-11-24-fleet-and-peer.md). */
    private static final double COMFORTABLE_COMMITS_PER_SECOND = 5;

    private static final int QUANTITY_SCALE = 6;

    private final CostInputs inputs;
    private final PriceBook prices;
    private final LocalDate today;
    private final List<Slice> stored;
    private final List<LineItem> items = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    /** By key, the line that needs it. */
    private final Map<String, String> missing = new LinkedHashMap<>();

    /** Words take most of the time; a search for a break-even needs none. */
    private final boolean told;

    CostMonth(CostInputs inputs, PriceBook prices, LocalDate today, List<Slice> stored, boolean told) {
        this.inputs = inputs;
        this.prices = prices;
        this.today = today;
        this.stored = stored;
        this.told = told;
    }

    /**
     * Rows of an age that the table holds.
     *
     * @param fromMonths the age of the youngest
     * @param toMonths the age of the oldest
     * @param recordsPerSecond the rate at which they came
     */
    record Slice(double fromMonths, double toMonths, double recordsPerSecond) {
        double seconds(double from, double to) {
            return Math.max(0, Math.min(to, toMonths) - Math.max(from, fromMonths)) * SECONDS;
        }
    }

    /** A table that has filled up to its retention at one rate. */
    static List<Slice> steady(CostInputs inputs) {
        return List.of(new Slice(0, inputs.value(TABLE_RETENTION_MONTHS), inputs.value(RECORDS_PER_SECOND)));
    }

    /** A table in the middle of a month, by the months' rates, this month's first. */
    static List<Slice> filling(CostInputs inputs, List<Double> rates) {
        double retention = inputs.value(TABLE_RETENTION_MONTHS);
        List<Slice> slices = new ArrayList<>();
        double age = 0;
        for (double rate : rates) {
            double to = Math.min(retention, age == 0 ? 0.5 : age + 1);
            if (to > age) {
                slices.add(new Slice(age, to, rate));
            }
            age = to;
        }
        return slices;
    }

    /** Says which prices the book lacks; values that are wrong are taken for their defaults. */
    static List<String> missingPrices(CostInputs inputs, PriceBook prices) {
        CostInputs.Builder right = inputs.toBuilder();
        for (CostInput input : values()) {
            double value = inputs.value(input);
            if (!(value >= input.least() && value <= input.most())) {
                right.set(input, input.fallback());
            }
        }
        if (inputs.tiers().isEmpty()) {
            right.tiers(List.of(new StorageTier("standard", 0)));
        }
        CostInputs guessed = right.build();
        CostMonth month = new CostMonth(guessed, prices, LocalDate.EPOCH, steady(guessed), false);
        month.lines();
        return month.missing();
    }

    private List<String> missing() {
        List<String> problems = new ArrayList<>();
        missing.forEach((key, line) -> problems.add(
                "prices: '" + key + "' is missing from " + prices.name() + ", and needed for '" + line + "'"));
        return problems;
    }

    /** The sum of the lines' costs. */
    BigDecimal total() {
        lines();
        return sum();
    }

    private BigDecimal sum() {
        if (!missing.isEmpty()) {
            throw new InvalidSettingsException(missing());
        }
        return items.stream().map(LineItem::cost).reduce(BigDecimal.ZERO.setScale(cents()), BigDecimal::add);
    }

    CostEstimate estimate() {
        lines();
        BigDecimal total = sum();
        priceWarnings();
        return new CostEstimate(
                inputs,
                prices,
                today,
                items,
                total,
                new BigDecimal(rate() * SECONDS)
                        .setScale(0, RoundingMode.HALF_UP)
                        .max(BigDecimal.ONE),
                new BigDecimal(storedBytes(0, Double.MAX_VALUE) / 1e12).setScale(QUANTITY_SCALE, RoundingMode.HALF_UP),
                warnings);
    }

    private void lines() {
        kafka();
        transfer();
        storage();
        requests();
        compute();
        state();
        catalog();
    }

    private double v(CostInput input) {
        return inputs.value(input);
    }

    private String f(CostInput input) {
        return f(v(input));
    }

    private static String f(double value) {
        return Figures.of(value);
    }

    private double rate() {
        return v(RECORDS_PER_SECOND);
    }

    private String rateWords() {
        return f(rate()) + " records/s";
    }

    /** GiB that go through Kafka in a month, counted once. */
    private double wireGib() {
        return rate() * SECONDS * v(WIRE_BYTES) / GIB;
    }

    private void kafka() {
        double peakBytes = rate() * v(PEAK_RATIO) * v(WIRE_BYTES) * v(REPLICATION);
        double needed = Math.ceil(peakBytes / (v(BROKER_WRITE_MIB_PER_SECOND) * MIB));
        double brokers = Math.max(v(BROKERS), needed);
        line(
                "Kafka brokers",
                CostComponent.KAFKA,
                brokers * HOURS,
                "Hours",
                "broker-hour",
                COMPUTE_DISCOUNT,
                () -> f(brokers) + " brokers x 730 h; " + f(peakBytes / MIB) + " MiB/s are written at the peak ("
                        + rateWords() + " x " + f(PEAK_RATIO) + " x " + f(WIRE_BYTES) + " bytes x " + f(REPLICATION)
                        + " copies), " + f(BROKER_WRITE_MIB_PER_SECOND) + " a broker, at least " + f(BROKERS));
        boolean tiered = inputs.is(TIERED);
        double hours = v(tiered ? LOCAL_RETENTION_HOURS : KAFKA_RETENTION_HOURS);
        line(
                "Kafka disks",
                CostComponent.KAFKA,
                rate() * v(WIRE_BYTES) * hours * 3600 * v(REPLICATION) / v(DISK_FILL) / GIB,
                "GiB-Months",
                "disk-gib-month",
                STORAGE_DISCOUNT,
                () -> rateWords() + " x " + f(WIRE_BYTES) + " bytes x " + f(hours) + " h x " + f(REPLICATION)
                        + " copies / " + f(DISK_FILL) + " full");
        if (tiered) {
            line(
                    "Kafka tiered storage",
                    CostComponent.KAFKA,
                    rate() * v(WIRE_BYTES) * v(KAFKA_RETENTION_HOURS) * 3600 / GIB,
                    "GiB-Months",
                    "storage.standard.gib-month",
                    STORAGE_DISCOUNT,
                    () -> rateWords() + " x " + f(WIRE_BYTES) + " bytes x " + f(KAFKA_RETENTION_HOURS)
                            + " h, one copy");
            line(
                    "Kafka tiered storage requests",
                    CostComponent.KAFKA,
                    wireGib() * GIB / (v(SEGMENT_MIB) * MIB) * 3 * parts(v(SEGMENT_MIB) * MIB) / 1000,
                    "1000 Requests",
                    "storage.standard.put-thousand",
                    STORAGE_DISCOUNT,
                    () -> f(wireGib()) + " GiB a month in segments of " + f(SEGMENT_MIB)
                            + " MiB, three objects each, in parts of 32 MiB");
        }
    }

    private void transfer() {
        double zones = v(ZONES);
        double away = (zones - 1) / zones;
        String month = !told ? "" : f(wireGib()) + " GiB a month";
        line(
                "Cross-zone: producers to leaders",
                CostComponent.TRANSFER,
                wireGib() * away,
                "GiB",
                "cross-zone-gib",
                TRANSFER_DISCOUNT,
                () -> month + " x " + f(zones - 1) + " of " + f(zones) + " zones");
        double copies = Math.max(0, v(REPLICATION) - Math.max(1, v(REPLICATION) / zones));
        line(
                "Cross-zone: replication",
                CostComponent.TRANSFER,
                wireGib() * copies,
                "GiB",
                "cross-zone-gib",
                TRANSFER_DISCOUNT,
                () -> month + " x " + f(copies) + " copies in other zones than the leader's");
        if (!inputs.is(FOLLOWER_FETCH)) {
            line(
                    "Cross-zone: leaders to consumers",
                    CostComponent.TRANSFER,
                    wireGib() * away * v(CONSUMERS),
                    "GiB",
                    "cross-zone-gib",
                    TRANSFER_DISCOUNT,
                    () -> month + " x " + f(zones - 1) + " of " + f(zones) + " zones x " + f(CONSUMERS)
                            + " consumers, each fetching from the leader");
        }
        if (inputs.is(REDIS)) {
            line(
                    "Cross-zone: Redis",
                    CostComponent.TRANSFER,
                    rate() * SECONDS * v(REDIS_WIRE_BYTES) / GIB * away,
                    "GiB",
                    "cross-zone-gib",
                    TRANSFER_DISCOUNT,
                    () -> rateWords() + " x " + f(REDIS_WIRE_BYTES) + " bytes x " + f(zones - 1) + " of " + f(zones)
                            + " zones");
        }
    }

    /** Bytes of rows between two ages. */
    private double storedBytes(double fromMonths, double toMonths) {
        double bytes = 0;
        for (Slice slice : stored) {
            bytes += slice.recordsPerSecond() * slice.seconds(fromMonths, toMonths) * v(PARQUET_BYTES);
        }
        return bytes;
    }

    private double oldestMonths() {
        return stored.stream().mapToDouble(Slice::toMonths).max().orElse(0);
    }

    private void storage() {
        List<StorageTier> tiers = inputs.tiers();
        for (int i = 0; i < tiers.size(); i++) {
            StorageTier tier = tiers.get(i);
            double from = tier.fromDays() / DAYS;
            double to = i + 1 < tiers.size() ? tiers.get(i + 1).fromDays() / DAYS : Double.MAX_VALUE;
            double until = Math.min(to, oldestMonths());
            line(
                    "Table storage: " + tier.name(),
                    CostComponent.STORAGE,
                    storedBytes(from, to) / GIB,
                    "GiB-Months",
                    key(tier, "gib-month"),
                    STORAGE_DISCOUNT,
                    () -> rateWords() + " x " + f(PARQUET_BYTES) + " bytes, of day " + tier.fromDays() + " to "
                            + f(Math.max(0, until * DAYS)));
            if (i > 0 && oldestMonths() > from) {
                line(
                        "Tier transitions to " + tier.name(),
                        CostComponent.REQUESTS,
                        storedFilesPerMonth() / 1000,
                        "1000 Requests",
                        key(tier, "transition-thousand"),
                        STORAGE_DISCOUNT,
                        () -> f(storedFilesPerMonth()) + " files a month of " + f(storedFileBytes() / MIB) + " MiB");
                if (storedFileBytes() < LEAST_BILLED_BYTES) {
                    warnings.add(
                            "files of " + f(storedFileBytes() / KIB) + " KiB in tier '" + tier.name()
                                    + "' may be billed as 128 KiB each, which is not in the bill: compact them before they get there");
                }
            }
        }
        StorageTier first = tiers.get(0);
        line(
                "Metadata of snapshots",
                CostComponent.STORAGE,
                commits() / HOURS * v(SNAPSHOT_RETENTION_HOURS) * v(METADATA_KIB_PER_COMMIT) * KIB / GIB,
                "GiB-Months",
                key(first, "gib-month"),
                STORAGE_DISCOUNT,
                () -> f(commits() / HOURS) + " commits an hour x " + f(SNAPSHOT_RETENTION_HOURS) + " h x "
                        + f(METADATA_KIB_PER_COMMIT) + " KiB");
        if (inputs.is(COMPACTION)) {
            line(
                    "Replaced files kept for snapshots",
                    CostComponent.STORAGE,
                    rate() * v(PARQUET_BYTES) * 3600 * v(SNAPSHOT_RETENTION_HOURS) / GIB,
                    "GiB-Months",
                    key(first, "gib-month"),
                    STORAGE_DISCOUNT,
                    () -> rateWords() + " x " + f(PARQUET_BYTES) + " bytes x " + f(SNAPSHOT_RETENTION_HOURS) + " h");
        }
    }

    private double cores() {
        return Math.max(
                v(LEAST_CORES), Math.ceil(rate() * v(PEAK_RATIO) / (v(RECORDS_PER_CORE_SECOND) * v(UTILISATION))));
    }

    private double writers() {
        return Math.ceil(cores() / v(CORES_PER_WRITER));
    }

    /** Seconds between two commits of one writer. */
    private double period() {
        double each = rate() / writers();
        return Math.min(
                v(COMMIT_INTERVAL_SECONDS),
                Math.min(v(GENERATION_ROWS) / each, v(GENERATION_MIB) * MIB / (each * v(RECORD_BYTES))));
    }

    private double commits() {
        return SECONDS * writers() / period();
    }

    private double writtenFileBytes() {
        return rate() / writers() * period() / v(FILES_PER_COMMIT) * v(PARQUET_BYTES);
    }

    private double storedFileBytes() {
        return inputs.is(COMPACTION) ? Math.max(v(COMPACTED_FILE_MIB) * MIB, writtenFileBytes()) : writtenFileBytes();
    }

    private double storedFilesPerMonth() {
        return rate() * SECONDS * v(PARQUET_BYTES) / storedFileBytes();
    }

    private static double parts(double fileBytes) {
        return fileBytes <= 1.5 * PART_BYTES ? 1 : fileBytes / PART_BYTES + 2;
    }

    private String commitWords() {
        return f(commits()) + " commits (" + f(writers()) + " writers, each every " + f(period()) + " s)";
    }

    private void requests() {
        StorageTier first = inputs.tiers().get(0);
        double puts = v(FILES_PER_COMMIT) + v(METADATA_PUTS_PER_COMMIT);
        line(
                "Commits: PUT",
                CostComponent.REQUESTS,
                commits() * puts / 1000,
                "1000 Requests",
                key(first, "put-thousand"),
                STORAGE_DISCOUNT,
                () -> commitWords() + " x (" + f(FILES_PER_COMMIT) + " data files + " + f(METADATA_PUTS_PER_COMMIT)
                        + " of metadata)");
        line(
                "Commits: GET",
                CostComponent.REQUESTS,
                commits() * v(GETS_PER_COMMIT) / 1000,
                "1000 Requests",
                key(first, "get-thousand"),
                STORAGE_DISCOUNT,
                () -> commitWords() + " x " + f(GETS_PER_COMMIT) + " reads of metadata");
        double perSecond = commits() / SECONDS;
        if (perSecond > COMFORTABLE_COMMITS_PER_SECOND) {
            warnings.add(String.format(
                    Locale.ROOT,
                    "%.1f commits a second in one table are more than the 5 that a catalog with swaps of 100 ms takes comfortably:"
                            + " raise generation-rows and generation-mib, or divide the symbols over several tables",
                    perSecond));
        }
        if (inputs.is(COMPACTION)) {
            double read = commits() * v(FILES_PER_COMMIT);
            line(
                    "Compaction: GET",
                    CostComponent.REQUESTS,
                    read * Math.max(1, v(GETS_PER_FILE)) / 1000,
                    "1000 Requests",
                    key(first, "get-thousand"),
                    STORAGE_DISCOUNT,
                    () -> f(read) + " files a month, each read once");
            line(
                    "Compaction: PUT",
                    CostComponent.REQUESTS,
                    storedFilesPerMonth() * (parts(storedFileBytes()) + v(METADATA_PUTS_PER_COMMIT)) / 1000,
                    "1000 Requests",
                    key(first, "put-thousand"),
                    STORAGE_DISCOUNT,
                    () -> f(storedFilesPerMonth()) + " files a month of " + f(storedFileBytes() / MIB)
                            + " MiB in parts of 32 MiB, each committed");
        }
        queries();
    }

    private void queries() {
        StorageTier first = inputs.tiers().get(0);
        double scans = v(SCANS_PER_DAY) * DAYS;
        double fetched = rate() * v(HOURS_PER_SCAN) * 3600 * v(PARQUET_BYTES) * (1 - v(CACHED_SCAN_PART));
        StorageTier oldest = oldestTier();
        double cold = oldest == null ? 0 : v(COLD_SCAN_PART);
        double files = fetched / storedFileBytes() * v(GETS_PER_FILE);
        String words = !told
                ? ""
                : f(scans) + " queries of " + f(HOURS_PER_SCAN) + " h, " + f(1 - v(CACHED_SCAN_PART))
                        + " of it not in the cache";
        line(
                "Queries: GET",
                CostComponent.REQUESTS,
                scans * (files * (1 - cold) + METADATA_GETS_PER_SCAN) / 1000,
                "1000 Requests",
                key(first, "get-thousand"),
                STORAGE_DISCOUNT,
                () -> words + ": " + f(files * (1 - cold)) + " of data and 3 of metadata each");
        if (oldest != null && cold > 0) {
            line(
                    "Queries: GET from " + oldest.name(),
                    CostComponent.REQUESTS,
                    scans * files * cold / 1000,
                    "1000 Requests",
                    key(oldest, "get-thousand"),
                    STORAGE_DISCOUNT,
                    () -> words + ", " + f(cold) + " of that from " + oldest.name());
            line(
                    "Queries: retrieval from " + oldest.name(),
                    CostComponent.REQUESTS,
                    scans * fetched * cold / GIB,
                    "GiB",
                    key(oldest, "retrieval-gib"),
                    STORAGE_DISCOUNT,
                    () -> words + ", " + f(cold) + " of " + f(fetched / GIB) + " GiB each");
        }
    }

    /** The last tier that anything has come to; null if all is in the first. */
    private @Nullable StorageTier oldestTier() {
        StorageTier oldest = null;
        for (StorageTier tier : inputs.tiers()) {
            if (tier.fromDays() > 0 && tier.fromDays() / DAYS < oldestMonths()) {
                oldest = tier;
            }
        }
        return oldest;
    }

    private void compute() {
        line(
                "K2 ingest",
                CostComponent.COMPUTE,
                cores() * HOURS,
                "Core-Hours",
                "vcpu-hour",
                COMPUTE_DISCOUNT,
                () -> f(cores()) + " vCPUs x 730 h; " + rateWords() + " x " + f(PEAK_RATIO) + " at the peak / "
                        + f(RECORDS_PER_CORE_SECOND) + " records/s a vCPU / " + f(UTILISATION) + " busy, at least "
                        + f(LEAST_CORES));
        line(
                "Queries",
                CostComponent.COMPUTE,
                v(QUERY_CORES) * HOURS,
                "Core-Hours",
                "vcpu-hour",
                COMPUTE_DISCOUNT,
                () -> f(QUERY_CORES) + " vCPUs x 730 h");
        if (inputs.is(COMPACTION)) {
            line(
                    "Compaction",
                    CostComponent.COMPUTE,
                    rate() * SECONDS / v(COMPACTION_ROWS_PER_CORE_SECOND) / 3600,
                    "Core-Hours",
                    "vcpu-hour",
                    COMPUTE_DISCOUNT,
                    () -> f(rate() * SECONDS) + " rows / " + f(COMPACTION_ROWS_PER_CORE_SECOND) + " rows/s a vCPU");
        }
    }

    private void state() {
        double ids = rate() * v(DEDUP_WINDOW_HOURS) * 3600;
        if (inputs.is(REDIS)) {
            line(
                    "Ids in Redis",
                    CostComponent.STATE,
                    ids * v(REDIS_BYTES_PER_ID) * v(REDIS_COPIES) / GIB * HOURS,
                    "GiB-Hours",
                    "redis-gib-hour",
                    COMPUTE_DISCOUNT,
                    () -> rateWords() + " x " + f(DEDUP_WINDOW_HOURS) + " h x " + f(REDIS_BYTES_PER_ID) + " bytes x "
                            + f(REDIS_COPIES) + " copies x 730 h");
            return;
        }
        double bound = v(MEMORY_IDS_PER_PARTITION) * v(PARTITIONS);
        double held = Math.min(ids, bound) * v(MEMORY_BYTES_PER_ID) / GIB;
        line(
                "Ids in memory",
                CostComponent.STATE,
                Math.max(0, held - FREE_GIB_PER_CORE * cores()) * HOURS,
                "GiB-Hours",
                "memory-gib-hour",
                COMPUTE_DISCOUNT,
                () -> f(Math.min(ids, bound)) + " ids x " + f(MEMORY_BYTES_PER_ID) + " bytes, above 2 GiB for each of "
                        + f(cores()) + " vCPUs, x 730 h");
        if (ids > bound) {
            warnings.add("ids of the last " + f(bound / rate() / 60) + " minutes are in memory, of the "
                    + f(DEDUP_WINDOW_HOURS)
                    + " h of the window; older ones are looked up in the table when they come again");
        }
    }

    private void catalog() {
        if (inputs.is(CATALOG_METERED)) {
            double requests = commits() * v(CATALOG_REQUESTS_PER_COMMIT) + v(SCANS_PER_DAY) * DAYS;
            line(
                    "Catalog requests",
                    CostComponent.CATALOG,
                    requests / 1e6,
                    "1000000 Requests",
                    "catalog-request-million",
                    COMPUTE_DISCOUNT,
                    () -> commitWords() + " x " + f(CATALOG_REQUESTS_PER_COMMIT) + ", and one a query");
        } else {
            line(
                    "Catalog",
                    CostComponent.CATALOG,
                    v(CATALOG_NODES) * HOURS,
                    "Hours",
                    "catalog-node-hour",
                    COMPUTE_DISCOUNT,
                    () -> f(CATALOG_NODES) + " nodes x 730 h");
        }
    }

    private static String key(StorageTier tier, String what) {
        return "storage." + tier.name() + "." + what;
    }

    private void line(
            String name,
            CostComponent component,
            double amount,
            String unit,
            String priceKey,
            CostInput discountInput,
            Supplier<String> formula) {
        BigDecimal quantity = new BigDecimal(amount).setScale(QUANTITY_SCALE, RoundingMode.HALF_UP);
        if (quantity.signum() <= 0) {
            return;
        }
        Price price = price(priceKey, name);
        if (price == null) {
            return;
        }
        BigDecimal exact = stripped(quantity);
        BigDecimal discount = new BigDecimal(Double.toString(v(discountInput)));
        BigDecimal unitPrice = stripped(price.amount().multiply(BigDecimal.ONE.subtract(discount)));
        items.add(new LineItem(
                name,
                component,
                exact,
                unit,
                price,
                discount,
                unitPrice,
                exact.multiply(price.amount()).setScale(cents(), RoundingMode.HALF_UP),
                exact.multiply(unitPrice).setScale(cents(), RoundingMode.HALF_UP),
                told ? formula.get() : ""));
    }

    private static BigDecimal stripped(BigDecimal value) {
        BigDecimal without = value.stripTrailingZeros();
        return without.scale() < 0 ? without.setScale(0) : without;
    }

    private int cents() {
        return Math.max(0, prices.currency().getDefaultFractionDigits());
    }

    private @Nullable Price price(String key, String line) {
        Price price = prices.price(key).orElse(null);
        // A tier that the book does not know at all is told once, and not by each of its prices.
        boolean ofUnknownTier = key.startsWith("storage.")
                && !prices.tiers().contains(key.substring("storage.".length(), key.lastIndexOf('.')));
        if (price == null && !ofUnknownTier) {
            missing.putIfAbsent(key, line);
        }
        return price;
    }

    private void priceWarnings() {
        List<Price> used = items.stream().map(LineItem::price).distinct().toList();
        for (Price price : used) {
            if (!price.verified()) {
                warnings.add("price '" + price.key() + "' is not verified: "
                        + (price.note() == null ? price.source() : price.note()));
            }
            if (price.asOf().isBefore(today.minusYears(1))) {
                warnings.add("price '" + price.key() + "' is of " + price.asOf() + ", more than a year before " + today
                        + ": look it up again at " + price.source());
            } else if (price.asOf().isAfter(today)) {
                warnings.add("price '" + price.key() + "' is of " + price.asOf() + ", which is after " + today);
            }
        }
    }
}
