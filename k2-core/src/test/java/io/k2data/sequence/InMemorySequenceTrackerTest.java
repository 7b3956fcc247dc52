package io.k2data.sequence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StreamKey;
import io.k2data.api.sequence.SequenceBatch;
import io.k2data.api.sequence.SequenceTracker;
import io.k2data.api.sequence.SequenceTrackerFactory;
import io.k2data.api.sequence.SequenceVerdict;
import io.k2data.api.sequence.SequenceVerdict.Duplicate;
import io.k2data.api.sequence.SequenceVerdict.Gap;
import io.k2data.api.sequence.SequenceVerdict.Late;
import io.k2data.api.sequence.SequenceVerdict.Reset;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.api.sequence.StreamLedger.Range;
import io.k2data.sequence.SequenceTrackers.InMemoryConfig;
import io.k2data.snapshot.SnapshotFormat;
import io.k2data.testkit.SequenceTrackerContract;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InMemorySequenceTrackerTest extends SequenceTrackerContract {
    private static final PartitionContext CONTEXT = new PartitionContext(
            "trades", new LogPartition("cluster", "topic-id", "trades", 0), PartitionContext.Role.WRITER);
    private static final StreamKey BTC = new StreamKey("binance", "BTCUSDT");

    @Override
    protected SequenceTrackerFactory factory() {
        return SequenceTrackers.inMemory();
    }

    @Override
    protected long resetDistance() {
        return InMemoryConfig.builder().build().resetDistance();
    }

    @Test
    void itIsNamedInMemory() {
        assertThat(SequenceTrackers.inMemory().name()).isEqualTo("in-memory");
    }

    @Test
    void beyondTheBoundTheLowestGapIsAbandonedAndCounted() throws IOException {
        try (SequenceTracker tracker = bounded(2)) {
            observe(tracker, 1, 5, 7, 9);

            assertThat(tracker.ledger())
                    .containsExactly(
                            new StreamLedger(BTC, 1, 9, List.of(new Range(6, 6), new Range(8, 8)), 0, 0, 0, 3));
        }
    }

    @Test
    void aNumberOfAnAbandonedGapIsLateAndNeverADuplicate() throws IOException {
        try (SequenceTracker tracker = bounded(2)) {
            observe(tracker, 1, 5, 7, 9);

            assertThat(observe(tracker, 3, 3, 1, 5, 9))
                    .containsExactly(
                            new Late(3), new Late(3), Duplicate.INSTANCE, Duplicate.INSTANCE, Duplicate.INSTANCE);
            StreamLedger ledger = tracker.ledger().get(0);
            assertThat(ledger.late()).isEqualTo(2);
            assertThat(ledger.duplicates()).isEqualTo(3);
            assertThat(ledger.abandoned()).isEqualTo(3);
        }
    }

    @Test
    void whatWasAbandonedSurvivesASnapshot() throws IOException {
        try (SequenceTracker tracker = bounded(2)) {
            observe(tracker, 1, 5, 7, 9);
            try (SequenceTracker restored = config(2).open(CONTEXT, snapshot(tracker))) {
                assertThat(restored.ledger()).isEqualTo(tracker.ledger());
                assertThat(observe(restored, 3, 5)).containsExactly(new Late(3), Duplicate.INSTANCE);
            }
        }
    }

    @Test
    void aGapThatIsSplitOrOpenedAtTheBottomCountsToo() throws IOException {
        try (SequenceTracker tracker = bounded(1)) {
            observe(tracker, 10, 20, 15);
            assertThat(tracker.ledger())
                    .containsExactly(new StreamLedger(BTC, 10, 20, List.of(new Range(16, 19)), 1, 0, 0, 4));
            observe(tracker, 5);
            assertThat(tracker.ledger())
                    .containsExactly(new StreamLedger(BTC, 5, 20, List.of(new Range(16, 19)), 2, 0, 0, 8));
        }
    }

    @Test
    void aNewEpochForgetsWhereGapsWereAbandoned() throws IOException {
        SequenceTrackerFactory factory = SequenceTrackers.inMemory(
                InMemoryConfig.builder().maxOpenGaps(1).resetDistance(100).build());
        try (SequenceTracker tracker = factory.open(CONTEXT, null)) {
            observe(tracker, 1, 3, 5);
            observe(tracker, LongStream.rangeClosed(6, 200).toArray());

            assertThat(observe(tracker, 100, 101, 103, 105, 100, 102))
                    .containsExactly(
                            new Reset(200),
                            SequenceVerdict.InOrder.INSTANCE,
                            new Gap(102, 102),
                            new Gap(104, 104),
                            Duplicate.INSTANCE,
                            new Late(102));
            assertThat(tracker.ledger())
                    .containsExactly(new StreamLedger(BTC, 100, 105, List.of(new Range(104, 104)), 1, 1, 1, 3));
        }
    }

    /** A feed that was declared dense and is not: every number opens a gap. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 100, 10_000})
    void aFeedOfNothingButGapsStaysWithinTheBound(int bound) throws IOException {
        int numbers = 50_000;
        try (SequenceTracker tracker = bounded(bound)) {
            for (int i = 0; i < numbers; i++) {
                observe(tracker, 2L * i);
            }
            StreamLedger ledger = tracker.ledger().get(0);
            assertThat(ledger.gaps())
                    .isEqualTo(IntStream.range(numbers - bound, numbers)
                            .mapToObj(i -> new Range(2L * i - 1, 2L * i - 1))
                            .toList());
            assertThat(ledger.missing()).isEqualTo(bound);
            assertThat(ledger.abandoned()).isEqualTo(numbers - 1 - bound);
        }
    }

    @Test
    void aLowerBoundHoldsFromTheRestoreOn() throws IOException {
        try (SequenceTracker tracker = bounded(10)) {
            observe(tracker, 1, 3, 5, 7, 9);
            try (SequenceTracker restored = config(1).open(CONTEXT, snapshot(tracker))) {
                assertThat(restored.ledger())
                        .containsExactly(new StreamLedger(BTC, 1, 9, List.of(new Range(8, 8)), 0, 0, 0, 3));
            }
        }
    }

    @Test
    void snapshotsCanFollowEachOtherInOneStream() throws IOException {
        try (SequenceTracker one = bounded(10);
                SequenceTracker other = bounded(10)) {
            observe(one, 1, 3);
            observe(other, 7);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            one.snapshot(out);
            other.snapshot(out);
            ByteArrayInputStream in = new ByteArrayInputStream(out.toByteArray());
            try (SequenceTracker first = config(10).open(CONTEXT, in);
                    SequenceTracker second = config(10).open(CONTEXT, in)) {
                assertThat(first.ledger()).isEqualTo(one.ledger());
                assertThat(second.ledger()).isEqualTo(other.ledger());
            }
        }
    }

    @Test
    void aNewerSnapshotIsRefusedByName() throws IOException {
        ByteArrayOutputStream newer = new ByteArrayOutputStream();
        new SnapshotFormat("sequence-gap-list", 2).write(newer, out -> out.writeInt(0));

        assertThatThrownBy(() -> factory().open(CONTEXT, new ByteArrayInputStream(newer.toByteArray())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("sequence-gap-list")
                .hasMessageContaining("version 2");
    }

    @Test
    void aSnapshotCutShortOrChangedIsRefused() throws IOException {
        try (SequenceTracker tracker = bounded(10)) {
            observe(tracker, 1, 3);
            byte[] whole = snapshot(tracker).readAllBytes();
            for (int length = 0; length < whole.length; length++) {
                byte[] cut = Arrays.copyOf(whole, length);
                assertThatThrownBy(() -> factory().open(CONTEXT, new ByteArrayInputStream(cut)))
                        .isInstanceOf(IOException.class);
            }
            whole[whole.length - 1] = 99;
            assertThatThrownBy(() -> factory().open(CONTEXT, new ByteArrayInputStream(whole)))
                    .isInstanceOf(IOException.class)
                    .hasRootCauseMessage("gap 2..99");
        }
    }

    @Test
    void aClosedInstanceIsOfNoUse() throws IOException {
        SequenceTracker tracker = bounded(10);
        tracker.close();
        tracker.close();

        assertThatThrownBy(() -> observe(tracker, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(tracker::ledger).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void badSettingsAreReportedTogether() {
        assertThatThrownBy(() ->
                        InMemoryConfig.builder().resetDistance(0).maxOpenGaps(0).build())
                .isInstanceOfSatisfying(InvalidSettingsException.class, refused -> assertThat(refused.problems())
                        .containsExactly(
                                "sequence.reset-distance: 0, expected 1 or more",
                                "sequence.max-open-gaps: 0, expected 1 to 1000000"));
    }

    private static SequenceTrackerFactory config(int maxOpenGaps) {
        return SequenceTrackers.inMemory(
                InMemoryConfig.builder().maxOpenGaps(maxOpenGaps).build());
    }

    private static SequenceTracker bounded(int maxOpenGaps) throws IOException {
        return config(maxOpenGaps).open(CONTEXT, null);
    }

    private static ByteArrayInputStream snapshot(SequenceTracker tracker) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        tracker.snapshot(out);
        return new ByteArrayInputStream(out.toByteArray());
    }

    private static List<SequenceVerdict> observe(SequenceTracker tracker, long... numbers) {
        SequenceBatch batch = new SequenceBatch();
        List<SequenceVerdict> verdicts = new ArrayList<>();
        for (long number : numbers) {
            batch.add(BTC, number, batch.size());
        }
        tracker.observe(batch);
        for (int i = 0; i < batch.size(); i++) {
            verdicts.add(batch.verdict(i));
        }
        return verdicts;
    }
}
