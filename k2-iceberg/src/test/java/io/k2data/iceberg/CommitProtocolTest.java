package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.k2data.api.FencedException;
import io.k2data.api.K2Exception;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.TableRolledBackException;
import io.k2data.api.UnreadableTableException;
import io.k2data.api.View;
import io.k2data.api.event.Column;
import io.k2data.api.event.EventTypes;
import io.k2data.pipeline.EventStore;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableMetadataParser;
import org.apache.iceberg.TableOperations;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.CommitStateUnknownException;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.LocationProvider;
import org.apache.iceberg.types.Types;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The traps of committing: each was seen to lose, double or destroy data in a naive writer. */
class CommitProtocolTest {
    private static final TableIdentifier TRADES = TableIdentifier.of("k2", "trades");

    @TempDir
    Path directory;

    @Test
    void aCommitThatLandsButIsReportedAsAConflictCountsOnceAndTheTableSurvives() throws Exception {
        Faults faults = new Faults();
        try (StoreFixture fixture = new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0)) {
            fixture.append(P0, 100);
            EventStore.Generation sealed = fixture.seal();
            faults.afterCommit(() -> new CommitFailedException("the connection broke, and the UPDATE ran again"));
            fixture.store.commit(sealed);
            assertThat(fixture.positions()).hasSize(100);
            fixture.append(P0, 10);
            fixture.store.commit(fixture.seal());
            assertThat(fixture.positions()).hasSize(110).doesNotHaveDuplicates();
            assertReadable(fixture.catalog, 110, 3);
        }
    }

    @Test
    void withoutVerifyingOperationsTheSameFalseConflictWouldNotCountOnce() {
        // Shows that the fault above is the real one: Iceberg alone takes the landed commit for a conflict.
        Faults faults = new Faults();
        Catalog catalog = faults.over(Warehouses.local(warehouse()));
        try (StoreFixture fixture = new StoreFixture(directory, catalog).begin(P0)) {
            Table plain = catalog.loadTable(TRADES);
            Snapshot before = plain.currentSnapshot();
            faults.afterCommit(() -> new CommitFailedException("false conflict"));
            assertThatThrownBy(() -> plain.newAppend()
                            .validateWith(ancestors -> {
                                for (Snapshot ancestor : ancestors) {
                                    return ancestor.snapshotId() == before.snapshotId();
                                }
                                return true;
                            })
                            .commit())
                    .isInstanceOf(org.apache.iceberg.exceptions.ValidationException.class);
            Snapshot landed = catalog.loadTable(TRADES).currentSnapshot();
            assertThat(landed.snapshotId()).isNotEqualTo(before.snapshotId());
            assertThatThrownBy(() -> landed.allManifests(plain.io())).isInstanceOf(RuntimeException.class);
        }
    }

    @Test
    void anUnknownOutcomeThatLandedIsFoundByTheNextAttempt() throws Exception {
        Faults faults = new Faults();
        try (StoreFixture fixture = new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0)) {
            fixture.append(P0, 100);
            EventStore.Generation sealed = fixture.seal();
            faults.afterCommit(() -> new CommitStateUnknownException(new RuntimeException("time-out")));
            faults.refuseReads(1);
            assertThatThrownBy(() -> fixture.store.commit(sealed)).isInstanceOf(K2Exception.Unknown.class);
            fixture.store.commit(sealed);
            assertThat(fixture.positions()).hasSize(100).doesNotHaveDuplicates();
            assertReadable(fixture.catalog, 100, 2);
        }
    }

    @Test
    void anUnknownOutcomeThatDidNotLandIsCommittedByTheNextAttempt() throws Exception {
        Faults faults = new Faults();
        try (StoreFixture fixture = new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0)) {
            fixture.append(P0, 100);
            EventStore.Generation sealed = fixture.seal();
            faults.beforeCommit(() -> new CommitStateUnknownException(new RuntimeException("time-out")));
            assertThatThrownBy(() -> fixture.store.commit(sealed)).isInstanceOf(K2Exception.Unknown.class);
            fixture.store.commit(sealed);
            assertThat(fixture.positions()).hasSize(100).doesNotHaveDuplicates();
            assertReadable(fixture.catalog, 100, 2);
        }
    }

    @Test
    void aRealConflictIsRebasedAndBothWritersOfDifferentPartitionsKeepTheirOffsets() throws Exception {
        try (StoreFixture one = new StoreFixture(directory).begin(P0);
                StoreFixture two = new StoreFixture(directory).begin(P1)) {
            for (int i = 0; i < 5; i++) {
                one.append(P0, 10);
                two.append(P1, 7);
                EventStore.Generation first = one.seal();
                EventStore.Generation second = two.seal();
                two.store.commit(second);
                one.store.commit(first);
            }
            assertThat(one.store.load().get(P0).next().offset()).isEqualTo(50);
            assertThat(one.store.load().get(P1).next().offset()).isEqualTo(35);
            assertReadable(one.catalog, 85, 12);
        }
    }

    @Test
    void ofTwoWritersOfOnePartitionOneIsFencedAndNothingIsDoubled() throws Exception {
        try (StoreFixture one = new StoreFixture(directory).begin(P0);
                StoreFixture two = new StoreFixture(directory).begin(P0)) {
            one.append(P0, 10);
            two.append(P0, 12);
            EventStore.Generation first = one.seal();
            EventStore.Generation second = two.seal();
            one.store.commit(first);
            assertThatThrownBy(() -> two.store.commit(second))
                    .isInstanceOf(FencedException.class)
                    .hasMessageContaining("trades-0")
                    .hasMessageContaining("moved by another writer");
            assertReadable(one.catalog, 10, 2);
            two.begin(P0);
            assertThat(two.positions()).hasSize(10);
            two.append(P0, 5);
            two.store.commit(two.seal());
            assertThat(two.positions()).hasSize(15).doesNotHaveDuplicates();
        }
    }

    @Test
    void aFenceTakesOnePartitionAndTheRestOfTheWriterGoesOn() throws Exception {
        try (StoreFixture one = new StoreFixture(directory).begin(P0, P1);
                StoreFixture two = new StoreFixture(directory).begin(P0)) {
            one.append(P0, 10);
            one.append(P1, 5);
            EventStore.Generation first = one.seal();
            one.append(P0, 3);
            one.append(P1, 2);
            two.append(P0, 12);
            two.store.commit(two.seal());
            assertThatThrownBy(() -> one.store.commit(first))
                    .isInstanceOfSatisfying(FencedException.class, fenced -> assertThat(fenced.partitions())
                            .containsExactly(P0));
            one.store.forget(Set.of(P0));
            assertThat(one.positions()).hasSize(12 + 7).doesNotHaveDuplicates();
            one.store.commit(first);
            assertReadable(one.catalog, 12 + 5, 3);
            one.retake(P0);
            one.append(P0, 4);
            one.store.commit(one.seal());
            assertThat(one.positions()).hasSize(16 + 7).doesNotHaveDuplicates();
            assertReadable(one.catalog, 16 + 7, 4);
            assertThat(two.positions()).hasSize(16 + 7).doesNotHaveDuplicates();
        }
    }

    @Test
    void aPartitionFencedAfterACommitOfUnknownOutcomeThatLandedDoublesNothing() throws Exception {
        Faults faults = new Faults();
        try (StoreFixture one = new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0, P1)) {
            one.append(P0, 10);
            one.append(P1, 5);
            EventStore.Generation sealed = one.seal();
            faults.afterCommit(() -> new CommitStateUnknownException(new RuntimeException("time-out")));
            faults.refuseReads(1);
            assertThatThrownBy(() -> one.store.commit(sealed)).isInstanceOf(K2Exception.Unknown.class);
            try (StoreFixture two = new StoreFixture(directory).begin(P0)) {
                two.append(P0, 2);
                two.store.commit(two.seal());
            }
            assertThatThrownBy(() -> one.store.commit(sealed))
                    .isInstanceOfSatisfying(FencedException.class, fenced -> assertThat(fenced.partitions())
                            .containsExactly(P0));
            one.store.forget(Set.of(P0));
            one.store.commit(sealed);
            assertThat(one.positions()).hasSize(17).doesNotHaveDuplicates();
            assertReadable(one.catalog, 17, 3);
        }
    }

    @Test
    void aGenerationWhosePartitionsWereAllForgottenIsNotCommitted() throws Exception {
        try (StoreFixture one = new StoreFixture(directory).begin(P0)) {
            one.append(P0, 10);
            EventStore.Generation sealed = one.seal();
            one.store.forget(Set.of(P0));
            one.store.commit(sealed);
            assertThat(one.positions()).isEmpty();
            assertReadable(one.catalog, 0, 1);
        }
    }

    @Test
    void aWriterIsFencedInTheMiddleOfItsCommitToo() throws Exception {
        Faults faults = new Faults();
        try (StoreFixture two = new StoreFixture(directory).begin(P0);
                StoreFixture one = new StoreFixture(directory, faults.over(Warehouses.local(warehouse()))).begin(P0)) {
            one.append(P0, 10);
            two.append(P0, 12);
            EventStore.Generation first = one.seal();
            EventStore.Generation second = two.seal();
            // The other writer lands after this one has staged its append, right before the catalog is asked to swap.
            faults.beforeCommit(() -> {
                two.store.commit(second);
                return null;
            });
            assertThatThrownBy(() -> one.store.commit(first)).isInstanceOf(FencedException.class);
            assertReadable(one.catalog, 12, 2);
        }
    }

    @Test
    void aTableThatWasRolledBackStopsWritersReadersAndTheNextStartByName() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 10);
            fixture.store.commit(fixture.seal());
            Table table = fixture.catalog.loadTable(TRADES);
            long older = table.currentSnapshot().snapshotId();
            fixture.append(P0, 10);
            fixture.store.commit(fixture.seal());
            table.refresh();
            table.manageSnapshots().rollbackTo(older).commit();
            fixture.append(P0, 10);
            EventStore.Generation sealed = fixture.seal();
            assertThatThrownBy(() -> fixture.store.commit(sealed))
                    .isInstanceOf(TableRolledBackException.class)
                    .hasMessageContaining("trades-0")
                    .hasMessageContaining("rolled back");
            assertThatThrownBy(() -> fixture.engine.view(Set.of())).isInstanceOf(TableRolledBackException.class);
            assertThatThrownBy(fixture.store::load).isInstanceOf(TableRolledBackException.class);
        }
    }

    @Test
    void expiredSnapshotsAreNoRollback() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0, P1)) {
            fixture.append(P1, 5);
            fixture.store.commit(fixture.seal());
            Table table = fixture.catalog.loadTable(TRADES);
            for (int i = 0; i < 3; i++) {
                table.newAppend().commit();
            }
            table.expireSnapshots()
                    .expireOlderThan(System.currentTimeMillis() + 1000)
                    .retainLast(1)
                    .commit();
            assertThat(fixture.store.load().get(P1).next().offset()).isEqualTo(5);
            assertThat(fixture.positions()).hasSize(5);
        }
    }

    @Test
    void aForeignAppendMovesNoOffsetAndDoesNotFence() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 5);
            EventStore.Generation sealed = fixture.seal();
            fixture.catalog.loadTable(TRADES).newAppend().commit();
            fixture.store.commit(sealed);
            assertThat(fixture.positions()).hasSize(5);
        }
    }

    @Test
    void aStateOfANewerFormatIsRefusedByName() {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.catalog
                    .loadTable(TRADES)
                    .updateProperties()
                    .set(StoredState.key(P1), "{\"v\":2}")
                    .commit();
            assertThatThrownBy(fixture.store::load)
                    .isInstanceOf(UnreadableTableException.class)
                    .hasMessageContaining("version 2, this K2 knows version 1");
        }
    }

    @Test
    void aTableOfAnotherSchemaIsRefusedWithAllItsProblemsAndLeftAsItIs() {
        Catalog catalog = Warehouses.local(warehouse());
        ((SupportsNamespaces) catalog).createNamespace(TRADES.namespace());
        Schema schema = new Schema(
                Types.NestedField.required(1, "venue", Types.StringType.get()),
                Types.NestedField.required(2, "price", Types.DoubleType.get()),
                Types.NestedField.required(3, "book", Types.IntegerType.get()));
        catalog.createTable(
                TRADES,
                schema,
                PartitionSpec.builderFor(schema).bucket("venue", 4).build());
        assertThatThrownBy(() -> new StoreFixture(directory, catalog))
                .isInstanceOf(UnreadableTableException.class)
                .hasMessageContaining("'price' is double, expected decimal(38, 12)")
                .hasMessageContaining("'book' is required")
                .hasMessageContaining("bucket[4](venue)");
        assertThat(catalog.loadTable(TRADES).schema().columns()).hasSize(3);
    }

    @Test
    void aTableThatWasThereGetsTheColumnsItLacksAndKeepsItsRows() throws SQLException {
        Catalog catalog = Warehouses.local(warehouse());
        try (StoreFixture fixture = new StoreFixture(directory, catalog).begin(P0)) {
            fixture.append(P0, 3);
            fixture.store.commit(fixture.seal());
        }
        // What is left is as another tool may have made it: without offsets, ids of its own, and a column K2 does not
        // know.
        Table table = catalog.loadTable(TRADES);
        table.updateSchema()
                .deleteColumn("side")
                .deleteColumn("kafka_partition")
                .deleteColumn("kafka_offset")
                .deleteColumn("kafka_time")
                .deleteColumn("ingestion_time")
                .addColumn("desk", Types.StringType.get())
                .addColumn("odd", Types.FloatType.get())
                .commit();
        table.updateProperties().remove(StoredState.key(P0)).commit();
        try (StoreFixture fixture = new StoreFixture(directory, catalog).begin(P0)) {
            assertThat(fixture.store.columns())
                    .extracting(Column::name)
                    .contains("side", "desk")
                    .doesNotContain("odd");
            fixture.appendWith(P0, 2, "algo");
            try (View view = fixture.engine.view(Set.of())) {
                assertThat(rows(view))
                        .containsExactlyInAnyOrder("null:null", "null:null", "null:null", "0:algo", "1:algo");
            }
            fixture.store.commit(fixture.seal());
            try (View view = fixture.engine.view(Set.of())) {
                assertThat(rows(view))
                        .containsExactlyInAnyOrder("null:null", "null:null", "null:null", "0:algo", "1:algo");
            }
        }
    }

    @Test
    void writersThatStartTogetherMakeOneNamespaceTableAndItsColumns() throws Exception {
        int writers = 6;
        ExecutorService threads = Executors.newFixedThreadPool(writers);
        try {
            for (int round = 0; round < 5; round++) {
                Path warehouse = directory.resolve("together" + round);
                Catalog catalog = Warehouses.local(warehouse);
                openTogether(threads, writers, warehouse);
                List<String> names = names(catalog.loadTable(TRADES));
                catalog.loadTable(TRADES)
                        .updateSchema()
                        .deleteColumn("side")
                        .deleteColumn("kafka_time")
                        .commit();
                openTogether(threads, writers, warehouse);
                assertThat(names(catalog.loadTable(TRADES))).containsExactlyInAnyOrderElementsOf(names);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    /** Each through a catalog of its own, as processes have it. */
    private static void openTogether(ExecutorService threads, int writers, Path warehouse) throws Exception {
        CyclicBarrier start = new CyclicBarrier(writers);
        List<Future<EventTable>> opening = new ArrayList<>();
        for (int i = 0; i < writers; i++) {
            opening.add(threads.submit(() -> {
                Catalog catalog = Warehouses.local(warehouse);
                start.await();
                return EventTable.open(catalog, EventTypes.TRADE, Role.WRITER, new StorageCounts());
            }));
        }
        for (Future<EventTable> each : opening) {
            assertThat(each.get().table().schema().findField("side")).isNotNull();
        }
    }

    private static List<String> names(Table table) {
        return table.schema().columns().stream().map(Types.NestedField::name).toList();
    }

    private static List<String> rows(View view) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (Statement statement = view.connection().createStatement();
                ResultSet result = statement.executeQuery("select kafka_offset, desk from trades")) {
            while (result.next()) {
                rows.add(result.getString(1) + ":" + result.getString(2));
            }
        }
        return rows;
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "hour(event_time)", "identity(symbol)", "month(event_time), identity(venue)"})
    void aTableThatIsPartitionedOtherwiseIsWrittenAsItIs(String partitioning) throws Exception {
        Catalog catalog = Warehouses.local(warehouse());
        ((SupportsNamespaces) catalog).createNamespace(TRADES.namespace());
        Schema schema = TableLayout.of(EventTypes.TRADE).schema();
        PartitionSpec.Builder spec = PartitionSpec.builderFor(schema);
        if (partitioning.contains("hour")) {
            spec.hour("event_time");
        }
        if (partitioning.contains("month")) {
            spec.month("event_time");
        }
        if (partitioning.contains("symbol")) {
            spec.identity("symbol");
        }
        if (partitioning.contains("venue")) {
            spec.identity("venue");
        }
        catalog.createTable(TRADES, schema, spec.build());
        try (StoreFixture fixture = new StoreFixture(directory, catalog).begin(P0)) {
            fixture.append(P0, 200);
            fixture.store.commit(fixture.seal());
            assertThat(fixture.positions()).hasSize(200);
        }
        // Iceberg itself finds the rows by its own pruning: so partition values and bounds are what it expects.
        Table table = catalog.loadTable(TRADES);
        long matching = 0;
        try (var tasks = table.newScan()
                .filter(Expressions.and(
                        Expressions.equal("symbol", "BTCUSDT"),
                        Expressions.lessThan("event_time", "2024-08-08T01:00:00+00:00")))
                .planFiles()) {
            for (var task : tasks) {
                matching += task.file().recordCount();
            }
        }
        // Offsets 0 to 59 are in that hour, every third of them is of that symbol.
        assertThat(matching).isBetween(20L, 200L);
        assertThat(matching)
                .isEqualTo(
                        switch (partitioning) {
                            case "hour(event_time)" -> 60L;
                            case "identity(symbol)" -> 67L;
                            default -> 200L;
                        });
    }

    private Path warehouse() {
        return directory.resolve("warehouse");
    }

    /** Reads the table with nothing of ours: every manifest is there, and rows and snapshots are as many as expected. */
    private static void assertReadable(Catalog catalog, long rows, int snapshots) throws SQLException {
        Table table = catalog.loadTable(TRADES);
        long found = 0;
        try (var tasks = table.newScan().planFiles()) {
            for (var task : tasks) {
                found += task.file().recordCount();
                assertThat(LocalFileIO.path(task.file().location())).exists();
            }
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        assertThat(found).isEqualTo(rows);
        assertThat(table.history()).hasSize(snapshots);
    }

    /** Makes a catalog's commits and reads fail in the ways that real ones do. */
    @Test
    void aTableThatAClockRunningAheadHasStampedIsNamedAndTakesTheSameCommitOnceClocksAgree() throws Exception {
        try (StoreFixture fixture = new StoreFixture(directory).begin(P0)) {
            fixture.append(P0, 10);
            fixture.store.commit(fixture.seal());
            stampLastCommit(fixture.catalog, 600_000);
            fixture.append(P0, 5);
            EventStore.Generation sealed = fixture.seal();
            assertThatThrownBy(() -> fixture.store.commit(sealed))
                    .isInstanceOf(K2Exception.Retry.class)
                    .hasMessageContaining("ahead of this machine's clock");
            // Iceberg by itself refuses it too, in other words.
            assertThatThrownBy(
                            () -> fixture.catalog.loadTable(TRADES).newAppend().commit())
                    .isInstanceOf(RuntimeException.class)
                    .hasMessageContaining("snapshot");
            stampLastCommit(fixture.catalog, -600_000);
            fixture.store.commit(sealed);
            assertThat(fixture.positions()).hasSize(15).doesNotHaveDuplicates();
        }
    }

    /** Moves the time of the table's last commit, as if a machine with another clock had made it. */
    private static void stampLastCommit(Catalog catalog, long millis) throws Exception {
        TableOperations operations = ((HasTableOperations) catalog.loadTable(TRADES)).operations();
        TableMetadata base = operations.current();
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode json = (ObjectNode) mapper.readTree(TableMetadataParser.toJson(base));
        long current = base.currentSnapshot().snapshotId();
        move(json, "last-updated-ms", millis);
        for (String log : List.of("snapshots", "snapshot-log")) {
            json.get(log).forEach(entry -> {
                if (entry.get("snapshot-id").longValue() == current) {
                    move((ObjectNode) entry, "timestamp-ms", millis);
                }
            });
        }
        json.putArray("metadata-log");
        operations.commit(base, TableMetadataParser.fromJson(mapper.writeValueAsString(json)));
    }

    private static void move(ObjectNode json, String field, long millis) {
        json.put(field, json.get(field).longValue() + millis);
    }

    static final class Faults {
        private Supplier<RuntimeException> before;
        private Supplier<RuntimeException> after;
        private final AtomicInteger refusedReads = new AtomicInteger();

        void beforeCommit(Supplier<RuntimeException> fault) {
            before = fault;
        }

        void afterCommit(Supplier<RuntimeException> fault) {
            after = fault;
        }

        /** From the next failed commit on, lets this many reads of the table fail. */
        void refuseReads(int reads) {
            refusedReads.set(reads);
        }

        Catalog over(Catalog catalog) {
            return (Catalog) java.lang.reflect.Proxy.newProxyInstance(
                    getClass().getClassLoader(),
                    new Class<?>[] {Catalog.class, org.apache.iceberg.catalog.SupportsNamespaces.class},
                    (proxy, method, arguments) -> {
                        try {
                            Object result = method.invoke(catalog, arguments);
                            return method.getName().equals("loadTable")
                                    ? new BaseTable(
                                            new Operations(((HasTableOperations) result).operations()),
                                            ((Table) result).name())
                                    : result;
                        } catch (java.lang.reflect.InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
        }

        private final class Operations implements TableOperations {
            private final TableOperations delegate;
            private boolean failing;

            Operations(TableOperations delegate) {
                this.delegate = delegate;
            }

            @Override
            public void commit(TableMetadata base, TableMetadata metadata) {
                Supplier<RuntimeException> first = before;
                before = null;
                RuntimeException failure = first == null ? null : first.get();
                if (failure != null) {
                    throw failure;
                }
                delegate.commit(base, metadata);
                Supplier<RuntimeException> then = after;
                after = null;
                if (then != null) {
                    failing = true;
                    throw then.get();
                }
            }

            @Override
            public TableMetadata refresh() {
                if (failing && refusedReads.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                    throw new IllegalStateException("the catalog is away");
                }
                return delegate.refresh();
            }

            @Override
            public TableMetadata current() {
                return delegate.current();
            }

            @Override
            public FileIO io() {
                return delegate.io();
            }

            @Override
            public String metadataFileLocation(String fileName) {
                return delegate.metadataFileLocation(fileName);
            }

            @Override
            public LocationProvider locationProvider() {
                return delegate.locationProvider();
            }

            @Override
            public TableOperations temp(TableMetadata uncommitted) {
                return delegate.temp(uncommitted);
            }

            @Override
            public long newSnapshotId() {
                return delegate.newSnapshotId();
            }
        }
    }
}
