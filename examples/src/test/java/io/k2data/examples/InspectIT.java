package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.K2;
import io.k2data.api.event.EventTypes;
import io.k2data.iceberg.Warehouses;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.expressions.Expressions;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectIT {
    private static final int RECORDS = 5_000;

    @TempDir
    Path directory;

    @Test
    void saysWhatATableHoldsAndHowItDiffersFromItsTopic() throws Exception {
        try (EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic("ticks", 2);
            FeedSimulator feed = FeedSimulator.builder()
                    .seed(5)
                    .symbols(20)
                    .duplicateRate(0.02)
                    .malformedRate(0.01)
                    .build();
            Feeds.send(kafka.bootstrapServers(), "ticks", feed, RECORDS);
            ingest(kafka);
            String[] all = {
                "--warehouse",
                directory.resolve("warehouse").toString(),
                "--bootstrap-servers",
                kafka.bootstrapServers(),
                "--difference"
            };
            ExampleRun sound = ExampleRun.of(Inspect.class, all);
            assertThat(sound.exitCode()).as(sound.output() + sound.errors()).isZero();
            assertThat(sound.output())
                    .contains("table k2.trades at")
                    .contains("the table is 0 behind")
                    .contains("5,000 records in the topic: %,d have a row, %,d are dead letters, %,d have neither"
                            .formatted(
                                    feed.truth().trades(),
                                    feed.truth().malformedRecords(),
                                    feed.truth().duplicates()))
                    .doesNotContain("PROBLEM");

            // Somebody deletes a file of rows behind K2's back.
            Table table =
                    Warehouses.local(directory.resolve("warehouse")).loadTable(TableIdentifier.of("k2", "trades"));
            table.newDelete().deleteFromRowFilter(Expressions.alwaysTrue()).commit();
            ExampleRun deleted = ExampleRun.of(Inspect.class, all);
            assertThat(deleted.exitCode()).as(deleted.output()).isEqualTo(1);
            assertThat(deleted.output()).contains("PROBLEM: the table says that");

            Feeds.send(kafka.bootstrapServers(), "ticks", feed, RECORDS);
            kafka.admin()
                    .deleteRecords(Map.of(new TopicPartition("ticks", 0), RecordsToDelete.beforeOffset(-1)))
                    .all()
                    .get();
            ExampleRun gone = ExampleRun.of(Inspect.class, all);
            assertThat(gone.exitCode()).isEqualTo(1);
            assertThat(gone.output()).contains("are gone from the log and not in the table");
        }
    }

    private void ingest(EmbeddedKafka kafka) {
        try (K2 k2 = K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory.resolve("warehouse"))
                .spool(directory.resolve("spool"))
                .commitInterval(Duration.ofMillis(200))
                .build()) {
            k2.ingest(EventTypes.TRADE, "ticks").start();
            k2.view(io.k2data.api.Freshness.now(Duration.ofMinutes(1))).close();
        }
    }

    @Test
    void badArgumentsAreExplained() throws Exception {
        assertThat(ExampleRun.of(Inspect.class, "--help").exitCode()).isZero();
        ExampleRun none = ExampleRun.of(Inspect.class, "--warehouse", "/nowhere");
        assertThat(none.exitCode()).isEqualTo(2);
        assertThat(none.errors()).contains("/nowhere is no directory");
        ExampleRun empty = ExampleRun.of(Inspect.class, "--warehouse", directory.toString());
        assertThat(empty.exitCode()).isEqualTo(1);
        assertThat(empty.errors()).contains("there is no table k2.trades");
    }
}
