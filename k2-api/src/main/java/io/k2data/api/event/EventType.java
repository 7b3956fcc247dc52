package io.k2data.api.event;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One kind of event: the Java class of an event, the table that holds it, and the mapping between them. One event type is
 * one table and one SQL relation of the same name. Immutable and safe to share between threads.
 *
 * <pre>{@code
 * EventType<Fill> FILL = EventType.of("fills", Fill.class)
 *         .stream(Fill::venue, Fill::symbol)
 *         .eventTime(Fill::time)
 *         .text("exec_id", Fill::execId)
 *         .integer("seq", Fill::seq)
 *         .decimal("price", 28, 12, Fill::price)
 *         .id("exec_id")
 *         .sequence("seq")
 *         .require("exec_id", "price")
 *         .build();
 * }</pre>
 *
 * @param <T> the Java class of an event
 */
public final class EventType<T> {
    private final String name;
    private final Class<T> javaType;
    private final List<Column> columns;
    private final List<Function<? super T, ? extends @Nullable Object>> values;
    private final List<Column> provenance;
    private final List<Column> idColumns;
    private final boolean idRequired;
    private final @Nullable Column sequenceColumn;

    private EventType(Builder<T> builder) {
        this.name = builder.name;
        this.javaType = builder.javaType;
        this.columns = List.copyOf(builder.columns);
        this.values = List.copyOf(builder.values);
        this.provenance = List.of(
                new Column(builder.nextFieldId, "ingestion_time", new ColumnType.Timestamp(), true),
                new Column(builder.nextFieldId + 1, "kafka_partition", new ColumnType.Int32(), true),
                new Column(builder.nextFieldId + 2, "kafka_offset", new ColumnType.Int64(), true),
                new Column(builder.nextFieldId + 3, "kafka_time", new ColumnType.Timestamp(), true));
        this.idColumns = builder.idColumns.stream().map(this::column).toList();
        this.idRequired = builder.idRequired;
        this.sequenceColumn = builder.sequenceColumn == null ? null : column(builder.sequenceColumn);
        for (Column column : idColumns) {
            if (!(column.type() instanceof ColumnType.Int64) && !(column.type() instanceof ColumnType.Text)) {
                throw new IllegalArgumentException(
                        name + ": id column '" + column.name() + "' must be integer or text");
            }
        }
        if (idColumns.stream()
                        .map(column -> column.type().getClass())
                        .distinct()
                        .count()
                < idColumns.size()) {
            throw new IllegalArgumentException(name + ": two id columns of one type cannot be told apart");
        }
        if (sequenceColumn != null && !(sequenceColumn.type() instanceof ColumnType.Int64)) {
            throw new IllegalArgumentException(
                    name + ": sequence column '" + sequenceColumn.name() + "' must be an integer");
        }
    }

