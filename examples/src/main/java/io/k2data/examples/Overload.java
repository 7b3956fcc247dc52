package io.k2data.examples;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.api.event.EventTypes;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.degradation.Admission;
import io.k2data.degradation.DegradationPolicies;
import io.k2data.degradation.DegradationPolicies.ThresholdConfig;
import io.k2data.degradation.PriorityTiers;
import io.k2data.kafka.RowFormats;
import io.k2data.pipeline.DegradationStatus;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.RowFormat;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.SimulatedRecord;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * A real overload: a feed whose pace rises step by step, and a table that takes only so many records a second, since each
 * one that is taken has its price in waiting, as a slow lookup or a slow disk would. Kafka, the lag, the levels, the
 * deferral and the backfill are K2's own. One thread.
 */
final class Overload implements AutoCloseable {
    /** What one record that is taken costs, and what its enrichment costs besides. */
    static final Duration PER_RECORD = Duration.ofNanos(400_000);

    static final Duration PER_ENRICHMENT = Duration.ofNanos(100_000);

    private static final String TOPIC = "overload";
    private static final int PARTITIONS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(10);
    /** The feed goes no faster than so many times the paces above. */
    private static final double FASTEST = 6;

    private static final int TRIES = 4;

    /** What each tier has of the feed, from the most important on; the rest is LOW. */
    private static final double CRITICAL_SHARE = 0.07;

    private static final double HIGH_SHARE = 0.25;
    private static final double NORMAL_SHARE = 0.60;

    /** The feed's pace that each level is reached by, in records a second. */
    private static final List<Integer> PACES = List.of(1_000, 2_300, 3_700, 7_000, 14_000);

    private final DemoStage stage;
    private final Show show;
    private final Duration hold;
    /** How long a step waits for its level before the feed goes faster still. */
    private final Duration step;

    private double faster = 1;
    private final ThresholdConfig thresholds;
    private final PriorityTiers tiers;
    private final DemoFeed feed;
    private final K2 k2;
    private final Ingest ingest;
    private final long began = System.nanoTime();
    private int pace;
    private DemoFeed.Flow flow = () -> {};
    private long deferredPeak;

    /** Shows how it goes. */
    interface Show {
        /** The next act: what happens, in a sentence or two. */
        void act(String title, String why);

        /** How things stand, several times a second. */
        void picture(Picture picture);

        /** A question about what is put off, and its answer, a line each. */
        void answer(List<String> lines);
    }

    /**
     * How things stand.
     *
     * @param elapsed since the start
     * @param pace of the feed, in records a second; 0 when it has ended
     * @param sent records sent so far
     * @param status of the ingest
     * @param tally what is committed
     */
    record Picture(Duration elapsed, int pace, long sent, DegradationStatus status, Tally tally) {
        /** The tiers that are taken at this level, or those that are put off. */
        String tiers(boolean taken) {
            String names = Arrays.stream(PriorityTier.values())
                    .filter(tier -> Admission.of(status.level(), tier) == Admission.ADMIT == taken)
                    .map(Enum::name)
                    .collect(Collectors.joining(" "));
            return names.isEmpty() ? "-" : names;
        }
    }

    /**
     * What came of it.
     *
     * @param levels the levels as they came, beginning with NORMAL
     * @param transitions how many changes
     * @param tally what became of the records
     * @param deferredPeak the most that was put off at a time
     * @param deferredLeft what is put off at the end
     */
    record Outcome(
            List<DegradationLevel> levels, long transitions, Tally tally, long deferredPeak, long deferredLeft) {}

