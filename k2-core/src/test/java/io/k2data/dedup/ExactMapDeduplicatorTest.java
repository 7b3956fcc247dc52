package io.k2data.dedup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.dedup.DedupVerdict;
import io.k2data.api.dedup.DedupVerdict.Duplicate;
import io.k2data.api.dedup.DedupVerdict.New;
import io.k2data.api.dedup.DedupVerdict.Suspect;
import io.k2data.api.dedup.Deduplicator;
import io.k2data.api.dedup.DeduplicatorFactory;
import io.k2data.dedup.Deduplicators.ExactConfig;
import io.k2data.snapshot.SnapshotFormat;
import io.k2data.testkit.DeduplicatorContract;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ExactMapDeduplicatorTest extends DeduplicatorContract {
    private static final PartitionContext CONTEXT = new PartitionContext(
            "trades", new LogPartition("cluster", "topic-id", "trades", 3), PartitionContext.Role.WRITER);
    private static final StreamKey BTC = new StreamKey("binance", "BTCUSDT");
    private static final long WINDOW = 1000;

    @Override
    protected DeduplicatorFactory factory() {
        return Deduplicators.exact();
    }

    /** The contract with a bound so low that hardly a verdict comes without the table's help. */
    @Nested
    class WithRoomForThreeIds extends DeduplicatorContract {
        @Override
        protected DeduplicatorFactory factory() {
            return config(3);
        }
    }

    @Test
    void itIsNamedExactAndItsWindowIsADay() {
        assertThat(Deduplicators.exact().name()).isEqualTo("exact");
        assertThat(Deduplicators.exact().window()).isEqualTo(Duration.ofHours(24));
    }

    @Test
    void nothingIsSuspectWhileTimesAreWithinAWindowOfTheHighest() throws IOException {
        Random random = new Random(1);
        try (Deduplicator deduplicator = config(1_000_000).open(CONTEXT, null)) {
            for (long i = 0; i < 200_000; i++) {
                long highest = i / 10;
                assertThat(judge(deduplicator, random.nextInt(1000), i, highest - random.nextLong(WINDOW + 1)))
                        .isNotEqualTo(Suspect.INSTANCE);
            }
        }
    }

    @Test
    void aFreshInstanceHasForgottenNothing() throws IOException {
        try (Deduplicator deduplicator = config(10).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 100 * WINDOW);

            assertThat(judge(deduplicator, 2, 11, 0)).isEqualTo(New.INSTANCE);
        }
    }

    @Test
    void whatMayRepeatAForgottenSightingIsSuspect() throws IOException {
        try (Deduplicator deduplicator = config(10).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 0);
            judge(deduplicator, 2, 11, 2 * WINDOW);
            judge(deduplicator, 3, 12, 2 * WINDOW + 1);

            assertThat(judge(deduplicator, 1, 13, WINDOW)).isEqualTo(Suspect.INSTANCE);
            assertThat(judge(deduplicator, 2, 14, WINDOW))
                    .as("found all the same")
                    .isEqualTo(new Duplicate(3, 11));
            assertThat(judge(deduplicator, 1, 15, WINDOW + 1)).isEqualTo(New.INSTANCE);
        }
    }

    @Test
    void aSightingTwoWindowsBehindIsStillKnown() throws IOException {
        try (Deduplicator deduplicator = config(10).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 0);
            judge(deduplicator, 2, 11, 2 * WINDOW);

            assertThat(judge(deduplicator, 1, 12, WINDOW)).isEqualTo(new Duplicate(3, 10));
        }
    }

    @Test
    void beyondTheBoundTheOldestIsForgottenAndItsRepetitionSuspect() throws IOException {
        try (Deduplicator deduplicator = config(2).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 0);
            judge(deduplicator, 2, 11, 1);
            judge(deduplicator, 3, 12, 2);

            assertThat(judge(deduplicator, 2, 13, 2)).isEqualTo(new Duplicate(3, 11));
            assertThat(judge(deduplicator, 1, 14, WINDOW)).isEqualTo(Suspect.INSTANCE);
            assertThat(judge(deduplicator, 4, 15, WINDOW)).isEqualTo(Suspect.INSTANCE);
            assertThat(judge(deduplicator, 1, 16, WINDOW + 1)).isEqualTo(New.INSTANCE);
        }
    }

    @Test
    void theHorizonIsTheLatestTimeForgottenWhateverTheOrder() throws IOException {
        try (Deduplicator deduplicator = config(2).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 500);
            judge(deduplicator, 2, 11, 0);
            judge(deduplicator, 3, 12, 600);
            register(deduplicator, 4, 13, 600);

            assertThat(judge(deduplicator, 5, 14, 500 + WINDOW)).isEqualTo(Suspect.INSTANCE);
            assertThat(judge(deduplicator, 5, 15, 501 + WINDOW)).isEqualTo(New.INSTANCE);
        }
    }

    @Test
    void anInstanceRebuiltFromTheTableDoesNotVouchForOlderRows() throws IOException {
        try (Deduplicator deduplicator = config(10).open(CONTEXT, null)) {
            register(deduplicator, 1, 10, 5 * WINDOW);

            assertThat(judge(deduplicator, 2, 11, 4 * WINDOW)).isEqualTo(New.INSTANCE);
            assertThat(judge(deduplicator, 2, 12, 4 * WINDOW - 1)).isEqualTo(new Duplicate(3, 11));
            assertThat(judge(deduplicator, 3, 13, 4 * WINDOW - 1)).isEqualTo(Suspect.INSTANCE);
        }
    }

    @Test
    void registeringAPositionTwiceTakesNoRoom() throws IOException {
        try (Deduplicator deduplicator = config(2).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 0);
            judge(deduplicator, 2, 11, 0);
            register(deduplicator, 2, 11, 0);
            judge(deduplicator, 2, 11, 0);

            assertThat(judge(deduplicator, 1, 12, 0)).isEqualTo(new Duplicate(3, 10));
        }
    }

    @Test
    void aHorizonSurvivesASnapshotAndALowerBoundAppliesFromTheRestoreOn() throws IOException {
        try (Deduplicator deduplicator = config(3).open(CONTEXT, null)) {
            for (int i = 0; i < 4; i++) {
                judge(deduplicator, i, i, i);
            }
            try (Deduplicator same = config(3).open(CONTEXT, snapshot(deduplicator));
                    Deduplicator less = config(1).open(CONTEXT, snapshot(deduplicator))) {
                assertThat(judge(same, 9, 9, WINDOW)).isEqualTo(Suspect.INSTANCE);
                assertThat(judge(same, 9, 9, WINDOW + 1)).isEqualTo(New.INSTANCE);
                assertThat(judge(less, 3, 9, WINDOW)).isEqualTo(new Duplicate(3, 3));
                assertThat(judge(less, 9, 9, WINDOW + 2)).isEqualTo(Suspect.INSTANCE);
                assertThat(judge(less, 9, 9, WINDOW + 3)).isEqualTo(New.INSTANCE);
            }
        }
    }

    @Test
    void aWiderWindowDoesNotVouchForWhatTheNarrowOneForgot() throws IOException {
        try (Deduplicator narrow = config(10).open(CONTEXT, null)) {
            judge(narrow, 1, 10, 0);
            judge(narrow, 2, 11, 3 * WINDOW);
            DeduplicatorFactory wider = Deduplicators.exact(
                    ExactConfig.builder().window(Duration.ofMillis(4 * WINDOW)).build());
            try (Deduplicator wide = wider.open(CONTEXT, snapshot(narrow))) {
                assertThat(judge(wide, 1, 12, 3 * WINDOW)).isEqualTo(Suspect.INSTANCE);
                assertThat(judge(wide, 2, 13, 5 * WINDOW)).isEqualTo(new Duplicate(3, 11));
                assertThat(judge(wide, 1, 14, 4 * WINDOW + 1)).isEqualTo(New.INSTANCE);
            }
        }
    }

    @Test
    void manyIdsInManyStreamsAreAllFoundAgain() throws IOException {
        int many = 20_000;
        try (Deduplicator deduplicator = config(many).open(CONTEXT, null)) {
            // First many others, so that the ring is turned before it grows to its bound and after.
            for (int i = 0; i < 1500; i++) {
                judge(deduplicator, stream(i), i, i, 0);
            }
            for (int i = 0; i < many; i++) {
                judge(deduplicator, stream(i), i, 10_000 + i, 10 * WINDOW);
            }
            for (int i = 0; i < many; i++) {
                assertThat(judge(deduplicator, stream(i), i, 1_000_000 + i, 10 * WINDOW))
                        .isEqualTo(new Duplicate(3, 10_000 + i));
            }
        }
    }

    @Test
    void aStreamWhoseIdsAreForgottenIsForgottenToo() throws IOException {
        try (Deduplicator deduplicator = config(2).open(CONTEXT, null)) {
            judge(deduplicator, stream(1), 1, 1, 0);
            judge(deduplicator, stream(2), 1, 2, 0);
            int size = snapshot(deduplicator).available();
            judge(deduplicator, stream(3), 1, 3, WINDOW + 1);
            judge(deduplicator, stream(4), 1, 4, WINDOW + 1);

            assertThat(snapshot(deduplicator).available()).isEqualTo(size);
        }
    }

    @Test
    void aNewerSnapshotIsRefusedByName() throws IOException {
        ByteArrayOutputStream newer = new ByteArrayOutputStream();
        new SnapshotFormat("dedup-exact", 2).write(newer, out -> out.writeInt(0));

        assertThatThrownBy(() -> factory().open(CONTEXT, new ByteArrayInputStream(newer.toByteArray())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("dedup-exact")
                .hasMessageContaining("version 2");
    }

    @Test
    void aSnapshotCutShortIsRefused() throws IOException {
        try (Deduplicator deduplicator = config(10).open(CONTEXT, null)) {
            judge(deduplicator, 1, 10, 0);
            byte[] whole = snapshot(deduplicator).readAllBytes();
            for (int length = 0; length < whole.length; length++) {
                byte[] cut = Arrays.copyOf(whole, length);
                assertThatThrownBy(() -> factory().open(CONTEXT, new ByteArrayInputStream(cut)))
                        .isInstanceOf(IOException.class);
            }
        }
    }

    @Test
    void aClosedInstanceIsOfNoUse() throws IOException {
        Deduplicator deduplicator = config(10).open(CONTEXT, null);
        deduplicator.close();
        deduplicator.close();

        assertThatThrownBy(() -> judge(deduplicator, 1, 10, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void badSettingsAreReportedTogether() {
        assertThatThrownBy(() ->
                        ExactConfig.builder().window(Duration.ZERO).maxIds(0).build())
                .isInstanceOfSatisfying(InvalidSettingsException.class, refused -> assertThat(refused.problems())
                        .containsExactly(
                                "dedup.window: PT0S, expected 1 ms to 365 days",
                                "dedup.max-ids: 0, expected 1 to 100000000"));
    }

    private static DeduplicatorFactory config(int maxIds) {
        return Deduplicators.exact(ExactConfig.builder()
                .window(Duration.ofMillis(WINDOW))
                .maxIds(maxIds)
                .build());
    }

    private static StreamKey stream(int i) {
        return new StreamKey("venue", "symbol-" + i % 50);
    }

    private static DedupVerdict judge(Deduplicator deduplicator, long id, long offset, long time) {
        return judge(deduplicator, BTC, id, offset, time);
    }

    private static DedupVerdict judge(Deduplicator deduplicator, StreamKey stream, long id, long offset, long time) {
        DedupBatch batch = new DedupBatch();
        batch.add(stream, id, offset, time);
        deduplicator.judge(batch, 0);
        return batch.verdict(0);
    }

    private static void register(Deduplicator deduplicator, long id, long offset, long time) {
        DedupBatch batch = new DedupBatch();
        batch.add(BTC, id, offset, time);
        deduplicator.register(batch, 0, 1);
    }

    private static ByteArrayInputStream snapshot(Deduplicator deduplicator) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        deduplicator.snapshot(out);
        return new ByteArrayInputStream(out.toByteArray());
    }
}
