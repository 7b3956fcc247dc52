package io.k2data.pipeline;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.Rejection.Reason;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Checks a row's values, and rejects what the table cannot hold exactly. Every check is made here, before the row comes
 * near a database: a bad value in the middle of a row would take others with it.
 */
final class RowChecker {
    /** What DuckDB's times reach, to either side; about 290,000 years. */
    private static final long MAX_MICROS = 9_223_372_022_400_000_000L;

    private final List<Column> columns;
    private final int[] idIndexes;
    private final boolean idRequired;
    private final int eventTime;
    /** By column, whether a text without a character is as good as none. */
    private final boolean[] needsContent;

    private final long behindMicros;
    private final long aheadMicros;

    RowChecker(EventType<?> type, List<Column> columns, PipelineSettings settings) {
        this.columns = columns;
        this.idIndexes = type.idColumns().stream()
                .mapToInt(column -> type.index(column.name()))
                .toArray();
        this.idRequired = type.idRequired();
        this.eventTime = type.index("event_time");
        this.needsContent = new boolean[columns.size()];
        for (int i = 0; i < needsContent.length; i++) {
            needsContent[i] = columns.get(i).required() || type.idColumns().contains(columns.get(i));
        }
        this.behindMicros = settings.eventTimeBehind().toMillis() * 1000;
        this.aheadMicros = settings.eventTimeAhead().toMillis() * 1000;
    }

    /** Checks a row, brings decimals to their columns' scale, and gives the event's time, epoch microseconds. */
    long check(@Nullable Object[] values, long logTimeMillis) throws Rejection {
        if (values.length != columns.size()) {
            throw new IllegalStateException(
                    "the decoder gave " + values.length + " values for " + columns.size() + " columns");
        }
        for (int i = 0; i < values.length; i++) {
            Column column = columns.get(i);
            Object value = values[i];
            if (value instanceof String text && text.isEmpty() && needsContent[i]) {
                value = null;
                values[i] = null;
            }
            if (value != null) {
                values[i] = check(column, value);
            } else if (column.required()) {
                throw new Rejection(Reason.MISSING_FIELD, column.name() + " is missing");
            }
        }
        checkId(values);
        return checkTime(values, logTimeMillis);
    }

    /** Checks the times of a row whose decoder checked all else, and gives the event's, epoch microseconds. */
    long checkTime(@Nullable Object[] values, long logTimeMillis) throws Rejection {
        Long micros = (Long) values[eventTime];
        if (micros == null) {
            throw new Rejection(Reason.MISSING_FIELD, "event_time is missing");
        }
        if (Math.abs(logTimeMillis) > MAX_MICROS / 1000) {
            throw new Rejection(
                    Reason.EVENT_TIME_OUT_OF_BOUNDS,
                    "the record's own time, " + logTimeMillis + " ms, is out of range");
        }
        long logMicros = logTimeMillis * 1000;
        boolean tooEarly = micros < logMicros - behindMicros;
        boolean tooLate = micros > logMicros + aheadMicros;
        if (tooEarly || tooLate) {
            throw new Rejection(
                    Reason.EVENT_TIME_OUT_OF_BOUNDS,
                    "event_time " + instant(micros) + " is too far from the record's time "
                            + Instant.ofEpochMilli(logTimeMillis));
        }
        return micros;
    }

