package io.k2data.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ClientSettingsTest {
    private static final Map<String, Object> LEAST = Map.of("bootstrap.servers", "localhost:9092");

    @Test
    void allOwnedSettingsAreRefusedAtOnce() {
        Map<String, Object> settings = new HashMap<>(LEAST);
        KafkaEventLog.OWNED_SETTINGS.forEach(key -> settings.put(key, "s3cret-value"));
        settings.put("acks", "1");
        assertThatThrownBy(() -> KafkaEventLog.open(settings, "trades"))
                .isInstanceOfSatisfying(InvalidSettingsException.class, e -> assertThat(e.problems())
                        .hasSize(KafkaEventLog.OWNED_SETTINGS.size() + 1)
                        .isEqualTo(KafkaEventLog.problems(settings)))
                .hasMessageContaining("enable.auto.commit: K2 sets it itself; leave it out")
                .hasMessageContaining("auto.offset.reset: ")
                .hasMessageContaining("key.deserializer: ")
                .hasMessageContaining("value.deserializer: ")
                .hasMessageContaining("key.serializer: ")
                .hasMessageContaining("value.serializer: ")
                .hasMessageContaining("transactional.id: ")
                .hasMessageContaining("acks: ")
                .hasMessageNotContaining("s3cret-value");
    }

    @Test
    void whatKafkaDoesNotAcceptIsNamedWithoutItsValue() {
        Map<String, Object> settings = new HashMap<>(LEAST);
        settings.put("max.poll.records", "hunter2");
        settings.put("isolation.level", "hunter2");
        settings.put("max.request.size", -5);
        settings.put("client.id", null);
        settings.put("interceptor.classes", "com.example.Hunter2");
        assertThat(KafkaEventLog.problems(settings))
                .hasSize(5)
                .anySatisfy(problem -> assertThat(problem)
                        .isEqualTo("max.poll.records: Kafka does not accept the value; expected int [1,...]"))
                .anySatisfy(problem -> assertThat(problem)
                        .startsWith("isolation.level: ")
                        .contains("read_committed, read_uncommitted"))
                .noneSatisfy(problem -> assertThat(problem).containsIgnoringCase("hunter2"));
    }

    @Test
    void missingServersAreNamedBesideTheRest() {
        assertThatThrownBy(() -> KafkaEventLog.open(Map.of("auto.offset.reset", "earliest"), "trades"))
                .isInstanceOfSatisfying(InvalidSettingsException.class, e -> assertThat(e.problems())
                        .hasSize(2)
                        .first()
                        .asString()
                        .startsWith("bootstrap.servers"));
    }

    @Test
    void everyClientGetsWhatItKnowsAndWhatNobodyKnows() {
        Map<String, Object> settings = new HashMap<>(LEAST);
        settings.put("security.protocol", "SASL_SSL");
        settings.put("max.poll.records", "7");
        settings.put("group.id", "research");
        settings.put("linger.ms", 3);
        settings.put("my.interceptor.level", "high");
        settings.put("interceptor.classes", ReadInterceptor.class.getName() + "," + WriteInterceptor.class.getName());
        ClientSettings clients = ClientSettings.of(settings);
        assertThat(clients.consumer())
                .containsEntry("security.protocol", "SASL_SSL")
                .containsEntry("max.poll.records", "7")
                .containsEntry("my.interceptor.level", "high")
                .containsEntry("interceptor.classes", List.of(ReadInterceptor.class.getName()))
                .containsEntry("isolation.level", "read_committed")
                .containsEntry("auto.offset.reset", "none")
                .containsEntry("enable.auto.commit", false)
                .doesNotContainKeys("linger.ms", "group.id");
        assertThat(clients.member("desk"))
                .containsEntry("security.protocol", "SASL_SSL")
                .containsEntry("group.id", "desk")
                .containsEntry("enable.auto.commit", false)
                .containsEntry("auto.offset.reset", "none")
                .doesNotContainKeys("linger.ms", "interceptor.classes");
        assertThat(clients.admin())
                .containsEntry("security.protocol", "SASL_SSL")
                .containsEntry("my.interceptor.level", "high")
                .doesNotContainKeys("max.poll.records", "group.id", "linger.ms", "interceptor.classes");
        assertThat(clients.producer())
                .containsEntry("security.protocol", "SASL_SSL")
                .containsEntry("linger.ms", 3)
                .containsEntry("acks", "all")
                .containsEntry("my.interceptor.level", "high")
                .containsEntry("interceptor.classes", List.of(WriteInterceptor.class.getName()))
                .doesNotContainKeys("max.poll.records", "group.id");
    }

    @Test
    void timeoutsAndIsolationFollowTheSettings() {
        assertThat(ClientSettings.of(LEAST).timeoutMillis()).isEqualTo(10_000);
        assertThat(ClientSettings.of(LEAST).isolation()).isEqualTo(IsolationLevel.READ_COMMITTED);
        Map<String, Object> settings = new HashMap<>(LEAST);
        settings.put("request.timeout.ms", "2500");
        settings.put("isolation.level", "read_uncommitted");
        assertThat(ClientSettings.of(settings).timeoutMillis()).isEqualTo(2500);
        assertThat(ClientSettings.of(settings).isolation()).isEqualTo(IsolationLevel.READ_UNCOMMITTED);
        settings.put("default.api.timeout.ms", 3000);
        assertThat(ClientSettings.of(settings).timeoutMillis()).isEqualTo(3000);
    }

    @Test
    void clientThatDoesNotStartTellsWhyButNoSecret() {
        Map<String, Object> settings = secured("org.apache.kafka.common.security.plain.PlainLoginModule required"
                + " username=\"alice\" password=\"hunter2 is secret\"");
        assertThatThrownBy(() -> KafkaEventLog.open(settings, "trades"))
                .isInstanceOf(K2Exception.Stop.class)
                .hasMessageContaining("localhost:9092")
                .satisfies(e -> assertThat(everythingOf(e)).doesNotContain("hunter2"));
        Map<String, Object> store = new HashMap<>(LEAST);
        store.put("security.protocol", "SSL");
        store.put("ssl.truststore.location", "/nowhere/trust.jks");
        store.put("ssl.truststore.password", "hunter2");
        assertThatThrownBy(() -> KafkaEventLog.open(store, "trades"))
                .isInstanceOf(K2Exception.Stop.class)
                .hasMessageContaining("/nowhere/trust.jks")
                .satisfies(e -> assertThat(everythingOf(e)).doesNotContain("hunter2"));
    }

    @Test
    void errorThatRepeatsASecretIsToldWithoutIt() {
        Failures failures = new Failures(ClientSettings.of(secured("org.example.Module required token=\"hunter2\";")));
        K2Exception told = failures.of(
                "cannot read",
                new SaslAuthenticationException(
                        "refused", new IllegalStateException("login of module token=hunter2 failed")));
        assertThat(told).isInstanceOf(K2Exception.Stop.class).hasMessageContaining("SaslAuthenticationException");
        assertThat(everythingOf(told)).doesNotContain("hunter2");
        K2Exception harmless = failures.of("cannot read", new SaslAuthenticationException("wrong password"));
        assertThat(harmless)
                .hasMessageContaining("wrong password")
                .hasCauseInstanceOf(SaslAuthenticationException.class);
    }

    @Test
    void openDoesNotWaitForTheCluster() {
        try (KafkaEventLog log = KafkaEventLog.open(Map.of("bootstrap.servers", "127.0.0.1:1"), "trades")) {
            log.assign(Map.of());
            assertThat(log.poll(Duration.ZERO).next()).isEmpty();
        }
    }

    private static Map<String, Object> secured(String jaas) {
        Map<String, Object> settings = new HashMap<>(LEAST);
        settings.put("security.protocol", "SASL_PLAINTEXT");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put("sasl.jaas.config", jaas);
        return settings;
    }

    private static String everythingOf(Throwable e) {
        StringWriter text = new StringWriter();
        e.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    /** Reads nothing. */
    public static final class ReadInterceptor implements ConsumerInterceptor<byte[], byte[]> {
        @Override
        public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
            return records;
        }

        @Override
        public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {}

        @Override
        public void close() {}

        @Override
        public void configure(Map<String, ?> configs) {}
    }

    /** Changes nothing. */
    public static final class WriteInterceptor implements ProducerInterceptor<byte[], byte[]> {
        @Override
        public ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
            return record;
        }

        @Override
        public void onAcknowledgement(@Nullable RecordMetadata metadata, @Nullable Exception exception) {}

        @Override
        public void close() {}

        @Override
        public void configure(Map<String, ?> configs) {}
    }
}
