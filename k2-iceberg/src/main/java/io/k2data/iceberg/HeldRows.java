package io.k2data.iceberg;

import io.k2data.api.LogPartition;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.pipeline.Row;
import java.math.BigDecimal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Rows as columns on the heap, in the order in which they came: what a segment has while nobody asks for its rows. They
 * become a file as they are, or rows of a DuckDB table when somebody does ask.
 *
 * <p>Filled by one thread; read by any once nothing is added any more.
 */
final class HeldRows {
    private static final int BLOCK_BITS = 13;
    private static final int BLOCK = 1 << BLOCK_BITS;
    private static final int WORD_DIGITS = 18;
    private static final long WORD_LIMIT = 1_000_000_000_000_000_000L;
    /** What a text of its own takes beside its characters: a string, an array, and their headers. */
    private static final int TEXT_BYTES = 48;

    private static final int BOXED_BYTES = 16;
    private static final int RECENT = 1 << 9;

    private final List<Column> valueColumns;
    private final Values[] values;
    private final Objects partitions;
    private final Numbers offsets;
    private final Numbers logTimes;
    private final Numbers ingestionTimes;
    private final Blocks blocks;
    private final long rowBytes;
    private long textBytes;
    private int size;

    /**
     * Makes one without rows.
     *
     * @param valueColumns the columns
     * @param ids those of them that hold ids, which are all different
     * @param blocks where the memory comes from, and goes to
     */
    HeldRows(List<Column> valueColumns, Collection<Column> ids, Blocks blocks) {
        this.blocks = blocks;
        this.valueColumns = valueColumns;
        this.values = valueColumns.stream()
                .map(column -> values(column, ids.contains(column)))
                .toArray(Values[]::new);
        this.partitions = new Objects(blocks, false);
        this.offsets = new Numbers(blocks, false);
        this.logTimes = new Numbers(blocks, false);
        this.ingestionTimes = new Numbers(blocks, false);
        this.rowBytes = IntStream.range(0, values.length)
                        .mapToLong(i -> values[i] instanceof Numbers ? Long.BYTES : Integer.BYTES)
                        .sum()
                + 3 * Long.BYTES
                + Integer.BYTES;
    }

    private Values values(Column column, boolean isId) {
        ColumnType type = column.type();
        return type instanceof ColumnType.Int64
                        || type instanceof ColumnType.Timestamp
                        || type instanceof ColumnType.Decimal
                ? new Numbers(blocks, type instanceof ColumnType.Decimal)
                // Other texts, such as venues and currencies, are few as a rule.
                : new Objects(blocks, isId || !(type instanceof ColumnType.Text || type instanceof ColumnType.Choice));
    }

    void add(Row row) {
        @Nullable Object[] from = row.values();
        for (int i = 0; i < values.length; i++) {
            textBytes += values[i].add(from[i]);
        }
        partitions.add(row.partition());
        offsets.add(row.offset());
        logTimes.add(row.logTimeMillis());
        ingestionTimes.add(row.ingestionTimeMicros());
        size++;
    }

    int size() {
        return size;
    }

    /** Gives the memory to rows to come. Nobody may read these any more. */
    void recycle() {
        List<long[]> words = new ArrayList<>();
        List<@Nullable Object[]> objects = new ArrayList<>();
        for (Values each : values) {
            each.give(words, objects);
        }
        List.of(partitions, offsets, logTimes, ingestionTimes).forEach(each -> each.give(words, objects));
        blocks.replace(words, objects);
        size = 0;
    }

    /**
     * Blocks that were used before. Rows that stay for seconds are what a collector copies again and again; these it moves
     * once. No more are kept than the generation had that gave some last. Any thread.
     */
    static final class Blocks {
        private final ArrayDeque<long[]> words = new ArrayDeque<>();
        private final ArrayDeque<@Nullable Object[]> objects = new ArrayDeque<>();

        synchronized long[] words() {
            long[] block = words.poll();
            return block == null ? new long[BLOCK] : block;
        }

        synchronized @Nullable Object[] objects() {
            @Nullable Object[] block = objects.poll();
            return block == null ? new Object[BLOCK] : block;
        }

        private synchronized void replace(List<long[]> givenWords, List<@Nullable Object[]> givenObjects) {
            words.clear();
            words.addAll(givenWords);
            objects.clear();
            objects.addAll(givenObjects);
        }
    }

    /** About how much memory they take. */
    long bytes() {
        return size * rowBytes + textBytes;
    }

    List<Column> valueColumns() {
        return valueColumns;
    }

    Values values(int column) {
        return values[column];
    }

    LogPartition partition(int row) {
        return (LogPartition) java.util.Objects.requireNonNull(partitions.get(row));
    }

    Numbers offsets() {
        return offsets;
    }

    /** Kafka timestamps, epoch milliseconds. */
    Numbers logTimes() {
        return logTimes;
    }

    /** When K2 read the rows, epoch microseconds. */
    Numbers ingestionTimes() {
        return ingestionTimes;
    }

    /** The values of a column. */
    abstract static sealed class Values {
        int size;

        /** Returns the memory that the value takes beside its place. */
        abstract int add(@Nullable Object value);

        abstract @Nullable Object get(int row);

        abstract boolean isNull(int row);

