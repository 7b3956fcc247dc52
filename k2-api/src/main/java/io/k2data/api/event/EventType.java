package io.k2data.api.event;

import io.k2data.api.StreamKey;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One kind of event: the Java class a decoder gives, the table that holds it, and the mapping between them. One event
 * type is one table and one SQL relation of the same name. Immutable and safe to share between threads.
 *
 * @param <T> the Java class of a decoded event
 */
public final class EventType<T> {
    private final String name;
    private final Class<T> javaType;
    private final List<Column> columns;
    private final List<Function<T, @Nullable Object>> values;
    private final List<Column> provenance;
    private final Function<T, StreamKey> stream;
    private final Function<T, @Nullable Object> id;
    private final Function<T, @Nullable Long> sequence;
    private final Function<T, Instant> eventTime;

    private EventType(Builder<T> builder) {
        this.name = builder.name;
        this.javaType = builder.javaType;
        this.columns = List.copyOf(builder.columns);
        this.values = List.copyOf(builder.values);
        this.stream = Objects.requireNonNull(builder.stream, "stream");
        this.id = builder.id;
        this.sequence = builder.sequence;
        this.eventTime = Objects.requireNonNull(builder.eventTime, "eventTime");
        int first = builder.provenanceFieldId;
        this.provenance = List.of(
                new Column(first, "ingestion_time", new ColumnType.Timestamp(), true),
                new Column(first + 1, "kafka_partition", new ColumnType.Int32(), true),
                new Column(first + 2, "kafka_offset", new ColumnType.Int64(), true),
                new Column(first + 3, "kafka_time", new ColumnType.Timestamp(), true));
        Map<Integer, String> byId = new TreeMap<>();
        Map<String, Integer> byName = new TreeMap<>();
        List<Column> all = new ArrayList<>(columns);
        all.addAll(provenance);
        for (Column column : all) {
            if (byId.put(column.fieldId(), column.name()) != null
                    || byName.put(column.name(), column.fieldId()) != null) {
                throw new IllegalArgumentException(name + ": column '" + column.name() + "' or its field id "
                        + column.fieldId() + " appears twice");
            }
        }
        for (String needed : List.of("venue", "symbol", "event_time")) {
            if (!byName.containsKey(needed)) {
                throw new IllegalArgumentException(name + ": column '" + needed + "' is missing");
            }
        }
    }

    /**
     * Returns the name of the type, its table and its SQL relation.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * Returns the class of a decoded event.
     *
     * @return the class
     */
    public Class<T> javaType() {
        return javaType;
    }

    /**
     * Returns the columns that the event itself fills, in table order.
     *
     * @return the columns
     */
    public List<Column> columns() {
        return columns;
    }

    /**
     * Returns the columns that K2 fills after them: {@code ingestion_time}, {@code kafka_partition},
     * {@code kafka_offset}, {@code kafka_time}.
     *
     * @return the four columns, in table order
     */
    public List<Column> provenance() {
        return provenance;
    }

    /**
     * Returns an event's value for a column.
     *
     * @param index the column's place in {@link #columns()}
     * @param event the event
     * @return the value, of the class that the column's type states, or null
     */
    public @Nullable Object value(int index, T event) {
        return values.get(index).apply(event);
    }

    /**
     * Returns an event's stream.
     *
     * @param event the event
     * @return its venue and symbol
     */
    public StreamKey stream(T event) {
        return stream.apply(event);
    }

    /**
     * Returns an event's id within its stream: a {@link Long} or a {@link String}.
     *
     * @param event the event
     * @return the id, or null for a type or event without one, which is then never taken for a duplicate
     */
    public @Nullable Object id(T event) {
        return id.apply(event);
    }

    /**
     * Returns an event's dense sequence number within its stream.
     *
     * @param event the event
     * @return the number, or null if it has none, in which case no gap is ever found by it
     */
    public @Nullable Long sequence(T event) {
        return sequence.apply(event);
    }

    /**
     * Returns when the event happened, by the venue's clock.
     *
     * @param event the event
     * @return the time
     */
    public Instant eventTime(T event) {
        return eventTime.apply(event);
    }

    /** Returns the name. */
    @Override
    public String toString() {
        return name;
    }

    static <T> Builder<T> of(String name, Class<T> javaType) {
        return new Builder<>(name, javaType);
    }

    /** Collects the parts of an event type. It becomes public together with the first type that is not built in. */
    static final class Builder<T> {
        private final String name;
        private final Class<T> javaType;
        private final List<Column> columns = new ArrayList<>();
        private final List<Function<T, @Nullable Object>> values = new ArrayList<>();
        private @Nullable Function<T, StreamKey> stream;
        private Function<T, @Nullable Object> id = event -> null;
        private Function<T, @Nullable Long> sequence = event -> null;
        private @Nullable Function<T, Instant> eventTime;
        private int provenanceFieldId = 1;

        private Builder(String name, Class<T> javaType) {
            this.name = name;
            this.javaType = javaType;
        }

        Builder<T> column(
                int fieldId, String column, ColumnType type, boolean required, Function<T, @Nullable Object> value) {
            columns.add(new Column(fieldId, column, type, required));
            values.add(value);
            return this;
        }

        Builder<T> stream(Function<T, StreamKey> value) {
            this.stream = value;
            return this;
        }

        Builder<T> id(Function<T, @Nullable Object> value) {
            this.id = value;
            return this;
        }

        Builder<T> sequence(Function<T, @Nullable Long> value) {
            this.sequence = value;
            return this;
        }

        Builder<T> eventTime(Function<T, Instant> value) {
            this.eventTime = value;
            return this;
        }

        Builder<T> provenanceFrom(int fieldId) {
            this.provenanceFieldId = fieldId;
            return this;
        }

        EventType<T> build() {
            return new EventType<>(this);
        }
    }
}
