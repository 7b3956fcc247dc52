package io.k2data.kafka;

import io.k2data.api.K2Exception;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.RowFormat;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import org.apache.avro.Schema;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/** The formats of record values that K2 reads. */
public final class RowFormats {
    private RowFormats() {}

    /**
     * Returns K2's JSON: one flat object in UTF-8 whose names are the columns of the event type, in any order.
     *
     * <ul>
     *   <li>A field that is null is a field that is missing, and so is a text without a character in a required column or
     *       an id.
     *   <li>Decimals are JSON numbers, or the same as a string. They are taken exactly, and never pass through binary
     *       floating point.
     *   <li>Times are an integer, epoch microseconds, or a string in ISO-8601 with offset, such as
     *       {@code 2026-03-01T09:30:00.000125Z}. What is finer than a microsecond must be zero.
     *   <li>A choice (a trade's {@code side}) is one of its names; a list of text is an array of strings.
     *   <li>A column of JSON ({@code vendor_data}) takes a string with JSON text, or any other JSON value, which is kept
     *       as it is written.
     *   <li>A known name must not come twice. What becomes of other names is the ingest's choice. A new column gets its
     *       type of the value: text, 64-bit integer, decimal(38,12), truth value, or JSON text.
     *   <li>A field's text has 64 KiB at most, in UTF-8.
     * </ul>
     *
     * @return the format
     */
    public static RowFormat json() {
        return JsonRowDecoder::new;
    }

    /**
     * Returns Avro's binary encoding of records of one schema, which every producer must write with. The schema's fields
     * belong to the columns of the same names.
     *
     * <ul>
     *   <li>A null is a field that is missing, and so is a text without a character in a required column or an id. A union
     *       of null and one type is read, in either order; a union of several types only into a column of JSON.
     *   <li>Text and choices are strings or enums; lists of text are arrays of them.
     *   <li>Decimals are bytes or fixed of the logical type {@code decimal}, strings as in {@link #json}, or integers. A
     *       float or double is refused: it does not say which decimal was meant.
     *   <li>Times are longs of the logical types {@code timestamp-millis}, {@code -micros} or {@code -nanos}, or of none,
     *       which is epoch microseconds. What is finer than a microsecond must be zero. Local timestamps are refused.
     *   <li>Integers are ints or longs within the column's range; floating-point columns take floats and doubles that are
     *       finite, and integers that fit exactly.
     *   <li>A column of JSON takes a string with JSON text, or any other value, of which JSON is made.
     *   <li>What becomes of fields without a column is the ingest's choice. A new column gets its type of the schema.
     *   <li>A field's text has 64 KiB at most, in UTF-8.
     * </ul>
     *
     * @param writerSchema the schema that the records were written with, a record
     * @return the format
     * @throws IllegalArgumentException if the schema is of another type
     */
    public static RowFormat avro(Schema writerSchema) {
        if (writerSchema.getType() != Schema.Type.RECORD) {
            throw new IllegalArgumentException("an event is a record, but the schema is of type "
                    + writerSchema.getType().getName());
        }
        return (type, columns, unknown) ->
                new AvroRowDecoder(new TableColumns(type, columns), unknown, writerSchema, writerSchema.getFullName());
    }

    /**
     * Returns Avro with the writer's schema named in each record, as schema registries' serializers write it: a zero byte,
     * the schema's id as four bytes, big-endian, then the record in Avro's binary encoding. For the rest, see
     * {@link #avro(Schema)}.
     *
     * <p>A record whose id the registry does not know is rejected as {@code unknown-schema}.
     *
     * @param registry knows the schemas; see {@link SchemaRegistries}
     * @return the format
     */
    public static RowFormat avro(SchemaRegistry registry) {
        Objects.requireNonNull(registry, "registry");
        return (type, columns, unknown) -> new RegistryRowDecoder(new TableColumns(type, columns), unknown, registry);
    }

    /**
     * Returns a format that gives a record's topic, headers and value to a deserializer, and the event it makes to the
     * event type's mapping. A record without a value, or one of which the deserializer makes null, is rejected as
     * {@code empty-value}; one on which it or the mapping fails as {@code undecodable}, or for the reason that an
     * {@link UnreadableEventException} carries.
     *
     * <p>Three kinds of failure say nothing about the record and reject nothing: Kafka's {@link RetriableException} and
     * {@link InterruptException} (a schema registry that cannot be reached, say) become {@link K2Exception.Retry}, and a
     * {@link K2Exception} is passed on.
     *
     * @param type the event type
     * @param deserializer the deserializer; called by one thread, and stays the caller's to close
     * @param <T> the class of the event
     * @return the format, for this event type only
     */
    public static <T> RowFormat of(EventType<T> type, Deserializer<? extends T> deserializer) {
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(deserializer, "deserializer");
        return (opened, columns, unknown) -> {
            if (opened != type) {
                throw new IllegalArgumentException("this format is for " + type + ", not for " + opened);
            }
            return decoder(type, deserializer, columns.size());
        };
    }

    private static <T> RowDecoder decoder(EventType<T> type, Deserializer<? extends T> deserializer, int columnCount) {
        List<Column> columns = type.columns();
        return record -> {
            T event = event(deserializer, record);
            // A column that the table has besides stays null.
            @Nullable Object[] values = new Object[columnCount];
            for (int i = 0; i < columns.size(); i++) {
                Object value;
                try {
                    value = type.value(i, event);
                } catch (RuntimeException e) {
                    throw new Rejection(
                            Rejection.Reason.UNDECODABLE,
                            "the mapping of " + columns.get(i).name() + " failed: "
                                    + e.getClass().getName() + causes(e));
                }
                values[i] = value instanceof Instant time ? micros(columns.get(i), time) : value;
            }
            return values;
        };
    }

    private static Object micros(Column column, Instant time) throws Rejection {
        Long micros = column.type() instanceof ColumnType.Timestamp ? JsonFields.micros(time) : null;
        if (micros == null) {
            throw new Rejection(
                    Rejection.Reason.DOES_NOT_FIT,
                    column.name() + ": " + time
                            + (time.equals(time.truncatedTo(ChronoUnit.MICROS))
                                    ? " is out of range"
                                    : " has nanoseconds, the column holds microseconds"));
        }
        return micros;
    }

    // A stack overflow comes of data nested too deep for the deserializer, and is over once it is caught.
    private static <T> T event(Deserializer<T> deserializer, LogRecord record) throws Rejection {
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
