package io.k2data.benchmarks;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How should a day's files be laid out? The same trades of 200 symbols, in ten commits, as files that are sorted by symbol or by
 * time, with row groups of several sizes, with pages of Parquet's version 1 or 2, and split by bucket of symbol or not; and three
 * questions of each: a whole day of one symbol, fifteen minutes of all, and a whole day of all. Files are chosen as K2
 * chooses them, by bounds. The layouts take turns, and the answers are compared.
 *
 * <p>{@code k2-benchmarks/run FileLayout [ROWS [TRIALS]]}
 */
public final class FileLayout {
    private static final int COMMITS = 10;
    private static final int SYMBOLS = 200;
    private static final int BUCKETS = 8;

    private FileLayout() {}

    /** A way to write files. */
    private record Layout(String name, String order, int rowGroup, String version, boolean buckets) {}

    private static final List<Layout> LAYOUTS = List.of(
            new Layout("symbol, time", "venue, symbol, event_time", 122_880, "V1", false),
            new Layout("time", "event_time", 122_880, "V1", false),
            new Layout("symbol, time; groups of 30,000", "venue, symbol, event_time", 30_720, "V1", false),
            new Layout("symbol, time; groups of 500,000", "venue, symbol, event_time", 499_712, "V1", false),
            new Layout("symbol, time; pages v2", "venue, symbol, event_time", 122_880, "V2", false),
            new Layout("symbol, time; 8 buckets", "venue, symbol, event_time", 122_880, "V1", true));

    /**
     * Runs it.
     *
     * @param args rows (2,000,000) and trials of each (15)
     * @throws Exception if something cannot be written
     */
    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("--help")) {
            System.out.println("usage: k2-benchmarks/run FileLayout [ROWS [TRIALS]]");
            return;
        }
        int rows = args.length > 0 ? Integer.parseInt(args[0]) : 2_000_000;
        int trials = args.length > 1 ? Integer.parseInt(args[1]) : 15;
        try (Scratch scratch = Scratch.create("k2-file-layout");
                Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            statement.execute("set TimeZone = 'UTC'");
            statement.execute("set parquet_metadata_cache = true");
            statement.execute("select setseed(0.5)");
            statement.execute("create table trades as select 'binance' as venue, 'S' || lpad((" + SYMBOLS
                    + " * pow(random(), 3))::int::varchar, 3, '0') as symbol, i as trade_id,"
                    + " timestamptz '2026-01-05 00:00:00+00' + to_microseconds((i * 86400e6 / " + rows
                    + ")::bigint) as event_time,"
                    + " (100 + random())::decimal(38,12) as price, random()::decimal(38,10) as quantity, 'BUY' as side,"
                    + " i as source_sequence, i % 8 as kafka_partition, i // 8 as kafka_offset from range(" + rows
                    + ") t(i)");
            List<List<String>> files = new ArrayList<>();
            List<Long> bytes = new ArrayList<>();
            for (Layout layout : LAYOUTS) {
                List<String> written = write(statement, scratch.directory(), layout, rows);
                files.add(written);
                long size = 0;
                for (String file : written) {
                    size += Files.size(Path.of(file));
                }
                bytes.add(size);
            }
            double[][][] times = new double[LAYOUTS.size()][3][trials];
            for (int trial = -3; trial < trials; trial++) {
                @Nullable String[] answers = new String[3];
                for (int layout = 0; layout < LAYOUTS.size(); layout++) {
                    for (int question = 0; question < 3; question++) {
                        String sql = question(question, chosen(LAYOUTS.get(layout), files.get(layout), question));
                        long began = System.nanoTime();
                        String answer = answer(statement, sql);
                        if (trial >= 0) {
                            times[layout][question][trial] = (System.nanoTime() - began) / 1e6;
                        }
                        String other = answers[question];
                        if (other != null && !other.equals(answer)) {
                            throw new IllegalStateException("another answer of " + LAYOUTS.get(layout));
                        }
                        answers[question] = answer;
                    }
                }
            }
            System.out.printf(
                    "| layout | bytes/row | day of one symbol, ms | 15 minutes of all, ms | day of all, ms |%n|---|---|---|---|---|%n");
            for (int layout = 0; layout < LAYOUTS.size(); layout++) {
                System.out.printf(
                        Locale.ROOT,
                        "| %s | %.1f |%s|%s|%s|%n",
                        LAYOUTS.get(layout).name(),
                        (double) bytes.get(layout) / rows,
                        shown(times[layout][0]),
                        shown(times[layout][1]),
                        shown(times[layout][2]));
            }
        }
    }

    private static String shown(double[] times) {
        Arrays.sort(times);
        return String.format(Locale.ROOT, " %.1f (%.1f) ", times[times.length / 2], times[0]);
    }

    private static List<String> write(Statement statement, Path directory, Layout layout, int rows)
            throws SQLException {
        List<String> files = new ArrayList<>();
        for (int commit = 0; commit < COMMITS; commit++) {
            for (int bucket = 0; bucket < (layout.buckets() ? BUCKETS : 1); bucket++) {
                Path file = directory.resolve(LAYOUTS.indexOf(layout) + "-" + commit + "-" + bucket + ".parquet");
                statement.execute("copy (select * from trades where trade_id >= " + (long) rows * commit / COMMITS
                        + " and trade_id < " + (long) rows * (commit + 1) / COMMITS
                        + (layout.buckets() ? " and hash(symbol) % " + BUCKETS + " = " + bucket : "") + " order by "
                        + layout.order() + ") to '" + file + "' (format parquet, compression zstd, row_group_size "
                        + layout.rowGroup() + ", parquet_version " + layout.version() + ")");
                files.add(file.toString());
            }
        }
        return files;
    }

    /** The files that bounds and bucket leave. The fifteen minutes are in the sixth commit. */
    private static List<String> chosen(Layout layout, List<String> files, int question) {
        int perCommit = layout.buckets() ? BUCKETS : 1;
        if (question == 1) {
            return files.subList(5 * perCommit, 6 * perCommit);
        }
        if (question == 0 && layout.buckets()) {
            return files.stream()
                    .filter(file -> file.endsWith("-" + BUCKET_OF_S005 + ".parquet"))
                    .toList();
        }
        return files;
    }

    /** Asked of DuckDB once, as its hash is no part of its promises. */
    private static int bucketOfOne() {
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            return Integer.parseInt(
                    answer(statement, "select hash('S005') % " + BUCKETS).strip());
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static final int BUCKET_OF_S005 = bucketOfOne();

    private static String question(int question, List<String> files) {
        String relation = "read_parquet("
                + files.stream().map(file -> "'" + file + "'").collect(Collectors.joining(", ", "[", "]")) + ")";
        String bars =
                "arg_min(price, trade_id), max(price), min(price), arg_max(price, trade_id), sum(quantity), count(*)";
        return switch (question) {
            case 0 ->
                "select date_trunc('minute', event_time), " + bars + " from " + relation
                        + " where symbol = 'S005' group by 1 order by 1";
            case 1 ->
                "select symbol, " + bars + " from " + relation
                        + " where event_time >= '2026-01-05 13:00:00+00' and event_time < '2026-01-05 13:15:00+00'"
                        + " group by 1 order by 1";
            default -> "select symbol, " + bars + " from " + relation + " group by 1 order by 1";
        };
    }

    private static String answer(Statement statement, String sql) throws SQLException {
        StringBuilder answer = new StringBuilder();
        try (ResultSet result = statement.executeQuery(sql)) {
            while (result.next()) {
                for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                    answer.append(result.getString(i)).append(' ');
                }
            }
        }
        return answer.toString();
    }
}
