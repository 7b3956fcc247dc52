package io.k2data.examples;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.K2Exception;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.FeedSimulator;
import java.nio.ByteBuffer;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;
import org.jspecify.annotations.Nullable;

/** What is on the disk: plain Iceberg, laid out so that questions read little of it, with its past. */
final class StorageSection implements DemoSection {
    private static final String TOPIC = "demo-storage";
    private static final int PARTITIONS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int COMMITS = 8;
    private static final Instant START = Instant.parse("2026-01-05T20:00:00Z");

    @Override
    public String name() {
        return "storage";
    }

    @Override
    public String title() {
        return "plain Iceberg tables: files, partitions, snapshots, and the past";
    }

    @Override
    public void run(DemoStage stage) throws Exception {
        stage.kafka().createTopic(TOPIC, PARTITIONS);
        int records = stage.size(16_000, 400_000);
        // Eight hours, past midnight.
        FeedSimulator simulator = FeedSimulator.builder()
                .seed(4)
                .startTime(START)
                .eventsPerSecond(records / Duration.ofHours(8).toSeconds() + 1)
                .build();
        try (DemoFeed feed = new DemoFeed(stage, TOPIC, simulator, record -> {});
                K2 k2 = stage.k2(this, Duration.ofMillis(200))) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            Catalog catalog = Warehouses.local(stage.directory(this).resolve("warehouse"));
            try (AutoCloseable closing = catalog instanceof AutoCloseable each ? each : () -> {}) {
                showFiles(stage, ingest, feed, catalog, records);
                showPruning(stage, k2);
                showPast(stage, k2, ingest, feed, catalog);
            }
        }
    }

    private static void fill(DemoStage stage, Ingest ingest, DemoFeed feed, int records) throws Exception {
        feed.send(records);
        long sent = feed.sent();
        stage.checks().await(() -> ingest.tally().consumed() == sent, "all records are committed within " + PATIENCE);
    }

    private static void showFiles(DemoStage stage, Ingest ingest, DemoFeed feed, Catalog catalog, int records)
            throws Exception {
        stage.step("What a commit leaves on the disk", """
                Each commit is one Parquet file per day that it has trades of, sorted by venue, symbol and time,
                with the bounds of its columns in Iceberg's manifests. Any reader of Iceberg can read it.""");
        for (int i = 0; i < COMMITS; i++) {
            fill(stage, ingest, feed, records / COMMITS);
        }
        Table table = catalog.loadTable(TableIdentifier.of("k2", "trades"));
        stage.say(
                "partitioned by %s, sorted by %s",
                table.spec().fields(),
                table.sortOrder().fields().stream()
                        .map(field -> table.schema().findColumnName(field.sourceId()))
                        .toList());
        List<DataFile> files = new ArrayList<>();
        try (CloseableIterable<FileScanTask> tasks =
                table.newScan().includeColumnStats().planFiles()) {
            tasks.forEach(task -> files.add(task.file()));
        }
        Types.NestedField time = table.schema().findField("event_time");
        files.sort(Comparator.comparing(file -> bound(time, file.lowerBounds())));
        for (DataFile file : files) {
            stage.say(
                    "  %-24s %,7d trades  %,9d bytes  %s to %s",
                    table.spec().partitionToPath(file.partition()),
                    file.recordCount(),
                    file.fileSizeInBytes(),
                    bound(time, file.lowerBounds()),
                    bound(time, file.upperBounds()));
        }
        long rows = files.stream().mapToLong(DataFile::recordCount).sum();
        stage.checks().that(rows == records, "the files hold all %,d trades".formatted(records));
        stage.checks()
                .that(
                        files.stream()
                                        .map(file -> file.partition().toString())
                                        .distinct()
                                        .count()
                                == 2,
                        "no file has trades of two days");
    }

    private static Instant bound(Types.NestedField field, Map<Integer, ByteBuffer> bounds) {
        long micros = Objects.requireNonNull(
                Conversions.<Long>fromByteBuffer(field.type(), Objects.requireNonNull(bounds.get(field.fieldId()))));
        return Instant.EPOCH.plus(micros, ChronoUnit.MICROS).truncatedTo(ChronoUnit.SECONDS);
    }

    private static void showPruning(DemoStage stage, K2 k2) throws Exception {
        stage.step("A question reads what it needs", """
                Nothing has to be said twice, nor in another language than SQL: what DuckDB's own plan of the
                question asks of times, streams, ids and positions chooses the files.""");
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement()) {
            String condition =
                    "event_time between '" + START.plusSeconds(3600) + "' and '" + START.plusSeconds(4500) + "'";
            List<List<@Nullable Object>> found = stage.ask(
                    statement,
                    "with hours as (select venue, quantity, event_time from trades)\n"
                            + "select venue, count(*) as trades, sum(quantity) as volume from hours\n"
                            + "where " + condition + " group by venue order by venue");
            View.Files files = Objects.requireNonNull(view.filesRead().get("trades"));
            stage.say("read from %d of %d files", files.read(), files.of());
            List<List<@Nullable Object>> all = stage.ask(
                    statement,
                    "select venue, count(*) filter (where " + condition + ") as trades,\n  sum(quantity) filter (where "
                            + condition + ") as volume from trades group by venue order by venue");
            View.Files every = Objects.requireNonNull(view.filesRead().get("trades"));
            stage.say("read from %d of %d files", every.read(), every.of());
            stage.checks().that(files.read() < every.read(), "the condition spared files");
            stage.checks().that(found.equals(all), "and the answer is what all files together give");
        }
    }

    private static void showPast(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed, Catalog catalog)
            throws Exception {
        stage.step("The table as it was", """
                A snapshot stays as it is until it expires. One can ask as of a snapshot, such as the one that a
                report was made from, or as of an instant.""");
        long snapshot;
        List<String> then;
        try (View view = k2.view(Freshness.now(PATIENCE))) {
            snapshot = Objects.requireNonNull(view.cut().tables().get("trades"))
                    .snapshotId()
                    .orElseThrow();
            then = totals(view);
        }
        fill(stage, ingest, feed, stage.size(2_000, 20_000));
        Table table = catalog.loadTable(TableIdentifier.of("k2", "trades"));
        for (Snapshot each : table.snapshots()) {
            stage.say(
                    "  snapshot %d of %s, %s trades",
                    each.snapshotId(),
                    Instant.ofEpochMilli(each.timestampMillis()),
                    each.summary().getOrDefault("total-records", "?"));
        }
        try (View now = k2.view(Freshness.now(PATIENCE));
                View past = k2.asOf("trades", snapshot);
                View instant =
                        k2.asOf(Instant.ofEpochMilli(table.snapshot(snapshot).timestampMillis()))) {
            stage.say("now %s, as of snapshot %d %s", totals(now), snapshot, totals(past));
            stage.checks().that(totals(past).equals(then), "as of the snapshot the answer is what it was then");
            stage.checks().that(totals(instant).equals(then), "and so it is as of that instant");
            stage.checks().that(!totals(now).equals(then), "while the table has gone on");
        }
        String refused = "";
        try (View gone = k2.asOf("trades", 42)) {
            stage.say("%s", gone.cut());
        } catch (K2Exception e) {
            refused = String.valueOf(e.getMessage());
            stage.say("%s", refused);
        }
        stage.checks()
                .that(refused.contains("oldest"), "what is not there any more is refused with the oldest that is");
    }

    private static List<String> totals(View view) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select count(*), sum(quantity) from trades")) {
            row.next();
            return List.of(Shown.value(row.getLong(1)) + " trades", "volume " + Shown.value(row.getBigDecimal(2)));
        }
    }
}
