package io.k2data.examples;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Cut;
import io.k2data.api.Freshness;
import io.k2data.api.FreshnessException;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import io.k2data.kafka.JsonEventSerializer;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.jspecify.annotations.Nullable;

/** One SQL over what is committed and what is not yet, from a cut that is exact and as fresh as one asks for. */
final class QuerySection implements DemoSection {
    private static final String TOPIC = "demo-query";
    private static final int PARTITIONS = 4;
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int EVENTS_PER_SECOND = 300;
    private static final int TRIALS = 200;
    private static final int UNFRESH_EVERY = 5;

    private final JsonEventSerializer<Trade> json = new JsonEventSerializer<>(EventTypes.TRADE);

    /** Trades that a step sends by itself, beside the feed. */
    private long own;

    @Override
    public String name() {
        return "query";
    }

    @Override
    public String title() {
        return "one SQL over Iceberg and Kafka's tail, as fresh as you ask for";
    }

    @Override
    public void run(DemoStage stage) throws Exception {
        stage.kafka().createTopic(TOPIC, PARTITIONS);
        int records = stage.size(40_000, 250_000);
        FeedSimulator.Builder settings = FeedSimulator.builder()
                .seed(3)
                .lateRate(0.001)
                .duplicateRate(0.005)
                .startTime(
                        Instant.now().minusSeconds(records / EVENTS_PER_SECOND).truncatedTo(ChronoUnit.SECONDS))
                .eventsPerSecond(EVENTS_PER_SECOND);
        StreamKey busiest = busiest(settings.build());
        List<Trade> witnessed = new ArrayList<>();
        try (DemoFeed feed = new DemoFeed(stage, TOPIC, settings.build(), record -> {
                    Trade trade = record.trade();
                    if (trade != null
                            && trade.venue().equals(busiest.venue())
                            && trade.symbol().equals(busiest.symbol())) {
                        witnessed.add(trade);
                    }
                });
                K2 k2 = stage.k2(this, Duration.ofSeconds(3))) {
            Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
            showSeam(stage, k2, ingest, feed, records);
            showCandles(stage, k2, busiest, witnessed);
            showBarrier(stage, k2, feed);
            showAtLeast(stage, k2, feed);
            showTwoCuts(stage, k2, ingest, feed);
            showFollower(stage, k2, ingest, feed);
        }
    }

    private static StreamKey busiest(FeedSimulator feed) {
        var unused = feed.take(2_000);
        return feed.truth().streams().entrySet().stream()
                .max(Comparator.comparingLong(stream -> stream.getValue().trades()))
                .orElseThrow()
                .getKey();
    }

    private void showSeam(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed, int records) throws Exception {
        stage.step("One question, two places", """
                Most trades are committed to Iceberg, the last ones are only in Kafka. The usual way is to cut by
                time and to drop what comes twice; examples/run SeamDemo counts how many rows that gets wrong. K2
                cuts by offset: up to the table's offset from the snapshot, from there on from Kafka's tail.""");
        feed.send(records);
        Checks checks = stage.checks();
        checks.await(() -> ingest.tally().consumed() == records, "all records are committed within " + PATIENCE);
        for (int attempt = 1; ; attempt++) {
            feed.send(2_000);
            try (View view = k2.view(Freshness.now(PATIENCE));
                    Statement statement = view.connection().createStatement()) {
                DemoFollower.Span span = DemoFollower.Span.of(view);
                if (span.live() == 0 && attempt < 10) {
                    // A commit came in between, and there is no seam to show.
                    continue;
                }
                FeedTruth truth = feed.truth();
                List<List<@Nullable Object>> answer = stage.ask(
                        statement,
                        "select count(*) as trades, count(distinct (venue, symbol, trade_id)) as different,"
                                + " sum(quantity) as volume from trades");
                stage.say("the cut that this is from:");
                view.cut().tables().forEach((table, cut) -> {
                    stage.say("  table %s, snapshot %s", table, cut.snapshotId().orElse(-1));
                    cut.partitions()
                            .forEach((partition, part) -> stage.say(
                                    "  %s  from Iceberg %,d to %,d, from Kafka's tail %,d to %,d",
                                    partition,
                                    part.startOffset(),
                                    part.tableOffset(),
                                    part.tableOffset(),
                                    part.liveEnd()));
                });
                checks.that(span.history() > 0 && span.live() > 0, "the answer spans both sides of the seam");
                checks.that(
                        answer.equals(List.of(List.of(
                                truth.trades(), truth.trades(), truth.quantity().setScale(10)))),
                        "every trade that Kafka acknowledged is in it, each once, and the volume is right to the last digit");
                return;
            }
        }
    }

