package io.k2data.pipeline;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.Rejection.Reason;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Turns an event into the values of its row, and rejects what the table cannot hold exactly. Every check is made here,
 * before the row comes near a database: a bad value in the middle of a row would take others with it.
 */
final class RowChecker<T> {
    private final EventType<T> type;
    private final long behindMicros;
    private final long aheadMicros;

    RowChecker(EventType<T> type, PipelineSettings settings) {
        this.type = type;
        this.behindMicros = settings.eventTimeBehind().toMillis() * 1000;
        this.aheadMicros = settings.eventTimeAhead().toMillis() * 1000;
    }

    @Nullable
    Object[] values(T event) throws Rejection {
        List<Column> columns = type.columns();
        @Nullable Object[] values = new Object[columns.size()];
        for (int i = 0; i < values.length; i++) {
            Column column = columns.get(i);
            Object value = type.value(i, event);
            if (value == null) {
                if (column.required()) {
                    throw new Rejection(Reason.MISSING_FIELD, column.name() + " is missing");
                }
            } else {
                values[i] = check(column, value);
            }
        }
        return values;
    }

    /** The event's time, if it is near enough to the record's. */
    long eventTimeMicros(T event, long logTimeMillis) throws Rejection {
        Instant time = type.eventTime(event);
        long micros = micros("event_time", time);
        long ahead = micros - logTimeMillis * 1000;
        if (ahead > aheadMicros || -ahead > behindMicros) {
            throw new Rejection(
                    Reason.EVENT_TIME_OUT_OF_BOUNDS,
                    "event_time " + time + " is too far from the record's time " + Instant.ofEpochMilli(logTimeMillis));
        }
        return micros;
    }

    private static Object check(Column column, Object value) throws Rejection {
        ColumnType type = column.type();
        if (type instanceof ColumnType.Text && value instanceof String text) {
            return checkText(column, text);
        } else if (type instanceof ColumnType.Decimal decimal && value instanceof BigDecimal number) {
            return checkDecimal(column, decimal, number);
        } else if (type instanceof ColumnType.Timestamp && value instanceof Instant time) {
            long unused = micros(column.name(), time);
            return value;
        } else if (type instanceof ColumnType.TextList && value instanceof List<?> list) {
            for (Object element : list) {
                if (!(element instanceof String text)) {
                    throw new Rejection(Reason.WRONG_TYPE, column.name() + ": expected a list of text");
                }
                checkText(column, text);
            }
            return value;
        } else if ((type instanceof ColumnType.Int64 && value instanceof Long)
                || (type instanceof ColumnType.Int32 && value instanceof Integer)) {
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

    private static long micros(String column, Instant time) throws Rejection {
        if (time.getNano() % 1000 != 0) {
            throw new Rejection(
                    Reason.DOES_NOT_FIT, column + ": " + time + " has nanoseconds, the column holds microseconds");
        }
        try {
            return Math.addExact(Math.multiplyExact(time.getEpochSecond(), 1_000_000L), time.getNano() / 1000);
        } catch (ArithmeticException | DateTimeException e) {
            throw new Rejection(Reason.DOES_NOT_FIT, column + ": " + time.getEpochSecond() + " s is out of range");
        }
    }
}
