package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Bills that were calculated by hand, and inputs that are refused. */
class CostModelTest {
    private static final LocalDate TODAY = LocalDate.of(2026, 11, 27);
    private static final CostModel MODEL = CostModel.of(PriceBook.awsUsEast1(), TODAY);

    /** A MiB a second, of which 32 KiB a second are Parquet. */
    private static CostInputs.Builder oneMebibyteASecond() {
        return CostInputs.builder()
                .set(CostInput.RECORDS_PER_SECOND, 1024)
                .set(CostInput.RECORD_BYTES, 1024)
                .set(CostInput.WIRE_BYTES, 1024)
                .set(CostInput.PARQUET_BYTES, 32)
                .set(CostInput.PEAK_RATIO, 2)
                .set(CostInput.KAFKA_RETENTION_HOURS, 24)
                .set(CostInput.DISK_FILL, 0.5)
                .set(CostInput.CONSUMERS, 2)
                .set(CostInput.FILES_PER_COMMIT, 1)
                .set(CostInput.METADATA_PUTS_PER_COMMIT, 3)
                .set(CostInput.GETS_PER_COMMIT, 3)
                .set(CostInput.METADATA_KIB_PER_COMMIT, 60)
                .set(CostInput.TABLE_RETENTION_MONTHS, 1)
                .set(CostInput.SCANS_PER_DAY, 0)
                .set(CostInput.QUERY_CORES, 1)
                .set(CostInput.DEDUP_WINDOW_HOURS, 0)
                .tiers(List.of(new StorageTier("standard", 0)));
    }

