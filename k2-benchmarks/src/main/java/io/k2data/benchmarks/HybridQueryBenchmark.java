package io.k2data.benchmarks;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * How far is a hybrid query from DuckDB on files that somebody picked by hand? One-minute OHLCV of one symbol, over the 15
 * minutes before the newest trade, across the seam, and over the whole day, while ingest goes on with its commits.
 *
 * <p>K2's time is all of it: the view is opened, asked and closed, as fresh as it is. The peer is a DuckDB of its own in the
 * same JVM, on a connection that is open, with its footers cached, which is given the very files that hold the window, found
 * outside of the time measured, and the rows that are not committed yet as one more Parquet file. Both are asked in turns,
 * and both answers must be the same; a difference is a wrong answer. A fiftieth of the rows are two minutes of the feed's
 * clock, and about as many are live: 200,000 of 10 million.
 *
 * <p>{@code naive} is the usual way without a cut: the topic read from two minutes before the end, by record time, into
 * memory; the table up to there; and what comes twice by its id dropped.
 *
 * <p>{@code k2-benchmarks/run HybridQueryBenchmark [--rows N] [--rate N] [--rounds N] [--quick]}
 */
public final class HybridQueryBenchmark {
    private static final String USAGE = """
            usage: k2-benchmarks/run HybridQueryBenchmark [--rows N] [--rate N] [--rounds N] [--quick]
              --rows N    committed rows before the measurement (10000000)
              --rate N    records a second that are ingested meanwhile (50000, or fewer where there are fewer rows)
              --rounds N  rounds of ten questions to each (10)
              --quick     500000 rows, 3 rounds: to see that it works""";

    private static final Duration PATIENCE = Duration.ofMinutes(30);
    private static final int PER_ROUND = 10;
    private static final int ROWS_PER_LIVE_ROW = 50;
    private static final Instant START = Instant.parse("2026-01-05T02:00:00Z");
    private static final String TOPIC = "trades";
    private static final String VENUE = "binance";

    private static final String COLUMNS = "venue, symbol, trade_id, event_time, price, quantity";

    private final String symbol;
    private final int liveRows;
    private final Path directory;
    private final EmbeddedKafka kafka;
    private final AtomicLong sent = new AtomicLong();

