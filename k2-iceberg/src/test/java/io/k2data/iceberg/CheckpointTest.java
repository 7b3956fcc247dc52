package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static io.k2data.iceberg.StoreFixture.state;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.FencedException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.StoredRows.StateKind;
import io.k2data.pipeline.StoredRows.StateSnapshot;
import io.k2data.pipeline.StoredRows.StoredCheckpoint;
import io.k2data.pipeline.Tally;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.iceberg.GenericStatisticsFile;
import org.apache.iceberg.StatisticsFile;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.CommitStateUnknownException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints in commits: named only by a commit that landed, read back with what was committed since, and gone in time. */
class CheckpointTest {
    private static final TableIdentifier TRADES = TableIdentifier.of("k2", "trades");

    @TempDir
    Path directory;

    @Test
    void aCheckpointComesBackInAnotherStoreWithTheRowsCommittedSince() {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 10);
            fixture.append(P1, 3);
            fixture.store.commit(seal(fixture, 10, 3, tracker(P0, "at 10"), dedup(P0, "ids")));
            fixture.append(P0, 5);
            fixture.append(P1, 4);
            fixture.store.commit(seal(fixture, 15, 7, tracker(P1, "at 7")));
            fixture.append(P0, 1);
            fixture.store.commit(fixture.seal());
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0, P1)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("at 10");
            assertThat(since(again, P0, StateKind.TRACKER)).containsExactly(10L, 11L, 12L, 13L, 14L, 15L);
            assertThat(content(again, P0, StateKind.DEDUPLICATOR)).isEqualTo("ids");
            assertThat(content(again, P1, StateKind.TRACKER)).isEqualTo("at 7");
            assertThat(since(again, P1, StateKind.TRACKER)).isEmpty();
            assertThat(again.store.checkpoint(P1, StateKind.DEDUPLICATOR)).isInstanceOf(StoredCheckpoint.None.class);
        }
    }

    @Test
    void rowsThatARepairPutBelowTheCheckpointComeWithThoseSince() {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            // Offset 4 is a dead letter at first.
            fixture.store.append(
                    List.of(0L, 1L, 2L, 3L, 5L).stream()
                            .map(offset -> StoreFixture.row(P0, offset))
                            .toList(),
                    Map.of(P0, 6L));
            PartitionState rejected = new PartitionState(P0, 0, LogOffset.of(6), new Tally(6, 5, 0, 1, 0, 0, 0, 0));
            fixture.store.commit(fixture.store.seal(List.of(rejected), List.of(tracker(P0, "without 4"))));
        }
        try (StoreFixture repair = new StoreFixture(directory).begin(P0)) {
            repair.store.append(List.of(StoreFixture.row(P0, 4)), Map.of());
            PartitionState before = repair.store.load().get(P0);
            repair.store.begin(Map.of(P0, 6L));
            repair.store.append(List.of(StoreFixture.row(P0, 4)), Map.of());
            repair.store.commit(repair.store.seal(List.of(before.repaired(1))));
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("without 4");
            assertThat(since(again, P0, StateKind.TRACKER)).containsExactly(4L);
        }
    }

    @Test
    void aFencedPartitionsCheckpointIsNamedByNobodyAndThatOfItsNeighbourIs() {
        try (StoreFixture one = new StoreFixture(directory).begin(P0, P1)) {
            one.append(P0, 10);
            one.append(P1, 10);
            EventStore.Generation sealed = seal(one, 10, 10, tracker(P0, "fenced"), tracker(P1, "kept"));
            try (StoreFixture two = new StoreFixture(directory).begin(P0)) {
                two.append(P0, 4);
                two.store.commit(two.seal());
            }
            assertThatThrownBy(() -> one.store.commit(sealed)).isInstanceOf(FencedException.class);
            one.store.forget(Set.of(P0));
            one.store.commit(sealed);
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0, P1)) {
            assertThat(again.store.checkpoint(P0, StateKind.TRACKER)).isInstanceOf(StoredCheckpoint.None.class);
            assertThat(content(again, P1, StateKind.TRACKER)).isEqualTo("kept");
        }
    }

    @Test
    void aCommitOfUnknownOutcomeThatLandedNamesItsCheckpointOnce() {
        CommitProtocolTest.Faults faults = new CommitProtocolTest.Faults();
        try (StoreFixture fixture =
                new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0, P1)) {
            fixture.append(P0, 10);
            EventStore.Generation sealed = seal(fixture, 10, 0, tracker(P0, "landed"));
            faults.afterCommit(() -> new CommitStateUnknownException(new RuntimeException("time-out")));
            faults.refuseReads(1);
            assertThatThrownBy(() -> fixture.store.commit(sealed)).isInstanceOf(K2Exception.Unknown.class);
            fixture.store.commit(sealed);
            assertThat(fixture.catalog.loadTable(TRADES).statisticsFiles()).hasSize(1);
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("landed");
            assertThat(since(again, P0, StateKind.TRACKER)).isEmpty();
        }
    }

    @Test
    void aCommitThatDidNotLandLeavesTheCheckpointThatWasNamedBefore() {
        CommitProtocolTest.Faults faults = new CommitProtocolTest.Faults();
        try (StoreFixture fixture =
                new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0, P1)) {
            fixture.append(P0, 10);
            fixture.store.commit(seal(fixture, 10, 0, tracker(P0, "before")));
            fixture.append(P0, 2);
            faults.beforeCommit(() -> new CommitStateUnknownException(new RuntimeException("time-out")));
            EventStore.Generation sealed = seal(fixture, 12, 0, tracker(P0, "never"));
            assertThatThrownBy(() -> fixture.store.commit(sealed)).isInstanceOf(K2Exception.Unknown.class);
            // The process dies here: what it wrote lies about, and nobody names it.
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("before");
            again.append(P0, 3);
            again.store.commit(seal(again, 13, 0, tracker(P0, "after")));
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("after");
            assertThat(since(again, P0, StateKind.TRACKER)).isEmpty();
        }
    }

    @Test
    void aRebasedCommitNamesTheSnapshotThatItLandedWith() {
        CommitProtocolTest.Faults faults = new CommitProtocolTest.Faults();
        try (StoreFixture one = new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0, P1);
                StoreFixture two = new StoreFixture(directory).begin(P1)) {
            one.append(P0, 10);
            faults.beforeCommit(() -> {
                two.append(P1, 5);
                two.store.commit(two.store.seal(List.of(state(P1, 5)), List.of(tracker(P1, "of the other"))));
                return new CommitFailedException("another was first");
            });
            one.store.commit(one.store.seal(List.of(state(P0, 10)), List.of(tracker(P0, "rebased"))));
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0, P1)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("rebased");
            assertThat(since(again, P0, StateKind.TRACKER)).isEmpty();
            assertThat(content(again, P1, StateKind.TRACKER)).isEqualTo("of the other");
            assertThat(since(again, P1, StateKind.TRACKER)).isEmpty();
        }
    }

    @Test
    void anExpiryTakesTheFileAlongAndTheStoreSaysThatTheCheckpointIsMissing() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 10);
            fixture.store.commit(seal(fixture, 10, 0, tracker(P0, "old")));
            assertThat(statisticsFiles()).hasSize(1);
            fixture.append(P0, 1);
            fixture.store.commit(fixture.seal());
            fixture.catalog
                    .loadTable(TRADES)
                    .expireSnapshots()
                    .expireOlderThan(Long.MAX_VALUE)
                    .retainLast(1)
                    .commit();
            assertThat(statisticsFiles()).isEmpty();
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(again.store.checkpoint(P0, StateKind.TRACKER))
                    .isInstanceOfSatisfying(StoredCheckpoint.Missing.class, missing -> assertThat(missing.why())
                            .contains("expired"));
        }
    }

    @Test
    void aFileThatIsGoneOrReplacedByAnothersStatisticsIsMissingAndNotAnError() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 10);
            fixture.store.commit(seal(fixture, 10, 0, tracker(P0, "here")));
        }
        Files.delete(statisticsFiles().get(0));
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(again.store.checkpoint(P0, StateKind.TRACKER))
                    .isInstanceOfSatisfying(StoredCheckpoint.Missing.class, missing -> assertThat(missing.why())
                            .endsWith("is gone"));
            Table table = again.catalog.loadTable(TRADES);
            table.updateStatistics()
                    .setStatistics(new GenericStatisticsFile(
                            table.currentSnapshot().snapshotId(), "/nowhere.stats", 10, 5, List.of()))
                    .commit();
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(again.store.checkpoint(P0, StateKind.TRACKER))
                    .isInstanceOfSatisfying(StoredCheckpoint.Missing.class, missing -> assertThat(missing.why())
                            .contains("no such statistics file"));
        }
    }

    @Test
    void aDamagedBlobIsMissingAndNotAnError() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 10);
            fixture.store.commit(fixture.store.seal(List.of(state(P0, 10)), List.of(tracker(P0, "here"))));
        }
        Path file = statisticsFiles().get(0);
        byte[] bytes = Files.readAllBytes(file);
        // Behind the four bytes that Puffin begins with, the blob's two of a header.
        bytes[7] ^= 0x10;
        Files.write(file, bytes);
        try (StoreFixture again = new StoreFixture(directory).begin(P0)) {
            assertThat(again.store.checkpoint(P0, StateKind.TRACKER))
                    .isInstanceOfSatisfying(StoredCheckpoint.Missing.class, missing -> assertThat(missing.why())
                            .contains("is damaged"));
        }
    }

    @Test
    void whoReadsAStateThatIsMovedOnMeanwhileIsToldToReadItAgain() throws Exception {
        try (StoreFixture writer = new StoreFixture(directory).begin(P0)) {
            writer.append(P0, 10);
            writer.store.commit(writer.store.seal(List.of(state(P0, 10)), List.of(tracker(P0, "first"))));
            try (StoreFixture reader = new StoreFixture(directory).begin(P0)) {
                writer.store.table().checkpointGrace(Duration.ofMillis(-1));
                writer.append(P0, 10);
                writer.store.commit(writer.store.seal(List.of(state(P0, 20)), List.of(tracker(P0, "second"))));
                assertThatThrownBy(() -> reader.store.checkpoint(P0, StateKind.TRACKER))
                        .isInstanceOf(FencedException.class)
                        .hasMessageContaining("moved");
                reader.store.load();
                assertThat(content(reader, P0, StateKind.TRACKER)).isEqualTo("second");
            }
        }
    }

    @Test
    void whatIsSupersededGoesAndWhatAnyPartitionStillNamesStays() throws Exception {
        try (StoreFixture one = new StoreFixture(directory).begin(P0);
                StoreFixture two = new StoreFixture(directory).begin(P1)) {
            one.store.table().checkpointGrace(Duration.ofMillis(-1));
            two.store.table().checkpointGrace(Duration.ofMillis(-1));
            two.append(P1, 5);
            two.store.commit(two.store.seal(List.of(state(P1, 5)), List.of(tracker(P1, "rests"))));
            for (int i = 1; i <= 4; i++) {
                one.append(P0, 10);
                one.store.commit(one.store.seal(List.of(state(P0, 10 * i)), List.of(tracker(P0, "round " + i))));
            }
            List<StatisticsFile> registered = one.catalog.loadTable(TRADES).statisticsFiles();
            assertThat(registered).hasSize(2);
            assertThat(statisticsFiles())
                    .containsExactlyInAnyOrderElementsOf(registered.stream()
                            .map(file -> LocalFileIO.path(file.path()))
                            .toList());
        }
        try (StoreFixture again = new StoreFixture(directory).begin(P0, P1)) {
            assertThat(content(again, P0, StateKind.TRACKER)).isEqualTo("round 4");
            assertThat(content(again, P1, StateKind.TRACKER)).isEqualTo("rests");
        }
    }

    private EventStore.Generation seal(StoreFixture fixture, long next0, long next1, StateSnapshot... kept) {
        return fixture.store.seal(List.of(state(P0, next0), state(P1, next1)), List.of(kept));
    }

    private static StateSnapshot tracker(LogPartition partition, String content) {
        return new StateSnapshot(partition, StateKind.TRACKER, content.getBytes(StandardCharsets.UTF_8));
    }

    private static StateSnapshot dedup(LogPartition partition, String content) {
        return new StateSnapshot(partition, StateKind.DEDUPLICATOR, content.getBytes(StandardCharsets.UTF_8));
    }

    private static String content(StoreFixture fixture, LogPartition partition, StateKind kind) {
        StoredCheckpoint found = fixture.store.checkpoint(partition, kind);
        assertThat(found).isInstanceOf(StoredCheckpoint.Found.class);
        return new String(((StoredCheckpoint.Found) found).content(), StandardCharsets.UTF_8);
    }

    private static List<Long> since(StoreFixture fixture, LogPartition partition, StateKind kind) {
        List<Long> offsets = new ArrayList<>();
        fixture.store.replaySince(
                partition, kind, (stream, id, sequence, offset, logTimeMillis) -> offsets.add(offset));
        return offsets;
    }

    private Path warehouse() {
        return directory.resolve("warehouse");
    }

    private List<Path> statisticsFiles() throws Exception {
        try (Stream<Path> files = Files.walk(warehouse())) {
            return files.filter(file -> file.toString().endsWith(".stats")).toList();
        }
    }
}
