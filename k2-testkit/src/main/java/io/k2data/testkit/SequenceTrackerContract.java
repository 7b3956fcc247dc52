package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.StreamKey;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.SequenceVerdict.Duplicate;
import io.k2data.api.sequence.SequenceVerdict.First;
import io.k2data.api.sequence.SequenceVerdict.Gap;
import io.k2data.api.sequence.SequenceVerdict.InOrder;
import io.k2data.api.sequence.SequenceVerdict.Late;
import io.k2data.api.sequence.SequenceVerdict.Reset;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link SequenceTracker} promises. Extend it and answer its two questions; all tests then run against your
 * implementation, which must wait for at least 1,000 gaps of a stream:
 *
 * <pre>{@code
 * class MySequenceTrackerTest extends SequenceTrackerContract {
 *     protected SequenceTrackerFactory factory() { return new MySequenceTrackerFactory(); }
 *     protected long resetDistance() { return 1_000_000; }
 * }
 * }</pre>
 */
public abstract class SequenceTrackerContract {
    private static final StreamKey BTC = new StreamKey("binance", "BTCUSDT");
    private static final StreamKey ETH = new StreamKey("binance", "ETHUSDT");
    private static final StreamKey BTC_FUTURES = new StreamKey("binance-futures", "BTCUSDT");

    /** Every test has its own topic, so that implementations with shared state start afresh. */
    private final String topicId = UUID.randomUUID().toString();

    private final SequenceBatch batch = new SequenceBatch();
    private final List<SequenceTracker> opened = new ArrayList<>();
    private long nextOffset;

    /** For subclasses. */
    protected SequenceTrackerContract() {}

    /**
     * Returns the factory under test; may be called several times.
     *
     * @return the factory
     */
    protected abstract SequenceTrackerFactory factory();

    /**
     * Returns how far below the highest number seen a number has to be for {@link #factory}'s instances to take it for
     * the beginning of a new epoch, at that distance or farther.
     *
     * @return the distance, 1,000 or more
     */
    protected abstract long resetDistance();

    @AfterEach
    void closeWhatWasOpened() {
        opened.forEach(SequenceTracker::close);
    }

    @Test
    void aFactoryAlwaysHasTheSameName() {
        assertThat(factory().name())
                .matches("[a-z0-9]+(-[a-z0-9]+)*")
                .isEqualTo(factory().name());
    }

