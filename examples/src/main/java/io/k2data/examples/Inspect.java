package io.k2data.examples;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.iceberg.TableStatus;
import io.k2data.iceberg.TableStatus.PartitionStatus;
import io.k2data.iceberg.Warehouses;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Tally;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.iceberg.catalog.Catalog;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.duckdb.DuckDBAppender;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * Says in words what a table holds, whether its counts add up, and, given a Kafka, how it differs from its topic. It reads
 * the table's files and the topic by itself and asks no running ingest.
 */
public final class Inspect {
    private static final String USAGE = """
            usage: examples/run Inspect --warehouse DIR [--table NAME] [--bootstrap-servers HOST:PORT [--difference]]
              --warehouse DIR          where the table is
              --table NAME             which one (trades)
              --bootstrap-servers ...  compares the table's offsets with the topic: lag, ranges that are gone
              --difference             reads the topic from the table's start offsets to its table offsets, and says what
                                       became of every record: stored, a duplicate, a dead letter, or unaccounted for
            Exits with 0 if all adds up, 1 if something does not, 2 if the arguments are wrong.""";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private boolean sound = true;

    private Inspect() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        Arguments arguments = Arguments.parse(
                USAGE, List.of("--warehouse", "--table", "--bootstrap-servers"), List.of("--difference"), args);
        Path warehouse = Path.of(arguments.needed(USAGE, "--warehouse"));
        String named = arguments.text("--table");
        String table = named == null ? "trades" : named;
        String brokers = arguments.text("--bootstrap-servers");
        if (!Files.isDirectory(warehouse)) {
            throw Arguments.refuse(USAGE, "--warehouse: " + warehouse + " is no directory");
        }
        if (arguments.flag("--difference") && brokers == null) {
            throw Arguments.refuse(USAGE, "--difference needs --bootstrap-servers");
        }
        Inspect inspect = new Inspect();
        try {
            Catalog catalog = Warehouses.local(warehouse);
            try {
                TableStatus status = TableStatus.read(catalog, table);
                inspect.describe(status);
                if (brokers != null) {
                    inspect.compare(status, brokers, arguments.flag("--difference"));
                }
            } finally {
                if (catalog instanceof AutoCloseable closeable) {
                    closeable.close();
                }
            }
        } catch (K2Exception | KafkaException e) {
            System.err.println(Shown.text(String.valueOf(e.getMessage()), 2_000));
            System.exit(1);
        } catch (Exception e) {
            System.err.println(Shown.text(e.toString(), 2_000));
            System.exit(1);
        }
        System.exit(inspect.sound ? 0 : 1);
    }

    private void describe(TableStatus status) {
        say("table %s at %s", status.name(), status.location());
        say(
                "  %,d rows in %,d files of %,.1f MB, %d snapshots kept, the last of %s",
                status.rows(), status.files().size(), status.bytes() / 1e6, status.snapshots(), status.committedAt());
        if (status.deleteFiles() > 0) {
            say("  %d delete files apply: somebody else deletes rows", status.deleteFiles());
        }
        long stored = 0;
        for (Map.Entry<LogPartition, PartitionStatus> entry : new TreeMap<>(status.partitions()).entrySet()) {
            PartitionState state = entry.getValue().state();
            Tally tally = state.tally();
            stored += tally.stored();
            say(
                    "%s: table offset %,d (from %,d on), leader epoch %s, last commit %s",
                    entry.getKey(),
                    state.next().offset(),
                    state.startOffset(),
                    state.next().leaderEpoch().isPresent()
                            ? String.valueOf(state.next().leaderEpoch().getAsInt())
                            : "unknown",
                    entry.getValue().committedAt() == null
                            ? entry.getValue().commitId() + ", its snapshot has expired"
                            : entry.getValue().committedAt());
            say(
                    "  consumed %,d = stored %,d + duplicate %,d + rejected %,d + deferred %,d + lost %,d; skipped %,d,"
                            + " foreign %,d",
                    tally.consumed(),
                    tally.stored(),
                    tally.duplicate(),
                    tally.rejected(),
                    tally.deferred(),
                    tally.lost(),
                    tally.skipped(),
                    tally.foreign());
            check(
                    tally.conserves(state.startOffset(), state.next().offset()),
                    "its counts do not add up to its offsets");
            check(tally.lost() == 0, tally.lost() + " records were lost to retention");
        }
        check(!status.partitions().isEmpty(), "the table holds no offsets: K2 has not written it");
        if (stored != status.rows()) {
            say("  %,d rows were stored from Kafka, the table has %,d: the others are not K2's", stored, status.rows());
        }
    }

    private void compare(TableStatus status, String brokers, boolean difference) throws SQLException {
        if (status.partitions().isEmpty()) {
            return;
        }
        String topic = status.partitions().keySet().iterator().next().topic();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", brokers, "isolation.level", "read_committed"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            Map<TopicPartition, PartitionState> states =
                    new TreeMap<>((a, b) -> Integer.compare(a.partition(), b.partition()));
            status.partitions()
                    .forEach((partition, found) ->
                            states.put(new TopicPartition(topic, partition.partition()), found.state()));
            Map<TopicPartition, Long> starts = consumer.beginningOffsets(states.keySet(), PATIENCE);
            Map<TopicPartition, Long> ends = consumer.endOffsets(states.keySet(), PATIENCE);
            say("topic %s at %s", topic, brokers);
            states.forEach((partition, state) -> {
                long next = state.next().offset();
                say(
                        "  %s holds [%,d, %,d): the table is %,d behind",
                        partition,
                        starts.getOrDefault(partition, 0L),
                        ends.getOrDefault(partition, 0L),
                        Math.max(0, ends.getOrDefault(partition, 0L) - next));
                check(
                        next <= ends.getOrDefault(partition, 0L),
                        "the table is ahead of the log: it was truncated, or this is another Kafka");
                check(
                        starts.getOrDefault(partition, 0L) <= next,
                        "offsets [" + next + ", " + starts.getOrDefault(partition, 0L)
                                + ") are gone from the log and not in the table");
            });
            if (difference) {
                difference(status, topic, consumer, states, starts);
            }
        }
    }

    /** Reads both sides by themselves, and compares positions. */
    private void difference(
            TableStatus status,
            String topic,
            KafkaConsumer<byte[], byte[]> consumer,
            Map<TopicPartition, PartitionState> states,
            Map<TopicPartition, Long> starts)
            throws SQLException {
        try (DuckDBConnection duck = (DuckDBConnection) DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = duck.createStatement()) {
            statement.execute("create table log (kafka_partition int, kafka_offset bigint)");
            statement.execute("create table letters (kafka_partition int, kafka_offset bigint)");
            Map<TopicPartition, Long> to = new TreeMap<>((a, b) -> Integer.compare(a.partition(), b.partition()));
            Map<TopicPartition, Long> from = new TreeMap<>((a, b) -> Integer.compare(a.partition(), b.partition()));
            for (Map.Entry<TopicPartition, PartitionState> state : states.entrySet()) {
                from.put(
                        state.getKey(),
                        Math.max(
                                starts.getOrDefault(state.getKey(), 0L),
                                state.getValue().startOffset()));
                to.put(state.getKey(), state.getValue().next().offset());
            }
            load(duck, "log", consumer, from, to, topic, false);
            letters(duck, consumer, status, topic);
            statement.execute("create table rows as select kafka_partition, kafka_offset from "
                    + (status.files().isEmpty()
                            ? "log where false"
                            : "read_parquet(" + literals(status.files()) + ") where kafka_offset is not null"));
            Tally sum = states.values().stream().map(PartitionState::tally).reduce(Tally.ZERO, Tally::plus);
            long records = count(statement, "select count(*) from log");
            long stored =
                    count(statement, "select count(*) from log semi join rows using (kafka_partition, kafka_offset)");
            long rejected = count(
                    statement,
                    "select count(*) from (select * from log anti join rows using (kafka_partition, kafka_offset)) semi join"
                            + " letters using (kafka_partition, kafka_offset)");
            long doubled = count(
                    statement,
                    "select coalesce(sum(n - 1), 0) from (select count(*) as n from rows group by kafka_partition,"
                            + " kafka_offset)");
            long without =
                    count(statement, "select count(*) from rows anti join log using (kafka_partition, kafka_offset)");
            long others = records - stored - rejected;
            say("difference of the table to the topic, up to the table offsets");
            say(
                    "  %,d records in the topic: %,d have a row, %,d are dead letters, %,d have neither",
                    records, stored, rejected, others);
            check(doubled == 0, doubled + " rows stand at a position that has one already");
            boolean isWhole = states.entrySet().stream()
                    .allMatch(entry -> from.getOrDefault(entry.getKey(), -1L)
                            == entry.getValue().startOffset());
            if (isWhole) {
                check(
                        others == sum.duplicate() + sum.deferred() + sum.foreign(),
                        "the table says that " + (sum.duplicate() + sum.deferred() + sum.foreign())
                                + " are duplicates, deferred or foreign");
                check(without == 0, without + " rows stand at positions that the topic does not have");
            } else {
                say("  the log's beginning is gone: %,d rows are older than what it still holds", without);
            }
        }
    }

    private void letters(
            DuckDBConnection duck, KafkaConsumer<byte[], byte[]> consumer, TableStatus status, String topic)
            throws SQLException {
        String letters = topic + ".k2-dlq";
        if (!consumer.listTopics(PATIENCE).containsKey(letters)) {
            return;
        }
        List<TopicPartition> partitions = consumer.partitionsFor(letters, PATIENCE).stream()
                .map(info -> new TopicPartition(letters, info.partition()))
                .toList();
        load(
                duck,
                "letters",
                consumer,
                consumer.beginningOffsets(partitions, PATIENCE),
                consumer.endOffsets(partitions, PATIENCE),
                status.name().substring(status.name().lastIndexOf('.') + 1),
                true);
    }

    private static void load(
            DuckDBConnection duck,
            String into,
            KafkaConsumer<byte[], byte[]> consumer,
            Map<TopicPartition, Long> from,
            Map<TopicPartition, Long> to,
            String table,
            boolean areLetters)
            throws SQLException {
        consumer.assign(from.keySet());
        from.forEach(consumer::seek);
        long read = 0;
        long shown = System.nanoTime();
        try (DuckDBAppender row = duck.createAppender("main", into)) {
            while (to.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    read++;
                    if (areLetters) {
                        if (table.equals(header(record, "k2.table"))) {
                            append(
                                    row,
                                    Integer.parseInt(header(record, "k2.partition")),
                                    Long.parseLong(header(record, "k2.offset")));
                        }
                    } else if (record.offset()
                            < to.getOrDefault(new TopicPartition(record.topic(), record.partition()), 0L)) {
                        append(row, record.partition(), record.offset());
                    }
                }
                if (System.nanoTime() - shown > Duration.ofSeconds(2).toNanos()) {
                    shown = System.nanoTime();
                    System.err.printf(Locale.ROOT, "read %,d records%n", read);
                }
            }
        }
    }

    private static void append(DuckDBAppender row, int partition, long offset) throws SQLException {
        row.beginRow();
        row.append(partition);
        row.append(offset);
        row.endRow();
    }

    private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
        Header header = record.headers().lastHeader(name);
        return header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
    }

    private static String literals(List<String> files) {
        return files.stream()
                .map(file -> "'" + file.replaceFirst("^file:/+", "/").replace("'", "''") + "'")
                .collect(Collectors.joining(", ", "[", "]"));
    }

    private static long count(Statement statement, String query) throws SQLException {
        try (ResultSet result = statement.executeQuery(query)) {
            result.next();
            return result.getLong(1);
        }
    }

    private void check(boolean holds, String otherwise) {
        if (!holds) {
            sound = false;
            say("  PROBLEM: %s", otherwise);
        }
    }

    private static void say(String format, @Nullable Object... values) {
        System.out.println(Shown.text(String.format(Locale.ROOT, format, values), 4_000));
    }
}
