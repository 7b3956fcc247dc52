package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.DedupVerdict;
import io.k2data.api.dedup.DedupVerdict.Duplicate;
import io.k2data.api.dedup.DedupVerdict.New;
import io.k2data.api.dedup.DedupVerdict.Suspect;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.dedup.DeduplicatorFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link Deduplicator} promises. Extend it and give it your factory; all tests then run against your
 * implementation:
 *
 * <pre>{@code
 * class MyDeduplicatorTest extends DeduplicatorContract {
 *     protected DeduplicatorFactory factory() { return new MyDeduplicatorFactory(); }
 * }
 * }</pre>
 *
 * <p>A suspect is a right answer to any question. As K2 does, the tests then look the id up among all that was
 * registered, and expect the verdict that comes of it: an implementation may know little, but must not claim what is
 * wrong. Where an implementation ought to answer alone, its own tests say so.
 */
public abstract class DeduplicatorContract {
    private static final StreamKey BTC = new StreamKey("binance", "BTCUSDT");
    private static final StreamKey ETH = new StreamKey("binance", "ETHUSDT");
    private static final StreamKey BTC_FUTURES = new StreamKey("binance-futures", "BTCUSDT");
    private static final long NOW = 1_723_161_599_999L;

    /** Every test has its own topic, so that implementations with shared state start afresh. */
    private final String topicId = UUID.randomUUID().toString();

    private final List<Deduplicator> opened = new ArrayList<>();

    /** For subclasses. */
    protected DeduplicatorContract() {}

    /**
     * Returns the factory under test; may be called several times. A window of 100 ms or more gives the tests room.
     *
     * @return the factory
     */
    protected abstract DeduplicatorFactory factory();

    /**
     * Says whether instances forget sightings that lie ten windows behind the highest Kafka timestamp. If so, they have
     * to answer suspect for a record of that time.
     *
     * @return true unless overridden
     */
    protected boolean forgets() {
        return true;
    }

    /**
     * Says whether an id sighted on one partition counts on the others too.
     *
     * @return false unless overridden
     */
    protected boolean sharesAcrossPartitions() {
        return false;
    }

    @AfterEach
    void closeWhatWasOpened() {
        opened.forEach(Deduplicator::close);
    }

    @Test
    void aFactoryAlwaysHasTheSameNameAndWindow() {
        assertThat(factory().name())
                .matches("[a-z0-9]+(-[a-z0-9]+)*")
                .isEqualTo(factory().name());
        assertThat(factory().window()).isPositive().isEqualTo(factory().window());
    }

    @Test
    void anIdNeverSightedIsNew() throws IOException {
        Subject subject = subject();

        assertThat(subject.judge(BTC, 7, 10, NOW)).isEqualTo(New.INSTANCE);
        assertThat(subject.judge(BTC, 8, 11, NOW)).isEqualTo(New.INSTANCE);
    }

