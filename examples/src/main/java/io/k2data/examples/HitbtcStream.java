package io.k2data.examples;

import com.fasterxml.jackson.databind.JsonNode;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.errors.SerializationException;

/**
 * HitBTC's WebSocket as recorded: receive time in epoch seconds with decimals, a colon, a space, the message. Lines that
 * begin with an address are the recorder's own: it connected, or sent a request. A message holds many trades.
 */
final class HitbtcStream implements CaptureFormat {
    private static final Pattern RECEIVED = Pattern.compile("([0-9]{1,10}(?:\\.[0-9]+)?): ");

    private final String venue;

    HitbtcStream(String venue) {
        this.venue = venue;
    }

    @Override
    public void read(String line, CapturedLine into) throws IOException {
        if (line.startsWith("wss://")) {
            return;
        }
        String message = line;
        Matcher received = RECEIVED.matcher(line);
        if (received.lookingAt()) {
            into.received(new BigDecimal(received.group(1)).movePointRight(9).longValue());
            message = line.substring(received.end());
        }
        JsonNode json = VenueJson.parse(message);
        String method = json.path("method").asText();
        if (!method.equals("snapshotTrades") && !method.equals("updateTrades")) {
            return;
        }
        String symbol = VenueJson.text(json.path("params"), "symbol");
        JsonNode trades = json.path("params").path("data");
        if (!trades.isArray()) {
            throw new IllegalArgumentException("data: expected an array");
        }
        for (JsonNode trade : trades) {
            try {
                into.trade(trade(symbol, trade));
            } catch (DateTimeException | IllegalArgumentException | SerializationException e) {
                // The others of the message are good.
                into.malformed(trade.toString().getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    /** Ids are given out over the whole exchange: within a symbol they have holes, so there is no sequence. */
    private Trade trade(String symbol, JsonNode trade) {
        return Trade.of(venue, symbol, VenueJson.integer(trade, "id"))
                .at(Instant.parse(VenueJson.text(trade, "timestamp")))
                .priced(VenueJson.decimal(trade, "price"), VenueJson.decimal(trade, "quantity"))
                .side(side(VenueJson.text(trade, "side")))
                .build();
    }

    private static Side side(String side) {
        return switch (side) {
            case "buy" -> Side.BUY;
            case "sell" -> Side.SELL;
            default -> throw new IllegalArgumentException("side: expected buy or sell");
        };
    }
}
