package io.k2data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.sum;
import static org.jooq.impl.DSL.table;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.k2data.api.Freshness;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.market.Bar;
import io.k2data.market.Gap;
import io.k2data.market.LastPrice;
import io.k2data.market.Market;
import io.k2data.market.Vwap;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTimeoutException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;
import org.jdbi.v3.core.Jdbi;
import org.jooq.SQLDialect;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.BadSqlGrammarException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** SQL as people's tools ask it: JDBC by hand, HikariCP, Jdbi, jOOQ, Spring; many at once; and the typed questions. */
class DataSourceIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int READERS = 16;
    private static final Duration FIRE = Duration.ofSeconds(Boolean.getBoolean("k2.full") ? 120 : 6);
    private static final String SLOW =
            "select count(*) from range(1000000000) a(i), range(1000000) b(j) where (i * j) % 7 = 3";
    private static EmbeddedKafka kafka;

    @TempDir
    Path directory;

    private String topic;

    @BeforeAll
    static void startKafka() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stopKafka() {
        kafka.close();
    }

    @BeforeEach
    void nameTopic(TestInfo test) {
        topic = test.getTestMethod().orElseThrow().getName();
        kafka.createTopic(topic, 2);
    }

    private K2 k2() {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(300))
                .build();
    }

    private void send(FeedSimulator feed, int records) {
        Feeds.send(kafka.bootstrapServers(), topic, feed, records);
    }

    private static FeedSimulator feed() {
        return FeedSimulator.builder().seed(5).symbols(8).gapRate(0.01).build();
    }

    @Test
    void aCutIsPinnedPerTransactionAndInAutoCommitPerStatement() throws Exception {
        FeedSimulator feed = feed();
        send(feed, 1_000);
        try (K2 k2 = k2()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            DataSource source = k2.dataSource(Freshness.now(PATIENCE));
            try (Connection connection = source.getConnection();
                    PreparedStatement count =
                            connection.prepareStatement("select count(*) from trades where price > ?")) {
                count.setInt(1, 0);
                assertThat(number(count)).isEqualTo(feed.truth().trades());
                send(feed, 500);
                assertThat(number(count)).as("a new cut").isEqualTo(feed.truth().trades());

                connection.setAutoCommit(false);
                long before = number(count);
                send(feed, 500);
                assertThat(number(count)).as("the same cut").isEqualTo(before);
                try (Statement other = connection.createStatement()) {
                    assertThat(number(other, "select sum(live_end - start_offset) from cuts"))
                            .isEqualTo(before);
                }
                connection.commit();
                assertThat(number(count)).isEqualTo(feed.truth().trades());

                assertThatThrownBy(() -> connection.createStatement().executeQuery("select no_column from trades"))
                        .hasMessageContaining("no_column")
                        .satisfies(DataSourceIT::isGrammar);
                assertThatThrownBy(() -> number(count))
                        .isInstanceOf(SQLException.class)
                        .hasMessageContaining("roll back")
                        .extracting(e -> ((SQLException) e).getSQLState())
                        .isEqualTo("25P02");
                connection.rollback();
                assertThat(number(count)).isEqualTo(feed.truth().trades());
                connection.rollback();

                connection.setAutoCommit(true);
                assertThatThrownBy(connection::commit).hasMessageContaining("auto-commit");
                assertThatThrownBy(() -> connection.createStatement().executeQuery("select no_column from trades"))
                        .hasMessageContaining("no_column");
                assertThat(number(count))
                        .as("a statement outlives its failures, and others'")
                        .isEqualTo(feed.truth().trades());
                count.setMaxRows(1);
                assertThat(count.getMetaData().getColumnCount()).isEqualTo(1);
                assertThat(count.getParameterMetaData().getParameterCount()).isEqualTo(1);
            }
        }
    }

    private static void isGrammar(Throwable e) {
        assertThat(e).isInstanceOf(java.sql.SQLSyntaxErrorException.class);
    }

    private static long number(PreparedStatement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery()) {
            assertThat(row.next()).isTrue();
            assertThat(row.getStatement()).isSameAs(statement);
            return row.getLong(1);
        }
    }

    private static long number(Statement statement, String sql) throws SQLException {
        try (ResultSet row = statement.executeQuery(sql)) {
            assertThat(row.next()).isTrue();
            return row.getLong(1);
        }
    }

    @Test
    void metadataAndSettingsAnswerAndWritesAreRefusedByName() throws Exception {
        send(feed(), 100);
        try (K2 k2 = k2()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            try (Connection connection = k2.dataSource(Freshness.now(PATIENCE)).getConnection()) {
                assertThat(connection.getMetaData().getDatabaseProductName()).isEqualTo("DuckDB");
                assertThat(connection.getMetaData().getDatabaseProductVersion()).isNotEmpty();
                Set<String> tables = new TreeSet<>();
                try (ResultSet row = connection.getMetaData().getTables(null, null, "%", null)) {
                    while (row.next()) {
                        tables.add(row.getString("TABLE_NAME"));
                    }
                }
                assertThat(tables).containsExactly("cuts", "deferred", "trades");
                List<String> columns = new ArrayList<>();
                try (ResultSet row = connection.getMetaData().getColumns(null, null, "trades", "%")) {
                    while (row.next()) {
                        columns.add(row.getString("COLUMN_NAME"));
                    }
                }
                assertThat(columns)
                        .startsWith("venue", "symbol")
                        .endsWith("kafka_time")
                        .hasSize(18);
                assertThat(connection.isValid(1)).isTrue();
                assertThat(connection.isReadOnly()).isTrue();
                connection.setReadOnly(false);
                connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
                connection.setNetworkTimeout(Runnable::run, 30_000);
                assertThat(connection.getNetworkTimeout()).isEqualTo(30_000);
                connection.setHoldability(ResultSet.CLOSE_CURSORS_AT_COMMIT);
                assertThat(connection.getTypeMap()).isEmpty();
                assertThat((Throwable) connection.getWarnings()).isNull();
                try (Statement statement = connection.createStatement()) {
                    for (String sql : List.of("insert into trades select * from trades", "drop table trades")) {
                        assertThatThrownBy(() -> statement.execute(sql))
                                .isInstanceOf(SQLFeatureNotSupportedException.class)
                                .hasMessageContaining("through Kafka")
                                .extracting(e -> ((SQLException) e).getSQLState())
                                .isEqualTo("25006");
                    }
                    assertThatThrownBy(() -> statement.executeUpdate("delete from trades"))
                            .isInstanceOf(SQLFeatureNotSupportedException.class)
                            .hasMessageContaining("through Kafka");
                    statement.setMaxRows(7);
                    int rows = 0;
                    try (ResultSet row = statement.executeQuery("select * from trades")) {
                        while (row.next()) {
                            rows++;
                        }
                    }
                    assertThat(rows).isEqualTo(7);
                    assertThat(statement.execute("select 1")).isTrue();
                    assertThat(statement.getMoreResults()).isFalse();
                    assertThat(statement.getUpdateCount()).isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void poolsAndFrameworksUseItAsItIs() throws Exception {
        FeedSimulator feed = feed();
        send(feed, 2_000);
        try (K2 k2 = k2()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            HikariConfig config = new HikariConfig();
            config.setDataSource(k2.dataSource(Freshness.now(PATIENCE)));
            config.setMaximumPoolSize(3);
            config.setReadOnly(true);
            config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ");
            try (HikariDataSource pool = new HikariDataSource(config)) {
                long trades = feed.truth().trades();
                BigDecimal quantity = feed.truth().quantity();

                Jdbi jdbi = Jdbi.create(pool);
                BigDecimal bound = jdbi.withHandle(
                        handle -> handle.createQuery("select sum(quantity) from trades where venue <> :venue")
                                .bind("venue", "nowhere")
                                .mapTo(BigDecimal.class)
                                .one());
                assertThat(bound).isEqualByComparingTo(quantity);
                List<Long> twice = jdbi.inTransaction(handle -> {
                    long first = handle.select("select count(*) from trades")
                            .mapTo(Long.class)
                            .one();
                    send(feed, 100);
                    return List.of(
                            first,
                            handle.select("select count(*) from trades")
                                    .mapTo(Long.class)
                                    .one());
                });
                assertThat(twice).containsExactly(trades, trades);
                trades = feed.truth().trades();
                quantity = feed.truth().quantity();

                var jooq = DSL.using(pool, SQLDialect.DUCKDB);
                var bySymbol = jooq.select(
                                field("symbol", String.class), count(), sum(field("quantity", BigDecimal.class)))
                        .from(table("trades"))
                        .where(field("price", BigDecimal.class).gt(BigDecimal.ZERO))
                        .groupBy(field("symbol"))
                        .orderBy(count().desc())
                        .fetch();
                assertThat(bySymbol.stream().mapToLong(row -> row.value2()).sum())
                        .isEqualTo(trades);
                assertThat(bySymbol.stream().map(row -> row.value3()).reduce(BigDecimal.ZERO, BigDecimal::add))
                        .isEqualByComparingTo(quantity);
                assertThat(jooq.meta().getTables("trades"))
                        .singleElement()
                        .satisfies(found -> assertThat(found.fields()).hasSize(18));
                jooq.transaction(nested -> assertThat(nested.dsl().fetchCount(table("trades")))
                        .isEqualTo((int) feed.truth().trades()));

                JdbcTemplate spring = new JdbcTemplate(pool);
                spring.setQueryTimeout(30);
                spring.setFetchSize(100);
                assertThat(spring.queryForObject("select count(*) from trades where kafka_offset >= ?", Long.class, 0))
                        .isEqualTo(trades);
                TransactionTemplate transaction = new TransactionTemplate(new DataSourceTransactionManager(pool));
                transaction.setReadOnly(true);
                List<Long> inSpring = transaction.execute(status -> {
                    Long first = spring.queryForObject("select count(*) from trades", Long.class);
                    send(feed, 100);
                    return List.of(first, spring.queryForObject("select count(*) from trades", Long.class));
                });
                assertThat(inSpring).containsExactly(trades, trades);
                assertThatThrownBy(() -> spring.queryForObject("select no_column from trades", Long.class))
                        .isInstanceOf(BadSqlGrammarException.class);
                assertThatThrownBy(() -> spring.update("delete from trades"))
                        .isInstanceOf(DataAccessException.class)
                        .hasMessageContaining("through Kafka");
                assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isZero();
                assertThat(spring.queryForObject("select count(*) from trades", Long.class))
                        .isEqualTo(feed.truth().trades());
            }
        }
    }

    @Test
    void aStatementEndsWhenItsTimeIsUpWhenItIsCancelledAndWhenItsConnectionIsClosed() throws Exception {
        FeedSimulator feed = feed();
        send(feed, 100);
        try (K2 k2 = k2()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            DataSource source = k2.dataSource(Freshness.now(PATIENCE));
            try (Connection connection = source.getConnection();
                    Statement statement = connection.createStatement();
                    PreparedStatement prepared = connection.prepareStatement(SLOW)) {
                statement.setQueryTimeout(1);
                assertThatThrownBy(() -> statement.executeQuery(SLOW))
                        .isInstanceOf(SQLTimeoutException.class)
                        .hasMessageContaining("time was up");
                prepared.setQueryTimeout(1);
                assertThatThrownBy(prepared::executeQuery).isInstanceOf(SQLTimeoutException.class);
                statement.setQueryTimeout(0);
                CompletableFuture<SQLException> failure = failureOf(statement);
                while (!failure.isDone()) {
                    // Too early, it cancels nothing: the statement is not running yet.
                    statement.cancel();
                    Thread.onSpinWait();
                }
                assertThat((Throwable) failure.get()).hasMessageContaining("cancelled");
                assertThat(number(statement, "select count(*) from trades"))
                        .isEqualTo(feed.truth().trades());
                CompletableFuture<SQLException> ended = failureOf(statement);
                connection.abort(Runnable::run);
                assertThat((Throwable) ended.get(60, TimeUnit.SECONDS)).isNotNull();
                assertThat(connection.isClosed()).isTrue();
                assertThat(connection.isValid(1)).isFalse();
            }
            // The read barrier's deadline reads as a time-out too.
            try (Connection connection = k2.dataSource(
                                    Freshness.atLeast(topic, Map.of(0, 1_000_000L), Duration.ofMillis(50)))
                            .getConnection();
                    Statement statement = connection.createStatement()) {
                assertThatThrownBy(() -> statement.executeQuery("select 1"))
                        .isInstanceOf(SQLTimeoutException.class)
                        .hasMessageContaining(topic);
            }
        }
    }

    private static CompletableFuture<SQLException> failureOf(Statement statement) {
        return CompletableFuture.supplyAsync(() -> {
            try (ResultSet rows = statement.executeQuery(SLOW)) {
                throw new AssertionError("it ended: " + rows);
            } catch (SQLException e) {
                return e;
            }
        });
    }

    /** Every answer adds up; then all is closed under the readers, who fail by name: no hang, no crash. */
    @Test
    void manyReadersAskBesideAWriterUntilAllIsClosedUnderThem() throws Exception {
        FeedSimulator feed = feed();
        send(feed, 5_000);
        K2 k2 = k2();
        ExecutorService readers = Executors.newFixedThreadPool(READERS);
        try {
            k2.ingest(EventTypes.TRADE, topic).start();
            k2.view(Freshness.now(PATIENCE)).close();
            DataSource source = k2.dataSource();
            AtomicLong answers = new AtomicLong();
            Set<String> reasons = new ConcurrentSkipListSet<>();
            CountDownLatch warm = new CountDownLatch(READERS);
            List<Future<?>> asking = new ArrayList<>();
            for (int i = 0; i < READERS; i++) {
                boolean endless = i % 4 == 3;
                asking.add(readers.submit(() -> read(source, endless, answers, warm, reasons)));
            }
            warm.await();
            long until = System.nanoTime() + FIRE.toNanos();
            while (System.nanoTime() < until) {
                send(feed, 500);
            }
            k2.close();
            for (Future<?> each : asking) {
                each.get(60, TimeUnit.SECONDS);
            }
            assertThat(answers.get()).isGreaterThan(READERS);
            assertThat(reasons).isNotEmpty().allMatch(reason -> reason.contains("closed"), "says that it was closed");
            System.out.println("DataSourceIT: answers " + answers + ", ended with " + reasons);
        } finally {
            k2.close();
            readers.shutdownNow();
        }
    }

    private static @org.jspecify.annotations.Nullable Void read(
            DataSource source, boolean endless, AtomicLong answers, CountDownLatch warm, Set<String> reasons)
            throws SQLException {
        boolean counted = false;
        while (true) {
            try (Connection connection = source.getConnection()) {
                connection.setAutoCommit(false);
                try (Statement statement = connection.createStatement();
                        ResultSet row = statement.executeQuery("select (select count(*) from trades),"
                                + " (select sum(live_end - start_offset) from cuts), (select count(*) from gaps)")) {
                    row.next();
                    // Each record is a trade, each once, so that offsets tell how many a cut must show.
                    assertThat(row.getLong(1)).isEqualTo(row.getLong(2));
                    answers.incrementAndGet();
                }
                if (!counted) {
                    counted = true;
                    warm.countDown();
                }
                if (endless) {
                    try (Statement statement = connection.createStatement()) {
                        statement.executeQuery(SLOW);
                    }
                }
            } catch (SQLException e) {
                if ("55000".equals(e.getSQLState()) && !e.getMessage().contains("not running")) {
                    continue;
                }
                reasons.add(e.getMessage().contains("not running") ? "the ingest is closed" : e.getMessage());
                return null;
            }
        }
    }

    @Test
    void gapsOfTheLedgerAreARelationAndFailByNameWhenTheIngestIsGone() throws Exception {
        FeedSimulator feed = feed();
        send(feed, 5_000);
        try (K2 k2 = k2()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, topic).start();
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement()) {
                assertThat(number(statement, "select sum(missing) from gaps where state = 'open'"))
                        .isEqualTo(feed.truth().missing())
                        .isPositive();
                assertThat(number(
                                statement,
                                "select count(*) from gaps join cuts using (table_name, kafka_partition)"
                                        + " where as_of_offset >= live_end"))
                        .isEqualTo(feed.truth().gaps());
                List<Gap> gaps = Market.over(view).gaps();
                assertThat(gaps.stream()
                                .mapToLong(gap -> gap.missing().length())
                                .sum())
                        .isEqualTo(feed.truth().missing());
                StreamKey stream = gaps.get(0).stream();
                assertThat(Market.over(view).gaps(stream))
                        .isEqualTo(gaps.stream()
                                .filter(gap -> gap.stream().equals(stream))
                                .toList());
            }
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement()) {
                ingest.close();
                assertThatThrownBy(() -> statement.executeQuery("select * from gaps"))
                        .isInstanceOf(SQLException.class)
                        .hasMessageContaining("gaps")
                        .hasMessageContaining("not running");
                assertThat(number(statement, "select count(*) from trades"))
                        .as("the cut goes on")
                        .isEqualTo(feed.truth().trades());
            }
        }
    }

    @Test
    void aNameThatAViewNeedsItselfIsRefusedAsAnEventTypes() {
        try (K2 k2 = k2()) {
            for (String name : List.of("gaps", "cuts", "deferred")) {
                var type = io.k2data.api.event.EventType.of(name, Trade.class).stream(Trade::venue, Trade::symbol)
                        .eventTime(Trade::eventTime)
                        .build();
                assertThatThrownBy(() -> k2.ingest(type, topic).start())
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("'" + name + "'");
            }
        }
    }

    /** The typed questions, beside the same computed in Java from the rows. */
    @Test
    void barsPricesAndTradesAreThoseOfTheRows() throws Exception {
        FeedSimulator feed = feed();
        send(feed, 3_000);
        try (K2 k2 = k2()) {
            k2.ingest(EventTypes.TRADE, topic).start();
            try (View view = k2.view(Freshness.now(PATIENCE))) {
                Market market = Market.over(view);
                Map<StreamKey, List<Trade>> truth = new HashMap<>();
                for (LastPrice last : market.lastPrices(Instant.EPOCH)) {
                    List<Trade> trades = new ArrayList<>(market.recentTrades(last.stream(), Instant.EPOCH, 100_000));
                    assertThat(trades)
                            .isSortedAccordingTo(
                                    Comparator.comparing(Trade::eventTime).reversed());
                    assertThat(last.price()).isEqualTo(trades.get(0).price());
                    assertThat(market.lastPrice(last.stream(), Instant.EPOCH)).contains(last);
                    java.util.Collections.reverse(trades);
                    truth.put(last.stream(), trades);
                }
                assertThat(truth.values().stream().mapToLong(List::size).sum())
                        .isEqualTo(feed.truth().trades());
                for (Map.Entry<StreamKey, List<Trade>> each : truth.entrySet()) {
                    List<Trade> trades = each.getValue();
                    Instant from = trades.get(trades.size() / 4).eventTime();
                    Instant to = trades.get(trades.size() * 3 / 4).eventTime();
                    List<Trade> within = trades.stream()
                            .filter(trade -> !trade.eventTime().isBefore(from)
                                    && trade.eventTime().isBefore(to))
                            .toList();
                    for (Duration width : List.of(
                            Duration.ofNanos(7_000),
                            Duration.ofMillis(250),
                            Duration.ofSeconds(7),
                            Duration.ofMinutes(1),
                            Duration.ofDays(7))) {
                        assertThat(market.bars(each.getKey(), from, to, width))
                                .as("%s of %s", width, each.getKey())
                                .isEqualTo(bars(each.getKey(), within, width));
                    }
                    BigDecimal volume = within.stream().map(Trade::quantity).reduce(BigDecimal.ZERO, BigDecimal::add);
                    BigDecimal turnover = within.stream()
                            .map(trade -> trade.price().multiply(trade.quantity()))
                            .reduce(BigDecimal.ZERO, BigDecimal::add);
                    Vwap vwap = market.vwap(each.getKey(), from, to).orElseThrow();
                    assertThat(vwap.price())
                            .isEqualTo(turnover.divide(volume, MathContext.DECIMAL128)
                                    .setScale(12, RoundingMode.HALF_EVEN));
                    assertThat(vwap.volume()).isEqualByComparingTo(volume);
                    assertThat(vwap.trades()).isEqualTo(within.size());
                }
                StreamKey nobody = new StreamKey("nowhere", "NOTHING");
                assertThat(market.bars(nobody, Instant.EPOCH, Instant.now(), Duration.ofMinutes(1)))
                        .isEmpty();
                assertThat(market.vwap(nobody, Instant.EPOCH, Instant.now())).isEmpty();
                assertThat(market.lastPrice(nobody, Instant.EPOCH)).isEmpty();
                assertThatThrownBy(() -> market.bars(nobody, Instant.EPOCH, Instant.now(), Duration.ofNanos(500)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("microsecond");
            }
        }
    }

    private static List<Bar> bars(StreamKey stream, List<Trade> trades, Duration width) {
        TreeMap<Long, List<Trade>> spans = new TreeMap<>();
        long micros = width.toNanos() / 1_000;
        for (Trade trade : trades) {
            long time = java.time.temporal.ChronoUnit.MICROS.between(Instant.EPOCH, trade.eventTime());
            spans.computeIfAbsent(Math.floorDiv(time, micros), span -> new ArrayList<>())
                    .add(trade);
        }
        List<Bar> bars = new ArrayList<>();
        spans.forEach((span, within) -> {
            List<BigDecimal> prices = within.stream().map(Trade::price).sorted().toList();
            bars.add(new Bar(
                    stream,
                    Instant.EPOCH.plus(span * micros, java.time.temporal.ChronoUnit.MICROS),
                    within.get(0).price(),
                    prices.get(prices.size() - 1),
                    prices.get(0),
                    within.get(within.size() - 1).price(),
                    within.stream().map(Trade::quantity).reduce(BigDecimal.ZERO, BigDecimal::add),
                    within.size()));
        });
        return bars;
    }
}