    Overload(DemoStage stage, Path directory, Show show) throws Exception {
        this.stage = stage;
        this.show = show;
        this.hold = Duration.ofMillis(stage.size(200, 8_000));
        this.step = Duration.ofSeconds(stage.size(6, 30));
        int scale = stage.size(3, 4);
        this.thresholds = ThresholdConfig.builder()
                .soft(400L * scale, 0.70)
                .graceful(1_200L * scale, 0.80)
                .aggressive(2_400L * scale, 0.90)
                .circuitBreak(5_000L * scale, 0.95)
                .cooldown(Duration.ofMillis(stage.size(1_000, 12_000)))
                .build();
        stage.kafka().createTopic(TOPIC, PARTITIONS);
        this.tiers = tiers(simulator());
        this.feed = new DemoFeed(stage, TOPIC, simulator(), record -> {});
        this.k2 = K2.builder()
                // Small polls: the level is looked at between two of them.
                .kafka(Map.of("bootstrap.servers", stage.kafka().bootstrapServers(), "max.poll.records", 100))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofSeconds(1))
                .degradationPolicy(DegradationPolicies.thresholds(thresholds))
                .tiers(tiers)
                .build();
        Toll toll = new Toll();
        this.ingest = k2.ingest(EventTypes.TRADE, TOPIC, slow(RowFormats.json(), toll))
                .enrich(row -> {
                    toll.pay(PER_ENRICHMENT);
                    String symbol = String.valueOf(row.value("symbol"));
                    row.set("currency", symbol.substring(symbol.indexOf('-') + 1));
                })
                .start();
    }

    private static FeedSimulator simulator() {
        return FeedSimulator.builder()
                .seed(5)
                .venues("alpha", "beta")
                .symbols(24)
                .skew(0.3)
                .gapRate(0.0005)
                .lateRate(0.001)
                .duplicateRate(0.005)
                .malformedRate(0.001)
                .build();
    }

    /** A format of which each record costs. What is put off is never decoded, so it costs nothing. */
    private static RowFormat slow(RowFormat format, Toll toll) {
        return (type, columns, unknown) -> {
            RowDecoder decoder = format.open(type, columns, unknown);
            return record -> {
                toll.pay(PER_RECORD);
                return decoder.decode(record);
            };
        };
    }

    /** Tiers of the sizes above: the busiest streams are critical, the quietest low. */
    private static PriorityTiers tiers(FeedSimulator sample) {
        Map<String, Integer> records = new HashMap<>();
        List<SimulatedRecord> taken = sample.take(20_000);
        taken.forEach(record -> records.merge(new String(record.key(), StandardCharsets.UTF_8), 1, Integer::sum));
        List<String> busiest = records.entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue(Comparator.reverseOrder())
                        .thenComparing(Map.Entry.comparingByKey()))
                .map(Map.Entry::getKey)
                .toList();
        Map<PriorityTier, List<String>> byTier = new EnumMap<>(PriorityTier.class);
        double share = 0;
        for (String stream : busiest) {
            double middle = share + records.getOrDefault(stream, 0) / 2.0 / taken.size();
            PriorityTier tier = middle < CRITICAL_SHARE
                    ? PriorityTier.CRITICAL
                    : middle < HIGH_SHARE
                            ? PriorityTier.HIGH
                            : middle < NORMAL_SHARE ? PriorityTier.NORMAL : PriorityTier.LOW;
            byTier.computeIfAbsent(tier, each -> new ArrayList<>()).add(stream);
            share += (double) records.getOrDefault(stream, 0) / taken.size();
        }
        PriorityTiers.Builder builder = PriorityTiers.builder();
        byTier.forEach((tier, streams) -> builder.put(tier, streams.toArray(String[]::new)));
        return builder.build();
    }

    /** The settings that make this an overload, for the screen. */
    List<String> settings() {
        double bare = 1e9 / PER_RECORD.toNanos();
        double enriched = 1e9 / PER_RECORD.plus(PER_ENRICHMENT).toNanos();
        return List.of(
                String.format(
                        Locale.ROOT,
                        "a record that is taken costs %d us, its enrichment %d us more: %,.0f records a second, %,.0f without it",
                        PER_RECORD.toNanos() / 1000,
                        PER_ENRICHMENT.toNanos() / 1000,
                        enriched,
                        bare),
                String.format(
                        Locale.ROOT,
                        "lag triggers, scaled down: SOFT %,d, GRACEFUL %,d, AGGRESSIVE %,d, CIRCUIT_BREAK %,d; cooldown %,d ms",
                        thresholds.soft().lagRecords(),
                        thresholds.graceful().lagRecords(),
                        thresholds.aggressive().lagRecords(),
                        thresholds.circuitBreak().lagRecords(),
                        thresholds.cooldown().toMillis()),
                String.format(
                        Locale.ROOT,
                        "tiers: CRITICAL about %.0f %% of the feed, HIGH %.0f %%, NORMAL %.0f %%, LOW %.0f %%; version %s",
                        100 * CRITICAL_SHARE,
                        100 * (HIGH_SHARE - CRITICAL_SHARE),
                        100 * (NORMAL_SHARE - HIGH_SHARE),
                        100 * (1 - NORMAL_SHARE),
                        tiers.version().substring(0, 12)));
    }

    /** Goes up the ladder and down again, brings everything in, and checks it. */
    Outcome run() throws Exception {
        show.act("calm", "The feed is well within what the table takes; everything is enriched.");
        pace(PACES.get(0));
        watch(hold.multipliedBy(2));
        List<DegradationLevel> levels = upAndDown();
        for (int again = 1; again < TRIES && !isUpAndDown(levels); again++) {
            show.act(
                    "once more", "A stall of this machine let a level be skipped on the way up, as the rules have it.");
            levels = upAndDown();
        }
        show.act("backfill", "What was put off is read again, the most important tier first, beside what comes.");
        watch(hold.multipliedBy(2));
        flow.close();
        flow = () -> {};
        pace = 0;
        await(() -> ingest.degradation().deferredRecords() == 0, "everything that was put off is brought in");
        await(() -> ingest.tally().consumed() == feed.sent() && ingest.tally().deferred() == 0, "all is committed");
        return prove(levels);
    }

    /** Goes up the ladder and down again; the levels as they came. */
    private List<DegradationLevel> upAndDown() throws Exception {
        long before = ingest.degradation().transitions();
        climb(
                DegradationLevel.SOFT,
                "More comes than can be enriched. What is optional goes first: nobody misses a row.");
        climb(
                DegradationLevel.GRACEFUL,
                "More comes than the table takes. LOW is put off: its offsets go to a ledger, Kafka keeps the records.");
        climb(DegradationLevel.AGGRESSIVE, "Still more. NORMAL is put off too.");
        climb(
                DegradationLevel.CIRCUIT_BREAK,
                "A flood. Nothing is taken until what is in flight is committed; then CRITICAL alone flows, and K2 moves"
                        + " on through the log, so that the lag falls.");
        pace(PACES.get(0));
        ask();
        show.act("the flood ends", "Down by one level at a time, each not before the cooldown is over.");
        await(() -> ingest.degradation().level() == DegradationLevel.NORMAL, "the level comes back to NORMAL");
        DegradationStatus status = ingest.degradation();
        List<DegradationLevel> levels = new ArrayList<>(List.of(DegradationLevel.NORMAL));
        int changes = (int) Math.min(status.recent().size(), status.transitions() - before);
        status.recent().stream().skip(status.recent().size() - changes).forEach(change -> levels.add(change.to()));
        return levels;
    }

    private void pace(int perSecond) {
        flow.close();
        pace = perSecond;
        flow = feed.flow(perSecond);
    }

    private void climb(DegradationLevel level, String why) throws InterruptedException {
        show.act(level.name(), why);
        pace((int) (PACES.get(level.number()) * faster));
        // On a machine that is busy with other things the feed may fall behind its pace, and the lag with it.
        while (!watchUntil(() -> ingest.degradation().level().compareTo(level) >= 0, step) && faster < FASTEST) {
            faster *= 1.5;
            pace((int) (PACES.get(level.number()) * faster));
        }
        watch(hold);
    }

    private void await(BooleanSupplier condition, String what) throws InterruptedException {
        if (!watchUntil(condition, PATIENCE)) {
            stage.checks().that(false, what + " within " + PATIENCE);
        }
    }

    private void watch(Duration time) throws InterruptedException {
        boolean unused = watchUntil(() -> false, time);
    }

    private boolean watchUntil(BooleanSupplier condition, Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            show.picture(picture());
            TimeUnit.MILLISECONDS.sleep(20);
        }
        show.picture(picture());
        return true;
    }

    private Picture picture() {
        DegradationStatus status = ingest.degradation();
        deferredPeak = Math.max(deferredPeak, status.deferredRecords());
        return new Picture(Duration.ofNanos(System.nanoTime() - began), pace, feed.sent(), status, ingest.tally());
    }

    /** Every answer says what it lacks, and SQL can ask for it. */
    private void ask() throws SQLException {
        List<String> lines = new ArrayList<>();
        try (View view = k2.view(Freshness.asFreshAsIs());
                Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery(
                        "select tier, count(*), sum(records), min(from_time)::varchar,"
                                + " max(to_time)::varchar from deferred where table_name = 'trades' group by tier order by tier")) {
            lines.add("select tier, sum(records), min(from_time), max(to_time) from deferred group by tier");
            while (row.next()) {
                lines.add(String.format(
                        Locale.ROOT,
                        "%-8s %,8d records in %d ranges, of the time from %s to %s",
                        row.getString(1),
                        row.getLong(3),
                        row.getLong(2),
                        row.getString(4),
                        row.getString(5)));
            }
        }
        show.answer(lines);
    }

    private Outcome prove(List<DegradationLevel> levels) throws SQLException {
        DegradationStatus status = ingest.degradation();
        Tally tally = ingest.tally();
        FeedTruth truth = feed.truth();
        show.act("the proof", "By the feed's own books, and by SQL over the table.");
        Checks checks = stage.checks();
        checks.that(isUpAndDown(levels), "up and down through all five levels, in order: " + levels);
        checks.that(status.shed().getOrDefault(PriorityTier.CRITICAL, 0L) == 0, "CRITICAL was never put off");
        checks.that(deferredPeak > 0 && tally.deferred() == 0, "nothing is left of " + deferredPeak + " put off");
        checks.that(
                tally.equals(new Tally(
                        truth.records(), truth.trades(), truth.duplicates(), truth.malformedRecords(), 0, 0, 0, 0)),
                Shown.conservation(tally) + ": every count is the feed's own");
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select count(*), count(distinct (venue, symbol, trade_id)),"
                        + " sum(quantity), (select count(*) from deferred) from trades")) {
            row.next();
            checks.that(
                    row.getLong(1) == truth.trades()
                            && row.getLong(2) == truth.trades()
                            && sum(row).compareTo(truth.quantity()) == 0
                            && row.getLong(4) == 0,
                    String.format(
                            Locale.ROOT,
                            "SQL finds %,d trades, each once, with a volume right to the last digit, and nothing deferred",
                            row.getLong(1)));
        }
        List<StreamLedger> streams = ingest.streams();
        checks.that(
                streams.stream().mapToLong(StreamLedger::missing).sum() == truth.missing()
                        && streams.stream().allMatch(stream -> stream.deferred().isEmpty()),
                "the only gaps are the " + truth.gaps() + " that the feed left: none for what was put off");
        return new Outcome(levels, status.transitions(), tally, deferredPeak, status.deferredRecords());
    }

    private static BigDecimal sum(ResultSet row) throws SQLException {
        BigDecimal sum = row.getBigDecimal(3);
        return sum == null ? BigDecimal.ZERO : sum;
    }

    /** The levels came for the first time in order, never went down by more than one, and at last went down them all. */
    private static boolean isUpAndDown(List<DegradationLevel> levels) {
        boolean singleStepsDown = true;
        for (int i = 1; i < levels.size(); i++) {
            singleStepsDown &= levels.get(i).number() >= levels.get(i - 1).number() - 1;
        }
        List<DegradationLevel> down = new ArrayList<>(levels.stream().distinct().toList());
        boolean inOrder = down.equals(List.of(DegradationLevel.values()));
        Collections.reverse(down);
        return inOrder
                && singleStepsDown
                && levels.subList(levels.lastIndexOf(DegradationLevel.CIRCUIT_BREAK), levels.size())
                        .equals(down);
    }

    @Override
    public void close() {
        flow.close();
        try (feed) {
            k2.close();
        }
    }

    /** Makes whoever pays wait, so that each payment takes its time on average. One thread. */
    private static final class Toll {
        private static final long SHORTEST_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

        private long due;

        void pay(Duration price) {
            long now = System.nanoTime();
            due = Math.max(due, now) + price.toNanos();
            while (due - now > SHORTEST_NANOS) {
                LockSupport.parkNanos(due - now);
                now = System.nanoTime();
            }
        }
    }
}
