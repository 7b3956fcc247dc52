package io.k2data.iceberg;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * In what form the rows of a store are best kept in its segments, learnt from the rows themselves. Appending, sorting and
 * writing Parquet all cost by the column and by the byte, and texts cost most. So
 *
 * <ul>
 *   <li>a text of few values, such as a symbol, is a DuckDB ENUM of the values known when the segment was made: one to four
 *       bytes, sorted as its texts are;
 *   <li>a decimal whose digits all fit a word is one;
 *   <li>a column that no row had a value for yet is not there.
 * </ul>
 *
 * <p>JSON and lists of texts are taken for texts here. A value that fits no form its segment has gets another column
 * there, of the full form; then each row has its value in one of the two. Who reads a segment gets an expression for each column of the table, and need not know.
 *
 * <p>Ingest thread only, but for {@link Form}s of a sealed segment, which change no more.
 */
final class SegmentShape {
    /** Names beyond these make an ENUM that costs more, at every segment, than it saves. */
    private static final int MAX_NAMES = 1 << 14;

    /** From so many on an ENUM is not made anew for every new one. */
    private static final int MANY_NAMES = 1 << 11;

    private static final int MAX_NAME_LENGTH = 64;
    private static final char BETWEEN_NAMES = 30;
    /** Between the texts of a list; a control character, which a text hardly holds. */
    private static final char SEPARATOR = 31;

    private static final int RECENT = 512;
    private static final int SMALL_DIGITS = 18;
    private static final long SMALL_LIMIT = 1_000_000_000_000_000_000L;

    private final List<Learnt> learnt = new ArrayList<>();

    SegmentShape(EventType<?> type, TableLayout layout) {
        for (Column column : layout.valueColumns()) {
            // Ids are all different.
            boolean named = column.type() instanceof ColumnType.Choice
                    || column.type() instanceof ColumnType.Json
                    || column.type() instanceof ColumnType.TextList
                    || (column.type() instanceof ColumnType.Text
                            && !type.idColumns().contains(column));
            boolean small = column.type() instanceof ColumnType.Decimal decimal
                    && decimal.precision() > SMALL_DIGITS
                    && decimal.scale() <= SMALL_DIGITS;
            learnt.add(new Learnt(column, named, small));
        }
    }

    /** The values of an ENUM, in order; it is a type of its own, since spelling it out at every segment would be dear. */
    private static final class Names {
        private static final AtomicLong TYPES = new AtomicLong();
        static final Names NONE = new Names(Set.of());

        final List<String> sorted;
        final Set<String> set;
        final String type = Segment.SCHEMA + "." + Sql.name("names " + TYPES.getAndIncrement());
        private boolean made;

        Names(Set<String> names) {
            this.set = Set.copyOf(names);
            // In the order that DuckDB has texts in, that of their bytes.
            this.sorted = names.stream()
                    .sorted((a, b) -> Arrays.compareUnsigned(
                            a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8)))
                    .toList();
        }

        void make(Connection connection) throws SQLException {
            if (!made && !sorted.isEmpty()) {
                // As one text: DuckDB takes long over thousands of literals.
                Sql.run(
                        connection,
                        "create type " + type + " as enum (select unnest(string_split("
                                + Sql.text(String.join(String.valueOf(BETWEEN_NAMES), sorted)) + ", chr("
                                + (int) BETWEEN_NAMES + "))))");
                made = true;
            }
        }

