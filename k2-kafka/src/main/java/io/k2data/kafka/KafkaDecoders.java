package io.k2data.kafka;

import io.k2data.api.K2Exception;
import io.k2data.pipeline.EventDecoder;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import java.util.Objects;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/** Event decoders made of Kafka's deserializers. */
public final class KafkaDecoders {
    private KafkaDecoders() {}

    /**
     * Returns a decoder that gives a record's topic, headers and value to a deserializer. A record without a value, or
     * one of which the deserializer makes null, is rejected as {@code empty-value}; one on which it fails as
     * {@code undecodable}, or for the reason that an {@link UnreadableEventException} carries.
     *
     * <p>Three kinds of failure say nothing about the record and reject nothing: Kafka's {@link RetriableException} and
     * {@link InterruptException} (a schema registry that cannot be reached, say) become {@link K2Exception.Retry}, and a
     * {@link K2Exception} is passed on.
     *
     * @param deserializer the deserializer; called by the thread that calls the decoder, and stays the caller's to close
     * @param <T> the class of the event
     * @return the decoder
     */
    public static <T> EventDecoder<T> of(Deserializer<T> deserializer) {
        Objects.requireNonNull(deserializer, "deserializer");
        return record -> decode(deserializer, record);
    }

    // A stack overflow comes of data nested too deep for the deserializer, and is over once it is caught.
    private static <T> T decode(Deserializer<T> deserializer, LogRecord record) throws Rejection {
        byte[] value = record.value();
        if (value == null || value.length == 0) {
            throw new Rejection(
                    Rejection.Reason.EMPTY_VALUE, value == null ? "the value is null" : "the value has no bytes");
        }
        T event;
        try {
            event = deserializer.deserialize(record.partition().topic(), headers(record), value);
        } catch (UnreadableEventException e) {
            throw new Rejection(e.reason(), e.getMessage());
        } catch (K2Exception e) {
            throw e;
        } catch (InterruptException e) {
            Thread.currentThread().interrupt();
            throw new K2Exception.Retry(
                    "interrupted in " + deserializer.getClass().getName(), e);
        } catch (RetriableException e) {
            throw new K2Exception.Retry(
                    deserializer.getClass().getName() + " cannot decode just now, at offset " + record.offset() + " of "
                            + record.partition() + ": " + e.getMessage(),
                    e);
        } catch (RuntimeException | StackOverflowError e) {
            throw new Rejection(
                    Rejection.Reason.UNDECODABLE,
                    deserializer.getClass().getName() + " failed: "
                            + e.getClass().getName() + causes(e));
        }
        if (event == null) {
            throw new Rejection(
                    Rejection.Reason.EMPTY_VALUE, deserializer.getClass().getName() + " made nothing of the value");
        }
        return event;
    }

    private static Headers headers(LogRecord record) {
        Headers headers = new RecordHeaders();
        record.headers().forEach(header -> headers.add(header.key(), header.value()));
        return headers;
    }

    /** What an error and its causes say; three are enough, since a rejection's message is cut anyway. */
    private static String causes(Throwable error) {
        StringBuilder text = new StringBuilder();
        @Nullable Throwable e = error;
        for (int depth = 0; e != null && depth < 3; depth++) {
            if (e.getMessage() != null) {
                text.append(": ")
                        .append(e.getMessage(), 0, Math.min(150, e.getMessage().length()));
            }
            e = e.getCause();
        }
        return text.toString();
    }
}
