package io.k2data.iceberg;

import com.sun.jna.Callback;
import com.sun.jna.CallbackReference;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.iceberg.HeldRows.Numbers;
import io.k2data.iceberg.HeldRows.Values;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import org.apache.arrow.c.ArrowArrayStream;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Held rows, sorted as a table's files are, where DuckDB reads them without a table of its own: in native memory, by the
 * Arrow C data and stream interfaces (https://arrow.apache.org/docs/format/CDataInterface.html and
 * CStreamInterface.html). One thread; closing gives the memory back.
 */
final class ArrowRows implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ArrowRows.class);

    /** Rows a batch; as many as a row group of a file has. */
    private static final int BATCH = 30_720;

    private static final int WORD_DIGITS = 18;
    private static final int MANY_TEXTS = 1 << 10;
    private static final int SOME = 1 << 13;
    private static final int EIO = 5;
    private static final long NULLABLE = 2;

    private final HeldRows rows;
    private final int size;
    /** By place in the file, the row that stands there. */
    private final int[] order;

    private final long[] some = new long[SOME];

    private final List<Memory> memory = new ArrayList<>();
    private final List<Child> children = new ArrayList<>();
    private final Map<String, String> expressions = new LinkedHashMap<>();
    /** Called by native code for as long as that may be. */
    private final List<Object> callbacks = new ArrayList<>();

    private @Nullable Throwable failure;
    private int streams;

    // ---------------------------------------------------------------- the interfaces' functions

    /** Releases a schema, an array or a stream; the memory is {@link ArrowRows}' own and goes with it. */
    @FunctionalInterface
    interface Release extends Callback {
        void invoke(Pointer released);
    }

    /** Fills a schema or an array. */
    @FunctionalInterface
    interface Fill extends Callback {
        int invoke(Pointer stream, Pointer out);
    }

    /** Tells what went wrong. */
    @FunctionalInterface
    interface LastError extends Callback {
        @Nullable
        Pointer invoke(Pointer stream);
    }

    /** Where the structures have what marks them as released. */
    private static final int SCHEMA_RELEASE = 56;

    private static final int SCHEMA_BYTES = 72;
    private static final int ARRAY_RELEASE = 64;
    private static final int ARRAY_BYTES = 80;
    private static final int STREAM_RELEASE = 24;
    private static final int STREAM_BYTES = 40;

    private static final Release RELEASE_SCHEMA = schema -> schema.setPointer(SCHEMA_RELEASE, null);
    private static final Release RELEASE_ARRAY = array -> array.setPointer(ARRAY_RELEASE, null);
    private static final Release RELEASE_STREAM = stream -> stream.setPointer(STREAM_RELEASE, null);

    private static final boolean USABLE = tryNative();

    /** A column in native memory. */
    private record Child(
            String name,
            String format,
            Buffers data,
            @Nullable Child dictionary,
            @Nullable Child item) {}

    /**
     * What an array is made of.
     *
     * @param length how many values
     * @param nulls by batch, how many of them there are not; null if all are there
     * @param buffers in the order of the format; null where there is none
     */
    private record Buffers(
            int length, int @Nullable [] nulls, @Nullable Memory... buffers) {}

    private Buffers buffers(Values values, Memory data) {
        return new Buffers(size, nulls(values), validity(values), data);
    }

    private int @Nullable [] nulls(Values values) {
        if (values.nulls() == 0) {
            return null;
        }
        int[] nulls = new int[size / BATCH + 1];
        for (int i = 0; i < size; i++) {
            if (values.isNull(order[i])) {
                nulls[i / BATCH]++;
            }
        }
        return nulls;
    }

    /** Whether this machine lets native code call back, which JNA does from a library in a directory for temporary files. */
    static boolean usable() {
        return USABLE;
    }

    private static boolean tryNative() {
        try {
            Pointer function = CallbackReference.getFunctionPointer(RELEASE_STREAM);
            return ArrowArrayStream.wrap(Pointer.nativeValue(function)).memoryAddress() != 0;
        } catch (VirtualMachineError e) {
            throw e;
        } catch (RuntimeException | Error e) {
            // JNA throws errors of several kinds, also plain ones.
            LOG.atWarn()
                    .setCause(e)
                    .log("rows go through tables of DuckDB also while nobody asks for them, which costs more");
            return false;
        }
    }

    ArrowRows(HeldRows rows) {
        List<String> names = rows.valueColumns().stream().map(Column::name).toList();
        int venue = names.indexOf("venue");
        int symbol = names.indexOf("symbol");
        int eventTime = names.indexOf("event_time");
        this.rows = rows;
        this.size = rows.size();
        Texts venues = new Texts(rows.values(venue), size);
        Texts symbols = new Texts(rows.values(symbol), size);
        this.order = order(venues, symbols, (Numbers) rows.values(eventTime));
        List<Column> columns = rows.valueColumns();
        for (int i = 0; i < columns.size(); i++) {
            Column column = columns.get(i);
            Child child = i == venue
                    ? texts(column.name(), venues)
                    : i == symbol ? texts(column.name(), symbols) : child(column, rows.values(i));
            if (child != null) {
                children.add(child);
            }
            expressions.put(column.name(), expression(column, child != null));
        }
        List<Child> provenance = List.of(
                words("ingestion_time", "tsu:UTC", rows.ingestionTimes(), 1),
                new Child("kafka_partition", "i", new Buffers(size, null, null, partitions()), null, null),
                words("kafka_offset", "l", rows.offsets(), 1),
                words("kafka_time", "tsu:UTC", rows.logTimes(), 1000));
        provenance.forEach(child -> expressions.put(child.name, Sql.name(child.name)));
        children.addAll(provenance);
    }

    // ---------------------------------------------------------------- columns

    /** By name of a column, an expression for its values over what is registered. */
    Map<String, String> expressions() {
        return expressions;
    }

    private static String expression(Column column, boolean there) {
        String type = TableLayout.duckType(column.type());
        if (!there) {
            return "null::" + type;
        }
        // Numbers of few digits come as wide as a word.
        return column.type() instanceof ColumnType.Decimal decimal && decimal.precision() < WORD_DIGITS
                ? Sql.name(column.name()) + "::" + type
                : Sql.name(column.name());
    }

    /** Null if no row has a value. */
    private @Nullable Child child(Column column, Values values) {
        ColumnType type = column.type();
        if (values.isEmpty()) {
            return null;
        } else if (values instanceof Numbers numbers) {
            return numbers(column, numbers);
        }
        if (type instanceof ColumnType.TextList) {
            return lists(column.name(), values);
        } else if (type instanceof ColumnType.Int32) {
            int[] ints = new int[size];
            for (int i = 0; i < size; i++) {
                ints[i] = values.get(order[i]) instanceof Integer number ? number : 0;
            }
            return new Child(column.name(), "i", buffers(values, written(ints)), null, null);
        } else if (type instanceof ColumnType.Float64) {
            double[] doubles = new double[size];
            for (int i = 0; i < size; i++) {
                doubles[i] = values.get(order[i]) instanceof Double number ? number : 0;
            }
            Memory data = memory((long) size * Double.BYTES);
            data.write(0, doubles, 0, size);
            return new Child(column.name(), "g", buffers(values, data), null, null);
        } else if (type instanceof ColumnType.Bool) {
            return new Child(
                    column.name(), "b", buffers(values, bits(row -> Boolean.TRUE.equals(values.get(row)))), null, null);
        }
        return texts(column.name(), new Texts(values, size));
    }

    private Child numbers(Column column, Numbers numbers) {
        if (!(column.type() instanceof ColumnType.Decimal decimal)) {
            return words(column.name(), column.type() instanceof ColumnType.Timestamp ? "tsu:UTC" : "l", numbers, 1);
        }
        if (!numbers.isBeyondWordDigits() && decimal.scale() <= WORD_DIGITS) {
            return words(column.name(), "d:" + WORD_DIGITS + "," + decimal.scale() + ",64", numbers, 1);
        }
        long[] words = new long[2 * size];
        for (int i = 0; i < size; i++) {
            BigDecimal wide = numbers.wide().get(order[i]);
            long low = numbers.word(order[i]);
            long high = low >> (Long.SIZE - 1);
            if (wide != null) {
                BigInteger digits = wide.unscaledValue();
                low = digits.longValue();
                high = digits.shiftRight(Long.SIZE).longValueExact();
            }
            words[2 * i] = low;
            words[2 * i + 1] = high;
        }
        Memory data = memory(2L * Long.BYTES * size);
        data.write(0, words, 0, words.length);
        return new Child(
                column.name(), "d:" + decimal.precision() + "," + decimal.scale(), buffers(numbers, data), null, null);
    }

    /** By way of an array on the heap: the compiler takes long over loops that put into native memory. */
    private Child words(String name, String format, Numbers numbers, long factor) {
        Memory data = memory((long) size * Long.BYTES);
        for (int from = 0; from < size; from += some.length) {
            int count = Math.min(some.length, size - from);
            numbers.copy(order, from, some, count, factor);
            data.write((long) from * Long.BYTES, some, 0, count);
        }
        return new Child(name, format, buffers(numbers, data), null, null);
    }

    private Memory partitions() {
        int[] partitions = new int[size];
        for (int i = 0; i < size; i++) {
            partitions[i] = rows.partition(order[i]).partition();
        }
        return written(partitions);
    }

    private Memory written(int[] ints) {
        Memory data = memory((long) ints.length * Integer.BYTES);
        data.write(0, ints, 0, ints.length);
        return data;
    }

    private Memory bits(IntPredicate set) {
        byte[] bits = new byte[size / Byte.SIZE + 1];
        for (int i = 0; i < size; i++) {
            if (set.test(order[i])) {
                bits[i / Byte.SIZE] |= (byte) (1 << i % Byte.SIZE);
            }
        }
        Memory data = memory(bits.length);
        data.write(0, bits, 0, bits.length);
        return data;
    }

    /** Null if every row has a value. */
    private @Nullable Memory validity(Values values) {
        return values.nulls() == 0 ? null : bits(row -> !values.isNull(row));
    }

    /** The texts of a column, each different one once. */
    private static final class Texts {
        final Values values;
        final List<String> different = new ArrayList<>();
        /** By row, which one; -1 for none. */
        final int[] codes;

        Texts(Values values, int size) {
            this.values = values;
            this.codes = new int[size];
            Map<Object, Integer> known = new HashMap<>();
            Object before = null;
            int code = -1;
            for (int row = 0; row < size; row++) {
                Object value = values.get(row);
                if (value != before) {
                    before = value;
                    if (value == null) {
                        code = -1;
                    } else {
                        Integer found = known.get(value);
                        if (found == null) {
                            found = different.size();
                            known.put(value, found);
                            different.add((String) value);
                        }
                        code = found;
                    }
                }
                codes[row] = code;
            }
        }

        /** By row, the place of its text among all; none comes first. */
        int[] ranks() {
            byte[][] bytes = different.stream()
                    .map(text -> text.getBytes(StandardCharsets.UTF_8))
                    .toArray(byte[][]::new);
            Integer[] sorted = new Integer[bytes.length];
            Arrays.setAll(sorted, i -> i);
            // In the order that DuckDB has texts in, that of their bytes.
            Arrays.sort(sorted, (a, b) -> Arrays.compareUnsigned(bytes[a], bytes[b]));
            int[] rankOf = new int[bytes.length];
            for (int i = 0; i < sorted.length; i++) {
                rankOf[sorted[i]] = i + 1;
            }
            int[] ranks = new int[codes.length];
            for (int row = 0; row < ranks.length; row++) {
                ranks[row] = codes[row] < 0 ? 0 : rankOf[codes[row]];
            }
            return ranks;
        }
    }

    private Child texts(String name, Texts texts) {
        if (texts.different.size() > MANY_TEXTS && texts.different.size() > size / 4) {
            return plainTexts(name, texts.values);
        }
        int[] codes = new int[size];
        for (int i = 0; i < size; i++) {
            codes[i] = Math.max(0, texts.codes[order[i]]);
        }
        return new Child(name, "i", buffers(texts.values, written(codes)), plain("", texts.different), null);
    }

    private Child plainTexts(String name, Values values) {
        List<@Nullable String> inOrder = new ArrayList<>(size);
        for (int row : order) {
            inOrder.add((String) values.get(row));
        }
        Child plain = plain(name, inOrder);
        return new Child(
                name,
                plain.format,
                new Buffers(size, nulls(values), validity(values), plain.data.buffers[1], plain.data.buffers[2]),
                null,
                null);
    }

    private Child plain(String name, List<? extends @Nullable String> texts) {
        byte[][] bytes = new byte[texts.size()][];
        long total = 0;
        for (int i = 0; i < bytes.length; i++) {
            String text = texts.get(i);
            bytes[i] = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
            total += bytes[i].length;
        }
        byte[] all = new byte[Math.toIntExact(total)];
        int[] ends = new int[bytes.length + 1];
        for (int i = 0; i < bytes.length; i++) {
            System.arraycopy(bytes[i], 0, all, ends[i], bytes[i].length);
            ends[i + 1] = ends[i] + bytes[i].length;
        }
        Memory data = memory(all.length);
        data.write(0, all, 0, all.length);
        return new Child(name, "u", new Buffers(bytes.length, null, null, written(ends), data), null, null);
    }

    private Child lists(String name, Values values) {
        List<String> items = new ArrayList<>();
        int[] ends = new int[size + 1];
        for (int i = 0; i < size; i++) {
            if (values.get(order[i]) instanceof List<?> texts) {
                texts.forEach(text -> items.add((String) text));
            }
            ends[i + 1] = items.size();
        }
        return new Child(name, "+l", buffers(values, written(ends)), null, plain("element", items));
    }

    // ---------------------------------------------------------------- order

    /** By stream, time, and place in the log. */
    private int[] order(Texts venues, Texts symbols, Numbers times) {
        int[] venueRanks = venues.ranks();
        int[] symbolRanks = symbols.ranks();
        int[] sorted = new int[size];
        Arrays.setAll(sorted, i -> i);
        sorted = byRank(sorted, symbolRanks, symbols.different.size() + 1);
        sorted = byRank(sorted, venueRanks, venues.different.size() + 1);
        int from = 0;
        boolean inOrder = true;
        for (int i = 1; i <= size; i++) {
            int before = sorted[i - 1];
            int row = i < size ? sorted[i] : -1;
            if (row < 0 || symbolRanks[row] != symbolRanks[before] || venueRanks[row] != venueRanks[before]) {
                if (!inOrder) {
                    sortByTime(sorted, from, i, times);
                }
                from = i;
                inOrder = true;
            } else {
                inOrder &= compare(before, row, times) <= 0;
            }
        }
        return sorted;
    }

    private static int[] byRank(int[] before, int[] ranks, int count) {
        int[] from = new int[count + 1];
        for (int rank : ranks) {
            from[rank + 1]++;
        }
        for (int i = 0; i < count; i++) {
            from[i + 1] += from[i];
        }
        int[] sorted = new int[before.length];
        for (int row : before) {
            sorted[from[ranks[row]]++] = row;
        }
        return sorted;
    }

    private void sortByTime(int[] sorted, int from, int to, Numbers times) {
        Integer[] rowsOfStream = new Integer[to - from];
        Arrays.setAll(rowsOfStream, i -> sorted[from + i]);
        Arrays.sort(rowsOfStream, (a, b) -> compare(a, b, times));
        for (int i = from; i < to; i++) {
            sorted[i] = rowsOfStream[i - from];
        }
    }

    private int compare(int a, int b, Numbers times) {
        int byTime = Long.compare(times.word(a), times.word(b));
        if (byTime != 0) {
            return byTime;
        }
        int byPartition =
                Integer.compare(rows.partition(a).partition(), rows.partition(b).partition());
        return byPartition != 0
                ? byPartition
                : Long.compare(rows.offsets().word(a), rows.offsets().word(b));
    }

    // ---------------------------------------------------------------- native memory

    private Memory memory(long bytes) {
        Memory made = new Memory(Math.max(Long.BYTES, bytes));
        memory.add(made);
        return made;
    }

    private Memory text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        Memory made = memory(bytes.length + 1L);
        made.write(0, bytes, 0, bytes.length);
        made.setByte(bytes.length, (byte) 0);
        return made;
    }

    private @Nullable Memory pointers(@Nullable Memory... to) {
        if (to.length == 0) {
            return null;
        }
        Memory made = memory((long) to.length * Long.BYTES);
        for (int i = 0; i < to.length; i++) {
            made.setPointer((long) i * Long.BYTES, to[i]);
        }
        return made;
    }

    // ---------------------------------------------------------------- the stream

    /**
     * Makes the rows readable on a connection, once, by one statement that reads all of them.
     *
     * @return the relation
     */
    String register(DuckDBConnection connection) throws SQLException {
        int[] at = {0};
        Fill schema = (stream, out) -> guarded(() -> fillSchema(out, "+s", "", children, null));
        Fill next = (stream, out) -> guarded(() -> {
            if (at[0] >= size) {
                out.setPointer(ARRAY_RELEASE, null);
                return;
            }
            int length = Math.min(BATCH, size - at[0]);
            Memory[] arrays = new Memory[children.size()];
            for (int i = 0; i < arrays.length; i++) {
                arrays[i] = memory(ARRAY_BYTES);
                fillArray(arrays[i], children.get(i), at[0], length);
            }
            fillArray(out, length, 0, 0, new Memory[] {null}, arrays, null);
            at[0] += length;
        });
        Memory[] message = new Memory[1];
        LastError error = stream -> {
            if (message[0] == null) {
                message[0] = text(String.valueOf(failure));
            }
            return message[0];
        };
        callbacks.addAll(List.of(schema, next, error));
        Memory stream = memory(STREAM_BYTES);
        stream.setPointer(0, CallbackReference.getFunctionPointer(schema));
        stream.setPointer(8, CallbackReference.getFunctionPointer(next));
        stream.setPointer(16, CallbackReference.getFunctionPointer(error));
        stream.setPointer(STREAM_RELEASE, CallbackReference.getFunctionPointer(RELEASE_STREAM));
        stream.setPointer(32, null);
        String name = "held_" + streams++;
        connection.registerArrowStream(name, ArrowArrayStream.wrap(Pointer.nativeValue(stream)));
        return name;
    }

    private int guarded(Runnable filling) {
        try {
            filling.run();
            return 0;
        } catch (RuntimeException | Error e) {
            // Nothing may be thrown through native code; DuckDB asks for the message, and fails with it.
            failure = e;
            return EIO;
        }
    }

    private void fillSchema(Pointer out, String format, String name, List<Child> of, @Nullable Child dictionary) {
        out.setPointer(0, text(format));
        out.setPointer(8, text(name));
        out.setPointer(16, null);
        out.setLong(24, NULLABLE);
        out.setLong(32, of.size());
        out.setPointer(40, pointers(of.stream().map(this::schema).toArray(Memory[]::new)));
        out.setPointer(48, dictionary == null ? null : schema(dictionary));
        out.setPointer(SCHEMA_RELEASE, CallbackReference.getFunctionPointer(RELEASE_SCHEMA));
        out.setPointer(64, null);
    }

    private Memory schema(Child child) {
        Memory made = memory(SCHEMA_BYTES);
        fillSchema(
                made, child.format, child.name, child.item == null ? List.of() : List.of(child.item), child.dictionary);
        return made;
    }

    private void fillArray(Pointer out, Child child, int offset, int length) {
        Memory dictionary = null;
        if (child.dictionary != null) {
            dictionary = memory(ARRAY_BYTES);
            fillArray(dictionary, child.dictionary, 0, child.dictionary.data.length);
        }
        Memory[] items = {};
        if (child.item != null) {
            items = new Memory[] {memory(ARRAY_BYTES)};
            fillArray(items[0], child.item, 0, child.item.data.length);
        }
        int nulls = child.data.nulls == null ? 0 : child.data.nulls[offset / BATCH];
        fillArray(out, length, nulls, offset, child.data.buffers, items, dictionary);
    }

    private void fillArray(
            Pointer out,
            int length,
            int nulls,
            int offset,
            @Nullable Memory[] buffers,
            Memory[] arrays,
            @Nullable Memory dictionary) {
        out.setLong(0, length);
        out.setLong(8, nulls);
        out.setLong(16, offset);
        out.setLong(24, buffers.length);
        out.setLong(32, arrays.length);
        out.setPointer(40, pointers(buffers));
        out.setPointer(48, pointers(arrays));
        out.setPointer(56, dictionary);
        out.setPointer(ARRAY_RELEASE, CallbackReference.getFunctionPointer(RELEASE_ARRAY));
        out.setPointer(72, null);
    }

    @Override
    public void close() {
        memory.forEach(Memory::close);
        memory.clear();
        callbacks.clear();
    }
}