    private void showCandles(DemoStage stage, K2 k2, StreamKey stream, List<Trade> witnessed) throws Exception {
        stage.step("A question that research asks", """
                One-minute candles of the busiest stream, in DuckDB's SQL. Which rows are in Iceberg by now and
                which are not is no part of the question.""");
        try (View view = k2.view(Freshness.now(PATIENCE));
                Statement statement = view.connection().createStatement()) {
            List<List<@Nullable Object>> candles = stage.ask(
                    statement,
                    "select date_trunc('minute', event_time) as minute, first(price order by event_time, trade_id) as open,\n"
                            + "  max(price) as high, min(price) as low, last(price order by event_time, trade_id) as close,\n"
                            + "  sum(quantity) as volume, count(*) as trades\n"
                            + "from trades where venue = '" + stream.venue() + "' and symbol = '" + stream.symbol()
                            + "' group by 1 order by 1");
            View.Files files = Objects.requireNonNull(view.filesRead().get("trades"));
            stage.say("from %d of %d files of history, and what is not committed yet", files.read(), files.of());
            String minute = String.valueOf(Objects.requireNonNull(candles.get(1).get(0)));
            List<List<@Nullable Object>> second = stage.ask(
                    statement,
                    "select count(*) as trades, sum(quantity) as volume from trades where venue = '" + stream.venue()
                            + "' and symbol = '" + stream.symbol() + "'\n  and event_time >= '" + minute
                            + "' and event_time < timestamptz '" + minute + "' + interval 1 minute");
            View.Files fewer = Objects.requireNonNull(view.filesRead().get("trades"));
            stage.say("from %d of %d files: that minute is in no other", fewer.read(), fewer.of());
            stage.checks()
                    .that(
                            fewer.read() <= files.read()
                                    && second.equals(List.of(List.of(
                                            Objects.requireNonNull(
                                                    candles.get(1).get(6)),
                                            Objects.requireNonNull(
                                                    candles.get(1).get(5))))),
                            "one minute alone is the same, and reads no more files than it needs");
            stage.checks()
                    .that(
                            comparable(candles).equals(expectedCandles(witnessed)),
                            "open, high, low, close and volume are those of the trades that were sent, computed in Java");
        }
    }

    /** Rows as text, so that decimals of different scales can be equal. */
    private static List<String> comparable(List<List<@Nullable Object>> candles) {
        return candles.stream()
                .map(row -> row.stream()
                        .map(value -> value instanceof OffsetDateTime time
                                ? time.toInstant().toString()
                                : value instanceof BigDecimal number ? plain(number) : String.valueOf(value))
                        .collect(Collectors.joining(" ")))
                .toList();
    }

    private static List<String> expectedCandles(List<Trade> witnessed) {
        Map<Instant, List<Trade>> minutes = new TreeMap<>();
        Set<Long> ids = new HashSet<>();
        for (Trade trade : witnessed) {
            if (ids.add(Objects.requireNonNull(trade.tradeId()))) {
                minutes.computeIfAbsent(trade.eventTime().truncatedTo(ChronoUnit.MINUTES), minute -> new ArrayList<>())
                        .add(trade);
            }
        }
        List<String> candles = new ArrayList<>();
        minutes.forEach((minute, trades) -> {
            trades.sort(Comparator.comparing(Trade::eventTime).thenComparing(QuerySection::id));
            List<BigDecimal> prices = trades.stream().map(Trade::price).sorted().toList();
            candles.add(String.join(
                    " ",
                    minute.toString(),
                    plain(trades.get(0).price()),
                    plain(prices.get(prices.size() - 1)),
                    plain(prices.get(0)),
                    plain(trades.get(trades.size() - 1).price()),
                    plain(trades.stream().map(Trade::quantity).reduce(BigDecimal.ZERO, BigDecimal::add)),
                    String.valueOf(trades.size())));
        });
        return candles;
    }

    private static long id(Trade trade) {
        return Objects.requireNonNull(trade.tradeId());
    }

    private static String plain(BigDecimal number) {
        return number.stripTrailingZeros().toPlainString();
    }

