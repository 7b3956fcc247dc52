package io.k2data.kafka;

import static io.k2data.kafka.TradeJson.COLUMNS;

import com.fasterxml.jackson.core.JsonGenerator;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Trade;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serializer;
import org.jspecify.annotations.Nullable;

/**
 * Writes K2's JSON trade as {@link TradeJsonDeserializer} reads it: one object in UTF-8, fields in the order of the
 * table, without those that are null. Decimals are plain strings, the time is an integer of epoch microseconds, and
 * {@code vendor_data} is a string that holds JSON text. Safe for several threads at once.
 */
public final class TradeJsonSerializer implements Serializer<Trade> {
    private static final int USUAL_BYTES = 256;

    /** Makes one. */
    public TradeJsonSerializer() {}

    /**
     * Returns a trade's JSON.
     *
     * @param topic not looked at
     * @param trade the trade
     * @return the JSON, or null if the trade is null
     * @throws SerializationException if the trade has a value that its column cannot hold; it names the column
     */
    @Override
    public byte @Nullable [] serialize(String topic, @Nullable Trade trade) {
        if (trade == null) {
            return null;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
        try (JsonGenerator json = TradeJson.FACTORY.createGenerator(bytes)) {
            json.writeStartObject();
            for (int i = 0; i < COLUMNS.size(); i++) {
                Object value = EventTypes.TRADE.value(i, trade);
                if (value != null) {
                    json.writeFieldName(COLUMNS.get(i).name());
                    write(json, COLUMNS.get(i), value);
                }
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new SerializationException("cannot write a trade as JSON: " + e.getMessage(), e);
        }
        return bytes.toByteArray();
    }

    private static void write(JsonGenerator json, Column column, Object value) throws IOException {
        if (value instanceof String text) {
            json.writeString(requireText(column, text, 0));
        } else if (value instanceof Long number) {
            json.writeNumber(number);
        } else if (value instanceof BigDecimal number && column.type() instanceof ColumnType.Decimal type) {
            BigDecimal fitted = TradeJson.fitted(number, type);
            if (fitted == null) {
                throw unfit(column, "a decimal(" + type.precision() + "," + type.scale() + ")");
            }
            json.writeString(fitted.toPlainString());
        } else if (value instanceof Instant time) {
            Long micros = TradeJson.micros(time);
            if (micros == null) {
                throw unfit(column, "whole microseconds");
            }
            json.writeNumber(micros);
        } else if (value instanceof List<?> texts) {
            json.writeStartArray();
            int bytes = 0;
            for (Object element : texts) {
                String text = requireText(column, (String) element, bytes + 1);
                bytes += 1 + TradeJson.utf8Length(text);
                json.writeString(text);
            }
            json.writeEndArray();
        } else {
            throw new IllegalStateException("no way to write " + column);
        }
    }

    private static String requireText(Column column, String text, int already) {
        if (TradeJson.isTooLong(text, already)) {
            throw unfit(column, TradeJson.MAX_TEXT_BYTES + " bytes of text");
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new SerializationException(column.name() + ": half a surrogate pair is no text");
        }
        return text;
    }

    private static SerializationException unfit(Column column, String type) {
        return new SerializationException(column.name() + ": the value does not fit " + type);
    }
}
