package com.acme.research;

import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;

/** The lines of K2's README, in a project that knows K2 by its artifacts only. */
public final class TwentyLines {
    private TwentyLines() {}

    public static void main(String[] args) throws Exception {
        long trades = 0;
        BigDecimal quantity = BigDecimal.ZERO;
        FeedSimulator feed = FeedSimulator.builder().seed(1).symbols(5).build();
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("trades", 2);
            Feeds.send(kafka.bootstrapServers(), "trades", feed, 5_000);
            try (K2 k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(Path.of(args[0], "warehouse"))
                    .build()) {
                k2.ingest(EventTypes.TRADE, "trades").start();
                try (View view = k2.view(Freshness.now(Duration.ofSeconds(30)));
                        Statement statement = view.connection().createStatement();
                        ResultSet rows = statement.executeQuery(
                                "select symbol, count(*), sum(quantity) from trades group by symbol")) {
                    while (rows.next()) {
                        System.out.println(rows.getString(1) + " " + rows.getLong(2) + " " + rows.getBigDecimal(3));
                        trades += rows.getLong(2);
                        quantity = quantity.add(rows.getBigDecimal(3));
                    }
                    System.out.println(view.cut());
                }
            }
        }
        if (trades != feed.truth().trades() || quantity.compareTo(feed.truth().quantity()) != 0) {
            System.err.println("found " + trades + " trades of " + quantity + ", sent " + feed.truth());
            System.exit(1);
        }
        System.out.println("from outside: " + trades + " trades, quantity " + quantity + ", as sent");
    }
}
