package io.k2data.examples;

import com.fasterxml.jackson.databind.JsonNode;
import io.k2data.api.event.EventTypes;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;

/**
 * K2's own JSON events, one per line, trades and quotes mixed. They are sent as they are, at their event time: what K2
 * makes of them is not judged here.
 */
final class K2Lines implements CaptureFormat {
    @Override
    public void read(String line, CapturedLine into) throws IOException {
        JsonNode event = VenueJson.parse(line);
        String venue = VenueJson.text(event, "venue");
        String symbol = VenueJson.text(event, "symbol");
        try {
            into.received(Math.multiplyExact(micros(event.path("event_time")), 1000L));
        } catch (ArithmeticException | DateTimeException | IllegalArgumentException e) {
            // K2 tells what is wrong with the time; the record has that of the line before it.
        }
        into.add(
                (isQuote(event) ? EventTypes.QUOTE : EventTypes.TRADE).name(), venue, symbol, CapturedLine.bytes(line));
    }

    private static long micros(JsonNode time) {
        if (time.isTextual()) {
            return ChronoUnit.MICROS.between(
                    Instant.EPOCH, OffsetDateTime.parse(time.textValue()).toInstant());
        } else if (time.isIntegralNumber() && time.canConvertToLong()) {
            return time.longValue();
        }
        throw new IllegalArgumentException("no time");
    }

    private static boolean isQuote(JsonNode event) {
        return !event.hasNonNull("price")
                && (event.hasNonNull("bid_price")
                        || event.hasNonNull("ask_price")
                        || event.hasNonNull("quote_id")
                        || event.hasNonNull("quote_ref"));
    }
}