    @Test
    void anIdSightedBeforeIsADuplicateOfItsFirstPosition() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);

        assertThat(subject.judge(BTC, 7, 11, NOW)).isEqualTo(new Duplicate(0, 10));
        assertThat(subject.judge(BTC, 7, 12, NOW)).isEqualTo(new Duplicate(0, 10));
    }

    @Test
    void anIdSightedBeforeInTheSameBatchIsADuplicate() throws IOException {
        assertThat(subject()
                        .judge(new Entry(BTC, 7L, 10, NOW), new Entry(BTC, 8L, 11, NOW), new Entry(BTC, 7L, 12, NOW)))
                .containsExactly(New.INSTANCE, New.INSTANCE, new Duplicate(0, 10));
    }

    @Test
    void theSamePositionAgainIsNewAgain() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);

        assertThat(subject.judge(BTC, 7, 10, NOW)).isEqualTo(New.INSTANCE);
        assertThat(subject.judge(BTC, 7, 11, NOW)).isEqualTo(new Duplicate(0, 10));
    }

    @Test
    void aReplayGivesTheVerdictsOfTheFirstTime() throws IOException {
        Subject subject = subject();
        Entry[] entries = {
            new Entry(BTC, 7L, 10, NOW),
            new Entry(BTC, 7L, 11, NOW),
            new Entry(BTC, 7L, 12, NOW + window() + 1),
            new Entry(BTC, 7L, 13, NOW + window() + 1),
            new Entry(BTC, 7L, 14, NOW + 1),
        };
        List<DedupVerdict> first = subject.judge(entries);

        assertThat(first)
                .containsExactly(
                        New.INSTANCE, new Duplicate(0, 10), New.INSTANCE, new Duplicate(0, 12), new Duplicate(0, 10));
        assertThat(subject.judge(entries)).isEqualTo(first);
    }

    @Test
    void aSightingExactlyOneWindowAwayCounts() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);

        assertThat(subject.judge(BTC, 7, 11, NOW + window())).isEqualTo(new Duplicate(0, 10));
        assertThat(subject.judge(BTC, 7, 12, NOW - window())).isEqualTo(new Duplicate(0, 10));
    }

    @Test
    void aSightingOneMillisecondFartherDoesNotCount() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);
        subject.judge(BTC, 8, 11, NOW);

        assertThat(subject.judge(BTC, 7, 12, NOW + window() + 1)).isEqualTo(New.INSTANCE);
        assertThat(subject.judge(BTC, 8, 13, NOW - window() - 1)).isEqualTo(New.INSTANCE);
    }

    @Test
    void anIdAcceptedAgainAfterTheWindowIsItselfASighting() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);
        subject.judge(BTC, 7, 11, NOW + window() + 1);

        assertThat(subject.judge(BTC, 7, 12, NOW + 2 * window() + 1)).isEqualTo(new Duplicate(0, 11));
        assertThat(subject.judge(BTC, 7, 13, NOW + 2 * window() + 2)).isEqualTo(New.INSTANCE);
    }

    @Test
    void aDuplicateIsNoSighting() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);
        subject.judge(BTC, 7, 11, NOW + window());

        assertThat(subject.judge(BTC, 7, 12, NOW + window() + 1)).isEqualTo(New.INSTANCE);
    }

    @Test
    void ofTwoSightingsInTheWindowTheOneAtTheLowerOffsetIsNamed() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW + window() + 1);
        subject.judge(BTC, 7, 11, NOW);

        assertThat(subject.judge(BTC, 7, 12, NOW + window() / 2)).isEqualTo(new Duplicate(0, 10));
    }

    @Test
    void integersAndTextsAreNeverEqual() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);
        long hash = "execution-7".hashCode();

        assertThat(subject.judge(new Entry(BTC, "7", 11, NOW), new Entry(BTC, "execution-7", 12, NOW)))
                .containsExactly(New.INSTANCE, New.INSTANCE);
        assertThat(subject.judge(
                        new Entry(BTC, hash, 13, NOW),
                        new Entry(BTC, new String("7".toCharArray()), 14, NOW),
                        new Entry(BTC, hash, 15, NOW)))
                .containsExactly(New.INSTANCE, new Duplicate(0, 11), new Duplicate(0, 13));
    }

    @Test
    void textsOfOneHashCodeAreDifferentIds() throws IOException {
        assertThat("Aa".hashCode()).isEqualTo("BB".hashCode());
        assertThat(subject()
                        .judge(
                                new Entry(BTC, "Aa", 10, NOW),
                                new Entry(BTC, "BB", 11, NOW),
                                new Entry(BTC, "BB", 12, NOW)))
                .containsExactly(New.INSTANCE, New.INSTANCE, new Duplicate(0, 11));
    }

    @Test
    void theSameIdOnAnotherStreamIsAnotherEvent() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);

        assertThat(subject.judge(ETH, 7, 11, NOW)).isEqualTo(New.INSTANCE);
        assertThat(subject.judge(BTC_FUTURES, 7, 12, NOW)).isEqualTo(New.INSTANCE);
    }

    @Test
    void theSameIdOnAnotherPartitionIsAnotherEventUnlessPartitionsShare() throws IOException {
        subject().judge(BTC, 7, 10, NOW);
        Deduplicator other = open(context(1, Role.WRITER), null);
        DedupBatch batch = batch(List.of(new Entry(BTC, 7L, 10, NOW)));
        other.judge(batch, 0);

        assertThat(batch.verdict(0))
                .isIn(Suspect.INSTANCE, sharesAcrossPartitions() ? new Duplicate(0, 10) : New.INSTANCE);
    }

    @Test
    void aFollowerLeavesTheWritersStateAsItIs() throws IOException {
        Subject following = new Subject(context(0, Role.FOLLOWER), open(context(0, Role.FOLLOWER), null));
        Subject writing = subject();
        following.judge(BTC, 7, 10, NOW);

        assertThat(writing.judge(BTC, 7, 11, NOW)).isEqualTo(New.INSTANCE);
    }

    @Test
    void theFarthestIdsAndTimesAreLikeAnyOther() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, Long.MIN_VALUE, 10, 0);
        subject.judge(BTC, Long.MAX_VALUE, 11, Long.MAX_VALUE);

        assertThat(subject.judge(BTC, Long.MIN_VALUE, 12, Long.MAX_VALUE)).isEqualTo(New.INSTANCE);
        assertThat(subject.judge(BTC, Long.MAX_VALUE, 13, Long.MAX_VALUE - window()))
                .isEqualTo(new Duplicate(0, 11));
        assertThat(subject.judge(BTC, Long.MAX_VALUE, 14, -1)).isEqualTo(New.INSTANCE);
    }

    @Test
    void whatWasRegisteredIsASighting() throws IOException {
        Subject subject = subject();
        subject.register(new Entry(BTC, 7L, 10, NOW), new Entry(BTC, "7", 11, NOW));

        assertThat(subject.judge(BTC, 7, 12, NOW)).isEqualTo(new Duplicate(0, 10));
        assertThat(subject.judge(BTC, "7", 13, NOW)).isEqualTo(new Duplicate(0, 11));
        assertThat(subject.judge(BTC, 7, 10, NOW)).isEqualTo(New.INSTANCE);
    }

    @Test
    void onlyTheEntriesAskedForAreRegistered() throws IOException {
        Deduplicator deduplicator = open(context(0, Role.WRITER), null);
        DedupBatch batch =
                batch(List.of(new Entry(BTC, 7L, 10, NOW), new Entry(BTC, 8L, 11, NOW), new Entry(BTC, 9L, 12, NOW)));
        deduplicator.register(batch, 1, 2);
        deduplicator.register(batch, 2, 2);
        DedupBatch again =
                batch(List.of(new Entry(BTC, 7L, 20, NOW), new Entry(BTC, 8L, 21, NOW), new Entry(BTC, 9L, 22, NOW)));

        for (int judged = 0; judged < again.size(); ) {
            judged = deduplicator.judge(again, judged);
        }
        assertThat(again.verdict(0)).isNotInstanceOf(Duplicate.class);
        assertThat(again.verdict(1)).isNotEqualTo(New.INSTANCE);
        assertThat(again.verdict(2)).isNotInstanceOf(Duplicate.class);
        assertThatThrownBy(() -> batch.verdict(1)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void judgingBeginsWhereItIsToldTo() throws IOException {
        Deduplicator deduplicator = open(context(0, Role.WRITER), null);
        DedupBatch batch = batch(List.of(new Entry(BTC, 7L, 10, NOW), new Entry(BTC, 7L, 11, NOW)));

        assertThat(deduplicator.judge(batch, 1)).isEqualTo(2);
        assertThat(batch.verdict(1)).isNotInstanceOf(Duplicate.class);
        assertThatThrownBy(() -> batch.verdict(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void anEmptyBatchIsJudgedAtOnce() throws IOException {
        assertThat(open(context(0, Role.WRITER), null).judge(new DedupBatch(), 0))
                .isZero();
    }

    @Test
    void judgingStopsBehindASuspectAndRegistersNothingOfIt() throws IOException {
        Subject subject = subject();
        for (int i = 0; i <= 10; i++) {
            subject.judge(BTC, i, i, NOW + i * window());
        }
        long longAgo = NOW + window() / 2;
        DedupBatch batch = batch(List.of(new Entry(BTC, 99L, 20, longAgo), new Entry(BTC, 99L, 21, longAgo)));
        int judged = subject.deduplicator.judge(batch, 0);

        if (forgets()) {
            assertThat(judged).isEqualTo(1);
            assertThat(batch.verdict(0)).isEqualTo(Suspect.INSTANCE);
            assertThatThrownBy(() -> batch.verdict(1)).isInstanceOf(IllegalStateException.class);
            assertThat(subject.deduplicator.judge(batch, 0)).as("again").isEqualTo(1);
            assertThat(batch.verdict(0))
                    .as("were it registered, it would be new")
                    .isEqualTo(Suspect.INSTANCE);

            subject.register(new Entry(BTC, 99L, 20, longAgo));
            assertThat(subject.judge(BTC, 99, 21, longAgo)).isEqualTo(new Duplicate(0, 20));
        } else {
            assertThat(judged).isEqualTo(2);
            assertThat(batch.verdict(0)).isEqualTo(New.INSTANCE);
            assertThat(batch.verdict(1)).isEqualTo(new Duplicate(0, 20));
        }
    }

    @Test
    void aRestoredInstanceGivesTheSameVerdicts() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);
        subject.judge(ETH, "a ÿ \u20ac \uD83D\uDE00 \uD83D".repeat(20_000), 11, NOW);
        subject.restore();

        assertThat(subject.judge(BTC, 7, 12, NOW)).isEqualTo(new Duplicate(0, 10));
        assertThat(subject.judge(ETH, "a ÿ \u20ac \uD83D\uDE00 \uD83D".repeat(20_000), 13, NOW))
                .isEqualTo(new Duplicate(0, 11));
        assertThat(subject.judge(BTC, 7, 10, NOW)).isEqualTo(New.INSTANCE);
        assertThat(subject.judge(BTC, 8, 14, NOW)).isEqualTo(New.INSTANCE);
    }

    @Test
    void aSnapshotChangesNothing() throws IOException {
        Subject subject = subject();
        subject.judge(BTC, 7, 10, NOW);
        byte[] first = snapshot(subject.deduplicator);

        assertThat(snapshot(subject.deduplicator)).isEqualTo(first);
        assertThat(subject.judge(BTC, 7, 11, NOW)).isEqualTo(new Duplicate(0, 10));
    }

    @Test
    void streamsOfSnapshotsAreLeftOpen() throws IOException {
        AtomicBoolean closed = new AtomicBoolean();
        ByteArrayOutputStream out = new ByteArrayOutputStream() {
            @Override
            public void close() {
                closed.set(true);
            }
        };
        open(context(0, Role.WRITER), null).snapshot(out);
        open(context(0, Role.WRITER), new ByteArrayInputStream(out.toByteArray()) {
            @Override
            public void close() {
                closed.set(true);
            }
        });

        assertThat(closed).isFalse();
    }

    @Test
    void whatIsNoSnapshotIsRefused() {
        byte[] garbage = "whatever this is, no deduplicator wrote it".getBytes(StandardCharsets.UTF_8);

        assertThatThrownBy(() -> open(context(0, Role.WRITER), new ByteArrayInputStream(garbage)))
                .isInstanceOf(IOException.class);
    }

    /**
     * Random records, early, late, sent twice and replayed, cut into random batches and restored at random places,
     * against a list of all sightings.
     */
    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void verdictsAreThoseOfTheListOfAllSightings(long seed) throws IOException {
        Random random = new Random(seed);
        Subject subject = subject();
        List<Entry> past = new ArrayList<>();
        int window = (int) Math.min(window(), 1_000_000_000);
        long time = NOW;
        long offset = 0;
        for (int step = 0; step < 60; step++) {
            List<Entry> entries = new ArrayList<>();
            if (!past.isEmpty() && random.nextInt(8) == 0) {
                int from = random.nextInt(past.size());
                entries.addAll(past.subList(from, Math.min(past.size(), from + 20)));
            }
            for (int left = random.nextInt(20); left > 0; left--) {
                time += random.nextInt(window / 20);
                long number = random.nextInt(12);
                Entry entry = new Entry(
                        List.of(BTC, ETH, BTC_FUTURES).get(random.nextInt(3)),
                        random.nextInt(3) == 0 ? Long.toString(number) : (Object) number,
                        offset,
                        switch (random.nextInt(12)) {
                            case 0 -> time - random.nextInt(window);
                            case 1 -> time - 4L * random.nextInt(window);
                            case 2 -> time + random.nextInt(window / 2);
                            default -> time;
                        });
                offset += 1 + random.nextInt(3);
                entries.add(entry);
                past.add(entry);
            }
            subject.describe = "seed " + seed + ", step " + step;
            subject.judge(entries.toArray(Entry[]::new));
            if (random.nextInt(8) == 0) {
                subject.restore();
            }
        }
    }

    private long window() {
        return factory().window().toMillis();
    }

    private Subject subject() throws IOException {
        return new Subject(context(0, Role.WRITER), open(context(0, Role.WRITER), null));
    }

    private Deduplicator open(PartitionContext context, @Nullable InputStream snapshot) throws IOException {
        Deduplicator deduplicator = factory().open(context, snapshot);
        opened.add(deduplicator);
        return deduplicator;
    }

    private PartitionContext context(int partition, Role role) {
        return new PartitionContext("trades", new LogPartition("cluster", topicId, "trades", partition), role);
    }

    private static byte[] snapshot(Deduplicator deduplicator) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        deduplicator.snapshot(out);
        return out.toByteArray();
    }

    private static DedupBatch batch(List<Entry> entries) {
        DedupBatch batch = new DedupBatch();
        for (Entry entry : entries) {
            // An equal key, never the same one: deduplicators must not rely on identity.
            StreamKey stream = new StreamKey(entry.stream.venue(), entry.stream.symbol());
            if (entry.id instanceof Long number) {
                batch.add(stream, number, entry.offset, entry.time);
            } else {
                batch.add(stream, (String) entry.id, entry.offset, entry.time);
            }
        }
        return batch;
    }

    private record Entry(StreamKey stream, Object id, long offset, long time) {
        boolean sameId(Entry other) {
            return stream.equals(other.stream) && id.equals(other.id);
        }
    }

    /** A deduplicator, used as K2 uses it, and the list of all sightings that answers for its suspects. */
    private final class Subject {
        private final PartitionContext context;
        private final List<Entry> sightings = new ArrayList<>();
        private Deduplicator deduplicator;
        private String describe = "";

        Subject(PartitionContext context, Deduplicator deduplicator) {
            this.context = context;
            this.deduplicator = deduplicator;
        }

        DedupVerdict judge(StreamKey stream, long id, long offset, long time) {
            return judge(new Entry(stream, id, offset, time)).get(0);
        }

        DedupVerdict judge(StreamKey stream, String id, long offset, long time) {
            return judge(new Entry(stream, id, offset, time)).get(0);
        }

        void register(Entry... entries) {
            deduplicator.register(batch(List.of(entries)), 0, entries.length);
            sightings.addAll(List.of(entries));
        }

        void restore() throws IOException {
            Deduplicator restored = open(context, new ByteArrayInputStream(snapshot(deduplicator)));
            opened.remove(deduplicator);
            deduplicator.close();
            deduplicator = restored;
        }

        List<DedupVerdict> judge(Entry... entries) {
            DedupBatch batch = batch(List.of(entries));
            List<DedupVerdict> verdicts = new ArrayList<>();
            for (int from = 0; from < entries.length; ) {
                int to = deduplicator.judge(batch, from);
                assertThat(to).as(describe).isBetween(from + 1, entries.length);
                for (int i = from; i < to; i++) {
                    DedupVerdict verdict = batch.verdict(i);
                    if (verdict instanceof Suspect) {
                        assertThat(i)
                                .as("%s: judging stops behind a suspect", describe)
                                .isEqualTo(to - 1);
                        verdict = resolve(entries[i]);
                        if (verdict instanceof New) {
                            deduplicator.register(batch, i, i + 1);
                        }
                    } else {
                        assertThat(i == to - 1 && to < entries.length)
                                .as("%s: judging stops behind nothing else", describe)
                                .isFalse();
                    }
                    check(entries[i], verdict);
                    if (verdict instanceof New && !sightings.contains(entries[i])) {
                        sightings.add(entries[i]);
                    }
                    verdicts.add(verdict);
                }
                from = to;
            }
            return verdicts;
        }

        private void check(Entry entry, DedupVerdict verdict) {
            if (verdict instanceof Duplicate duplicate) {
                // Which of several is named may depend on what was forgotten.
                assertThat(sightings)
                        .as("%s: %s is no %s", describe, entry, verdict)
                        .anyMatch(sighting -> counts(sighting, entry) && sighting.offset == duplicate.offset());
                assertThat(duplicate.partition()).isEqualTo(context.partition().partition());
            } else {
                assertThat(resolve(entry)).as("%s: %s", describe, entry).isEqualTo(verdict);
            }
        }

        private DedupVerdict resolve(Entry entry) {
            if (sightings.contains(entry)) {
                return New.INSTANCE;
            }
            Optional<Entry> first = sightings.stream()
                    .filter(sighting -> counts(sighting, entry))
                    .min(Comparator.comparingLong(Entry::offset));
            return first.<DedupVerdict>map(
                            sighting -> new Duplicate(context.partition().partition(), sighting.offset))
                    .orElse(New.INSTANCE);
        }

        private boolean counts(Entry sighting, Entry entry) {
            return sighting.sameId(entry)
                    && sighting.offset != entry.offset
                    && BigInteger.valueOf(sighting.time)
                                    .subtract(BigInteger.valueOf(entry.time))
                                    .abs()
                                    .compareTo(BigInteger.valueOf(window()))
                            <= 0;
        }
    }
}
