package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.EventDecoder;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KafkaDecodersTest {
    private static final LogPartition PARTITION = new LogPartition("cluster", "id", "trades", 3);

    @Test
    void deserializerGetsTopicHeadersAndValue() throws Rejection {
        List<String> seen = new ArrayList<>();
        Deserializer<String> deserializer = new Deserializer<>() {
            @Override
            public String deserialize(String topic, byte[] data) {
                throw new AssertionError("the headers were not passed");
            }

            @Override
            public String deserialize(String topic, Headers headers, byte[] data) {
                headers.forEach(header -> seen.add(
                        header.key() + "=" + (header.value() == null ? null : new String(header.value(), UTF_8))));
                // It may change them: they are its own.
                headers.remove("a");
                return topic + ":" + new String(data, UTF_8);
            }
        };
        LogRecord record = record(
                "x",
                List.of(
                        new LogRecord.Header("a", "1".getBytes(UTF_8)),
                        new LogRecord.Header("a", "2".getBytes(UTF_8)),
                        new LogRecord.Header("b", null)));
        EventDecoder<String> decoder = KafkaDecoders.of(deserializer);
        assertThat(decoder.decode(record)).isEqualTo("trades:x");
        assertThat(decoder.decode(record)).isEqualTo("trades:x");
        assertThat(seen).containsExactly("a=1", "a=2", "b=null", "a=1", "a=2", "b=null");
    }

    @Test
    void noValueIsRejectedWithoutTheDeserializer() {
        EventDecoder<String> decoder = KafkaDecoders.of(failing(new AssertionError("called")));
        assertRejected(decoder, record(null), Rejection.Reason.EMPTY_VALUE, "the value is null");
        assertRejected(decoder, record(""), Rejection.Reason.EMPTY_VALUE, "the value has no bytes");
    }

    @Test
    void nullResultIsAnEmptyValue() {
        assertRejected(KafkaDecoders.of((topic, data) -> null), record("x"), Rejection.Reason.EMPTY_VALUE, "nothing");
    }

    @Test
    void failureOfADeserializerIsUndecodable() {
        RuntimeException failure = new SerializationException("no such schema", new IllegalStateException("id 7"));
        assertRejected(
                KafkaDecoders.of(failing(failure)),
                record("x"),
                Rejection.Reason.UNDECODABLE,
                "SerializationException: no such schema: id 7");
        assertRejected(
                KafkaDecoders.of(failing(new StackOverflowError())),
                record("x"),
                Rejection.Reason.UNDECODABLE,
                "StackOverflowError");
        assertRejected(
                KafkaDecoders.of(failing(new IllegalArgumentException("y".repeat(100_000)))),
                record("x"),
                Rejection.Reason.UNDECODABLE,
                "yyy");
    }

    @Test
    void preciseReasonIsKept() {
        assertRejected(
                KafkaDecoders.of(new TradeJsonDeserializer()),
                record("{"),
                Rejection.Reason.MALFORMED,
                "not K2's JSON: ");
        assertRejected(
                KafkaDecoders.of(
                        failing(new UnreadableEventException(Rejection.Reason.DOES_NOT_FIT, "desk: too long"))),
                record("x"),
                Rejection.Reason.DOES_NOT_FIT,
                "desk: too long");
    }

    @Test
    void failureThatMayPassRejectsNothing() {
        assertThatThrownBy(() -> KafkaDecoders.of(failing(new TimeoutException("registry")))
                        .decode(record("x")))
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("offset 17 of trades-3");
        assertThatThrownBy(() -> KafkaDecoders.of(failing(new K2Exception.Stop("licence", null)))
                        .decode(record("x")))
                .isInstanceOf(K2Exception.Stop.class)
                .hasMessage("licence");
        assertThatThrownBy(() -> KafkaDecoders.of(failing(new InterruptException("interrupted")))
                        .decode(record("x")))
                .isInstanceOf(K2Exception.Retry.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void usualDeserializerNeedsNothingMore() throws Rejection {
        assertThat(KafkaDecoders.of(new StringDeserializer()).decode(record("abc")))
                .isEqualTo("abc");
    }

    private static Deserializer<String> failing(Throwable failure) {
        return (topic, data) -> {
            if (failure instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) failure;
        };
    }

    private static void assertRejected(
            EventDecoder<?> decoder, LogRecord record, Rejection.Reason reason, String message) {
        assertThatThrownBy(() -> decoder.decode(record)).isInstanceOfSatisfying(Rejection.class, rejection -> {
            assertThat(rejection.reason()).isEqualTo(reason);
            assertThat(rejection.getMessage()).contains(message).hasSizeLessThan(510);
        });
    }

    private static LogRecord record(@Nullable String value) {
        return record(value, List.of());
    }

    private static LogRecord record(@Nullable String value, List<LogRecord.Header> headers) {
        return new LogRecord(PARTITION, 17, 1000, null, value == null ? null : value.getBytes(UTF_8), headers);
    }
}