        abstract int nulls();

        /** Whether no row has a value. */
        boolean isEmpty() {
            return nulls() == size;
        }

        abstract void give(List<long[]> words, List<@Nullable Object[]> objects);
    }

    /** Integers, times, and decimals as their digits at the column's scale. */
    static final class Numbers extends Values {
        private final Blocks from;
        private final boolean decimal;
        private boolean beyondWordDigits;
        private long[][] blocks = {};
        private long[] last = {};
        private final BitSet nulls = new BitSet();
        /** Decimals that no word holds, by row. */
        private final Map<Integer, BigDecimal> wide = new HashMap<>();

        Numbers(Blocks from, boolean decimal) {
            this.from = from;
            this.decimal = decimal;
        }

        @Override
        int add(@Nullable Object value) {
            if (value instanceof Long boxed) {
                long word = boxed;
                beyondWordDigits |= decimal && (word >= WORD_LIMIT || word <= -WORD_LIMIT);
                add(word);
            } else if (value == null) {
                nulls.set(size);
                add(0L);
            } else {
                BigDecimal number = (BigDecimal) value;
                if (number.precision() <= WORD_DIGITS) {
                    add(number.unscaledValue().longValueExact());
                } else {
                    beyondWordDigits = true;
                    wide.put(size, number);
                    add(0L);
                    return 2 * TEXT_BYTES;
                }
            }
            return 0;
        }

        void add(long word) {
            int place = size++ & (BLOCK - 1);
            if (place == 0) {
                last = from.words();
                blocks = Arrays.copyOf(blocks, blocks.length + 1);
                blocks[blocks.length - 1] = last;
            }
            last[place] = word;
        }

        @Override
        @Nullable
        Object get(int row) {
            if (nulls.get(row)) {
                return null;
            }
            BigDecimal found = wide.get(row);
            return found != null ? found : (Object) word(row);
        }

        /** The words of rows, some at a time: those of the rows that {@code order} has from a place on. */
        void copy(int[] order, int from, long[] to, int count, long factor) {
            long[][] all = blocks;
            for (int i = 0; i < count; i++) {
                int row = order[from + i];
                to[i] = all[row >>> BLOCK_BITS][row & (BLOCK - 1)] * factor;
            }
        }

        long word(int row) {
            return blocks[row >>> BLOCK_BITS][row & (BLOCK - 1)];
        }

        Map<Integer, BigDecimal> wide() {
            return wide;
        }

        /** Whether a decimal has more than the 18 digits that every word can hold. */
        boolean isBeyondWordDigits() {
            return beyondWordDigits;
        }

        @Override
        int nulls() {
            return nulls.cardinality();
        }

        @Override
        boolean isNull(int row) {
            return nulls.get(row);
        }

        @Override
        void give(List<long[]> words, List<@Nullable Object[]> objects) {
            words.addAll(List.of(blocks));
            blocks = new long[0][];
        }
    }

    /** All others, as they are. */
    static final class Objects extends Values {
        private final Blocks from;
        private final boolean own;
        private int nulls;
        /** Texts seen lately: readers make a new object of the same few over and over. */
        private final @Nullable String[] recent = new String[RECENT];

        private @Nullable Object[][] blocks = {};
        private @Nullable Object[] last = {};

        /**
         * Makes one.
         *
         * @param from where blocks come from
         * @param own whether each value may be an object of its own
         */
        Objects(Blocks from, boolean own) {
            this.from = from;
            this.own = own;
        }

        @Override
        int add(@Nullable Object value) {
            int place = size++ & (BLOCK - 1);
            if (place == 0) {
                last = from.objects();
                blocks = Arrays.copyOf(blocks, blocks.length + 1);
                blocks[blocks.length - 1] = last;
            }
            if (!own && value instanceof String text) {
                return addText(place, text);
            }
            last[place] = value;
            if (value == null) {
                nulls++;
            }
            return own && value != null ? ownBytes(value) : 0;
        }

        @SuppressWarnings("ReferenceEquality") // equal objects are found the slow way
        private int addText(int place, String text) {
            int hash = text.hashCode();
            int slot = (hash ^ (hash >>> 15)) & (RECENT - 1);
            String known = recent[slot];
            if (known == text || text.equals(known)) {
                last[place] = known;
                return 0;
            }
            recent[slot] = text;
            last[place] = text;
            return ownBytes(text);
        }

        private static int ownBytes(Object value) {
            if (value instanceof String text) {
                return TEXT_BYTES + text.length();
            }
            int bytes = value instanceof List<?> ? TEXT_BYTES : BOXED_BYTES;
            if (value instanceof List<?> texts) {
                for (Object each : texts) {
                    bytes += ownBytes(each);
                }
            }
            return bytes;
        }

        @Override
        @Nullable
        Object get(int row) {
            return blocks[row >>> BLOCK_BITS][row & (BLOCK - 1)];
        }

        @Override
        boolean isNull(int row) {
            return get(row) == null;
        }

        @Override
        int nulls() {
            return nulls;
        }

        @Override
        void give(List<long[]> words, List<@Nullable Object[]> objects) {
            for (@Nullable Object[] block : blocks) {
                Arrays.fill(block, null);
                objects.add(block);
            }
            blocks = new Object[0][];
        }
    }
}
