package io.k2data.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.UnknownFields;
import java.time.Instant;
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

class RowFormatsTest {
    private static final EventType<String> NOTES = EventType.of("notes", String.class).stream(text -> "v", text -> "s")
            .eventTime(text -> Instant.EPOCH)
            .text("text", text -> text)
            .build();
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
        RowDecoder decoder = decoder(deserializer);
        assertThat(decoder.decode(record)).containsExactly("v", "s", 0L, "trades:x");
        assertThat(decoder.decode(record)).containsExactly("v", "s", 0L, "trades:x");
        assertThat(seen).containsExactly("a=1", "a=2", "b=null", "a=1", "a=2", "b=null");
    }

    @Test
    void noValueIsRejectedWithoutTheDeserializer() {
        RowDecoder decoder = decoder(failing(new AssertionError("called")));
        assertRejected(decoder, record(null), Rejection.Reason.EMPTY_VALUE, "the value is null");
        assertRejected(decoder, record(""), Rejection.Reason.EMPTY_VALUE, "the value has no bytes");
    }

    @Test
    void nullResultIsAnEmptyValue() {
        assertRejected(decoder((topic, data) -> null), record("x"), Rejection.Reason.EMPTY_VALUE, "nothing");
    }

    @Test
    void failureOfADeserializerIsUndecodable() {
        RuntimeException failure = new SerializationException("no such schema", new IllegalStateException("id 7"));
        assertRejected(
                decoder(failing(failure)),
                record("x"),
                Rejection.Reason.UNDECODABLE,
                "SerializationException: no such schema: id 7");
        assertRejected(
                decoder(failing(new StackOverflowError())),
                record("x"),
                Rejection.Reason.UNDECODABLE,
                "StackOverflowError");
        assertRejected(
                decoder(failing(new IllegalArgumentException("y".repeat(100_000)))),
                record("x"),
                Rejection.Reason.UNDECODABLE,
                "yyy");
    }

    @Test
    void preciseReasonIsKept() {
        assertRejected(
                decoder(failing(new UnreadableEventException(Rejection.Reason.DOES_NOT_FIT, "desk: too long"))),
                record("x"),
                Rejection.Reason.DOES_NOT_FIT,
                "desk: too long");
    }

    @Test
    void failureThatMayPassRejectsNothing() {
        assertThatThrownBy(
                        () -> decoder(failing(new TimeoutException("registry"))).decode(record("x")))
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("offset 17 of trades-3");
        assertThatThrownBy(() ->
                        decoder(failing(new K2Exception.Stop("licence", null))).decode(record("x")))
                .isInstanceOf(K2Exception.Stop.class)
                .hasMessage("licence");
        assertThatThrownBy(() ->
                        decoder(failing(new InterruptException("interrupted"))).decode(record("x")))
                .isInstanceOf(K2Exception.Retry.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void usualDeserializerNeedsNothingMore() throws Rejection {
        assertThat(decoder(new StringDeserializer()).decode(record("abc"))).containsExactly("v", "s", 0L, "abc");
    }

    @Test
    void aMappingThatFailsIsUndecodable() {
        EventType<String> failing = EventType.of("notes", String.class).stream(text -> "v", text -> "s")
                .eventTime(text -> Instant.parse(text))
                .build();
        RowDecoder mapped =
                RowFormats.of(failing, new StringDeserializer()).open(failing, failing.columns(), UnknownFields.REJECT);
        assertRejected(
                mapped, record("soon"), Rejection.Reason.UNDECODABLE, "the mapping of event_time failed: java.time");
        assertRejected(
                mapped, record("2026-03-01T09:30:00.000000001Z"), Rejection.Reason.DOES_NOT_FIT, "has nanoseconds");
    }

    private static RowDecoder decoder(Deserializer<String> deserializer) {
        return RowFormats.of(NOTES, deserializer).open(NOTES, NOTES.columns(), UnknownFields.REJECT);
    }

    private static Deserializer<String> failing(Throwable failure) {
        return (topic, data) -> {
            if (failure instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) failure;
        };
    }

    private static void assertRejected(RowDecoder decoder, LogRecord record, Rejection.Reason reason, String message) {
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
