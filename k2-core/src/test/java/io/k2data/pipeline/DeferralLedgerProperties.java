package io.k2data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.StreamKey;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.degradation.Admission;
import io.k2data.degradation.PriorityTiers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever levels and tiers do, and wherever the writer is restarted: a record is taken once, at first or later. */
class DeferralLedgerProperties {
    private static final List<String> STREAMS = List.of("a/1", "a/2", "b/1", "b/2", "c/1");
    private static final List<PriorityTiers> TIERS = List.of(
            PriorityTiers.parse("critical a/1\nhigh a/2\nlow b/*"),
            PriorityTiers.parse("critical a/1\nlow a/2\nhigh b/*"),
            PriorityTiers.parse("low *\nnormal c/1"));

    private final Map<String, PriorityTiers> byVersion = new HashMap<>();

    DeferralLedgerProperties() {
        TIERS.forEach(tiers -> byVersion.put(tiers.version(), tiers));
    }

    static LongStream seeds() {
        return LongStream.rangeClosed(1, Boolean.getBoolean("k2.full") ? 20_000 : 500);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everyRecordIsTakenOnceAtFirstOrLater(long seed) {
        Random random = new Random(seed);
        List<String> log = new ArrayList<>();
        List<Long> taken = new ArrayList<>();
        DeferralLedger ledger = new DeferralLedger(List.of());
        for (int episode = 0; episode < 1 + random.nextInt(8); episode++) {
            ledger = read(random, ledger, log, taken);
            if (random.nextInt(3) == 0) {
                // A restart knows what the table says, and no more.
                ledger = new DeferralLedger(ledger.snapshot());
            }
            bringIn(random, ledger, log, taken, random.nextInt(20));
        }
        bringIn(random, ledger, log, taken, Integer.MAX_VALUE);
        assertThat(ledger.isEmpty()).as("seed %d", seed).isTrue();
        assertThat(taken.stream().sorted().toList())
                .as("offsets taken, seed %d", seed)
                .isEqualTo(LongStream.range(0, log.size()).boxed().toList());
    }

    private static DeferralLedger read(Random random, DeferralLedger ledger, List<String> log, List<Long> taken) {
        DegradationLevel level = DegradationLevel.NORMAL;
        PriorityTiers tiers = TIERS.get(0);
        int records = random.nextInt(200);
        for (int i = 0; i < records; i++) {
            if (random.nextInt(15) == 0) {
                level = DegradationLevel.numbered(random.nextInt(5));
                tiers = TIERS.get(random.nextInt(TIERS.size()));
                DegradationLevel now = level;
                ledger.admit(tier -> Admission.of(now, tier) == Admission.ADMIT, tiers.version());
            }
            String stream = STREAMS.get(random.nextInt(STREAMS.size()));
            long offset = log.size();
            log.add(stream);
            PriorityTier tier = tiers.tierOf(stream.getBytes(StandardCharsets.UTF_8));
            if (Admission.of(level, tier) == Admission.ADMIT
                    || !ledger.defer(tier, tiers.version(), offset, 1_000 + offset)) {
                taken.add(offset);
            }
        }
        // Backfill begins at NORMAL, where every tier is taken.
        ledger.admit(tier -> true, tiers.version());
        return ledger;
    }

    private void bringIn(Random random, DeferralLedger ledger, List<String> log, List<Long> taken, int reads) {
        for (int i = 0; i < reads && !ledger.isEmpty(); i++) {
            DeferralLedger.Entry entry = ledger.next().orElseThrow();
            long to = Math.min(entry.toOffset(), entry.fromOffset() + 1 + random.nextInt(40));
            long found = 0;
            for (long offset = entry.fromOffset(); offset < to; offset++) {
                String stream = log.get((int) offset);
                if (byVersion.get(entry.tiersVersion).tierOf(stream.getBytes(StandardCharsets.UTF_8)) == entry.tier) {
                    taken.add(offset);
                    found++;
                }
            }
            assertThat(ledger.advance(entry, to, found)).as("records gone").isZero();
        }
    }

    @Test
    void whatIsImportantComesFirstAndOfThatWhatIsOld() {
        DeferralLedger ledger = new DeferralLedger(List.of());
        String version = TIERS.get(0).version();
        ledger.defer(PriorityTier.LOW, version, 1, 10);
        ledger.defer(PriorityTier.HIGH, version, 5, 20);
        ledger.admit(tier -> true, version);
        ledger.defer(PriorityTier.HIGH, version, 9, 30);
        List<String> order = new ArrayList<>();
        while (!ledger.isEmpty()) {
            DeferralLedger.Entry entry = ledger.next().orElseThrow();
            order.add(entry.tier + " " + entry.fromOffset());
            ledger.advance(entry, entry.toOffset(), entry.records());
        }
        assertThat(order).containsExactly("HIGH 5", "HIGH 9", "LOW 1");
    }

    @Test
    void whatIsGoneFromTheLogShowsWhenARangeWasReadToItsEnd() {
        DeferralLedger ledger = new DeferralLedger(List.of(new Deferral(
                PriorityTier.LOW, 100, 200, 50, 1_000, 2_000, TIERS.get(0).version())));
        DeferralLedger.Entry entry = ledger.next().orElseThrow();
        assertThat(ledger.advance(entry, 150, 20)).isZero();
        assertThat(ledger.snapshot())
                .containsExactly(new Deferral(
                        PriorityTier.LOW,
                        150,
                        200,
                        30,
                        1_000,
                        2_000,
                        TIERS.get(0).version()));
        assertThat(ledger.advance(entry, 200, 12)).isEqualTo(18);
        assertThat(ledger.isEmpty()).isTrue();
    }

    @Test
    void whatIsLeftOfARangeHoldsNoMoreRecordsThanOffsets() {
        DeferralLedger ledger = new DeferralLedger(List.of(new Deferral(
                PriorityTier.LOW, 100, 200, 90, 1_000, 2_000, TIERS.get(0).version())));
        DeferralLedger.Entry entry = ledger.next().orElseThrow();
        assertThat(ledger.advance(entry, 150, 0)).as("gone for sure").isEqualTo(40);
        assertThat(ledger.records()).isEqualTo(50);
        assertThat(ledger.advance(entry, 200, 45)).isEqualTo(5);
        assertThat(ledger.isEmpty()).isTrue();
    }

    @Test
    void aLedgerThatIsFullTakesNoMoreRanges() {
        DeferralLedger ledger = new DeferralLedger(List.of());
        String version = TIERS.get(0).version();
        for (int i = 0; i < DeferralLedger.MAX_ENTRIES; i++) {
            assertThat(ledger.defer(PriorityTier.LOW, version, i, 0)).isTrue();
            ledger.admit(tier -> tier == PriorityTier.LOW, version);
        }
        assertThat(ledger.defer(PriorityTier.LOW, version, 1_000, 0)).isFalse();
        assertThat(ledger.size()).isEqualTo(DeferralLedger.MAX_ENTRIES);
        assertThat(ledger.records()).isEqualTo(DeferralLedger.MAX_ENTRIES);
    }

    @Test
    void aHoleIsDeferredOnlyWhereRecordsOfItsStreamWerePutOff() {
        DeferralLedger ledger = new DeferralLedger(List.of());
        String version = TIERS.get(0).version();
        ledger.defer(PriorityTier.LOW, version, 50, 0);
        ledger.defer(PriorityTier.LOW, version, 60, 0);
        StreamKey low = new StreamKey("b", "1");
        assertThat(ledger.reaches(low, 49, 61, byVersion::get)).isTrue();
        assertThat(ledger.reaches(low, 61, 70, byVersion::get)).isFalse();
        assertThat(ledger.reaches(low, 10, 50, byVersion::get)).isFalse();
        assertThat(ledger.reaches(new StreamKey("a", "2"), 49, 61, byVersion::get))
                .isFalse();
    }
}
