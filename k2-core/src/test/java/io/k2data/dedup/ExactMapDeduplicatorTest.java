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

    /** The same where even what is older than three ids is forgotten at once. */
    @Nested
    class WithRoomForThreeIdsAndNothingElse extends DeduplicatorContract {
        @Override
        protected DeduplicatorFactory factory() {
            return forgetful(3);
        }
    }

    /** The same where filters come and go. */
    @Nested
    class WithRoomForThreeIdsAndOneFilter extends DeduplicatorContract {
        @Override
        protected DeduplicatorFactory factory() {
            return config(3, 4096);
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
    void withoutRoomForOlderIdsTheOldestIsForgottenAndWhatMayRepeatItSuspect() throws IOException {
        try (Deduplicator deduplicator = forgetful(2).open(CONTEXT, null)) {
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
        try (Deduplicator deduplicator = forgetful(2).open(CONTEXT, null)) {
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
        try (Deduplicator deduplicator = forgetful(3).open(CONTEXT, null)) {
            for (int i = 0; i < 4; i++) {
                judge(deduplicator, i, i, i);
            }
            try (Deduplicator same = forgetful(3).open(CONTEXT, snapshot(deduplicator));
                    Deduplicator less = forgetful(1).open(CONTEXT, snapshot(deduplicator))) {
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
    void whatMovesOnAfterARestoreWithAWiderWindowIsNotTakenForNew() throws IOException {
        try (Deduplicator narrow = config(1).open(CONTEXT, null)) {
            judge(narrow, 1, 10, 0);
            judge(narrow, 2, 11, 60);
            DeduplicatorFactory wider = Deduplicators.exact(ExactConfig.builder()
                    .window(Duration.ofMillis(2 * WINDOW))
                    .maxIds(1)
                    .build());
            try (Deduplicator wide = wider.open(CONTEXT, snapshot(narrow))) {
                judge(wide, 3, 12, 200);
                judge(wide, 4, 13, 210);

                assertThat(judge(wide, 3, 14, 200 + 2 * WINDOW)).isEqualTo(Suspect.INSTANCE);
            }
        }
    }

    @Test
    void aDamagedSnapshotIsRefusedOrReadButNothingElse() throws IOException {
        try (Deduplicator deduplicator = config(20).open(CONTEXT, null)) {
            for (int i = 0; i < 2_000; i++) {
                judge(deduplicator, stream(i), i * (i % 3 == 0 ? 1L : 1_000_003L), 2L * i, i % 500);
                deduplicator.judge(text("trade-" + i, 2L * i + 1, i % 500), 0);
            }
            byte[] whole = snapshot(deduplicator).readAllBytes();
            Random random = new Random(5);
            int refused = 0;
            for (int i = 0; i < 2_000; i++) {
                byte[] damaged = whole.clone();
                // Most of it are bits of filters, which have no wrong values.
                damaged[random.nextInt(i % 2 == 0 ? 4_000 : damaged.length)] ^= (byte) (1 << random.nextInt(8));
                try {
                    config(20).open(CONTEXT, new ByteArrayInputStream(damaged)).close();
                } catch (IOException e) {
                    refused++;
                }
            }
            assertThat(refused).isPositive();
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
        try (Deduplicator deduplicator = forgetful(2).open(CONTEXT, null)) {
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
        new SnapshotFormat("dedup-ids", 2).write(newer, out -> out.writeInt(0));

        assertThatThrownBy(() -> factory().open(CONTEXT, new ByteArrayInputStream(newer.toByteArray())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("dedup-ids")
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
        assertThatThrownBy(() -> ExactConfig.builder()
                        .window(Duration.ZERO)
                        .maxIds(0)
                        .olderBytes(-1)
                        .build())
                .isInstanceOfSatisfying(InvalidSettingsException.class, refused -> assertThat(refused.problems())
                        .containsExactly(
                                "dedup.window: PT0S, expected 1 ms to 365 days",
                                "dedup.max-ids: 0, expected 1 to 100000000",
                                "dedup.older-bytes: -1, expected 0 to 17179869184"));
    }

    @Test
    void ofOlderIntegersExactlyTheRepetitionsAreSuspect() throws IOException {
        int many = 300_000;
        try (Deduplicator deduplicator = config(1_000).open(CONTEXT, null)) {
            // Fifty streams count up, with a number left out now and then, and half of them below zero.
            for (int i = 0; i < many; i++) {
                if (i % 97 != 0) {
                    assertThat(judge(deduplicator, stream(i), counted(i), i, i / 1_000))
                            .isEqualTo(New.INSTANCE);
                }
            }
            try (Deduplicator restored = config(1_000).open(CONTEXT, snapshot(deduplicator))) {
                for (Deduplicator each : new Deduplicator[] {deduplicator, restored}) {
                    for (int i = 0; i < many; i++) {
                        DedupVerdict verdict = judge(each, stream(i), counted(i), many + i, many / 1_000);
                        if (i % 97 == 0) {
                            assertThat(verdict).as("%s was left out", i).isEqualTo(New.INSTANCE);
                        } else if (i < many - 2_000) {
                            assertThat(verdict).as("%s was sent", i).isEqualTo(Suspect.INSTANCE);
                        } else {
                            assertThat(verdict).as("%s was sent", i).isNotEqualTo(New.INSTANCE);
                        }
                    }
                }
            }
            assertThat(snapshot(deduplicator).available())
                    .as("bytes for all of them, of which the ring's thousand need 30,000")
                    .isLessThan(200_000);
        }
    }

    private static long counted(int i) {
        return i % 50 < 25 ? i / 50 - 3_000L : i / 50;
    }

    @Test
    void ofOlderTextsAndScatteredIntegersNoRepetitionIsNewAndHardlyANewOneSuspect() throws IOException {
        int many = 100_000;
        Random random = new Random(4);
        long[] scattered = random.longs(many).toArray();
        try (Deduplicator deduplicator = config(1_000).open(CONTEXT, null)) {
            int suspects = 0;
            for (int i = 0; i < many; i++) {
                suspects += judge(deduplicator, stream(i), scattered[i], 2L * i, i / 1_000) == Suspect.INSTANCE ? 1 : 0;
                DedupBatch text = text("trade-" + i, 2L * i + 1, i / 1_000);
                deduplicator.judge(text, 0);
                suspects += text.verdict(0) == Suspect.INSTANCE ? 1 : 0;
            }
            assertThat(suspects).as("taken for a suspect by mistake").isLessThan(many / 1_000);
            for (int i = 0; i < many; i++) {
                assertThat(judge(deduplicator, stream(i), scattered[i], 3L * many + i, many / 1_000))
                        .isNotEqualTo(New.INSTANCE);
                DedupBatch text = text("trade-" + i, 4L * many + i, many / 1_000);
                deduplicator.judge(text, 0);
                assertThat(text.verdict(0)).isNotEqualTo(New.INSTANCE);
            }
        }
    }

    @Test
    void aCounterThatBeginsAnewTakesNoMoreRoomThanOneThatGoesOn() throws IOException {
        int many = 40_000;
        try (Deduplicator deduplicator = config(1_000, 100_000).open(CONTEXT, null)) {
            for (int i = 0; i < many; i++) {
                if (i % 97 != 0) {
                    judge(deduplicator, begunAnew(i), i, i / 200);
                }
            }
            try (Deduplicator restored = config(1_000, 100_000).open(CONTEXT, snapshot(deduplicator))) {
                for (Deduplicator each : new Deduplicator[] {deduplicator, restored}) {
                    for (int i = 0; i < many; i++) {
                        DedupVerdict verdict = judge(each, begunAnew(i), many + i, many / 200);
                        if (i % 97 == 0) {
                            assertThat(verdict).as("%s was left out", i).isEqualTo(New.INSTANCE);
                        } else {
                            assertThat(verdict).as("%s was sent", i).isNotEqualTo(New.INSTANCE);
                        }
                    }
                }
            }
        }
    }

    /** In turns from far up, from 1 on, and from the lowest number there is. */
    private static long begunAnew(int i) {
        return i / 3 + (i % 3 == 0 ? 5_000_000_000L : i % 3 == 1 ? 1 : Long.MIN_VALUE);
    }

    @Test
    void whatIsOlderThanTwoWindowsTakesNoRoom() throws IOException {
        try (Deduplicator deduplicator = config(10).open(CONTEXT, null)) {
            for (int i = 0; i < 5_000; i++) {
                judge(deduplicator, stream(i), i, 2L * i, i % 500);
                deduplicator.judge(text("trade-" + i, 2L * i + 1, i % 500), 0);
            }
            assertThat(snapshot(deduplicator).available()).isGreaterThan(10_000);
            judge(deduplicator, 1, 20_000, 500 + 3 * WINDOW);

            assertThat(snapshot(deduplicator).available()).isLessThan(200);
            assertThat(judge(deduplicator, 2, 20_001, 500 + 2 * WINDOW)).isEqualTo(New.INSTANCE);
            assertThat(judge(deduplicator, 3, 20_002, 499 + WINDOW)).isEqualTo(Suspect.INSTANCE);
        }
    }

    @Test
    void beyondTheBoundOfOlderIdsTheOldestAreForgottenAndWhatMayRepeatThemSuspect() throws IOException {
        try (Deduplicator deduplicator = config(10, 8 * 3584).open(CONTEXT, null)) {
            int suspects = 0;
            for (int i = 0; i < 50_000; i++) {
                DedupBatch text = text("trade-" + i, i, i / 25);
                deduplicator.judge(text, 0);
                if (text.verdict(0) == Suspect.INSTANCE) {
                    suspects++;
                    deduplicator.register(text, 0, 1);
                }
            }
            assertThat(suspects).isPositive();
            assertThat(snapshot(deduplicator).available()).isLessThan(40_000);
            for (int i = 0; i < 50_000; i++) {
                DedupBatch text = text("trade-" + i, 50_000 + i, 2_000);
                if (2_000 - i / 25 <= WINDOW) {
                    deduplicator.judge(text, 0);
                    assertThat(text.verdict(0)).as("%s", i).isNotEqualTo(New.INSTANCE);
                }
            }
        }
    }

    private static DedupBatch text(String id, long offset, long time) {
        DedupBatch batch = new DedupBatch();
        batch.add(BTC, id, offset, time);
        return batch;
    }

    private static DeduplicatorFactory config(int maxIds) {
        return config(maxIds, 64L << 20);
    }

    private static DeduplicatorFactory forgetful(int maxIds) {
        return config(maxIds, 0);
    }

    private static DeduplicatorFactory config(int maxIds, long olderBytes) {
        return Deduplicators.exact(ExactConfig.builder()
                .window(Duration.ofMillis(WINDOW))
                .maxIds(maxIds)
                .olderBytes(olderBytes)
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