    /**
     * Begins an event type. It needs {@link Builder#stream} and {@link Builder#eventTime}.
     *
     * @param name the name of the type, its table and its SQL relation: lower case letters, digits and underscores
     * @param javaType the Java class of an event
     * @param <T> that class
     * @return the builder
     */
    public static <T> Builder<T> of(String name, Class<T> javaType) {
        return new Builder<>(name, javaType);
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
     * Returns the class of an event.
     *
     * @return the class
     */
    public Class<T> javaType() {
        return javaType;
    }

    /**
     * Returns the columns that the event itself fills, in table order. {@code venue}, {@code symbol} and
     * {@code event_time} are always among them.
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
     * Returns a column's place.
     *
     * @param columnName the name of one of {@link #columns()}
     * @return its index there
     * @throws IllegalArgumentException if there is no such column
     */
    public int index(String columnName) {
        return columns.indexOf(column(columnName));
    }

    /**
     * Returns the columns that hold an event's id within its stream: at most one of them has a value, a {@link Long} or
     * a {@link String}. Events without one are never taken for duplicates.
     *
     * @return the columns, possibly none
     */
    public List<Column> idColumns() {
        return idColumns;
    }

    /**
     * Says whether every event must have an id.
     *
     * @return true if an event without one is rejected
     */
    public boolean idRequired() {
        return idRequired;
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

    /**
     * Collects the parts of an event type. Columns stand in the table in the order in which they are declared, and may be
     * null unless {@link #require} names them. The functions are called by the ingest thread, once per event; a record on
     * which one throws goes to the dead letters.
     *
     * @param <T> the Java class of an event
     */
    public static final class Builder<T> {
        private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]{0,62}");
        private static final Set<String> RESERVED =
                Set.of("ingestion_time", "kafka_partition", "kafka_offset", "kafka_time");

        private final String name;
        private final Class<T> javaType;
        private final List<Column> columns = new ArrayList<>();
        private final List<Function<? super T, ? extends @Nullable Object>> values = new ArrayList<>();
        private final Set<String> required = new HashSet<>();
        private List<String> idColumns = List.of();
        private boolean idRequired;
        private @Nullable String sequenceColumn;
        private int nextFieldId = 1;

        private Builder(String name, Class<T> javaType) {
            if (!NAME.matcher(name).matches()) {
                throw new IllegalArgumentException("event type name '" + name + "' must match " + NAME);
            }
            this.name = name;
            this.javaType = Objects.requireNonNull(javaType, "javaType");
        }

        /**
         * Adds the columns {@code venue} and {@code symbol}, both required: together they are the event's stream.
         *
         * @param venue gives the venue
         * @param symbol gives the symbol
         * @return this
         */
        public Builder<T> stream(Function<? super T, String> venue, Function<? super T, String> symbol) {
            return text("venue", venue).text("symbol", symbol).require("venue", "symbol");
        }

        /**
         * Adds the column {@code event_time}, required: when the event happened, by the venue's clock. The table is
         * partitioned by its day.
         *
         * @param time gives the time, in whole microseconds
         * @return this
         */
        public Builder<T> eventTime(Function<? super T, Instant> time) {
            return timestamp("event_time", time).require("event_time");
        }

        /**
         * Adds a column of text.
         *
         * @param column its name
         * @param value gives its value
         * @return this
         */
        public Builder<T> text(String column, Function<? super T, @Nullable String> value) {
            return column(column, new ColumnType.Text(), value);
        }

        /**
         * Adds a column of text from the names of an enum.
         *
         * @param column its name
         * @param choices the enum
         * @param value gives its value
         * @param <E> the enum
         * @return this
         */
        public <E extends Enum<E>> Builder<T> choice(
                String column, Class<E> choices, Function<? super T, @Nullable E> value) {
            List<String> names =
                    Arrays.stream(choices.getEnumConstants()).map(Enum::name).toList();
            return column(column, new ColumnType.Choice(names), event -> {
                E chosen = value.apply(event);
                return chosen == null ? null : chosen.name();
            });
        }

        /**
         * Adds a column of JSON text.
         *
         * @param column its name
         * @param value gives its value
         * @return this
         */
        public Builder<T> json(String column, Function<? super T, @Nullable String> value) {
            return column(column, new ColumnType.Json(), value);
        }

        /**
         * Adds a column of 64-bit integers.
         *
         * @param column its name
         * @param value gives its value
         * @return this
         */
        public Builder<T> integer(String column, Function<? super T, @Nullable Long> value) {
            return column(column, new ColumnType.Int64(), value);
        }

        /**
         * Adds a column of decimals. A value that does not fit is rejected, never rounded.
         *
         * @param column its name
         * @param precision all digits, 1 to 38
         * @param scale digits after the point, 0 to precision
         * @param value gives its value
         * @return this
         */
        public Builder<T> decimal(
                String column, int precision, int scale, Function<? super T, @Nullable BigDecimal> value) {
            return column(column, new ColumnType.Decimal(precision, scale), value);
        }

        /**
         * Adds a column of binary floating-point numbers. Not for prices.
         *
         * @param column its name
         * @param value gives its value
         * @return this
         */
        public Builder<T> float64(String column, Function<? super T, @Nullable Double> value) {
            return column(column, new ColumnType.Float64(), value);
        }

        /**
         * Adds a column of truth values.
         *
         * @param column its name
         * @param value gives its value
         * @return this
         */
        public Builder<T> bool(String column, Function<? super T, @Nullable Boolean> value) {
            return column(column, new ColumnType.Bool(), value);
        }

        /**
         * Adds a column of times with microseconds.
         *
         * @param column its name
         * @param value gives its value, in whole microseconds
         * @return this
         */
        public Builder<T> timestamp(String column, Function<? super T, @Nullable Instant> value) {
            return column(column, new ColumnType.Timestamp(), value);
        }

        /**
         * Adds a column of lists of text.
         *
         * @param column its name
         * @param value gives its value, a list without nulls
         * @return this
         */
        public Builder<T> texts(String column, Function<? super T, @Nullable List<String>> value) {
            return column(column, new ColumnType.TextList(nextFieldId + 1), value);
        }

        private Builder<T> column(
                String column, ColumnType type, Function<? super T, ? extends @Nullable Object> value) {
            if (RESERVED.contains(column)) {
                throw new IllegalArgumentException(name + ": column '" + column + "' is one that K2 fills");
            }
            if (columns.stream().anyMatch(other -> other.name().equals(column))) {
                throw new IllegalArgumentException(name + ": column '" + column + "' appears twice");
            }
            columns.add(new Column(nextFieldId, column, type, false));
            values.add(Objects.requireNonNull(value, "value"));
            nextFieldId += type instanceof ColumnType.TextList ? 2 : 1;
            return this;
        }

        /**
         * Names columns that every event must have.
         *
         * @param names the columns
         * @return this
         */
        public Builder<T> require(String... names) {
            required.addAll(Arrays.asList(names));
            return this;
        }

        /**
         * Names the column that holds an event's id within its stream, or two, an integer one and a text one, of which at
         * most one may have a value. An id is what duplicates are found by; without one nothing is a duplicate.
         *
         * @param names one or two columns
         * @return this
         */
        public Builder<T> id(String... names) {
            this.idColumns = List.of(names);
            return this;
        }

        /**
         * Makes an event without an id a rejected one.
         *
         * @return this
         */
        public Builder<T> requireId() {
            this.idRequired = true;
            return this;
        }

        /**
         * Names the column that holds a dense sequence number of the event within its stream; holes in it are gaps.
         *
         * @param column the column, of integers
         * @return this
         */
        public Builder<T> sequence(String column) {
            this.sequenceColumn = column;
            return this;
        }

        /**
         * Makes the event type.
         *
         * @return the event type
         * @throws IllegalArgumentException if parts are missing or do not fit together
         */
        public EventType<T> build() {
            for (String needed : required) {
                if (columns.stream().noneMatch(column -> column.name().equals(needed))) {
                    throw new IllegalArgumentException(name + ": there is no column '" + needed + "' to require");
                }
            }
            for (String needed : List.of("venue", "symbol", "event_time")) {
                if (!required.contains(needed)) {
                    throw new IllegalArgumentException(name + ": column '" + needed + "' is missing: call "
                            + (needed.equals("event_time") ? "eventTime" : "stream"));
                }
            }
            if (idRequired && idColumns.isEmpty()) {
                throw new IllegalArgumentException(name + ": an id is required, but no column is named for it");
            }
            columns.replaceAll(column ->
                    new Column(column.fieldId(), column.name(), column.type(), required.contains(column.name())));
            return new EventType<>(this);
        }
    }
}
