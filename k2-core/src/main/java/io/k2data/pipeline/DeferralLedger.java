package io.k2data.pipeline;

import io.k2data.api.StreamKey;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.degradation.PriorityTiers;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What of one partition is put off. An entry is a range of offsets, a tier and the version of the tiers: together they say
 * of each record in the log whether it is meant, so that a range of millions of records is one line. It holds as long as
 * nothing of its tier was taken in between, and so a new one begins whenever the tier was taken for a while. Ingest thread
 * only.
 */
final class DeferralLedger {
    /** More changes than a day of flapping makes; they all stand in one table property. */
    static final int MAX_ENTRIES = 256;

    private final List<Entry> entries = new ArrayList<>();
    /** By tier, the entry that the next record put off belongs to. */
    private final Map<PriorityTier, Entry> growing = new EnumMap<>(PriorityTier.class);

    DeferralLedger(List<Deferral> deferred) {
        deferred.forEach(each -> entries.add(new Entry(each)));
    }

    /**
     * Puts a record off.
     *
     * @return false if that would need an entry and there are too many: it has to be taken then
     */
    boolean defer(PriorityTier tier, String tiersVersion, long offset, long timeMillis) {
        Entry entry = growing.get(tier);
        if (entry == null || !entry.tiersVersion.equals(tiersVersion)) {
            if (entries.size() >= MAX_ENTRIES) {
                return false;
            }
            entry = new Entry(tier, tiersVersion, offset, timeMillis);
            entries.add(entry);
            growing.put(tier, entry);
        }
        entry.toOffset = offset + 1;
        entry.records++;
        entry.fromTimeMillis = Math.min(entry.fromTimeMillis, timeMillis);
        entry.toTimeMillis = Math.max(entry.toTimeMillis, timeMillis);
        return true;
    }

    /**
     * From now on records of some tiers are taken, or other tiers count: what is put off later is another entry, since the
     * one that grew so far would span records that were taken.
     */
    void admit(Predicate<PriorityTier> taken, String tiersVersion) {
        growing.entrySet()
                .removeIf(each -> taken.test(each.getKey())
                        || !each.getValue().tiersVersion.equals(tiersVersion));
    }

    /** What to bring in next: the most important tier first, of that what is oldest. */
    Optional<Entry> next() {
        return entries.stream()
                .min(Comparator.<Entry, PriorityTier>comparing(entry -> entry.tier)
                        .thenComparingLong(entry -> entry.fromOffset));
    }

    /**
     * Takes records out of an entry, up to an offset. Of those that it still counts, as many as there are no offsets left
     * for are gone from the log; when all of it was read, that is all of them.
     *
     * @return how many records are gone
     */
    long advance(Entry entry, long nextOffset, long records) {
        if (records > entry.records) {
            throw new IllegalStateException(records + " records where the ledger says " + entry.snapshot());
        }
        entry.records -= records;
        entry.fromOffset = Math.min(nextOffset, entry.toOffset);
        long gone = Math.max(0, entry.records - (entry.toOffset - entry.fromOffset));
        entry.records -= gone;
        if (entry.records == 0) {
            entries.remove(entry);
            growing.values().remove(entry);
        }
        return gone;
    }

    /** Whether records of a stream were put off after one offset and before another. */
    boolean reaches(StreamKey stream, long after, long before, Function<String, PriorityTiers> tiersOf) {
        return entries.stream()
                .anyMatch(entry -> entry.toOffset > after
                        && entry.fromOffset < before
                        && tiersOf.apply(entry.tiersVersion).tierOf(stream) == entry.tier);
    }

    boolean isEmpty() {
        return entries.isEmpty();
    }

    int size() {
        return entries.size();
    }

    long records() {
        return entries.stream().mapToLong(entry -> entry.records).sum();
    }

    long oldestMillis() {
        return entries.stream().mapToLong(entry -> entry.fromTimeMillis).min().orElse(Long.MAX_VALUE);
    }

    List<Deferral> snapshot() {
        return entries.stream().map(Entry::snapshot).toList();
    }

    /** One line of the ledger. */
    static final class Entry {
        final PriorityTier tier;
        final String tiersVersion;
        private long fromOffset;
        private long toOffset;
        private long records;
        private long fromTimeMillis;
        private long toTimeMillis;

        private Entry(Deferral from) {
            this(from.tier(), from.tiersVersion(), from.fromOffset(), from.fromTimeMillis());
            toOffset = from.toOffset();
            records = from.records();
            toTimeMillis = from.toTimeMillis();
        }

        private Entry(PriorityTier tier, String tiersVersion, long offset, long timeMillis) {
            this.tier = tier;
            this.tiersVersion = tiersVersion;
            this.fromOffset = offset;
            this.toOffset = offset;
            this.fromTimeMillis = timeMillis;
            this.toTimeMillis = timeMillis;
        }

        long fromOffset() {
            return fromOffset;
        }

        long toOffset() {
            return toOffset;
        }

        long records() {
            return records;
        }

        Deferral snapshot() {
            return new Deferral(tier, fromOffset, toOffset, records, fromTimeMillis, toTimeMillis, tiersVersion);
        }
    }
}