    private void showBarrier(DemoStage stage, K2 k2, DemoFeed feed) throws Exception {
        stage.step("It was acknowledged: is it there?", """
                A trade is sent, Kafka acknowledges it, and at once somebody asks. Freshness.now asks Kafka how
                far it reaches and waits until that has been read; it answers with all of it, or fails by name.
                %d times, while a feed of 1,000 trades a second goes on.""".formatted(TRIALS));
        int there = 0;
        int thereAnyway = 0;
        double[] waits = new double[TRIALS];
        try (DemoFeed.Flow flow = feed.flow(1_000)) {
            for (int trial = 0; trial < TRIALS; trial++) {
                if (trial % UNFRESH_EVERY == 0) {
                    long unfresh = sendOwn(feed).id();
                    try (View asItIs = k2.view(Freshness.asFreshAsIs())) {
                        thereAnyway += holds(asItIs, unfresh) ? 1 : 0;
                    }
                }
                long id = sendOwn(feed).id();
                long asked = System.nanoTime();
                try (View fresh = k2.view(Freshness.now(PATIENCE))) {
                    waits[trial] = (System.nanoTime() - asked) / 1e6;
                    there += holds(fresh, id) ? 1 : 0;
                }
            }
        }
        Arrays.sort(waits);
        stage.say("as it is:  there %d of %d times, with no wait", thereAnyway, TRIALS / UNFRESH_EVERY);
        stage.say(
                "fresh:     there %d of %d times; the wait was %.1f ms in the median, %.1f ms or less in 95 of 100, %.1f ms at most",
                there, TRIALS, waits[TRIALS / 2], waits[TRIALS * 95 / 100], waits[TRIALS - 1]);
        stage.checks().that(there == TRIALS, "with the read barrier it is always there");
    }

    private void showAtLeast(DemoStage stage, K2 k2, DemoFeed feed) throws Exception {
        stage.step("Up to what I sent myself", """
                A producer knows the offsets of its own acknowledgements. Freshness.atLeast waits for these and
                for nobody else's; and what cannot be had in time is an error that names what lags, never a
                smaller answer.""");
        Own sent = sendOwn(feed);
        Map<Integer, Long> next =
                Map.of(sent.position().partition(), sent.position().offset() + 1);
        try (View view = k2.view(Freshness.atLeast(TOPIC, next, PATIENCE))) {
            stage.say(
                    "sent to %s-%d @ %,d, asked for everything up to there",
                    TOPIC, sent.position().partition(), sent.position().offset());
            stage.checks().that(holds(view, sent.id()), "the trade that was sent is in the answer");
        }
        Map<Integer, Long> never =
                Map.of(sent.position().partition(), sent.position().offset() + 1_000_000);
        String refusal = "";
        try {
            k2.view(Freshness.atLeast(TOPIC, never, Duration.ofMillis(300))).close();
        } catch (FreshnessException e) {
            refusal = String.valueOf(e.getMessage());
        }
        stage.say("asked for a million more, with 300 ms to wait:");
        stage.say("  %s", Shown.text(refusal, 200));
        stage.checks()
                .that(
                        refusal.contains(TOPIC + "-" + sent.position().partition()),
                        "that is an error, which names the partition that lags");
    }

    private void showTwoCuts(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed) throws Exception {
        stage.step("The same question at two cuts", """
                A view stays where it was pinned, however much is read and committed meanwhile: a report of many
                questions is about one state. And a cut can be asked for again, in offsets, from a later view.""");
        Checks checks = stage.checks();
        String question = "select count(*), sum(quantity) from trades";
        try (View earlier = k2.view(Freshness.now(PATIENCE))) {
            String before = answer(earlier, question);
            long committed = ingest.tally().consumed();
            try (DemoFeed.Flow flow = feed.flow(2_000)) {
                checks.await(
                        () -> ingest.tally().consumed() > committed + stage.size(2_000, 8_000),
                        "commits go on within " + PATIENCE);
            }
            try (View later = k2.view(Freshness.now(PATIENCE))) {
                String again = answer(earlier, question);
                String now = answer(later, question);
                stage.say("earlier view, snapshot %s: %s", snapshot(earlier), before);
                stage.say("later view,   snapshot %s: %s", snapshot(later), now);
                stage.say("earlier view once more:                     %s", again);
                checks.that(!snapshot(earlier).equals(snapshot(later)), "there were commits in between");
                checks.that(before.equals(again), "the earlier view answers as before");
                checks.that(!before.equals(now), "the later view has more");
                String then = answer(later, question + " where " + below(earlier.cut()));
                stage.say("later view, up to the earlier cut:          %s", then);
                checks.that(
                        then.equals(before), "asked up to the offsets of the earlier cut, it gives the earlier answer");
            }
        }
    }

