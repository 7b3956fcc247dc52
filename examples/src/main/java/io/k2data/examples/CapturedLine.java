package io.k2data.examples;

import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Quote;
import io.k2data.api.event.Trade;
import io.k2data.kafka.JsonEventSerializer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.apache.kafka.common.errors.SerializationException;
import org.jspecify.annotations.Nullable;

/** What the line that a recording stands at holds: when it was received, and the events that go to Kafka. */
final class CapturedLine {
    private static final String TRADES = EventTypes.TRADE.name();
    private static final String QUOTES = EventTypes.QUOTE.name();
    private static final JsonEventSerializer<Trade> TRADE = new JsonEventSerializer<>(EventTypes.TRADE);
    private static final JsonEventSerializer<Quote> QUOTE = new JsonEventSerializer<>(EventTypes.QUOTE);

    private final List<Event> events = new ArrayList<>();
    private long receivedNanos;

    /** An event as it goes to Kafka: the table it is for, and the record's key and value. */
    @SuppressWarnings("ArrayRecordComponent")
    record Event(String table, byte @Nullable [] key, byte[] value) {}

    /** Moves on to a line. One that is malformed is an event all the same, for K2 to reject. */
    void read(String line, CaptureFormat format) {
        events.clear();
        try {
            format.read(line, this);
        } catch (IOException
                | ArithmeticException
                | DateTimeException
                | IllegalArgumentException
                | SerializationException e) {
            events.clear();
            malformed(bytes(line));
        }
    }

    /** Returns what a line was read from. */
    static byte[] bytes(String line) {
        return line.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Sets when the line was received, in epoch nanoseconds; otherwise it has the time of the line before it. */
    void received(long nanos) {
        if (nanos < 0) {
            throw new IllegalArgumentException("received before 1970");
        }
        receivedNanos = nanos;
    }

    void trade(Trade trade) {
        add(TRADES, trade.venue(), trade.symbol(), TRADE.serialize(TRADES, trade));
    }

    void quote(Quote quote) {
        add(QUOTES, quote.venue(), quote.symbol(), QUOTE.serialize(QUOTES, quote));
    }

    /** Adds what should be a trade and cannot be read. */
    void malformed(byte[] value) {
        events.add(new Event(TRADES, null, value));
    }

    /** Adds an event that is in K2's JSON already. */
    void add(String table, String venue, String symbol, byte @Nullable [] json) {
        byte[] value = Objects.requireNonNull(json);
        events.add(new Event(table, (venue + "/" + symbol).getBytes(StandardCharsets.UTF_8), value));
    }

    long receivedNanos() {
        return receivedNanos;
    }

    /** Returns the line's events; valid until the next line is read. */
    List<Event> events() {
        return events;
    }
}
