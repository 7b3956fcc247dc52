package io.k2data.kafka;

import com.fasterxml.jackson.core.JsonGenerator;
import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.event.EventType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serializer;
import org.jspecify.annotations.Nullable;

/**
 * Writes events as K2's JSON: one flat object in UTF-8 whose names are the columns of the event type, in the order of the
 * table, without those that are null. Decimals are plain strings, times are integers of epoch microseconds, and a column of
 * JSON text is a string that holds it. {@link RowFormats#json} reads it. Safe for several threads at once.
 *
 * @param <T> the class of the events
 */
public final class JsonEventSerializer<T> implements Serializer<T> {
    private static final int USUAL_BYTES = 256;

    private final EventType<T> type;

    /**
     * Makes one.
     *
     * @param type the event type
     */
    public JsonEventSerializer(EventType<T> type) {
        this.type = Objects.requireNonNull(type, "type");
    }

    /**
     * Returns an event's JSON.
     *
     * @param topic not looked at
     * @param event the event
     * @return the JSON, or null if the event is null
     * @throws SerializationException if the event has a value that its column cannot hold; it names the column
     */
    @Override
    public byte @Nullable [] serialize(String topic, @Nullable T event) {
        if (event == null) {
            return null;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(USUAL_BYTES);
        List<Column> columns = type.columns();
        try (JsonGenerator json = JsonFields.FACTORY.createGenerator(bytes)) {
            json.writeStartObject();
            for (int i = 0; i < columns.size(); i++) {
                Object value = type.value(i, event);
                if (value != null) {
                    json.writeFieldName(columns.get(i).name());
                    write(json, columns.get(i), value);
                }
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new SerializationException("cannot write an event of " + type + " as JSON: " + e.getMessage(), e);
        }
        return bytes.toByteArray();
    }

    private static void write(JsonGenerator json, Column column, Object value) throws IOException {
        if (value instanceof String text) {
            json.writeString(requireText(column, text, 0));
        } else if (value instanceof Long number) {
            json.writeNumber(number);
        } else if (value instanceof Boolean truth) {
            json.writeBoolean(truth);
        } else if (value instanceof Double number) {
            if (!Double.isFinite(number)) {
                throw unfit(column, "a JSON number");
            }
            json.writeNumber(number);
        } else if (value instanceof BigDecimal number && column.type() instanceof ColumnType.Decimal type) {
            BigDecimal fitted = JsonFields.fitted(number, type);
            if (fitted == null) {
                throw unfit(column, "a decimal(" + type.precision() + "," + type.scale() + ")");
            }
            json.writeString(fitted.toPlainString());
        } else if (value instanceof Instant time) {
            Long micros = JsonFields.micros(time);
            if (micros == null) {
                throw unfit(column, "whole microseconds");
            }
            json.writeNumber(micros);
        } else if (value instanceof List<?> texts) {
            json.writeStartArray();
            int bytes = 0;
            for (Object element : texts) {
                String text = requireText(column, (String) element, bytes + 1);
                bytes += 1 + JsonFields.utf8Length(text);
                json.writeString(text);
            }
            json.writeEndArray();
        } else {
            throw new IllegalStateException("no way to write " + column);
        }
    }

    private static String requireText(Column column, String text, int already) {
        if (JsonFields.isTooLong(text, already)) {
            throw unfit(column, JsonFields.MAX_TEXT_BYTES + " bytes of text");
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