        /** What was made with the type keeps its values. */
        void drop(Connection connection) throws SQLException {
            if (made) {
                Sql.run(connection, "drop type " + type);
                made = false;
            }
        }
    }

    /** What is known of a column's values. */
    private static final class Learnt {
        private final Column column;
        private final boolean named;
        private final boolean word;
        private final Set<String> names = new HashSet<>();
        /** Values that no ENUM should hold, counted as names are. */
        private int odd;

        private boolean inSmallForm;
        private boolean inFullForm;
        /** Of all names, as long as there are no more. */
        private Names known = Names.NONE;

        private Names made = Names.NONE;

        Learnt(Column column, boolean named, boolean word) {
            this.column = column;
            this.named = named;
            this.word = word;
            if (column.type() instanceof ColumnType.Choice choice) {
                names.addAll(choice.values());
            }
        }

        void learn(Object value) {
            if (named && names.size() + odd < MAX_NAMES) {
                String name = name(value);
                if (name != null) {
                    names.add(name);
                    inSmallForm = true;
                } else {
                    odd++;
                }
            } else if (word && isWord(value)) {
                inSmallForm = true;
            } else {
                inFullForm = true;
            }
        }

        Form form() {
            if (named && names.size() + odd >= MAX_NAMES) {
                return new Form(this, Names.NONE, false, true);
            }
            // A decimal that once took more than a word will do so again.
            return word
                    ? new Form(this, Names.NONE, inSmallForm && !inFullForm, inFullForm)
                    : new Form(
                            this,
                            named ? known() : Names.NONE,
                            inSmallForm,
                            inFullForm || (odd > 0 && names.isEmpty()));
        }

        /** The names for a new segment: all, but where they are very many and few of them new. */
        private Names known() {
            int more = names.size() - known.set.size();
            if (more > 0 && (names.size() < MANY_NAMES || more > names.size() / 16)) {
                known = new Names(names);
            }
            return known;
        }

        void makeType(Connection connection) throws SQLException {
            if (known != made) {
                made.drop(connection);
                known.make(connection);
                made = known;
            }
        }
    }

    /** The forms for a new segment, in the order of the layout's value columns; what they need is made. */
    List<Form> forms(Connection connection) throws SQLException {
        List<Form> forms = new ArrayList<>();
        for (Learnt each : learnt) {
            forms.add(each.form());
            each.makeType(connection);
        }
        return forms;
    }

    /** The form of a column of the layout whose values are all there, of texts as they are: an ENUM would have to be learnt. */
    Form form(int column, HeldRows.Values values) {
        Learnt of = learnt.get(column);
        boolean small = of.word && values instanceof HeldRows.Numbers numbers && !numbers.isBeyondWordDigits();
        boolean any = !values.isEmpty();
        return new Form(of, Names.NONE, any && small, any && !small);
    }

    /** Gives up what was made for segments. */
    void drop(Connection connection) throws SQLException {
        for (Learnt each : learnt) {
            each.made.drop(connection);
            each.made = Names.NONE;
        }
    }

    /** What stands for a text, or for a list of texts, in an ENUM; null for what should not be in one. */
    private static @Nullable String name(Object value) {
        if (value instanceof String text) {
            return text.isEmpty() || text.length() > MAX_NAME_LENGTH || text.indexOf(BETWEEN_NAMES) >= 0 ? null : text;
        }
        List<?> texts = (List<?>) value;
        StringBuilder joined = new StringBuilder(MAX_NAME_LENGTH);
        for (Object each : texts) {
            String text = (String) each;
            if (joined.length() + text.length() > MAX_NAME_LENGTH
                    || text.indexOf(SEPARATOR) >= 0
                    || text.indexOf(BETWEEN_NAMES) >= 0) {
                return null;
            }
            joined.append(joined.isEmpty() ? "" : SEPARATOR).append(text);
        }
        // An empty list and one of an empty text would be the same.
        return joined.isEmpty() || texts.get(0).equals("") ? null : joined.toString();
    }

    private static boolean isWord(Object value) {
        if (value instanceof Long digits) {
            return digits > -SMALL_LIMIT && digits < SMALL_LIMIT;
        }
        return ((BigDecimal) value).precision() <= SMALL_DIGITS;
    }

    /** How one column of the table stands in one segment: in a small form, in the full one, in both, or not at all. */
    static final class Form {
        private final Learnt learnt;
        private final Column column;
        private final Names names;
        private final boolean small;
        private boolean full;
        /** Values looked up lately; rows are full of the same ones. */
        private final @Nullable Object[] recent = new Object[RECENT];

        private Form(Learnt learnt, Names names, boolean small, boolean full) {
            this.learnt = learnt;
            this.column = learnt.column;
            this.names = names;
            this.small = small;
            this.full = full;
        }

        ColumnType type() {
            return column.type();
        }

        boolean hasSmall() {
            return small;
        }

        boolean hasFull() {
            return full;
        }

        void addFull() {
            full = true;
        }

        /** Learns from a value that is not small here, for the next segment. */
        void learn(Object value) {
            learnt.learn(value);
        }

        /** Whether a value goes into the small form. */
        @SuppressWarnings("ReferenceEquality") // equal objects are found the slow way
        boolean isSmall(Object value) {
            if (!small) {
                return false;
            }
            if (names.sorted.isEmpty()) {
                return isWord(value);
            }
            // A text keeps its hash code; a list would be read for it.
            int hash = value instanceof String text ? text.hashCode() : 0;
            int slot = (hash ^ (hash >>> 15)) & (RECENT - 1);
            if (value == recent[slot]) {
                return true;
            }
            String name = name(value);
            if (name == null || !names.set.contains(name)) {
                return false;
            }
            recent[slot] = value;
            return true;
        }

        /** What stands for a value in the small form of a text. */
        String smallText(Object value) {
            return value instanceof String text ? text : Objects.requireNonNull(name(value));
        }

        boolean takes(Object value) {
            return full || isSmall(value);
        }

        /** The small form's column; no column of a table has a blank in its name. */
        String smallName() {
            return Sql.name(column.name() + " small");
        }

        String smallType() {
            return column.type() instanceof ColumnType.Decimal decimal
                    ? "DECIMAL(" + SMALL_DIGITS + "," + decimal.scale() + ")"
                    : names.type;
        }

        String fullName() {
            return Sql.name(column.name());
        }

        String fullType() {
            return TableLayout.duckType(column.type());
        }

        /** An expression for the column's values, of the table's type. */
        String expression() {
            if (!small) {
                return full ? fullName() : "null::" + fullType();
            }
            String whole = column.type() instanceof ColumnType.TextList
                    ? "string_split(" + smallName() + "::VARCHAR, chr(" + (int) SEPARATOR + "))"
                    : smallName() + "::" + fullType();
            return full ? "coalesce(" + whole + ", " + fullName() + ")" : whole;
        }

        /**
         * An expression for the column's values as the writer of a file takes them: in the small form, if they all have it,
         * which sorts faster.
         */
        String forFile() {
            return small && !full && !(column.type() instanceof ColumnType.TextList) ? smallName() : expression();
        }
    }
}