    private static Instant instant(long micros) {
        return Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1000L);
    }

    private void checkId(@Nullable Object[] values) throws Rejection {
        int found = 0;
        for (int index : idIndexes) {
            if (values[index] != null) {
                found++;
            }
        }
        if (found > 1) {
            throw new Rejection(Reason.MISSING_FIELD, idNames(" and ") + " are both there, expected one of them");
        } else if (found == 0 && idRequired) {
            throw new Rejection(Reason.MISSING_FIELD, idNames(" or ") + " is missing");
        }
    }

    private String idNames(String between) {
        return Arrays.stream(idIndexes)
                .mapToObj(index -> columns.get(index).name())
                .collect(Collectors.joining(between));
    }

    private static Object check(Column column, Object value) throws Rejection {
        ColumnType type = column.type();
        if (type instanceof ColumnType.Text && value instanceof String text) {
            return checkText(column, text);
        } else if (type instanceof ColumnType.Decimal decimal && value instanceof BigDecimal number) {
            return checkDecimal(column, decimal, number);
        } else if (type instanceof ColumnType.Decimal decimal && value instanceof Long digits) {
            return checkDecimal(column, decimal, BigDecimal.valueOf(digits, decimal.scale()));
        } else if (type instanceof ColumnType.Int64 && value instanceof Long) {
            return value;
        } else if (type instanceof ColumnType.Timestamp && value instanceof Long micros) {
            if (micros > MAX_MICROS || micros < -MAX_MICROS) {
                throw new Rejection(Reason.DOES_NOT_FIT, column.name() + ": " + micros + " us is out of range");
            }
            return value;
        } else if (type instanceof ColumnType.Choice choice && value instanceof String text) {
            if (!choice.values().contains(text)) {
                throw new Rejection(Reason.WRONG_TYPE, column.name() + ": expected one of " + choice.values());
            }
            return value;
        } else if (type instanceof ColumnType.TextList && value instanceof List<?> list) {
            for (Object element : list) {
                if (!(element instanceof String text)) {
                    throw new Rejection(Reason.WRONG_TYPE, column.name() + ": expected a list of text");
                }
                checkText(column, text);
            }
            return value;
        } else if (type instanceof ColumnType.Json && value instanceof String text) {
            return checkText(column, text);
        } else if ((type instanceof ColumnType.Int32 && value instanceof Integer)
                || (type instanceof ColumnType.Bool && value instanceof Boolean)
                || (type instanceof ColumnType.Float64 && value instanceof Double)) {
            return value;
        }
        throw new Rejection(
                Reason.WRONG_TYPE,
                column.name() + ": expected " + type.getClass().getSimpleName() + ", found a value of "
                        + value.getClass().getName());
    }

    private static String checkText(Column column, String text) throws Rejection {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                boolean pair = Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1));
                if (!pair) {
                    throw new Rejection(Reason.WRONG_TYPE, column.name() + ": half a surrogate pair is no text");
                }
                i++;
            } else if (c == 0) {
                throw new Rejection(Reason.WRONG_TYPE, column.name() + ": text must not hold a NUL");
            }
        }
        return text;
    }

    private static BigDecimal checkDecimal(Column column, ColumnType.Decimal type, BigDecimal number) throws Rejection {
        if (number.signum() == 0) {
            return BigDecimal.ZERO.setScale(type.scale());
        }
        // Digits before the point, without writing them out: an exponent may be huge.
        long integerDigits = (long) number.precision() - number.scale();
        if (integerDigits <= type.precision() - type.scale()) {
            try {
                return number.scale() == type.scale() ? number : exactScale(number, type.scale());
            } catch (ArithmeticException e) {
                throw doesNotFit(column, type, number, e);
            }
        }
        throw doesNotFit(column, type, number, null);
    }

    private static BigDecimal exactScale(BigDecimal number, int scale) {
        // A scale far beyond ours could only fit if it ended in that many zeros; no digits hold so many.
        if (number.scale() > scale && number.scale() - (long) scale > number.precision()) {
            throw new ArithmeticException("too many digits after the point");
        }
        return number.setScale(scale, RoundingMode.UNNECESSARY);
    }

    private static Rejection doesNotFit(
            Column column, ColumnType.Decimal type, BigDecimal number, @Nullable ArithmeticException cause) {
        Rejection rejection = new Rejection(
                Reason.DOES_NOT_FIT,
                column.name() + ": a number of " + number.precision() + " digits with scale " + number.scale()
                        + " does not fit decimal(" + type.precision() + "," + type.scale() + ")");
        if (cause != null) {
            rejection.addSuppressed(cause);
        }
        return rejection;
    }
}
