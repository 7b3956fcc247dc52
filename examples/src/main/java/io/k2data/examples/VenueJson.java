package io.k2data.examples;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** Strict reading of a venue's messages: a field that is missing or of another kind throws, and nothing is guessed. */
final class VenueJson {
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    /** Epoch milliseconds reach it in the year 5138, epoch microseconds have passed it in 1973. */
    private static final long FIRST_MICROS = 100_000_000_000_000L;

    private VenueJson() {}

    static JsonNode parse(String message) throws IOException {
        return JSON.readTree(CapturedLine.bytes(message));
    }

    static long integer(JsonNode object, String name) {
        JsonNode value = object.path(name);
        require(value.isIntegralNumber() && value.canConvertToLong(), name, "an integer");
        return value.longValue();
    }

    static String text(JsonNode object, String name) {
        JsonNode value = object.path(name);
        require(value.isTextual(), name, "a string");
        return value.textValue();
    }

    static BigDecimal decimal(JsonNode object, String name) {
        JsonNode value = object.path(name);
        require(value.isTextual() || value.isNumber(), name, "a number, as a string or as it is");
        return value.isTextual() ? new BigDecimal(value.textValue()) : value.decimalValue();
    }

    static boolean truth(JsonNode object, String name) {
        JsonNode value = object.path(name);
        require(value.isBoolean(), name, "true or false");
        return value.booleanValue();
    }

    /** Returns an epoch time that is in milliseconds or in microseconds, told by its magnitude. */
    static Instant epoch(long time) {
        return Instant.EPOCH.plus(time, time < FIRST_MICROS ? ChronoUnit.MILLIS : ChronoUnit.MICROS);
    }

    private static void require(boolean holds, String name, String expected) {
        if (!holds) {
            throw new IllegalArgumentException(name + ": expected " + expected);
        }
    }
}
