package io.k2data.examples;

import com.fasterxml.jackson.databind.JsonNode;
import io.k2data.api.event.Quote;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/**
 * Binance's WebSocket as recorded: receive time in epoch nanoseconds, a space, the message. Trades and best bids and offers
 * are taken, books are not.
 */
final class BinanceStream implements CaptureFormat {
    private final String venue;

    BinanceStream(String venue) {
        this.venue = venue;
    }

    @Override
    public void read(String line, CapturedLine into) throws IOException {
        String message = line;
        int space = line.indexOf(' ');
        if (space > 0 && !line.startsWith("{")) {
            into.received(Long.parseLong(line, 0, space, 10));
            message = line.substring(space + 1);
        }
        JsonNode json = VenueJson.parse(message);
        JsonNode data = json.has("data") ? json.get("data") : json;
        String kind = data.path("e").asText();
        if (kind.equals("trade")) {
            into.trade(trade(data));
        } else if (kind.equals("bookTicker")
                || json.path("stream").asText().endsWith("@bookTicker")
                // On a connection for one stream nothing names the kind; only this one has flat bid and ask.
                || (kind.isEmpty()
                        && data.path("b").isTextual()
                        && data.path("a").isTextual())) {
            into.quote(quote(data, into.receivedNanos()));
        }
    }

    private Trade trade(JsonNode data) {
        long id = VenueJson.integer(data, "t");
        return Trade.of(venue, VenueJson.text(data, "s"), id)
                .at(VenueJson.epoch(VenueJson.integer(data, "T")))
                .priced(VenueJson.decimal(data, "p"), VenueJson.decimal(data, "q"))
                .side(VenueJson.truth(data, "m") ? Side.SELL : Side.BUY)
                // Binance numbers the trades of a symbol without holes: the id is a dense sequence.
                .sequence(id)
                .build();
    }

    /**
     * The update id is the quote's identity: every message carries a higher one than the message before it on the same
     * symbol (in recordings of 28,040 and 24,077 of them none came twice), and a second connection sends the same.
     * It counts changes of the whole book, so it has holes and is no sequence.
     */
    private Quote quote(JsonNode data, long receivedNanos) {
        if (receivedNanos == 0) {
            throw new IllegalArgumentException("no receive time");
        }
        // Futures tell the time, spot does not.
        Instant time = data.has("T")
                ? VenueJson.epoch(VenueJson.integer(data, "T"))
                : Instant.EPOCH.plus(receivedNanos / 1000, ChronoUnit.MICROS);
        return Quote.of(venue, VenueJson.text(data, "s"))
                .id(VenueJson.integer(data, "u"))
                .at(time)
                .bid(VenueJson.decimal(data, "b"), VenueJson.decimal(data, "B"))
                .ask(VenueJson.decimal(data, "a"), VenueJson.decimal(data, "A"))
                .build();
    }
}
