package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.K2Exception;
import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.LostRangeException;
import io.k2data.api.TopicRecreatedException;
import io.k2data.pipeline.EventLog.Bounds;
import io.k2data.pipeline.LogBatch;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.testkit.EmbeddedKafka;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class KafkaEventLogIT {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final long OLD = 1_000_000_000_000L;

    @SuppressWarnings("NullAway.Init")
    private static EmbeddedKafka kafka;

    private String topic = "";

    @BeforeAll
    static void start() {
        kafka = EmbeddedKafka.inProcess();
    }

    @AfterAll
    static void stop() {
        kafka.close();
    }

    @BeforeEach
    void nameTopic(TestInfo test) {
        topic = test.getTestMethod().orElseThrow().getName();
    }

    @Test
    void recordsComeWithPositionsKeysValuesHeadersAndTimes() throws Exception {
        kafka.createTopic(topic, 3);
        try (var producer = producer(Map.of());
                var log = open()) {
            for (int i = 0; i < 300; i++) {
                var record = new ProducerRecord<>(topic, i % 2, OLD + i, bytes("k" + i), bytes("v" + i));
                if (i == 0) {
                    record.headers().add("h", bytes("1")).add("h", null).add("g", bytes("2"));
                }
                producer.send(record).get();
            }
            producer.send(new ProducerRecord<byte[], byte[]>(topic, 0, (Long) OLD, null, null))
                    .get();

            Map<LogPartition, Bounds> bounds = log.bounds();
            assertThat(bounds.keySet()).extracting(LogPartition::partition).containsExactly(0, 1, 2);
            assertThat(bounds.values()).containsExactly(new Bounds(0, 151), new Bounds(0, 150), new Bounds(0, 0));
            LogPartition first = bounds.keySet().iterator().next();
            try (Admin admin = kafka.admin()) {
                assertThat(first.clusterId())
                        .isEqualTo(admin.describeCluster().clusterId().get());
                assertThat(first.topicId())
                        .isEqualTo(description(admin, topic).topicId().toString());
                assertThat(first.topic()).isEqualTo(topic);
            }

            log.assign(starts(bounds));
            Read read = read(log, bounds);
            assertThat(read.records).hasSize(301);
            LogRecord one = read.records.stream()
                    .filter(record -> record.partition().equals(first))
                    .findFirst()
                    .orElseThrow();
            assertThat(one.offset()).isZero();
            assertThat(one.timestampMillis()).isEqualTo(OLD);
            assertThat(one.key()).asString(UTF_8).isEqualTo("k0");
            assertThat(one.value()).asString(UTF_8).isEqualTo("v0");
            assertThat(one.headers()).extracting(LogRecord.Header::key).containsExactly("h", "h", "g");
            assertThat(one.headers().get(1).value()).isNull();
            LogRecord last = read.records.stream()
                    .filter(record -> record.partition().equals(first) && record.offset() == 150)
                    .findFirst()
                    .orElseThrow();
            assertThat(last.key()).isNull();
            assertThat(last.value()).isNull();
            assertThat(last.headers()).isEmpty();
            assertThat(read.next.get(first)).isEqualTo(new LogOffset(151, OptionalInt.of(0)));
        }
    }

    @Test
    void readingGoesOnFromAnOffset() throws Exception {
        kafka.createTopic(topic, 1);
        send(topic, 0, 10);
        try (var log = open()) {
            Map<LogPartition, Bounds> bounds = log.bounds();
            LogPartition partition = bounds.keySet().iterator().next();
            log.assign(Map.of(partition, new LogOffset(7, OptionalInt.of(0))));
            assertThat(read(log, bounds).records).extracting(LogRecord::offset).containsExactly(7L, 8L, 9L);
            // And again from before, as after any trouble.
            log.assign(Map.of(partition, LogOffset.of(8)));
            assertThat(read(log, bounds).records).extracting(LogRecord::offset).containsExactly(8L, 9L);
        }
    }

    @Test
    void nextOffsetPassesControlRecordsAndAbortedTransactions() throws Exception {
        kafka.createTopic(topic, 1);
        try (var log = open();
                var producer = producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            transact(producer, 3, true); // 0 to 2, marker 3
            transact(producer, 4, false); // 4 to 7, marker 8
            transact(producer, 2, true); // 9, 10, marker 11
            transact(producer, 5, false); // 12 to 16, marker 17

            Map<LogPartition, Bounds> bounds = boundsUpTo(log, 18);
            log.assign(starts(bounds));
            Read read = read(log, bounds);
            assertThat(read.records).extracting(LogRecord::offset).containsExactly(0L, 1L, 2L, 9L, 10L);
            assertThat(read.next.values()).containsExactly(new LogOffset(18, OptionalInt.of(0)));

            // From a position behind which there is no record at all.
            LogPartition partition = bounds.keySet().iterator().next();
            log.assign(Map.of(partition, LogOffset.of(12)));
            Read nothing = read(log, bounds);
            assertThat(nothing.records).isEmpty();
            assertThat(nothing.next.values()).containsExactly(new LogOffset(18, OptionalInt.of(0)));

            // From the marker itself.
            log.assign(Map.of(partition, LogOffset.of(17)));
            assertThat(read(log, bounds).next.values()).containsExactly(new LogOffset(18, OptionalInt.of(0)));
        }
    }

    @Test
    void openTransactionIsBeyondTheStableEnd() throws Exception {
        kafka.createTopic(topic, 1);
        send(topic, 0, 2);
        try (var log = open();
                var dirty = KafkaEventLog.open(
                        Map.of("bootstrap.servers", kafka.bootstrapServers(), "isolation.level", "read_uncommitted"),
                        topic);
                var producer = producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, OLD, null, bytes("open")))
                    .get();
            assertThat(log.bounds().values()).containsExactly(new Bounds(0, 2));
            assertThat(dirty.bounds().values()).containsExactly(new Bounds(0, 3));
            dirty.assign(starts(dirty.bounds()));
            assertThat(read(dirty, dirty.bounds()).records).hasSize(3);
            // Above the last stable offset, and in the log all the same.
            log.assign(Map.of(log.bounds().keySet().iterator().next(), LogOffset.of(3)));
            producer.commitTransaction();
            Map<LogPartition, Bounds> bounds = boundsUpTo(log, 4);
            log.assign(starts(bounds));
            assertThat(read(log, bounds).records).hasSize(3);
        }
    }

    @Test
    void rangeThatWasDeletedIsNamed() throws Exception {
        kafka.createTopic(topic, 2);
        send(topic, 0, 10);
        send(topic, 1, 10);
        try (var log = open()) {
            Map<LogPartition, Bounds> bounds = log.bounds();
            log.assign(starts(bounds));
            deleteBefore(topic, 1, 6);
            assertThat(log.bounds().values()).containsExactly(new Bounds(0, 10), new Bounds(6, 10));

            assertThatThrownBy(() -> log.assign(starts(bounds)))
                    .isInstanceOf(LostRangeException.class)
                    .hasMessageStartingWith(topic + "-1: offsets [0, 6) are gone from the log, which begins at 6 now");

            Map<LogPartition, LogOffset> rest = starts(log.bounds());
            log.assign(rest);
            assertThat(read(log, bounds).records).hasSize(14);
        }
    }

    @Test
    void rangeThatIsDeletedWhileReadingIsNamed() throws Exception {
        kafka.createTopic(topic, 1);
        send(topic, 0, 10);
        try (var log = open()) {
            Map<LogPartition, Bounds> bounds = log.bounds();
            log.assign(starts(bounds));
            deleteBefore(topic, 0, 6);
            assertThatThrownBy(() -> pollUntil(log, () -> false))
                    .isInstanceOf(LostRangeException.class)
                    .hasMessageStartingWith(topic + "-0: offsets [0, 6) are gone from the log");
            // It stays that way until somebody acts.
            assertThatThrownBy(() -> pollUntil(log, () -> false)).isInstanceOf(LostRangeException.class);
            log.assign(starts(log.bounds()));
            assertThat(read(log, bounds).records).hasSize(4);
        }
    }

    @Test
    void offsetBeyondTheEndIsNamed() throws Exception {
        kafka.createTopic(topic, 1);
        send(topic, 0, 3);
        try (var log = open()) {
            LogPartition partition = log.bounds().keySet().iterator().next();
            log.assign(Map.of(partition, LogOffset.of(3)));
            assertThatThrownBy(() -> log.assign(Map.of(partition, LogOffset.of(4))))
                    .isInstanceOf(LostRangeException.class)
                    .hasMessage(topic + "-0: the next offset 4 is beyond the log's end 3: the log was truncated, or it"
                            + " is another log");
        }
    }

    @Test
    void recreatedTopicHasAnotherIdAndIsNotRead() throws Exception {
        kafka.createTopic(topic, 1);
        send(topic, 0, 5);
        try (var log = open();
                Admin admin = kafka.admin()) {
            Map<LogPartition, Bounds> before = log.bounds();
            log.assign(starts(before));
            admin.deleteTopics(List.of(topic)).all().get();
            await(() -> {
                try {
                    return !admin.listTopics().names().get().contains(topic);
                } catch (InterruptedException | ExecutionException e) {
                    throw new IllegalStateException(e);
                }
            });
            kafka.createTopic(topic, 2);
            send(topic, 0, 7);

            Map<LogPartition, Bounds> after = log.bounds();
            assertThat(after.values()).containsExactly(new Bounds(0, 7), new Bounds(0, 0));
            LogPartition was = before.keySet().iterator().next();
            assertThat(after.keySet())
                    .allSatisfy(partition -> assertThat(partition.topicId()).isNotEqualTo(was.topicId()))
                    .allSatisfy(partition -> assertThat(partition.clusterId()).isEqualTo(was.clusterId()));
            assertThatThrownBy(() -> log.assign(starts(before)))
                    .isInstanceOf(TopicRecreatedException.class)
                    .hasMessageContaining(was.topicId());
        }
    }

    @Test
    void newPartitionIsSeen() throws Exception {
        kafka.createTopic(topic, 1);
        send(topic, 0, 1);
        try (var log = open();
                Admin admin = kafka.admin()) {
            assertThat(log.bounds()).hasSize(1);
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3)))
                    .all()
                    .get();
            await(() -> log.bounds().size() == 3);
            send(topic, 2, 4);
            assertThat(log.bounds().values()).containsExactly(new Bounds(0, 1), new Bounds(0, 0), new Bounds(0, 4));
        }
    }

    @Test
    void deadLetterKeepsItsRecordAndTellsWhereItCameFrom() throws Exception {
        kafka.createTopic(
                topic,
                3,
                Map.of("max.message.bytes", "2000000", "message.timestamp.after.max.ms", "9223372036854775807"));
        long farAhead = System.currentTimeMillis() + TimeUnit.DAYS.toMillis(400);
        byte[] value = new byte[1_990_000];
        new Random(1).nextBytes(value);
        byte[] key = {0, -1, 5};
        try (var producer = producer(Map.of("max.request.size", 3_000_000));
                var log = open()) {
            var record = new ProducerRecord<>(topic, 2, farAhead, key, value);
            record.headers().add("own", bytes("1")).add("own", null);
            producer.send(record).get();
            producer.send(new ProducerRecord<byte[], byte[]>(topic, 2, (Long) OLD, null, null))
                    .get();

            Map<LogPartition, Bounds> bounds = log.bounds();
            log.assign(starts(bounds));
            List<LogRecord> read = read(log, bounds).records;
            assertThat(read).hasSize(2);
            log.flushDeadLetters();
            log.deadLetter(
                    "trades", read.get(0), new Rejection(Rejection.Reason.DOES_NOT_FIT, "price: \u20ac does not fit"));
            log.deadLetter("trades", read.get(1), new Rejection(Rejection.Reason.EMPTY_VALUE, "the value is null"));
            log.flushDeadLetters();

            List<ConsumerRecord<byte[], byte[]>> letters = readAll(topic + ".k2-dlq", 3);
            assertThat(letters).hasSize(2).allSatisfy(letter -> assertThat(letter.partition())
                    .isEqualTo(2));
            ConsumerRecord<byte[], byte[]> first = letters.get(0);
            assertThat(first.key()).isEqualTo(key);
            assertThat(first.value()).isEqualTo(value);
            assertThat(first.timestamp()).isEqualTo(farAhead);
            String topicId = bounds.keySet().iterator().next().topicId();
            assertThat(headers(first))
                    .containsExactly(
                            "own=1",
                            "own=null",
                            "k2.table=trades",
                            "k2.topic=" + topic,
                            "k2.topic.id=" + topicId,
                            "k2.partition=2",
                            "k2.offset=0",
                            "k2.reason=does-not-fit",
                            "k2.error=price: \u20ac does not fit");
            ConsumerRecord<byte[], byte[]> second = letters.get(1);
            assertThat(second.key()).isNull();
            assertThat(second.value()).isNull();
            assertThat(second.timestamp()).isEqualTo(OLD);
            assertThat(headers(second)).contains("k2.offset=1", "k2.reason=empty-value");
        }
        try (Admin admin = kafka.admin()) {
            var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic + ".k2-dlq");
            var config = Objects.requireNonNull(
                    admin.describeConfigs(List.of(resource)).all().get().get(resource));
            assertThat(config.get("retention.ms").value()).isEqualTo("-1");
            assertThat(config.get("cleanup.policy").value()).isEqualTo("delete");
        }
    }

    @Test
    void deadLettersGoToTheTopicThatIsThere() throws Exception {
        kafka.createTopic(topic, 3);
        kafka.createTopic(topic + ".k2-dlq", 1);
        try (var log = open()) {
            LogPartition partition = log.bounds().keySet().stream()
                    .filter(p -> p.partition() == 2)
                    .findFirst()
                    .orElseThrow();
            log.deadLetter("trades", letter(partition, bytes("x"), -1), rejection());
            log.flushDeadLetters();
            assertThat(readAll(topic + ".k2-dlq", 1)).hasSize(1);
        }
    }

    @Test
    void deadLetterThatIsRefusedStopsWithAdviceAndOnlyOnce() throws Exception {
        kafka.createTopic(topic, 1);
        kafka.createTopic(topic + ".k2-dlq", 1, Map.of("max.message.bytes", "1000"));
        byte[] value = new byte[5000];
        new Random(1).nextBytes(value);
        try (var log = open()) {
            LogPartition partition = log.bounds().keySet().iterator().next();
            log.deadLetter("trades", letter(partition, value, 17), rejection());
            assertThatThrownBy(log::flushDeadLetters)
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining(topic + "-0 at offset 17 was not acknowledged")
                    .hasMessageContaining("max.message.bytes");
            log.flushDeadLetters();
            log.deadLetter("trades", letter(partition, bytes("small"), 18), rejection());
            log.flushDeadLetters();
            assertThat(readAll(topic + ".k2-dlq", 1)).hasSize(1);
        }
    }

    @Test
    void deadLetterThatWasNotAcknowledgedIsToBeSentAgain(@TempDir Path directory) {
        try (EmbeddedKafka mortal = EmbeddedKafka.childProcess(directory)) {
            mortal.createTopic(topic, 1);
            Map<String, Object> settings = new HashMap<>();
            settings.put("bootstrap.servers", mortal.bootstrapServers());
            settings.put("request.timeout.ms", 1000);
            settings.put("delivery.timeout.ms", 2000);
            settings.put("max.block.ms", 2000);
            try (var log = KafkaEventLog.open(settings, topic)) {
                Map<LogPartition, Bounds> bounds = log.bounds();
                LogPartition partition = bounds.keySet().iterator().next();
                log.assign(starts(bounds));
                log.deadLetter("trades", letter(partition, bytes("x"), 1), rejection());
                log.flushDeadLetters();

                mortal.kill();
                log.deadLetter("trades", letter(partition, bytes("y"), 2), rejection());
                assertThatThrownBy(log::flushDeadLetters)
                        .isInstanceOf(K2Exception.Retry.class)
                        .hasMessageContaining(topic + "-0 at offset 2");
                assertThatThrownBy(log::bounds)
                        .isInstanceOf(K2Exception.Retry.class)
                        .hasMessageContaining(mortal.bootstrapServers());
                assertThat(log.poll(Duration.ofMillis(10)).next()).isEmpty();
                log.flushDeadLetters();

                mortal.start();
                await(() -> answers(log));
                log.deadLetter("trades", letter(partition, bytes("y"), 2), rejection());
                log.flushDeadLetters();
            }
        }
    }

    @Test
    void truncatedLogIsNoticedByItsLeaderEpoch(@TempDir Path directory) throws Exception {
        try (EmbeddedKafka mortal = EmbeddedKafka.childProcess(directory)) {
            mortal.createTopic(topic, 1);
            Map<String, Object> settings = Map.of("bootstrap.servers", mortal.bootstrapServers());
            send(settings, topic, 0, 5);
            mortal.kill();
            mortal.start();
            send(settings, topic, 0, 5);
            try (var log = KafkaEventLog.open(settings, topic)) {
                Map<LogPartition, Bounds> bounds = log.bounds();
                LogPartition partition = bounds.keySet().iterator().next();
                log.assign(starts(bounds));
                LogOffset end = Objects.requireNonNull(read(log, bounds).next.get(partition));
                assertThat(end.offset()).isEqualTo(10);
                assertThat(end.leaderEpoch().orElseThrow()).isPositive();

                // Offset 8 is there, but not the one that a leader of epoch 0 wrote.
                log.assign(Map.of(partition, new LogOffset(8, OptionalInt.of(0))));
                assertThatThrownBy(() -> pollUntil(log, () -> false))
                        .isInstanceOf(LostRangeException.class)
                        .hasMessage(topic + "-0: the log was truncated below the next offset 8; it differs from what"
                                + " was read from offset 5 on, so records that were read may not be in Kafka any more");

                log.assign(Map.of(partition, new LogOffset(8, OptionalInt.of(99))));
                assertThatThrownBy(() -> pollUntil(log, () -> false))
                        .isInstanceOf(LostRangeException.class)
                        .hasMessageStartingWith(topic + "-0: the log was truncated below the next offset 8, so");
            }
        }
    }

    @Test
    void missingTopicIsNamedWithItsCluster() {
        try (var log = open()) {
            assertThatThrownBy(log::bounds)
                    .isInstanceOf(K2Exception.Stop.class)
                    .hasMessageContaining("topic " + topic + " does not exist")
                    .hasMessageContaining(kafka.bootstrapServers());
        }
        try (var log = KafkaEventLog.open(settings(), "no/name")) {
            assertThatThrownBy(log::bounds).isInstanceOf(K2Exception.Stop.class).hasMessageContaining("no/name");
        }
    }

    @Test
    void topicThatIsAboutToBeCreatedIsWaitedFor() {
        try (var log = open()) {
            CompletableFuture<Map<LogPartition, Bounds>> bounds = CompletableFuture.supplyAsync(log::bounds);
            kafka.createTopic(topic, 1);
            assertThat(bounds.join()).hasSize(1);
        }
    }

    @Test
    void unreachableClusterIsToBeTriedAgainAndTellsNoSecret() {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", "127.0.0.1:1");
        settings.put("default.api.timeout.ms", "500");
        settings.put("request.timeout.ms", "500");
        settings.put("security.protocol", "SASL_PLAINTEXT");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put(
                "sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\""
                        + " password=\"hunter2\";");
        LogPartition partition = new LogPartition("cluster", "id", topic, 0);
        try (var log = KafkaEventLog.open(settings, topic)) {
            for (ThrowingCallable call : List.<ThrowingCallable>of(
                    log::bounds,
                    () -> log.assign(Map.of(partition, LogOffset.of(0))),
                    () -> log.deadLetter("trades", letter(partition, bytes("x"), 0), rejection()))) {
                assertThatThrownBy(call)
                        .isInstanceOf(K2Exception.Retry.class)
                        .hasMessageContaining("127.0.0.1:1")
                        .satisfies(e -> {
                            StringWriter text = new StringWriter();
                            e.printStackTrace(new PrintWriter(text));
                            assertThat(text.toString()).doesNotContain("hunter2");
                        });
            }
            assertThat(log.toString()).doesNotContain("hunter2");
        }
    }

    @Test
    void wakeupEndsAWaitAndIsNeitherLostNorKept() throws Exception {
        kafka.createTopic(topic, 1);
        try (var log = open()) {
            Map<LogPartition, Bounds> bounds = log.bounds();
            // Before reading has begun, and between assign and poll.
            log.wakeup();
            log.assign(starts(bounds));
            log.wakeup();
            assertThat(log.poll(LONG).next()).isEmpty();

            // While a poll waits.
            CompletableFuture<LogBatch> polled = CompletableFuture.supplyAsync(() -> log.poll(LONG));
            while (!polled.isDone()) {
                log.wakeup();
                Thread.onSpinWait();
            }
            assertThat(polled.join().next()).isEmpty();

            // Many wakeups do not keep records back.
            send(topic, 0, 3);
            List<LogRecord> records = new ArrayList<>();
            await(() -> {
                log.wakeup();
                log.poll(LONG).runs().forEach(run -> records.addAll(run.records()));
                return records.size() == 3;
            });
            log.wakeup();
        }
    }

    @Test
    void interruptIsKept() throws Exception {
        kafka.createTopic(topic, 1);
        try (var log = open()) {
            log.assign(starts(log.bounds()));
            Thread.currentThread().interrupt();
            assertThatThrownBy(() -> log.poll(LONG)).isInstanceOf(K2Exception.Retry.class);
            assertThat(Thread.interrupted()).isTrue();
            Thread.currentThread().interrupt();
            assertThatThrownBy(log::bounds).isInstanceOf(K2Exception.Retry.class);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(log.bounds()).hasSize(1);
        }
    }

    @Test
    void closingEndsAPollOfAnotherThread() throws Exception {
        kafka.createTopic(topic, 1);
        var log = open();
        log.assign(starts(log.bounds()));
        CompletableFuture<Void> polling = CompletableFuture.runAsync(() -> {
            while (true) {
                LogBatch unused = log.poll(LONG);
            }
        });
        log.close();
        assertThatThrownBy(() -> polling.get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is closed");
        log.close();
        log.wakeup();
        assertThatThrownBy(log::bounds).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(log::flushDeadLetters).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void newConsumerProtocolWorksToo() throws Exception {
        kafka.createTopic(topic, 1);
        Map<String, Object> settings = new HashMap<>(settings());
        settings.put("group.protocol", "consumer");
        settings.put("group.id", "k2");
        try (var log = KafkaEventLog.open(settings, topic);
                var producer = producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            transact(producer, 3, true);
            transact(producer, 2, false);
            Map<LogPartition, Bounds> bounds = boundsUpTo(log, 7);
            log.wakeup();
            log.assign(starts(bounds));
            Read read = read(log, bounds);
            assertThat(read.records).hasSize(3);
            assertThat(read.next.values()).containsExactly(new LogOffset(7, OptionalInt.of(0)));
            List<LogRecord> records = new ArrayList<>();
            log.assign(starts(bounds));
            await(() -> {
                log.wakeup();
                log.poll(LONG).runs().forEach(run -> records.addAll(run.records()));
                return records.size() == 3;
            });
            deleteBefore(topic, 0, 2);
            log.assign(Map.of(bounds.keySet().iterator().next(), LogOffset.of(2)));
            deleteBefore(topic, 0, 3);
            assertThatThrownBy(() -> pollUntil(log, () -> false))
                    .isInstanceOf(LostRangeException.class)
                    .hasMessageContaining("[2, 3)");
        }
    }

    /** What was read until the log's end. */
    private record Read(List<LogRecord> records, Map<LogPartition, LogOffset> next) {}

    private static Read read(KafkaEventLog log, Map<LogPartition, Bounds> bounds) {
        Read read = new Read(new ArrayList<>(), new TreeMap<>());
        long deadline = System.nanoTime() + LONG.toNanos();
        Map<LogPartition, Long> open = new HashMap<>();
        bounds.forEach((partition, bound) -> {
            if (bound.stableEnd() > bound.start()) {
                open.put(partition, bound.stableEnd());
            }
        });
        while (!open.isEmpty()) {
            assertThat(System.nanoTime())
                    .as("read " + read.next + " of " + bounds)
                    .isLessThan(deadline);
            LogBatch batch = log.poll(Duration.ofMillis(100));
            batch.runs().forEach(run -> {
                read.records.addAll(run.records());
                assertThat(run.records()).extracting(LogRecord::partition).containsOnly(run.partition());
                assertThat(batch.next()).containsKey(run.partition());
            });
            read.next.putAll(batch.next());
            batch.next().forEach((partition, next) -> {
                if (next.offset() >= open.getOrDefault(partition, 0L)) {
                    open.remove(partition);
                }
            });
        }
        return read;
    }

    private static void pollUntil(KafkaEventLog log, BooleanSupplier done) {
        await(() -> {
            LogBatch unused = log.poll(Duration.ofMillis(50));
            return done.getAsBoolean();
        });
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    /** The end of a transaction is acknowledged before its markers are written. */
    private static Map<LogPartition, Bounds> boundsUpTo(KafkaEventLog log, long stableEnd) {
        await(() -> log.bounds().containsValue(new Bounds(0, stableEnd)));
        return log.bounds();
    }

    private static boolean answers(KafkaEventLog log) {
        try {
            return !log.bounds().isEmpty();
        } catch (K2Exception.Retry e) {
            return false;
        }
    }

    private static Map<LogPartition, LogOffset> starts(Map<LogPartition, Bounds> bounds) {
        Map<LogPartition, LogOffset> starts = new TreeMap<>();
        bounds.forEach((partition, bound) -> starts.put(partition, LogOffset.of(bound.start())));
        return starts;
    }

    private KafkaEventLog open() {
        return KafkaEventLog.open(settings(), topic);
    }

    private static Map<String, Object> settings() {
        return Map.of("bootstrap.servers", kafka.bootstrapServers());
    }

    private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(settings());
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void send(String topic, int partition, int count) throws Exception {
        send(settings(), topic, partition, count);
    }

    private static void send(Map<String, Object> settings, String topic, int partition, int count) throws Exception {
        try (var producer = producer(settings)) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, partition, OLD + i, null, bytes("v" + i)))
                        .get();
            }
        }
    }

    private void transact(KafkaProducer<byte[], byte[]> producer, int count, boolean commit) throws Exception {
        producer.beginTransaction();
        for (int i = 0; i < count; i++) {
            producer.send(new ProducerRecord<>(topic, 0, OLD, null, bytes("t" + i)))
                    .get();
        }
        if (commit) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
    }

    private static void deleteBefore(String topic, int partition, long offset) throws Exception {
        try (Admin admin = kafka.admin()) {
            admin.deleteRecords(Map.of(new TopicPartition(topic, partition), RecordsToDelete.beforeOffset(offset)))
                    .all()
                    .get();
        }
    }

    private static TopicDescription description(Admin admin, String topic) throws Exception {
        return Objects.requireNonNull(
                admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic));
    }

    private static List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int partitions) {
        try (var consumer = new KafkaConsumer<>(settings(), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> all = new ArrayList<>();
            for (int i = 0; i < partitions; i++) {
                all.add(new TopicPartition(topic, i));
            }
            consumer.assign(all);
            consumer.seekToBeginning(all);
            long count = consumer.endOffsets(all).values().stream()
                    .mapToLong(end -> end)
                    .sum();
            List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
            while (records.size() < count) {
                consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            }
            return records;
        }
    }

    private static List<String> headers(ConsumerRecord<byte[], byte[]> record) {
        List<String> headers = new ArrayList<>();
        record.headers()
                .forEach(header -> headers.add(
                        header.key() + "=" + (header.value() == null ? null : new String(header.value(), UTF_8))));
        return headers;
    }

    private static LogRecord letter(LogPartition partition, byte[] value, long offset) {
        return new LogRecord(partition, Math.max(0, offset), offset < 0 ? -1 : OLD, bytes("k"), value, List.of());
    }

    private static Rejection rejection() {
        return new Rejection(Rejection.Reason.MALFORMED, "not JSON");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