    @Test
    void theFirstNumberIsFirstWhateverItIs() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 4711)).containsExactly(First.INSTANCE);
        assertThat(observe(tracker, ETH, -3)).containsExactly(First.INSTANCE);
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 4711, 4711), ledger(ETH, -3, -3));
    }

    @Test
    void consecutiveNumbersAreInOrder() throws IOException {
        assertThat(observe(open(), BTC, 1, 2, 3)).containsExactly(First.INSTANCE, InOrder.INSTANCE, InOrder.INSTANCE);
    }

    @Test
    void aNumberAheadNamesTheMissingOnes() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 1, 5, 6, 8))
                .containsExactly(First.INSTANCE, new Gap(2, 4), InOrder.INSTANCE, new Gap(7, 7));
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 1, 8, 0, 0, 0, 0, new Range(2, 4), new Range(7, 7)));
    }

    @Test
    void aLateNumberShortensAGapFromEitherEnd() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 1, 6, 2, 5)).endsWith(new Late(2), new Late(5));
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 1, 6, 2, 0, 0, 0, new Range(3, 4)));
    }

    @Test
    void aLateNumberSplitsAGap() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 1, 6, 4)).endsWith(new Late(4));
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 1, 6, 1, 0, 0, 0, new Range(2, 3), new Range(5, 5)));
    }

    @Test
    void theLastLateNumberClosesItsGap() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 1, 4, 8, 3, 2)).endsWith(new Late(3), new Late(2));
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 1, 8, 2, 0, 0, 0, new Range(5, 7)));
    }

    @Test
    void aNumberBelowTheLowestIsLateAndOpensAGap() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 100, 99, 95, 97))
                .containsExactly(First.INSTANCE, new Late(99), new Late(95), new Late(97));
        assertThat(tracker.ledger())
                .containsExactly(ledger(BTC, 95, 100, 3, 0, 0, 0, new Range(96, 96), new Range(98, 98)));
    }

    @Test
    void aNumberSeenBeforeIsADuplicate() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, 1, 1, 5, 3, 1, 3, 5))
                .containsExactly(
                        First.INSTANCE,
                        Duplicate.INSTANCE,
                        new Gap(2, 4),
                        new Late(3),
                        Duplicate.INSTANCE,
                        Duplicate.INSTANCE,
                        Duplicate.INSTANCE);
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 1, 5, 1, 4, 0, 0, new Range(2, 2), new Range(4, 4)));
    }

    @Test
    void aNumberFarBelowTheHighestOpensANewEpoch() throws IOException {
        SequenceTracker tracker = open();
        long highest = resetDistance() + 1;

        assertThat(observe(tracker, BTC, highest, 1, 2, 4, 1))
                .containsExactly(
                        First.INSTANCE, new Reset(highest), InOrder.INSTANCE, new Gap(3, 3), Duplicate.INSTANCE);
        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 1, 4, 0, 1, 1, 0, new Range(3, 3)));
    }

    @Test
    void aNumberNotQuiteThatFarBelowIsLate() throws IOException {
        assertThat(observe(open(), BTC, resetDistance() + 1, 2)).containsExactly(First.INSTANCE, new Late(2));
    }

    @Test
    void aNumberSeenLongAgoOpensANewEpochToo() throws IOException {
        long highest = resetDistance() + 2;

        assertThat(observe(open(), BTC, 1, 2, highest, 2))
                .containsExactly(First.INSTANCE, InOrder.INSTANCE, new Gap(3, highest - 1), new Reset(highest));
    }

    @Test
    void aNumberInAnOpenGapIsLateHoweverFarBelow() throws IOException {
        SequenceTracker tracker = open();
        long highest = 3 * resetDistance();

        assertThat(observe(tracker, BTC, 1, highest, 2))
                .containsExactly(First.INSTANCE, new Gap(2, highest - 1), new Late(2));
    }

    @Test
    void aNewEpochAbandonsTheGapsOfTheOldOne() throws IOException {
        SequenceTracker tracker = open();
        long start = 2 * resetDistance();
        observe(tracker, BTC, start, start + 4, start + 2, start + 2, 7);

        assertThat(tracker.ledger()).containsExactly(ledger(BTC, 7, 7, 1, 1, 1, 2));
        assertThat(observe(tracker, BTC, 8)).containsExactly(InOrder.INSTANCE);
    }

    @Test
    void theLowestAndTheHighestNumberThereAreDoNotWrapAround() throws IOException {
        SequenceTracker tracker = open();

        assertThat(observe(tracker, BTC, Long.MAX_VALUE - 1, Long.MAX_VALUE, Long.MAX_VALUE, Long.MIN_VALUE))
                .containsExactly(First.INSTANCE, InOrder.INSTANCE, Duplicate.INSTANCE, new Reset(Long.MAX_VALUE));
        assertThat(observe(tracker, BTC, Long.MAX_VALUE, Long.MIN_VALUE + 1, Long.MIN_VALUE))
                .containsExactly(
                        new Gap(Long.MIN_VALUE + 1, Long.MAX_VALUE - 1),
                        new Late(Long.MIN_VALUE + 1),
                        new Reset(Long.MAX_VALUE));
        assertThat(observe(tracker, BTC, Long.MAX_VALUE, Long.MIN_VALUE))
                .containsExactly(new Gap(Long.MIN_VALUE + 1, Long.MAX_VALUE - 1), new Reset(Long.MAX_VALUE));
        assertThat(tracker.ledger().get(0).abandoned()).isEqualTo(Long.MAX_VALUE);
        assertThat(observe(tracker, ETH, Long.MIN_VALUE, Long.MIN_VALUE, Long.MAX_VALUE))
                .containsExactly(First.INSTANCE, Duplicate.INSTANCE, new Gap(Long.MIN_VALUE + 1, Long.MAX_VALUE - 1));
        assertThat(tracker.ledger().get(1).missing()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void streamsDoNotTouchEachOther() throws IOException {
        SequenceTracker tracker = open();
        batch.clear();
        add(BTC, 1);
        add(ETH, 10);
        add(BTC_FUTURES, 1);
        add(BTC, 2);
        add(ETH, 12);
        add(BTC_FUTURES, 1);
        tracker.observe(batch);

        assertThat(verdicts())
                .containsExactly(
                        First.INSTANCE,
                        First.INSTANCE,
                        First.INSTANCE,
                        InOrder.INSTANCE,
                        new Gap(11, 11),
                        Duplicate.INSTANCE);
    }

    @Test
    void theLedgerIsInOrderOfStream() throws IOException {
        SequenceTracker tracker = open();
        observe(tracker, BTC_FUTURES, 1);
        observe(tracker, ETH, 2);
        observe(tracker, BTC, 3);

        assertThat(tracker.ledger()).extracting(StreamLedger::stream).containsExactly(BTC, ETH, BTC_FUTURES);
    }

    @Test
    void aFreshInstanceKnowsNoStream() throws IOException {
        assertThat(open().ledger()).isEmpty();
    }

    @Test
    void anEmptyBatchChangesNothing() throws IOException {
        SequenceTracker tracker = open();
        observe(tracker, BTC, 1, 3);
        List<StreamLedger> before = tracker.ledger();

        assertThat(observe(tracker, BTC)).isEmpty();
        assertThat(tracker.ledger()).isEqualTo(before);
    }

    @Test
    void partitionsDoNotTouchEachOther() throws IOException {
        SequenceTracker one = open(context(0, Role.WRITER), null);
        SequenceTracker other = open(context(1, Role.WRITER), null);
        observe(one, BTC, 1, 2, 3);

        assertThat(observe(other, BTC, 3)).containsExactly(First.INSTANCE);
    }

    @Test
    void aFollowerLeavesTheWritersStateAsItIs() throws IOException {
        PartitionContext writer = context(0, Role.WRITER);
        SequenceTracker following = open(new PartitionContext(writer.table(), writer.partition(), Role.FOLLOWER), null);
        SequenceTracker writing = open(writer, null);
        observe(following, BTC, 1, 2, 3);

        assertThat(observe(writing, BTC, 1, 2)).containsExactly(First.INSTANCE, InOrder.INSTANCE);
        assertThat(observe(following, BTC, 4)).containsExactly(InOrder.INSTANCE);
    }

    @Test
    void aRestoredInstanceGoesOnInTheMiddleOfAGap() throws IOException {
        SequenceTracker tracker = open();
        observe(tracker, BTC, 10, 20, 15, 15, 8);
        observe(tracker, ETH, 5);
        SequenceTracker restored = restore(context(0, Role.WRITER), tracker);

        assertThat(restored.ledger()).isEqualTo(tracker.ledger());
        assertThat(observe(restored, BTC, 9, 14, 15, 21, 16))
                .containsExactly(new Late(9), new Late(14), Duplicate.INSTANCE, InOrder.INSTANCE, new Late(16));
        assertThat(observe(restored, ETH, 5, 6)).containsExactly(Duplicate.INSTANCE, InOrder.INSTANCE);
    }

    @Test
    void aSnapshotChangesNothing() throws IOException {
        SequenceTracker tracker = open();
        observe(tracker, BTC, 1, 4);
        byte[] first = snapshot(tracker);

        assertThat(snapshot(tracker)).isEqualTo(first);
        assertThat(observe(tracker, BTC, 2, 5)).containsExactly(new Late(2), InOrder.INSTANCE);
    }

    @Test
    void aSnapshotOfNothingRestoresToNothing() throws IOException {
        assertThat(restore(context(0, Role.WRITER), open()).ledger()).isEmpty();
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
        open().snapshot(out);
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
        byte[] garbage = "whatever this is, no tracker wrote it".getBytes(StandardCharsets.UTF_8);

        assertThatThrownBy(() -> open(context(0, Role.WRITER), new ByteArrayInputStream(garbage)))
                .isInstanceOf(IOException.class);
    }

    /** Random feeds, cut into random batches and restored at random places, against a set of all numbers seen. */
    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void verdictsAndLedgerAreThoseOfTheSetOfNumbersSeen(long seed) throws IOException {
        Random random = new Random(seed);
        PartitionContext context = context(0, random.nextBoolean() ? Role.WRITER : Role.FOLLOWER);
        SequenceTracker tracker = open(context, null);
        TreeMap<StreamKey, Oracle> oracles = new TreeMap<>();
        int gapsPerHundred = random.nextInt(60);
        for (int step = 0; step < 80; step++) {
            batch.clear();
            List<SequenceVerdict> expected = new ArrayList<>();
            for (int left = random.nextInt(20); left > 0; left--) {
                StreamKey stream = List.of(BTC, ETH, BTC_FUTURES).get(random.nextInt(3));
                Oracle oracle = oracles.computeIfAbsent(stream, ignored -> new Oracle());
                long number = oracle.next(random, gapsPerHundred);
                add(stream, number);
                expected.add(oracle.observe(number));
            }
            tracker.observe(batch);
            assertThat(verdicts()).as("seed %d, step %d", seed, step).isEqualTo(expected);
            if (random.nextInt(10) == 0) {
                SequenceTracker restored = restore(context, tracker);
                tracker.close();
                opened.remove(tracker);
                tracker = restored;
            }
            List<StreamLedger> ledger = new ArrayList<>();
            oracles.forEach((stream, oracle) -> ledger.add(oracle.ledger(stream)));
            assertThat(tracker.ledger()).as("seed %d, step %d", seed, step).isEqualTo(ledger);
        }
    }

    /** The two ways to cut a feed that are as far apart as can be. */
    @ParameterizedTest
    @EnumSource(Role.class)
    void batchesOfAnySizeGiveTheSameVerdicts(Role role) throws IOException {
        long[] numbers = {5, 6, 9, 7, 7, 1, 3, 20, 8, 2 * resetDistance(), 19, 4, 4 * resetDistance(), 5};
        SequenceTracker alone = open(context(0, role), null);
        List<SequenceVerdict> oneByOne = new ArrayList<>();
        for (long number : numbers) {
            oneByOne.addAll(observe(alone, BTC, number));
        }
        SequenceTracker together = open(context(1, role), null);

        assertThat(observe(together, BTC, numbers)).isEqualTo(oneByOne);
        assertThat(together.ledger()).isEqualTo(alone.ledger());
    }

    private SequenceTracker open() throws IOException {
        return open(context(0, Role.WRITER), null);
    }

    private SequenceTracker open(PartitionContext context, @Nullable InputStream snapshot) throws IOException {
        SequenceTracker tracker = factory().open(context, snapshot);
        opened.add(tracker);
        return tracker;
    }

    private SequenceTracker restore(PartitionContext context, SequenceTracker tracker) throws IOException {
        return open(context, new ByteArrayInputStream(snapshot(tracker)));
    }

    private PartitionContext context(int partition, Role role) {
        return new PartitionContext("trades", new LogPartition("cluster", topicId, "trades", partition), role);
    }

    private static byte[] snapshot(SequenceTracker tracker) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        tracker.snapshot(out);
        return out.toByteArray();
    }

    private List<SequenceVerdict> observe(SequenceTracker tracker, StreamKey stream, long... numbers) {
        batch.clear();
        for (long number : numbers) {
            add(stream, number);
        }
        tracker.observe(batch);
        return verdicts();
    }

    private void add(StreamKey stream, long number) {
        // An equal key, never the same one: trackers must not rely on identity.
        batch.add(new StreamKey(stream.venue(), stream.symbol()), number, nextOffset++);
    }

    private List<SequenceVerdict> verdicts() {
        List<SequenceVerdict> verdicts = new ArrayList<>();
        for (int i = 0; i < batch.size(); i++) {
            verdicts.add(batch.verdict(i));
        }
        return verdicts;
    }

    private static StreamLedger ledger(StreamKey stream, long first, long highest) {
        return ledger(stream, first, highest, 0, 0, 0, 0);
    }

    private static StreamLedger ledger(
            StreamKey stream,
            long first,
            long highest,
            long late,
            long duplicates,
            long resets,
            long abandoned,
            Range... gaps) {
        return new StreamLedger(stream, first, highest, List.of(gaps), late, duplicates, resets, abandoned);
    }

    /** All numbers of one stream's epoch, and the definitions applied to them word by word. */
    private final class Oracle {
        private final TreeSet<Long> seen = new TreeSet<>();
        private long late;
        private long duplicates;
        private long resets;
        private long abandoned;

        long next(Random random, int gapsPerHundred) {
            if (seen.isEmpty()) {
                return random.nextLong(-50, 50);
            }
            long highest = seen.last();
            int dice = random.nextInt(100);
            if (dice < gapsPerHundred) {
                return highest + 2 + random.nextInt(5);
            }
            if (dice < 70) {
                return random.nextInt(3) == 0 ? highest - random.nextInt(60) : highest + 1;
            }
            if (dice < 90 && !gaps().isEmpty()) {
                // From the bottom, so that gaps close and do not only become more.
                Range lowest = gaps().get(0);
                return random.nextBoolean() ? lowest.from() : lowest.from() + random.nextLong(lowest.length());
            }
            if (dice < 93) {
                return highest - resetDistance() - 2 + random.nextInt(5);
            }
            return seen.first() - random.nextInt(8);
        }

        SequenceVerdict observe(long number) {
            if (seen.isEmpty()) {
                seen.add(number);
                return First.INSTANCE;
            }
            long highest = seen.last();
            boolean missing = number > seen.first() && number < highest && !seen.contains(number);
            if (number <= highest - resetDistance() && !missing) {
                abandoned += gaps().stream().mapToLong(Range::length).sum();
                resets++;
                seen.clear();
                seen.add(number);
                return new Reset(highest);
            }
            if (!seen.add(number)) {
                duplicates++;
                return Duplicate.INSTANCE;
            }
            if (number < highest) {
                late++;
                return new Late(number);
            }
            return number == highest + 1 ? InOrder.INSTANCE : new Gap(highest + 1, number - 1);
        }

        List<Range> gaps() {
            List<Range> gaps = new ArrayList<>();
            long previous = seen.first();
            for (long number : seen.tailSet(previous, false)) {
                if (number > previous + 1) {
                    gaps.add(new Range(previous + 1, number - 1));
                }
                previous = number;
            }
            return gaps;
        }

        StreamLedger ledger(StreamKey stream) {
            return new StreamLedger(stream, seen.first(), seen.last(), gaps(), late, duplicates, resets, abandoned);
        }
    }
}
