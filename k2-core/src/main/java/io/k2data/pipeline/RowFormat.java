package io.k2data.pipeline;

import io.k2data.api.event.Column;
import io.k2data.api.event.EventType;
import java.util.List;

/** A format of record values. Immutable; opens decoders. */
@FunctionalInterface
public interface RowFormat {
    /**
     * Opens a decoder for a table. Called when an ingest starts, and again when its table has got a new column.
     *
     * @param type the event type
     * @param columns the columns to give values for: the event type's own, then those that its table has besides
     * @param unknown what to do with a field that is none of the columns
     * @return the decoder
     */
    RowDecoder open(EventType<?> type, List<Column> columns, UnknownFields unknown);
}
