package io.k2data.api.event;

import io.k2data.api.StreamKey;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
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
    private final List<Column> idColumns;
    private final @Nullable Column sequenceColumn;
    private final Function<T, Instant> eventTime;

    private EventType(Builder<T> builder) {
        this.name = builder.name;
        this.javaType = builder.javaType;
        this.columns = List.copyOf(builder.columns);
        this.values = List.copyOf(builder.values);
        this.stream = Objects.requireNonNull(builder.stream, "stream");
        this.idColumns = builder.idColumns.stream().map(this::column).toList();
        this.sequenceColumn = builder.sequenceColumn == null ? null : column(builder.sequenceColumn);
        for (Column column : idColumns) {
            if (!(column.type() instanceof ColumnType.Int64) && !(column.type() instanceof ColumnType.Text)) {
                throw new IllegalArgumentException(
                        name + ": id column '" + column.name() + "' must be integer or text");
            }
        }
        if (sequenceColumn != null && !(sequenceColumn.type() instanceof ColumnType.Int64)) {
            throw new IllegalArgumentException(
                    name + ": sequence column '" + sequenceColumn.name() + "' must be an integer");
        }
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
     * Returns the columns that hold an event's id within its stream, in order of preference: the id is the first value
     * that is not null, a {@link Long} or a {@link String}. Events without one are never taken for duplicates.
     *
     * @return the columns, possibly none
     */
    public List<Column> idColumns() {
        return idColumns;
    }

    /**
     * Returns the column that holds an event's dense sequence number within its stream. Events without one take no part
     * in the search for gaps.
     *
     * @return the column, if the type has one
     */
    public Optional<Column> sequenceColumn() {
        return Optional.ofNullable(sequenceColumn);
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

    private Column column(String columnName) {
        return columns.stream()
                .filter(column -> column.name().equals(columnName))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(name + ": there is no column '" + columnName + "'"));
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
        private List<String> idColumns = List.of();
        private @Nullable String sequenceColumn;
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

        Builder<T> id(String... names) {
            this.idColumns = List.of(names);
            return this;
        }

        Builder<T> sequence(String name) {
            this.sequenceColumn = name;
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