    private HybridQueryBenchmark(String symbol, int liveRows, Path directory, EmbeddedKafka kafka) {
        this.liveRows = liveRows;
        this.symbol = symbol;
        this.directory = directory;
        this.kafka = kafka;
    }

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        List<String> given = List.of(args);
        if (given.contains("--help")) {
            System.out.println(USAGE);
            return;
        }
        boolean quick = given.contains("--quick");
        int rows = number(given, "--rows", quick ? 500_000 : 10_000_000);
        int rate = number(given, "--rate", rows / 200);
        int rounds = number(given, "--rounds", quick ? 3 : 10);
        try (Scratch scratch = Scratch.create("k2-hybrid-query");
                EmbeddedKafka kafka =
                        EmbeddedKafka.childProcess(scratch.directory().resolve("kafka"))) {
            FeedSimulator feed = feed(rows);
            String symbol = feed(rows).take(1_000).stream()
                    .map(SimulatedRecord::trade)
                    .filter(Objects::nonNull)
                    .filter(trade -> trade.venue().equals(VENUE))
                    .collect(Collectors.groupingBy(Trade::symbol, Collectors.counting()))
                    .entrySet()
                    .stream()
                    .max(Map.Entry.comparingByValue())
                    .orElseThrow()
                    .getKey();
            new HybridQueryBenchmark(symbol, rows / ROWS_PER_LIVE_ROW, scratch.directory(), kafka)
                    .run(feed, rows, rate, rounds);
        }
        // The producer is a daemon; it ends here.
        System.exit(0);
    }

    private static int number(List<String> args, String option, int otherwise) {
        int at = args.indexOf(option);
        return at < 0 ? otherwise : Integer.parseInt(args.get(at + 1));
    }

    private static FeedSimulator feed(int rows) {
        return FeedSimulator.builder()
                .seed(7)
                .venues(VENUE, "kraken")
                .symbols(100)
                .duplicateRate(0.001)
                .startTime(START)
                .eventsPerSecond(rows / ROWS_PER_LIVE_ROW / 120.0)
                .build();
    }

    private void run(FeedSimulator feed, int rows, int rate, int rounds) throws Exception {
        kafka.createTopic(TOPIC, 8);
        progress("sending %,d records...", rows);
        Feeds.send(kafka.bootstrapServers(), TOPIC, feed, rows);
        sent.set(rows);
        load("warehouse", rows, 10);
        double files1000Vs10 = files1000Vs10(rounds);
        Thread producer = new Thread(() -> produce(feed, rate), "producer");
        producer.setDaemon(true);
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        try (K2 k2 = k2("warehouse", liveRows).meterRegistry(meters).build();
                Peer peer = new Peer()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            cold(k2);
            producer.start();
            settle(ingest, rows, rate);
            Series window = new Series();
            Series day = new Series();
            Series freshness = new Series();
            Series naive = new Series();
            long wrong = 0;
            long naiveWrong = 0;
            long consumedBefore = ingest.tally().consumed();
            long began = System.nanoTime();
            for (int round = -2; round < rounds; round++) {
                boolean counts = round >= 0;
                Question last = peer.prepare(k2);
                for (boolean wholeDay : new boolean[] {false, true}) {
                    Question asked = wholeDay ? last.wholeDay() : last;
                    Series series = wholeDay ? day : window;
                    for (int i = 0; i < PER_ROUND; i++) {
                        long start = System.nanoTime();
                        List<String> ours = ask(k2, asked.sql("trades"));
                        long between = System.nanoTime();
                        List<String> theirs = peer.ask(asked);
                        long end = System.nanoTime();
                        wrong += ours.equals(theirs) ? 0 : 1;
                        if (counts) {
                            series.add(between - start, end - between);
                        }
                    }
                }
                for (int i = 0; i < PER_ROUND / 2; i++) {
                    long start = System.nanoTime();
                    k2.view(Freshness.now(PATIENCE)).close();
                    long between = System.nanoTime();
                    k2.view(Freshness.asFreshAsIs()).close();
                    if (counts) {
                        freshness.add(between - start, System.nanoTime() - between);
                    }
                }
                if (counts && round % 4 == 0) {
                    long start = System.nanoTime();
                    Naive.Answer answer = Naive.ask(kafka.bootstrapServers(), TOPIC, peer, last);
                    long between = System.nanoTime();
                    List<String> truth = peer.ask(last);
                    naive.add(between - start, Math.round(window.oursMedian() * 1e6));
                    naiveWrong += Math.abs(answer.rows() - peer.count(last));
                    naiveWrong += truth.equals(answer.bars()) ? 0 : answer.rows() == peer.count(last) ? 1 : 0;
                }
                if (round >= 0) {
                    progress(
                            "round %d: window %.1f ms, peer %.1f ms", round, window.oursMedian(), window.otherMedian());
                }
            }
            double seconds = (System.nanoTime() - began) / 1e9;
            progress(
                    "ingested %,d records/s and committed meanwhile; asked for %,d/s",
                    Math.round((ingest.tally().consumed() - consumedBefore) / seconds), rate);
            profile(k2, peer, meters, window, day);
            progress("cpu of the day: ours %.1f ms, peer %.1f ms", day.oursMedian(), day.otherMedian());
            System.out.printf(
                    Locale.ROOT,
                    "{\"windowVsPureDuckDb\":%.2f,\"dayVsPureDuckDb\":%.2f,\"files1000Vs10\":%.2f,"
                            + "\"nowWaitP50Millis\":%.1f,\"p99Millis\":%.1f,\"wrongAnswers\":%d,\"naiveVsK2\":%.1f,"
                            + "\"naiveWrongRows\":%d}%n",
                    window.ratio(),
                    day.ratio(),
                    files1000Vs10,
                    freshness.oursMedian() - freshness.otherMedian(),
                    window.oursAt(0.99),
                    wrong,
                    naive.oursMedian() / window.oursMedian(),
                    naiveWrong);
            System.out.flush();
            if (wrong > 0) {
                System.exit(1);
            }
        }
    }

    private K2.Builder k2(String warehouse, int generationRows) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve(warehouse))
                .spool(directory.resolve("spool"))
                .memoryLimitBytes(3L << 30)
                .generationBytes(4L << 30)
                .commitInterval(Duration.ofMinutes(10))
                .generationRows(generationRows);
    }

    /** Takes the topic into a table of so many files or a few more. */
    private void load(String warehouse, int rows, int files) throws InterruptedException {
        long began = System.nanoTime();
        try (K2 k2 = k2(warehouse, rows / files).build()) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            while (ingest.progress().values().stream()
                            .mapToLong(each -> each.liveEnd())
                            .sum()
                    < rows) {
                Thread.sleep(200);
            }
        }
        progress("loaded %s, %,d files wanted, in %.0f s", warehouse, files, (System.nanoTime() - began) / 1e9);
    }

    /**
     * The window's question of the same rows in few files and in a thousand, as of two snapshots of one table; and of a whole
     * day, for the record.
     */
    private double files1000Vs10(int rounds) throws Exception {
        Series window = new Series();
        Series day = new Series();
        try (K2 k2 = k2("warehouse", liveRows).build();
                SplitTable split = SplitTable.of(directory.resolve("warehouse"), 1_000)) {
            k2.ingest(EventTypes.TRADE, TOPIC).start();
            Question question;
            try (View view = k2.view(Freshness.now(PATIENCE))) {
                question = question(view);
            }
            for (int i = -5; i < rounds * 2; i++) {
                for (Question asked : List.of(question, question.wholeDay())) {
                    if (asked != question && i > 10) {
                        continue;
                    }
                    long start = System.nanoTime();
                    List<String> ofMany = askAsOf(k2, split.many(), asked);
                    long between = System.nanoTime();
                    List<String> ofFew = askAsOf(k2, split.few(), asked);
                    if (i >= 0) {
                        (asked == question ? window : day).add(between - start, System.nanoTime() - between);
                    }
                    if (!ofMany.equals(ofFew)) {
                        throw new IllegalStateException("many files answer " + ofMany + ", few " + ofFew);
                    }
                }
            }
            for (long snapshot : new long[] {split.few(), split.many()}) {
                try (View view = k2.asOf("trades", snapshot);
                        Statement statement = view.connection().createStatement()) {
                    statement.executeQuery(question.sql("trades")).close();
                    View.Files files = Objects.requireNonNull(view.filesRead().get("trades"));
                    progress("window: %d of %d files", files.read(), files.of());
                }
            }
        }
        progress(
                "a thousand files: window %.1f ms, few files %.1f ms; whole day, where each has the symbol, %.1f ms, few %.1f",
                window.oursMedian(), window.otherMedian(), day.oursMedian(), day.otherMedian());
        return window.ratio();
    }

    private static List<String> askAsOf(K2 k2, long snapshot, Question question) throws SQLException {
        try (View view = k2.asOf("trades", snapshot);
                Statement statement = view.connection().createStatement();
                ResultSet result = statement.executeQuery(question.sql("trades"))) {
            return rows(result);
        }
    }

    private void produce(FeedSimulator feed, int rate) {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Feeds.producerSettings(kafka.bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            long began = System.nanoTime();
            for (long count = 0; !Thread.interrupted(); count++) {
                SimulatedRecord record = feed.next();
                var unused = producer.send(
                        new ProducerRecord<>(TOPIC, null, record.timestampMillis(), record.key(), record.value()));
                sent.incrementAndGet();
                if (count % 100 == 0) {
                    long ahead = began + count * 1_000_000_000L / rate - System.nanoTime();
                    if (ahead > 0) {
                        LockSupport.parkNanos(ahead);
                    }
                }
            }
        }
    }

    /** Waits until there are live rows and a commit or two came on top of the load. */
    private void settle(Ingest ingest, int rows, int rate) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(3);
        while (ingest.tally().consumed() < rows + 2L * liveRows && System.nanoTime() < deadline) {
            Thread.sleep(200);
        }
        progress(
                "settled at %,d committed records, %,d a second asked for",
                ingest.tally().consumed(), rate);
    }

    private void cold(K2 k2) throws SQLException {
        long start = System.nanoTime();
        Question question;
        try (View view = k2.view(Freshness.now(PATIENCE))) {
            question = question(view);
        }
        long opened = System.nanoTime();
        ask(k2, question.sql("trades"));
        progress(
                "cold: first view and its newest trade %.0f ms, then the first window question %.0f ms",
                (opened - start) / 1e6, (System.nanoTime() - opened) / 1e6);
    }

    private static List<String> ask(K2 k2, String sql) throws SQLException {
        try (View view = k2.view(Freshness.asFreshAsIs());
                Statement statement = view.connection().createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            return rows(result);
        }
    }

    private static List<String> rows(ResultSet result) throws SQLException {
        List<String> rows = new ArrayList<>();
        int columns = result.getMetaData().getColumnCount();
        while (result.next()) {
            StringBuilder row = new StringBuilder();
            for (int i = 1; i <= columns; i++) {
                row.append(result.getString(i)).append('|');
            }
            rows.add(row.toString());
        }
        return rows;
    }

    /** One symbol's bars between two moments, up to which all partitions have been read. */
    private record Question(String symbol, Instant from, Instant to) {
        String where() {
            return " where venue = '" + VENUE + "' and symbol = '" + symbol + "' and event_time >= '" + from
                    + "' and event_time < '" + to + "'";
        }

        String sql(String relation) {
            return "select date_trunc('minute', event_time) as minute, arg_min(price, trade_id) as open, max(price) as high,"
                    + " min(price) as low, arg_max(price, trade_id) as close, sum(quantity) as volume, count(*) as trades from "
                    + relation + where() + " group by 1 order by 1";
        }

        Question wholeDay() {
            return new Question(symbol, to.truncatedTo(ChronoUnit.DAYS), to);
        }
    }

    /** The newest moment up to which every partition's rows are in a view, as each partition is in order of time. */
    private Question question(View view) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select min(newest) from (select max(event_time) as newest from"
                        + " trades where event_time >= '" + START + "' group by kafka_partition)")) {
            row.next();
            Instant newest = row.getObject(1, OffsetDateTime.class).toInstant();
            return new Question(symbol, newest.minus(Duration.ofMinutes(15)), newest);
        }
    }

    /** DuckDB on files picked by hand. */
    private final class Peer implements AutoCloseable {
        private final Connection connection = DriverManager.getConnection("jdbc:duckdb:");
        private final Path tail = directory.resolve("tail.parquet");
        private List<String> windowFiles = List.of();
        private List<String> allFiles = List.of();
        private Instant committedTo = START;

        Peer() throws SQLException {
            execute("set TimeZone = 'UTC'");
            execute("set parquet_metadata_cache = true");
        }

        private void execute(String sql) throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.execute(sql);
            }
        }

        /** Takes a cut of K2's, and lays its files and its live rows ready. */
        Question prepare(K2 k2) throws Exception {
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement()) {
                Question question = question(view);
                Cut.TableCut cut = Objects.requireNonNull(view.cut().tables().get("trades"));
                long snapshot = cut.snapshotId().orElseThrow();
                String live = cut.partitions().entrySet().stream()
                        .map(entry -> "(kafka_partition = " + entry.getKey().partition() + " and kafka_offset >= "
                                + entry.getValue().tableOffset() + ")")
                        .collect(Collectors.joining(" or "));
                Path raw = directory.resolve("tail.csv");
                try (ResultSet rows = statement.executeQuery("select " + COLUMNS + " from trades where " + live);
                        java.io.BufferedWriter out = java.nio.file.Files.newBufferedWriter(raw)) {
                    while (rows.next()) {
                        for (int i = 1; i <= 6; i++) {
                            out.append(rows.getString(i)).append(i == 6 ? '\n' : ',');
                        }
                    }
                }
                execute("copy (select * from read_csv('" + raw
                        + "', header = false, columns = {venue: 'VARCHAR', symbol:"
                        + " 'VARCHAR', trade_id: 'BIGINT', event_time: 'TIMESTAMPTZ', price: 'DECIMAL(38,12)', quantity:"
                        + " 'DECIMAL(38,10)'}) order by venue, symbol, event_time) to '" + tail
                        + "' (format parquet, compression zstd)");
                windowFiles = files(snapshot, question);
                allFiles = files(snapshot, question.wholeDay());
                committedTo = question.to();
                return question;
            }
        }

        private List<String> files(long snapshot, Question question) throws Exception {
            List<String> files = new ArrayList<>();
            Catalog catalog = Warehouses.local(directory.resolve("warehouse"));
            try (AutoCloseable closing = catalog instanceof AutoCloseable each ? each : () -> {}) {
                Table table = catalog.loadTable(TableIdentifier.of("k2", "trades"));
                try (CloseableIterable<FileScanTask> tasks = table.newScan()
                        .useSnapshot(snapshot)
                        .filter(Expressions.and(
                                Expressions.greaterThanOrEqual("event_time", micros(question.from())),
                                Expressions.lessThan("event_time", micros(question.to()))))
                        .planFiles()) {
                    tasks.forEach(task -> files.add(task.file().location().replaceFirst("^file:/+", "/")));
                }
            }
            return files;
        }

        private static long micros(Instant time) {
            return ChronoUnit.MICROS.between(Instant.EPOCH, time);
        }

        private String relation(Question question) {
            List<String> files = question.from().equals(question.wholeDay().from()) ? allFiles : windowFiles;
            return "(select " + COLUMNS + " from read_parquet("
                    + files.stream().map(file -> "'" + file + "'").collect(Collectors.joining(", ", "[", "]"))
                    + ") union all select " + COLUMNS + " from read_parquet('" + tail + "'))";
        }

        List<String> ask(Question question) throws SQLException {
            return answer(question.sql(relation(question)));
        }

        List<String> answer(String sql) throws SQLException {
            try (Statement statement = connection.createStatement();
                    ResultSet result = statement.executeQuery(sql)) {
                return rows(result);
            }
        }

        long count(Question question) throws SQLException {
            return Long.parseLong(answer("select count(*) from " + relation(question) + question.where())
                    .get(0)
                    .replace("|", ""));
        }

        List<String> windowFiles() {
            return windowFiles;
        }

        Connection connection() {
            return connection;
        }

        @Override
        public void close() throws SQLException {
            connection.close();
        }
    }

    /** Times of two, in turns. */
    private static final class Series {
        private final List<Long> ours = new ArrayList<>();
        private final List<Long> others = new ArrayList<>();

        void add(long oursNanos, long otherNanos) {
            ours.add(oursNanos);
            others.add(otherNanos);
        }

        private static double at(List<Long> values, double quantile) {
            long[] sorted = values.stream().mapToLong(Long::longValue).sorted().toArray();
            return sorted.length == 0 ? 0 : sorted[(int) Math.min(sorted.length - 1, sorted.length * quantile)] / 1e6;
        }

        double oursAt(double quantile) {
            return at(ours, quantile);
        }

        double oursMedian() {
            return at(ours, 0.5);
        }

        double otherMedian() {
            return at(others, 0.5);
        }

        double ratio() {
            return oursMedian() / otherMedian();
        }
    }

    /** Where the time of the window's question goes. */
    private void profile(K2 k2, Peer peer, SimpleMeterRegistry meters, Series window, Series day) throws Exception {
        Question question = peer.prepare(k2);
        double[][] parts = new double[4][60];
        View.Files files = new View.Files(0, 0);
        for (int i = 0; i < 60; i++) {
            long start = System.nanoTime();
            double plannedBefore = meters.get("k2.query.plan").timer().totalTime(TimeUnit.MILLISECONDS);
            try (View view = k2.view(Freshness.asFreshAsIs());
                    Statement statement = view.connection().createStatement()) {
                long opened = System.nanoTime();
                statement.executeQuery(question.sql("trades")).close();
                long asked = System.nanoTime();
                double planned = meters.get("k2.query.plan").timer().totalTime(TimeUnit.MILLISECONDS) - plannedBefore;
                files = Objects.requireNonNull(view.filesRead().get("trades"));
                parts[0][i] = (opened - start) / 1e6;
                parts[1][i] = planned;
                parts[2][i] = (asked - opened) / 1e6 - planned;
                start = asked;
            }
            parts[3][i] = (System.nanoTime() - start) / 1e6;
        }
        for (double[] part : parts) {
            Arrays.sort(part);
        }
        progress(
                "window, ours: median %.1f ms, fastest %.1f, p90 %.1f; peer: median %.1f, fastest %.1f, p90 %.1f",
                window.oursMedian(),
                window.oursAt(0),
                window.oursAt(0.9),
                window.otherMedian(),
                Series.at(window.others, 0),
                Series.at(window.others, 0.9));
        progress(
                "day, ours: median %.1f ms, fastest %.1f; peer: median %.1f, fastest %.1f",
                day.oursMedian(), day.oursAt(0), day.otherMedian(), Series.at(day.others, 0));
        String[] names = {"open and pin", "plan and choose files", "bind, scan and answer", "close"};
        for (int i = 0; i < names.length; i++) {
            progress("  %-24s median %.2f ms, fastest %.2f", names[i], parts[i][30], parts[i][0]);
        }
        String bind = "explain " + question.sql(peer.relation(question));
        double[] binding = new double[60];
        for (int i = 0; i < 60; i++) {
            long start = System.nanoTime();
            peer.answer(bind);
            binding[i] = (System.nanoTime() - start) / 1e6;
        }
        Arrays.sort(binding);
        progress("  the peer binds and plans in median %.2f ms, fastest %.2f", binding[30], binding[0]);
        progress(
                "  %d of %d files read, as picked by hand %d, and %d rows of the window's symbol; the cut was at %s",
                files.read(),
                files.of(),
                peer.windowFiles().size(),
                peer.count(question),
                peer.committedTo.atOffset(ZoneOffset.UTC));
    }

    private static void progress(String format, Object... values) {
        System.err.printf(Locale.ROOT, format + "%n", values);
    }

    /** The usual way: cut by time, dedup by id. */
    private static final class Naive {
        private Naive() {}

        record Answer(List<String> bars, long rows) {}

        static Answer ask(String bootstrapServers, String topic, Peer peer, Question question) throws Exception {
            Instant cut = question.to().minus(Duration.ofMinutes(2));
            Path csv = java.nio.file.Files.createTempFile("k2-naive", ".csv");
            try {
                NaiveTail.read(bootstrapServers, topic, cut, csv);
                try (Statement statement = peer.connection().createStatement()) {
                    statement.execute("create or replace temp table naive as select * from read_csv('" + csv
                            + "', header = false, columns = {venue: 'VARCHAR', symbol: 'VARCHAR', trade_id: 'BIGINT',"
                            + " event_time: 'TIMESTAMPTZ', price: 'DECIMAL(38,12)', quantity: 'DECIMAL(38,10)'})");
                }
                String relation = "(select distinct on (venue, symbol, trade_id) * from (select " + COLUMNS
                        + " from read_parquet("
                        + peer.windowFiles().stream()
                                .map(file -> "'" + file + "'")
                                .collect(Collectors.joining(", ", "[", "]"))
                        + ") where event_time < '" + cut + "' union all select * from naive))";
                return new Answer(
                        peer.answer(question.sql(relation)),
                        Long.parseLong(peer.answer("select count(*) from " + relation + question.where())
                                .get(0)
                                .replace("|", "")));
            } finally {
                java.nio.file.Files.deleteIfExists(csv);
            }
        }
    }
}
