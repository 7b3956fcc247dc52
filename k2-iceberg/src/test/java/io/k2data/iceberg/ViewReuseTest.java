package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static io.k2data.iceberg.StoreFixture.P1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.View;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PartitionLedger;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A view works on a connection that others worked on before, and must not show it: whatever they did, and left open. */
class ViewReuseTest {
    @TempDir
    Path directory;

    private StoreFixture fixture;

    @BeforeEach
    void open() {
        fixture = new StoreFixture(directory).begin(P0, P1);
        fixture.engine.ledgers(table -> List.of(
                new PartitionLedger(P0, Long.MAX_VALUE, List.of()),
                new PartitionLedger(P1, Long.MAX_VALUE, List.of())));
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    private View view() {
        return fixture.engine.view(Set.of());
    }

    private static String one(View view, String sql) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            return row.next() ? row.getString(1) : "";
        }
    }

    /** Rows as the cut says, by every relation that there is. */
    private static void check(View view) throws SQLException {
        assertThat(StoreFixture.positions(view)).isEqualTo(StoreFixture.expected(view.cut()));
        assertThat(one(view, "select sum(live_end - start_offset)::bigint from cuts"))
                .isEqualTo(String.valueOf(StoreFixture.expected(view.cut()).size()));
        assertThat(one(view, "select count(*) from deferred")).isEqualTo("0");
    }

    /** Views of all kinds, several open at a time, while rows and commits come: each shows its own cut all the while. */
    @Test
    void viewsInAnyOrderEachShowTheirOwnCut() throws SQLException {
        long seed = Long.getLong("k2.seed", System.nanoTime());
        System.out.println("ViewReuseTest: seed " + seed);
        Random random = new Random(seed);
        Deque<View> open = new ArrayDeque<>();
        List<Long> snapshots = new ArrayList<>();
        EventStore.Generation sealed = null;
        for (int i = 0; i < 250; i++) {
            switch (random.nextInt(9)) {
                case 0, 1 -> fixture.append(random.nextBoolean() ? P0 : P1, 1 + random.nextInt(5));
                case 2 -> {
                    if (sealed != null) {
                        fixture.store.commit(sealed);
                        sealed = null;
                    } else {
                        sealed = fixture.seal();
                    }
                }
                case 3 -> {
                    try (View view = view()) {
                        assertThat(one(view, "select count(*) from gaps")).isEqualTo("0");
                        check(view);
                    }
                }
                case 4 -> {
                    try (View view = view()) {
                        view.cut().tables().get("trades").snapshotId().ifPresent(snapshots::add);
                        assertThatThrownBy(() -> one(view, "select ('x' || range)::integer from range(3)"))
                                .isInstanceOf(SQLException.class);
                    }
                }
                case 5 -> {
                    if (!snapshots.isEmpty()) {
                        long snapshot = snapshots.get(random.nextInt(snapshots.size()));
                        try (View view = fixture.engine.asOf("trades", snapshot)) {
                            check(view);
                        }
                    }
                }
                case 6 -> {
                    if (!open.isEmpty()) {
                        try (View view = open.pollFirst()) {
                            check(view);
                        }
                    }
                }
                default -> {
                    View view = view();
                    check(view);
                    open.add(view);
                }
            }
        }
        while (!open.isEmpty()) {
            try (View view = open.pollFirst()) {
                check(view);
            }
        }
    }

    @Test
    void whatWasLeftOpenIsOfNoUseAndInNobodysWay() throws SQLException {
        fixture.append(P0, 5);
        View first = view();
        Connection connection = first.connection();
        Statement statement = connection.createStatement();
        PreparedStatement prepared = connection.prepareStatement("select count(*) from trades where kafka_offset >= ?");
        prepared.setLong(1, 0);
        ResultSet result = statement.executeQuery("select kafka_offset from trades");
        assertThat(result.next()).isTrue();
        ResultSet tables = connection.getMetaData().getTables(null, null, "%", null);
        first.close();
        fixture.append(P0, 5);
        try (View second = view()) {
            for (ThrowingCallable call : List.<ThrowingCallable>of(
                    result::next,
                    tables::next,
                    prepared::executeQuery,
                    () -> statement.executeQuery("select 1"),
                    connection::createStatement,
                    connection::getMetaData)) {
                assertThatThrownBy(call).isInstanceOf(SQLException.class).hasMessageContaining("this view is closed");
            }
            // Whoever closes late closes nothing of the next one's.
            result.close();
            tables.close();
            prepared.close();
            statement.close();
            connection.close();
            assertThat(connection.isClosed()).isTrue();
            assertThat(connection.isValid(1)).isFalse();
            check(second);
            assertThat(one(second, "select count(*) from trades")).isEqualTo("10");
        }
    }

    @Test
    void aViewThatIsClosedUnderAStatementEndsItAndTheNextOneWorks() throws Exception {
        fixture.append(P0, 5);
        for (int i = 0; i < 5; i++) {
            View view = view();
            Statement statement = view.connection().createStatement();
            CountDownLatch begun = new CountDownLatch(1);
            Throwable[] failure = new Throwable[1];
            Thread reader = new Thread(() -> {
                begun.countDown();
                try {
                    statement
                            .executeQuery("select count(*) from range(10000000000) a where hash(a.range) % 7 = 3")
                            .close();
                } catch (Throwable e) {
                    failure[0] = e;
                }
            });
            reader.start();
            begun.await();
            // Closed at another moment of it each time: before it runs, while it is planned, in the middle.
            Thread.sleep(i * 20L);
            view.close();
            reader.join();
            assertThat(failure[0]).isInstanceOf(SQLException.class);
            try (View next = view()) {
                check(next);
            }
        }
    }

    @Test
    void aConnectionThatItsUserClosedOrChangedServesNobodyElse() throws SQLException {
        fixture.append(P0, 5);
        try (View view = view()) {
            view.connection().close();
        }
        try (View view = view()) {
            view.connection().setClientInfo("ApplicationName", "notebook");
        } catch (SQLException e) {
            // DuckDB may know of none.
        }
        try (View view = view()) {
            check(view);
        }
    }

    @Test
    void aRelationThatNoStatementChoseFilesForFails() throws SQLException {
        fixture.append(P0, 5);
        fixture.store.commit(fixture.seal());
        try (View view = view()) {
            check(view);
        }
        ViewConnections connections = fixture.engine.connections();
        ViewConnection used = connections.take();
        try {
            assertThat(used.has("trades")).isTrue();
            assertThatThrownBy(() -> Sql.run(used.duck(), "select * from trades"))
                    .isInstanceOf(SQLException.class);
        } finally {
            used.close();
        }
    }
}
