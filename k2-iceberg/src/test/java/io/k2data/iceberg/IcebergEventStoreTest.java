package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.StoredRows;
import io.k2data.query.MemorySource;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IcebergEventStoreTest {
    @TempDir
    Path directory;

    @Test
    void aNewTableHasThePublishedFieldIdsPartitioningAndOrder() {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            Table table = fixture.catalog.loadTable(TableIdentifier.of("k2", "trades"));
            assertThat(table.schema().columns())
                    .extracting(field ->
                            field.fieldId() + " " + field.name() + (field.isRequired() ? "!" : "") + " " + field.type())
                    .containsExactly(
                            "1 venue! string",
                            "2 symbol! string",
                            "3 trade_id long",
                            "4 trade_ref string",
                            "5 event_time! timestamptz",
                            "6 price! decimal(38, 12)",
                            "7 quantity! decimal(38, 10)",
                            "8 side string",
                            "9 source_sequence long",
                            "10 message_id string",
                            "11 asset_class string",
                            "12 currency string",
                            "13 conditions list<string>",
                            "15 vendor_data string",
                            "16 ingestion_time! timestamptz",
                            "17 kafka_partition! int",
                            "18 kafka_offset! long",
                            "19 kafka_time! timestamptz");
            assertThat(table.schema()
                            .findField("conditions")
                            .type()
                            .asListType()
                            .elementId())
                    .isEqualTo(14);
            assertThat(table.spec().toString()).contains("day(5)");
            assertThat(table.sortOrder().fields()).hasSize(3);
        }
    }

    @Test
    void rowsAreVisibleOnceAppendedAndStayVisibleOnceThroughSealAndCommit() throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 5);
            fixture.append(P1, 3);
            List<String> all = fixture.positions();
            assertThat(all).hasSize(8);
            EventStore.Generation first = fixture.seal();
            fixture.append(P0, 2);
            assertThat(fixture.positions()).hasSize(10).containsAll(all);
            fixture.store.commit(first);
            assertThat(fixture.positions()).hasSize(10).containsAll(all);
            fixture.store.commit(fixture.seal());
            assertThat(fixture.positions()).hasSize(10).containsAll(all);
        }
    }

    @Test
    void aCommitThatLandsBetweenPinAndSnapshotShowsNoRowTwice() throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 50);
            fixture.append(P1, 30);
            EventStore.Generation sealed = fixture.seal();
            fixture.append(P0, 7);
            try (var connection = fixture.engine.connect()) {
                fixture.engine.locked(fixture.store::show);
                Sql.run(connection, "BEGIN");
                IcebergEventStore.Pin pin = fixture.store.pin(connection);
                fixture.store.commit(sealed);
                fixture.append(P1, 11);
                IcebergEventStore.Resolved resolved = fixture.store.resolve(pin);
                assertThat(resolved.cut().get(P0).tableOffset()).isEqualTo(50);
                assertThat(resolved.cut().get(P0).liveEnd()).isEqualTo(57);
                assertThat(resolved.cut().get(P1).liveEnd()).isEqualTo(30);
                try (Statement statement = connection.createStatement();
                        ResultSet result = statement.executeQuery(
                                "select count(*), count(distinct (kafka_partition, kafka_offset)) from ("
                                        + resolved.sql(HistoryFiles.select(
                                                resolved.layout(),
                                                resolved.history().schema(),
                                                resolved.history().all().stream()
                                                        .map(file -> LocalFileIO.path(file.location()))
                                                        .toList()))
                                        + ")")) {
                    result.next();
                    assertThat(result.getLong(1)).isEqualTo(87);
                    assertThat(result.getLong(2)).isEqualTo(87);
                }
            }
        }
    }

    @Test
    void anOpenViewKeepsItsCutWhileRowsAndCommitsComeAndSegmentsGo() throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 10);
            try (View view = fixture.engine.view(Set.of())) {
                fixture.append(P0, 10);
                fixture.store.commit(fixture.seal());
                fixture.append(P0, 10);
                fixture.store.commit(fixture.seal());
                assertThat(StoreFixture.positions(view))
                        .isEqualTo(StoreFixture.expected(view.cut()))
                        .hasSize(10);
            }
            assertThat(fixture.positions()).hasSize(30);
        }
    }

    @Test
    void anotherProcessFindsStateAndRowsInTheTable() throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 10);
            fixture.store.commit(fixture.seal());
            fixture.append(P0, 5);
        }
        try (StoreFixture fixture = new StoreFixture(directory)) {
            assertThat(fixture.store.load().get(P0).next().offset()).isEqualTo(10);
            fixture.begin(P0);
            assertThat(fixture.positions()).hasSize(10);
            List<String> seen = new ArrayList<>();
            fixture.store.replay(
                    P0,
                    1000L * 3600,
                    (stream, id, sequence, offset, time) ->
                            seen.add(stream + " " + id + " " + sequence + " " + offset));
            assertThat(seen).hasSize(10).startsWith("BINANCE/BTCUSDT 0 null 0").endsWith("BINANCE/BTCUSDT 9 null 9");
            seen.clear();
            fixture.store.replay(P0, 120_000, (stream, id, sequence, offset, time) -> seen.add(id + ""));
            assertThat(seen).containsExactly("7", "8", "9");
        }
    }

    @Test
    void aSightingIsFoundAmongLiveAndCommittedRowsButNotAtItsOwnPosition() {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P0, 4);
            fixture.store.commit(fixture.seal());
            fixture.append(P0, 4);
            StreamKey bitcoin = new StreamKey("BINANCE", "BTCUSDT");
            long time = StoreFixture.DAY.toEpochMilli() + 6 * 60_000;
            assertThat(sighting(fixture, P0, bitcoin, 6L, 99, time, 1000)).isEqualTo(6);
            assertThat(sighting(fixture, P0, bitcoin, 3L, 99, time, 180_000)).isEqualTo(3);
            assertThat(sighting(fixture, P0, bitcoin, 3L, 99, time, 179_999)).isEqualTo(StoredRows.NOT_SIGHTED);
            assertThat(sighting(fixture, P0, bitcoin, 6L, 6, time, 1000)).isEqualTo(StoredRows.NOT_SIGHTED);
            assertThat(sighting(fixture, P1, bitcoin, 6L, 99, time, 1000)).isEqualTo(StoredRows.NOT_SIGHTED);
            assertThat(sighting(fixture, P0, bitcoin, "6", 99, time, 1000)).isEqualTo(StoredRows.NOT_SIGHTED);
            assertThat(sighting(fixture, P0, new StreamKey("BINANCE", "it's"), Long.MIN_VALUE, 99, time, 1000))
                    .isEqualTo(StoredRows.NOT_SIGHTED);
        }
    }

    @Test
    void manySightingsAreFoundAtOnceEachByItsOwnStreamIdPositionAndTime() {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 200);
            fixture.store.commit(fixture.seal());
            fixture.append(P0, 200);
            DedupBatch asked = new DedupBatch();
            for (int i = 0; i < 410; i++) {
                long time = StoreFixture.DAY.toEpochMilli() + i * 60_000L;
                String symbol = i % 3 == 0 ? "BTCUSDT" : "ETHUSDT";
                asked.add(new StreamKey("BINANCE", symbol), i, i % 5 == 0 ? i : 1_000 + i, time);
                asked.add(new StreamKey("BINANCE", symbol), i, 2_000 + i, time + 1_001);
                asked.add(new StreamKey("BINANCE", symbol + "'"), "id '" + i, 3_000 + i, time);
            }
            long[] found = fixture.store.sightings(P0, asked, 30, asked.size(), 1000);
            assertThat(found).hasSize(asked.size() - 30);
            for (int i = 0; i < found.length; i++) {
                int of = 30 + i;
                boolean there = of % 3 == 0 && of / 3 % 5 != 0 && of / 3 < 400;
                assertThat(found[i]).as("entry %s", of).isEqualTo(there ? of / 3 : StoredRows.NOT_SIGHTED);
            }
        }
    }

    @Test
    void manySightingsAreFoundAlsoWhereTheCacheHoldsTheFilesOfFew() throws Exception {
        Catalog catalog = Warehouses.local(directory.resolve("warehouse"));
        long largest = 0;
        try (StoreFixture fixture = new StoreFixture(directory, catalog).begin(P0)) {
            for (int commit = 0; commit < 4; commit++) {
                fixture.append(P0, 10);
                fixture.store.commit(fixture.seal());
                for (DataFile file : catalog.loadTable(TableIdentifier.of("k2", "trades"))
                        .currentSnapshot()
                        .addedDataFiles(catalog.loadTable(TableIdentifier.of("k2", "trades"))
                                .io())) {
                    largest = Math.max(largest, file.fileSizeInBytes());
                }
            }
        }
        DedupBatch asked = new DedupBatch();
        for (int i = 0; i < 45; i++) {
            asked.add(
                    new StreamKey("BINANCE", i % 3 == 0 ? "BTCUSDT" : "ETHUSDT"),
                    i,
                    1_000 + i,
                    StoreFixture.DAY.toEpochMilli() + i * 60_000L);
        }
        try (StoreFixture fixture = new StoreFixture(directory, catalog, List.of(), largest + largest / 2).begin(P0)) {
            long[] found = fixture.store.sightings(P0, asked, 0, asked.size(), 1000);
            for (int i = 0; i < found.length; i++) {
                assertThat(found[i]).as("entry %s", i).isEqualTo(i < 40 ? i : StoredRows.NOT_SIGHTED);
            }
        }
    }

    private static long sighting(
            StoreFixture fixture,
            LogPartition partition,
            StreamKey stream,
            Object id,
            long offset,
            long logTimeMillis,
            long windowMillis) {
        DedupBatch asked = new DedupBatch();
        if (id instanceof Long number) {
            asked.add(stream, number, offset, logTimeMillis);
        } else {
            asked.add(stream, (String) id, offset, logTimeMillis);
        }
        return fixture.store.sightings(partition, asked, 0, 1, windowMillis)[0];
    }

    @Test
    void dataFilesCarryMetricsThatPruneAndOneFilePerDay() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 3000);
            fixture.store.commit(fixture.seal());
            Table table = fixture.catalog.loadTable(TableIdentifier.of("k2", "trades"));
            List<DataFile> files = new ArrayList<>();
            try (CloseableIterable<FileScanTask> tasks =
                    table.newScan().includeColumnStats().planFiles()) {
                tasks.forEach(task -> files.add(task.file()));
            }
            assertThat(files).hasSize(3);
            assertThat(files.stream().mapToLong(DataFile::recordCount).sum()).isEqualTo(3000);
            DataFile any = files.get(0);
            assertThat(any.lowerBounds()).containsKeys(1, 2, 3, 5, 6, 7, 16, 17, 18, 19);
            assertThat(any.nullValueCounts()).containsEntry(4, any.recordCount());
            assertThat(Files.size(LocalFileIO.path(any.location()))).isEqualTo(any.fileSizeInBytes());
            try (CloseableIterable<FileScanTask> tasks = table.newScan()
                    .filter(Expressions.greaterThanOrEqual("kafka_offset", 2900L))
                    .planFiles()) {
                assertThat(tasks).hasSize(1);
            }
            try (CloseableIterable<FileScanTask> tasks = table.newScan()
                    .filter(Expressions.equal("symbol", "ZECUSDT"))
                    .planFiles()) {
                assertThat(tasks).isEmpty();
            }
        }
    }

    @Test
    void aViewRunsOneSelectAtATimeAndNothingElse() throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 10);
            fixture.store.commit(fixture.seal());
            try (View view = fixture.engine.view(Set.of());
                    Statement statement = view.connection().createStatement()) {
                for (String sql : List.of(
                        "insert into trades select * from trades",
                        "drop table k2_live.trades_1",
                        "create table x as select 1",
                        "copy trades to 'out.parquet'",
                        "attach 'x.db'",
                        "set memory_limit='1GB'",
                        "pragma database_list",
                        "commit",
                        "rollback",
                        "load httpfs")) {
                    assertThatThrownBy(() -> statement.executeQuery(sql))
                            .as(sql)
                            .isInstanceOf(SQLException.class);
                    assertThatThrownBy(() -> statement.execute(sql)).as(sql).isInstanceOf(SQLException.class);
                }
                assertThatThrownBy(() -> statement.executeQuery("select 1; select 2"))
                        .hasMessageContaining("one statement at a time");
                assertThatThrownBy(() -> statement.executeUpdate("select 1"))
                        .isInstanceOf(SQLFeatureNotSupportedException.class);
                assertThatThrownBy(() -> view.connection().commit())
                        .isInstanceOf(SQLFeatureNotSupportedException.class);
                assertThatThrownBy(() -> view.connection().unwrap(org.duckdb.DuckDBConnection.class))
                        .isInstanceOf(SQLFeatureNotSupportedException.class);
                assertThat(statement.getConnection()).isSameAs(view.connection());
                assertThat(StoreFixture.positions(view)).hasSize(10);
                assertThatThrownBy(() -> statement.executeQuery("select * from read_text('/etc/hostname')"))
                        .hasMessageContaining("out of reach");
                assertThat(StoreFixture.positions(view))
                        .as("what is refused does not end the cut")
                        .hasSize(10);
                assertThatThrownBy(() -> statement.executeQuery("select no_column from trades"))
                        .hasMessageContaining("no_column");
                assertThatThrownBy(() -> statement.executeQuery("select 1")).hasMessageContaining("open a new view");
            }
        }
    }

    @Test
    void aSourceOfTheUsersIsARelationToJoinWithAsItWasWhenTheViewWasOpened() throws SQLException {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0);
                MemorySource sectors = MemorySource.of(
                        "sectors",
                        List.of(
                                new Column(1, "symbol", new ColumnType.Text(), true),
                                new Column(2, "sector", new ColumnType.Text(), false)))) {
            fixture.append(P0, 6);
            fixture.store.commit(fixture.seal());
            fixture.append(P0, 3);
            sectors.replace(List.of(new Object[] {"BTCUSDT", "it's a coin"}, new Object[] {"DOGE", null}));
            fixture.engine.add(sectors);
            assertThatThrownBy(() -> fixture.engine.add(sectors)).hasMessageContaining("already");
            try (View view = fixture.engine.view(Set.of())) {
                sectors.replace(List.of());
                try (Statement statement = view.connection().createStatement();
                        ResultSet row = statement.executeQuery(
                                "select sector, count(*) from trades join sectors using (symbol) group by sector")) {
                    assertThat(row.next()).isTrue();
                    assertThat(row.getString(1)).isEqualTo("it's a coin");
                    assertThat(row.getLong(2)).isEqualTo(3);
                    assertThat(row.next()).isFalse();
                }
            }
        }
    }

    @Test
    void theSpoolIsRemovedOnCloseAndWhatAKilledEngineLeftIsRemovedByTheNext() throws Exception {
        Path dead = directory.resolve("spool").resolve("engine-dead");
        Files.createDirectories(dead);
        Files.writeString(dead.resolve("lock"), "");
        Files.writeString(dead.resolve("left.parquet"), "x");
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            assertThat(dead).doesNotExist();
            assertThat(fixture.engine.spool().directory()).exists();
        }
        try (Stream<Path> left = Files.list(directory.resolve("spool"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void partitionsAreKeptApartByNumber() throws SQLException {
        LogPartition p11 = new LogPartition("cluster.1", "topicIdA", "trades", 11);
        try (StoreFixture fixture = new StoreFixture(directory).begin(P1, p11)) {
            fixture.append(P1, 3);
            fixture.append(p11, 4);
            fixture.store.commit(fixture.seal());
            fixture.append(p11, 2);
            try (View view = fixture.engine.view(Set.of())) {
                assertThat(view.cut()
                                .tables()
                                .get("trades")
                                .partitions()
                                .get(p11)
                                .tableOffset())
                        .isEqualTo(4);
                assertThat(StoreFixture.positions(view)).isEqualTo(StoreFixture.expected(view.cut()));
            }
        }
    }
}
