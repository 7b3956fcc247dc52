package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.Cut;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A table as it was, by instant and by snapshot. */
class TimeTravelTest {
    @TempDir
    Path directory;

    @Test
    void everySnapshotShowsTheRowsAndOffsetsOfItsTimeAndNoLiveOnes() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            List<Cut> cuts = new ArrayList<>();
            for (int i = 1; i <= 4; i++) {
                fixture.append(P0, 5);
                fixture.append(P1, i);
                fixture.store.commit(fixture.seal());
                try (View view = fixture.engine.view(Set.of())) {
                    cuts.add(view.cut());
                }
            }
            fixture.append(P0, 3);
            for (Cut cut : cuts) {
                long snapshot = cut.tables().get("trades").snapshotId().orElseThrow();
                try (View view = fixture.engine.asOf("trades", snapshot)) {
                    assertThat(view.cut()).isEqualTo(cut);
                    assertThat(StoreFixture.positions(view)).isEqualTo(StoreFixture.expected(cut));
                }
                Instant time =
                        Instant.ofEpochMilli(table(fixture).snapshot(snapshot).timestampMillis());
                try (View view = fixture.engine.asOf(Set.of(), time)) {
                    // Two commits may share their millisecond; then the later one counts.
                    assertThat(StoreFixture.positions(view)).containsAll(StoreFixture.expected(cut));
                }
            }
            try (View now = fixture.engine.asOf(Set.of(), Instant.now())) {
                assertThat(StoreFixture.positions(now)).isEqualTo(StoreFixture.expected(cuts.get(3)));
            }
            try (View before = fixture.engine.asOf(Set.of(), Instant.parse("2020-01-01T00:00:00Z"))) {
                assertThat(StoreFixture.positions(before)).isEmpty();
                assertThat(before.cut().tables().get("trades").snapshotId()).isEmpty();
            }
        }
    }

    @Test
    void whatExpiredOrWasNeverOnTheMainBranchIsSaidWithTheOldestThatIsLeft() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            Table table = table(fixture);
            long first = table.currentSnapshot().snapshotId();
            Instant before = Instant.ofEpochMilli(table.currentSnapshot().timestampMillis());
            fixture.append(P1, 7);
            fixture.store.commit(fixture.seal());
            table.refresh();
            table.manageSnapshots().createBranch("side", first).commit();
            table.newAppend().toBranch("side").commit();
            table.refresh();
            long side = table.refs().get("side").snapshotId();
            assertThatThrownBy(() -> fixture.engine.asOf("trades", side))
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining("no snapshot " + side + " on its main branch");
            table.manageSnapshots().removeBranch("side").commit();
            fixture.append(P0, 5);
            fixture.store.commit(fixture.seal());
            table.refresh();
            table.expireSnapshots()
                    .expireOlderThan(System.currentTimeMillis())
                    .retainLast(1)
                    .commit();
            table.refresh();
            Snapshot left = table.currentSnapshot();
            for (View view : List.of(
                    fixture.engine.asOf("trades", left.snapshotId()), fixture.engine.asOf(Set.of(), Instant.now()))) {
                assertThat(StoreFixture.positions(view)).hasSize(12).isEqualTo(StoreFixture.expected(view.cut()));
                view.close();
            }
            assertThatThrownBy(() -> fixture.engine.asOf("trades", first))
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining("it expired, or was never there")
                    .hasMessageContaining("snapshot " + left.snapshotId());
            assertThatThrownBy(() -> fixture.engine.asOf(Set.of(), before))
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining(before.toString())
                    .hasMessageContaining("snapshot " + left.snapshotId());
        }
    }

    private static Table table(StoreFixture fixture) {
        return fixture.catalog.loadTable(TableIdentifier.of("k2", "trades"));
    }
}