    private static String below(Cut cut) {
        return cut.tables().values().iterator().next().partitions().entrySet().stream()
                .map(each -> "(kafka_partition = " + each.getKey().partition() + " and kafka_offset < "
                        + each.getValue().liveEnd() + ")")
                .collect(Collectors.joining(" or "));
    }

    private void showFollower(DemoStage stage, K2 k2, Ingest ingest, DemoFeed feed) throws Exception {
        stage.step("A second process, the same answer", """
                A follower reads the same topic and table, and commits nothing: a process for queries alone. Both
                are asked at the same time. Where the seam is, is each one's own matter; the answer is not.""");
        Checks checks = stage.checks();
        int trials = stage.size(4, 12);
        int same = 0;
        try (DemoFollower follower =
                DemoFollower.launch(stage.kafka().bootstrapServers(), stage.directory(this), TOPIC)) {
            for (int trial = 0; trial < trials; trial++) {
                feed.send(1_500, stage.size(50_000, 1_500));
                CompletableFuture<DemoFollower.Answer> other = CompletableFuture.supplyAsync(() -> {
                    try {
                        return follower.ask();
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                });
                DemoFollower.Answer writer = DemoFollower.Answer.of(k2);
                DemoFollower.Answer answered = other.join();
                boolean equal = writer.sameAs(answered) && holdsAll(answered, feed.truth());
                same += equal ? 1 : 0;
                stage.say(
                        "writer %,d trades (%,d records from Iceberg + %,d)   follower %,d (%,d + %,d)   %s",
                        writer.trades(),
                        writer.history(),
                        writer.live(),
                        answered.trades(),
                        answered.history(),
                        answered.live(),
                        equal ? "same" : "DIFFERENT");
            }
            checks.that(same == trials, "count and volume were the same each time, and those of the feed");
            ingest.close();
            feed.send(1_500);
            DemoFollower.Answer alone = follower.ask();
            stage.say("The writer stops; 1,500 more records go into Kafka, and nobody commits them.");
            stage.say("follower %,d trades (%,d + %,d)", alone.trades(), alone.history(), alone.live());
            checks.that(
                    holdsAll(alone, feed.truth()),
                    "the follower has them all the same: every trade that was ever sent, each once");
        }
    }

    /** Whether an answer is all that was ever sent: the feed's trades, and ours of one share each. */
    private boolean holdsAll(DemoFollower.Answer answer, FeedTruth truth) {
        return answer.trades() == truth.trades() + own
                && new BigDecimal(answer.volume()).compareTo(truth.quantity().add(BigDecimal.valueOf(own))) == 0;
    }

    private record Own(long id, RecordMetadata position) {}

    /** Sends a trade of our own, of one share. */
    private Own sendOwn(DemoFeed feed) throws Exception {
        long id = ++own;
        Trade trade = Trade.of("desk", "PROBE", id)
                .at(Instant.now().truncatedTo(ChronoUnit.MICROS))
                .priced(BigDecimal.TEN, BigDecimal.ONE)
                .build();
        byte[] value = Objects.requireNonNull(json.serialize(TOPIC, trade));
        return new Own(
                id,
                feed.sendOne(
                        "desk/PROBE".getBytes(StandardCharsets.UTF_8),
                        value,
                        trade.eventTime().toEpochMilli()));
    }

    private static boolean holds(View view, long id) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet rows = statement.executeQuery(
                        "select count(*) from trades where venue = 'desk' and trade_id = " + id)) {
            rows.next();
            return rows.getLong(1) == 1;
        }
    }

    private static String answer(View view, String question) throws SQLException {
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery(question)) {
            row.next();
            return Shown.value(row.getLong(1)) + " trades, volume " + Shown.value(row.getBigDecimal(2));
        }
    }

    private static String snapshot(View view) {
        return String.valueOf(
                view.cut().tables().values().iterator().next().snapshotId().orElse(-1));
    }
}
