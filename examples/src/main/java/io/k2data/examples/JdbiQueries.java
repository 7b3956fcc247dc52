package io.k2data.examples;

import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.event.EventTypes;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;

/** Jdbi on K2's data source, as it is. */
public final class JdbiQueries {
    private static final String USAGE = """
            usage: examples/run JdbiQueries
            Exits with 1 if an answer is not what was sent.""";
    private static final int RECORDS = 5_000;

    private JdbiQueries() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        Arguments.parse(USAGE, List.of(), args);
        Checks checks = new Checks();
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess();
                K2 k2 = K2.builder()
                        .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                        .warehouse(workspace.directory().resolve("warehouse"))
                        .spool(workspace.directory().resolve("spool"))
                        .build()) {
            kafka.createTopic("trades", 2);
            FeedSimulator feed = FeedSimulator.builder().seed(1).symbols(5).build();
            Feeds.send(kafka.bootstrapServers(), "trades", feed, RECORDS);
            k2.ingest(EventTypes.TRADE, "trades").start();

            Jdbi jdbi = Jdbi.create(k2.dataSource(Freshness.now(Duration.ofMinutes(1))));
            BigDecimal volume = jdbi.withHandle(
                    handle -> handle.createQuery("select sum(quantity) from trades where price > :floor")
                            .bind("floor", 0)
                            .mapTo(BigDecimal.class)
                            .one());
            System.out.println("volume " + volume);
            checks.that(volume.compareTo(feed.truth().quantity()) == 0, "every trade acknowledged is in the answer");

            // Outside of a transaction each statement has a cut of its own; inside, all have the first one's.
            List<Long> counts = jdbi.inTransaction(handle -> {
                long first = handle.select("select count(*) from trades")
                        .mapTo(Long.class)
                        .one();
                Feeds.send(kafka.bootstrapServers(), "trades", feed, RECORDS);
                long second = handle.select("select count(*) from trades")
                        .mapTo(Long.class)
                        .one();
                return List.of(first, second);
            });
            System.out.println("twice in one transaction, with records coming in between: " + counts);
            checks.that(counts.get(0).equals(counts.get(1)), "a transaction stays at its cut");
        }
        System.exit(checks.result());
    }
}