    private static LineItem line(CostEstimate estimate, String name) {
        return estimate.items().stream()
                .filter(item -> item.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no line '" + name + "' in " + estimate.items()));
    }

    private static void assertLine(CostEstimate estimate, String name, String quantity, String cost) {
        assertThat(line(estimate, name).quantity()).as(name).isEqualByComparingTo(quantity);
        assertThat(line(estimate, name).cost()).as(name).isEqualTo(new BigDecimal(cost));
    }

    @Test
    void theBestKnownEstimateIsAHundredthOfACentAMillionAndNot85Cents() {
        BigDecimal perMillion = CostEstimate.perMillion(new BigDecimal("22060"), new BigDecimal("2590000000000"));
        assertThat(perMillion.setScale(4, RoundingMode.HALF_UP)).isEqualTo(new BigDecimal("0.0085"));
        assertThat(new BigDecimal("0.85").divide(perMillion, 0, RoundingMode.HALF_UP))
                .isEqualTo(new BigDecimal("100"));
    }

    @Test
    void everyLineOfABillIsWhatAHandCalculates() {
        CostEstimate estimate = MODEL.estimate(oneMebibyteASecond().build());
        // 3 brokers, 730 h.
        assertLine(estimate, "Kafka brokers", "2190", "714.82");
        // 86,400 MiB a day = 84.375 GiB, three copies, half full: 506.25 GiB at 0.08.
        assertLine(estimate, "Kafka disks", "506.25", "40.50");
        // 2,628,000 MiB a month = 2,566.40625 GiB; two thirds of it, twice it, and twice two thirds of it, at 0.02.
        assertLine(estimate, "Cross-zone: producers to leaders", "1710.9375", "34.22");
        assertLine(estimate, "Cross-zone: replication", "5132.8125", "102.66");
        assertLine(estimate, "Cross-zone: leaders to consumers", "3421.875", "68.44");
        // A 32nd of a MiB a second: 80.2001953125 GiB a month at 0.023.
        assertLine(estimate, "Table storage: standard", "80.200195", "1.84");
        // 360 commits of 60 KiB an hour.
        assertLine(estimate, "Metadata of snapshots", "0.020599", "0.00");
        // A commit every 10 s: 262,800, each with 4 PUTs and 3 GETs.
        assertLine(estimate, "Commits: PUT", "1051.2", "5.26");
        assertLine(estimate, "Commits: GET", "788.4", "0.32");
        // 2,048 records/s at the peak are nothing for one processor; there are two at least.
        assertLine(estimate, "K2 ingest", "1460", "59.57");
        assertLine(estimate, "Queries", "730", "29.78");
        assertLine(estimate, "Catalog", "730", "46.72");
        assertThat(estimate.items()).hasSize(12);
        assertThat(estimate.monthlyTotal()).isEqualTo(new BigDecimal("1104.13"));
        assertThat(estimate.messagesPerMonth()).isEqualByComparingTo("2691072000");
        // 1104.13 / 2691.072
        assertThat(estimate.costPerMillionMessages()).isEqualTo(new BigDecimal("0.410294"));
        // 86,114,304,000 bytes
        assertThat(estimate.storedTb()).isEqualTo(new BigDecimal("0.086114"));
    }

    @Test
    void commitsComeByRowsByBytesOrByTimeWhicheverIsFirst() {
        // 1,024 rows a second and writer: 512 rows twice a second, or 2 MiB every two seconds.
        assertThat(puts(oneMebibyteASecond().set(CostInput.GENERATION_ROWS, 512)))
                .isEqualByComparingTo("21024");
        assertThat(puts(oneMebibyteASecond().set(CostInput.GENERATION_MIB, 2))).isEqualByComparingTo("5256");
        assertThat(puts(oneMebibyteASecond().set(CostInput.COMMIT_INTERVAL_SECONDS, 1)))
                .isEqualByComparingTo("10512");
        // A processor takes 64 a second, half busy: 2,048 at the peak need 64, of 16 writers, each every 10 s.
        assertThat(puts(oneMebibyteASecond()
                        .set(CostInput.RECORDS_PER_CORE_SECOND, 64)
                        .set(CostInput.UTILISATION, 0.5)
                        .set(CostInput.CORES_PER_WRITER, 4)))
                .isEqualByComparingTo("16819.2");
    }

    private static BigDecimal puts(CostInputs.Builder inputs) {
        return line(MODEL.estimate(inputs.build()), "Commits: PUT").quantity();
    }

    @Test
    void optionsAreCalculatedByHandToo() {
        CostEstimate tiered = MODEL.estimate(oneMebibyteASecond()
                .on(CostInput.TIERED)
                .set(CostInput.LOCAL_RETENTION_HOURS, 6)
                .set(CostInput.SEGMENT_MIB, 64)
                .on(CostInput.FOLLOWER_FETCH)
                .on(CostInput.CATALOG_METERED)
                .build());
        assertLine(tiered, "Kafka disks", "126.5625", "10.13");
        assertLine(tiered, "Kafka tiered storage", "84.375", "1.94");
        // 41,062.5 segments, three objects each of which takes 2 parts and 2 requests more: 492,750.
        assertLine(tiered, "Kafka tiered storage requests", "492.75", "2.46");
        assertThat(tiered.items()).noneMatch(item -> item.name().contains("consumers"));
        // 262,800 commits, 4 requests each.
        assertLine(tiered, "Catalog requests", "1.0512", "1.05");

        CostEstimate redis = MODEL.estimate(oneMebibyteASecond()
                .on(CostInput.REDIS)
                .set(CostInput.DEDUP_WINDOW_HOURS, 1)
                .set(CostInput.REDIS_BYTES_PER_ID, 128)
                .set(CostInput.REDIS_COPIES, 2)
                .set(CostInput.REDIS_WIRE_BYTES, 96)
                .build());
        // 3,686,400 ids of 256 bytes: 0.87890625 GiB, 730 h.
        assertLine(redis, "Ids in Redis", "641.601563", "19.37");
        // 96 KiB a second: 240.6005859375 GiB, two thirds of it.
        assertLine(redis, "Cross-zone: Redis", "160.400391", "3.21");

        CostEstimate tiers = MODEL.estimate(oneMebibyteASecond()
                .set(CostInput.TABLE_RETENTION_MONTHS, 12)
                .set(CostInput.COMPUTE_DISCOUNT, 0.5)
                .set(CostInput.SCANS_PER_DAY, 12)
                .set(CostInput.HOURS_PER_SCAN, 1)
                .set(CostInput.CACHED_SCAN_PART, 0)
                .set(CostInput.COLD_SCAN_PART, 0.25)
                .tiers(List.of(new StorageTier("standard", 0), new StorageTier("archive", 73)))
                .build());
        // A fifth of the year's 962.40234375 GiB, and the rest.
        assertLine(tiers, "Table storage: standard", "192.480469", "4.43");
        assertLine(tiers, "Table storage: archive", "769.921875", "3.08");
        assertLine(tiers, "Tier transitions to archive", "262.8", "5.26");
        // 365 queries, 360 files of 10 s each, a quarter cold; 3 of metadata.
        assertLine(tiers, "Queries: GET", "99.645", "0.04");
        assertLine(tiers, "Queries: GET from archive", "32.85", "0.33");
        // 3,600 s of 32 KiB: 112.5 MiB, a quarter of it, 365 times: 10.025024 GiB.
        assertLine(tiers, "Queries: retrieval from archive", "10.025024", "0.30");
        assertThat(line(tiers, "K2 ingest").unitPrice()).isEqualByComparingTo("0.0204");
        assertLine(tiers, "K2 ingest", "1460", "29.78");
        assertThat(line(tiers, "K2 ingest").listCost()).isEqualTo(new BigDecimal("59.57"));

        CostEstimate compacted = MODEL.estimate(oneMebibyteASecond()
                .on(CostInput.COMPACTION)
                .set(CostInput.COMPACTED_FILE_MIB, 32)
                .set(CostInput.COMPACTION_ROWS_PER_CORE_SECOND, 1024)
                .build());
        // 82,125 MiB a month in files of 32 MiB: 2,566.40625, with 3 files of metadata each.
        assertLine(compacted, "Compaction: PUT", "10.265625", "0.05");
        assertLine(compacted, "Compaction: GET", "262.8", "0.11");
        assertLine(compacted, "Compaction", "730", "29.78");
        assertLine(compacted, "Replaced files kept for snapshots", "0.109863", "0.00");
    }

    @Test
    void idsInMemoryAreBoundedAndWhatComesWithTheProcessorsIsFree() {
        CostEstimate estimate = MODEL.estimate(oneMebibyteASecond()
                .set(CostInput.DEDUP_WINDOW_HOURS, 1000)
                .set(CostInput.PARTITIONS, 64)
                .set(CostInput.MEMORY_IDS_PER_PARTITION, 1 << 20)
                .set(CostInput.MEMORY_BYTES_PER_ID, 128)
                .build());
        // 64 Mi ids of 128 bytes are 8 GiB, of which 4 come with two processors.
        assertLine(estimate, "Ids in memory", "2920", "29.78");
        assertThat(estimate.warnings()).anyMatch(warning -> warning.startsWith("ids of the last 1,092 minutes"));
    }

    @Test
    void publishedEstimatesComeOutWithTheirOwnAssumptions() {
        // https://www.automq.com/blog/kafka-cross-az-replication-cost-aws: 300 MiB/s written, read twice, are 1,200
        // MiB/s that cross zones.
        CostEstimate automq = MODEL.estimate(mebibytesASecond(300, 2).build());
        assertThat(crossZoneGib(automq).doubleValue()).isEqualTo(1_200.0 / 1024 * 2_628_000, within(0.01));
        // https://www.automq.com/blog/kafka-cross-az-hidden-cost, after Confluent: 14,000 to 24,000 USD for 100 MiB/s
        // and
        // three consumers, with and without follower fetch.
        CostEstimate without = MODEL.estimate(mebibytesASecond(100, 3).build());
        CostEstimate with = MODEL.estimate(
                mebibytesASecond(100, 3).on(CostInput.FOLLOWER_FETCH).build());
        assertThat(without.byComponent().get(CostComponent.TRANSFER))
                .isBetween(new BigDecimal("23900"), new BigDecimal("24000"));
        assertThat(with.byComponent().get(CostComponent.TRANSFER))
                .isBetween(new BigDecimal("13600"), new BigDecimal("13700"));
    }

    private static org.assertj.core.data.Offset<Double> within(double offset) {
        return org.assertj.core.data.Offset.offset(offset);
    }

    private static BigDecimal crossZoneGib(CostEstimate estimate) {
        return estimate.items().stream()
                .filter(item -> item.component() == CostComponent.TRANSFER)
                .map(LineItem::quantity)
                .reduce(BigDecimal.ZERO, BigDecimal::add);
    }

    private static CostInputs.Builder mebibytesASecond(int mebibytes, int consumers) {
        return CostInputs.builder()
                .set(CostInput.RECORDS_PER_SECOND, mebibytes * 1024.0)
                .set(CostInput.WIRE_BYTES, 1024)
                .set(CostInput.CONSUMERS, consumers);
    }

    @Test
    void badInputsAndPricesThatAreMissingAreRefusedTogether() {
        CostInputs bad = CostInputs.builder()
                .set(CostInput.RECORDS_PER_SECOND, -5)
                .set(CostInput.REPLICATION, 4)
                .set(CostInput.DISK_FILL, Double.NaN)
                .set(CostInput.PARTITIONS, 2.5)
                .set(CostInput.TIERED, 2)
                .set(CostInput.LOCAL_RETENTION_HOURS, 100)
                .tiers(List.of(
                        new StorageTier("standard", 0), new StorageTier("frozen", 90), new StorageTier("archive", 30)))
                .build();
        CostModel model = CostModel.of(PriceBook.awsUsEast1().without("disk-gib-month"), TODAY);
        assertThatThrownBy(() -> model.estimate(bad))
                .isInstanceOf(InvalidSettingsException.class)
                .satisfies(e -> assertThat(((InvalidSettingsException) e).problems())
                        .containsExactlyInAnyOrder(
                                "records-per-second: -5, expected 0.001 to 1000000000 records/s",
                                "replication: 4, expected at most the 3 brokers",
                                "disk-fill: NaN, expected 0.05 to 1 part",
                                "partitions: 2.5, expected 1 to 1000000 partitions, a whole number",
                                "tiered: 2, expected 0 or 1",
                                "local-retention-hours: 100, expected at most kafka-retention-hours, 72",
                                "storage-tiers: 'archive' from day 30, expected more than day 90 of the tier before",
                                "storage-tiers: 'frozen' is no tier of AWS us-east-1, public list prices, on demand, without"
                                        + " volume steps and free allowances, which has [archive, infrequent, standard]",
                                "prices: 'disk-gib-month' is missing from AWS us-east-1, public list prices, on demand,"
                                        + " without volume steps and free allowances, and needed for 'Kafka disks'"));
    }

    @Test
    void aPriceThatIsNotUsedMayBeMissing() {
        CostModel model = CostModel.of(PriceBook.awsUsEast1().without("redis-gib-hour"), TODAY);
        assertThat(model.estimate(CostInputs.builder().build()).items()).isNotEmpty();
        assertThatThrownBy(() ->
                        model.estimate(CostInputs.builder().on(CostInput.REDIS).build()))
                .hasMessageContaining("'redis-gib-hour' is missing")
                .hasMessageContaining("needed for 'Ids in Redis'");
    }

    @Test
    void oldPricesAndThoseThatNobodyVerifiedAreNamed() {
        CostEstimate estimate = CostModel.of(PriceBook.awsUsEast1(), LocalDate.of(2027, 6, 20))
                .estimate(CostInputs.builder().build());
        assertThat(estimate.warnings())
                .anyMatch(warning ->
                        warning.startsWith("price 'vcpu-hour' is of 2026-06-17, more than a year before 2027-06-20"))
                .anyMatch(warning -> warning.startsWith("price 'storage.archive.transition-thousand' is not verified"))
                .noneMatch(warning -> warning.contains("'disk-gib-month'"))
                .noneMatch(warning -> warning.contains("redis"));
    }

    @Test
    void smallFilesInColdTiersAndTooManyCommitsAreWarnedOf() {
        assertThat(MODEL.estimate(CostInputs.builder()
                                .set(CostInput.RECORDS_PER_SECOND, 100)
                                .build())
                        .warnings())
                .anyMatch(warning -> warning.contains("may be billed as 128 KiB each"));
        assertThat(MODEL.estimate(CostScenario.LARGE.inputs().build()).warnings())
                .anyMatch(warning -> warning.startsWith("20.0 commits a second in one table"));
    }

    @Test
    void aProjectionFillsTheTableMonthByMonth() {
        List<CostAnalysis.Month> months = MODEL.analyse(
                        "flat",
                        oneMebibyteASecond()
                                .set(CostInput.GROWTH_PER_MONTH, 0)
                                .set(CostInput.TABLE_RETENTION_MONTHS, 3)
                                .build())
                .projection();
        // Half a month's 0.086114 TB in the middle of the first, then one more each until three are kept.
        assertThat(months)
                .extracting(month -> month.storedTb().toPlainString())
                .startsWith("0.043057", "0.129171", "0.215286", "0.258343", "0.258343");
        assertThat(months).hasSize(24);
        CostAnalysis grown = MODEL.analyse(
                "grown",
                oneMebibyteASecond().set(CostInput.GROWTH_PER_MONTH, 0.5).build());
        assertThat(grown.projection().get(2).recordsPerSecond()).isEqualTo(1024 * 2.25);
    }

    @Test
    void aBreakEvenIsWhereBothCostTheSame() {
        CostAnalysis analysis =
                MODEL.analyse("medium", CostScenario.MEDIUM.inputs().build());
        CostAnalysis.Option tiering = analysis.options().stream()
                .filter(option -> option.option() == CostOption.TIERING)
                .findFirst()
                .orElseThrow();
        double hours = tiering.breakEven().orElseThrow();
        CostInputs inputs = CostScenario.MEDIUM
                .inputs()
                .set(CostInput.KAFKA_RETENTION_HOURS, hours)
                .build();
        double without = MODEL.estimate(CostOption.TIERING.without(inputs))
                .monthlyTotal()
                .doubleValue();
        double with =
                MODEL.estimate(CostOption.TIERING.with(inputs)).monthlyTotal().doubleValue();
        assertThat(with / without).isEqualTo(1, within(0.001));
        assertThat(tiering.saving()).isPositive();
        assertThat(analysis.options()).extracting(CostAnalysis.Option::option).containsExactly(CostOption.values());
    }

    @Test
    void sensitivitiesComeInOrderAndTheRateMovesALargeBillMost() {
        CostAnalysis analysis =
                MODEL.analyse("large", CostScenario.LARGE.inputs().build());
        assertThat(analysis.sensitivities().get(0).input()).isEqualTo(CostInput.RECORDS_PER_SECOND);
        assertThat(analysis.sensitivities().get(0).changePercent()).isBetween(9.0, 10.0);
        assertThat(analysis.sensitivities())
                .isSortedAccordingTo(
                        (a, b) -> Double.compare(Math.abs(b.changePercent()), Math.abs(a.changePercent())));
    }

    @Test
    void inputsAreSetByName() {
        CostInputs inputs = CostInputs.builder()
                .set("commit-interval-seconds=60")
                .measured(java.util.Map.of(CostInput.PARQUET_BYTES, 17.5), "measured on trades")
                .build();
        assertThat(inputs.value(CostInput.COMMIT_INTERVAL_SECONDS)).isEqualTo(60);
        assertThat(inputs.source(CostInput.PARQUET_BYTES)).isEqualTo("measured on trades");
        assertThat(inputs.source(CostInput.ZONES)).isEqualTo(CostInput.ZONES.reason());
        assertThatThrownBy(() -> CostInputs.builder().set("nonsense=1"))
                .hasMessageContaining("nonsense: there is no such input");
        assertThatThrownBy(() -> CostInputs.builder().set("zones=many"))
                .hasMessageContaining("zones: 'many' is no number");
        assertThatThrownBy(() -> CostInputs.builder().set("zones")).hasMessageContaining("zones: ");
    }
}
