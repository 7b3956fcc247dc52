package io.k2data.kafka;

import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.Reason;
import io.k2data.pipeline.RowDecoder;
import io.k2data.pipeline.UnknownFields;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;
import org.jspecify.annotations.Nullable;

/** Reads Avro records that begin with the id of their schema: a zero byte, four bytes of id, then the record. One thread. */
final class RegistryRowDecoder implements RowDecoder {
    private static final int PREFIX = 1 + Integer.BYTES;

    private final TableColumns columns;
    private final UnknownFields unknown;
    private final SchemaRegistry registry;
    private final Map<Integer, AvroRowDecoder> decoders = new HashMap<>();

    RegistryRowDecoder(TableColumns columns, UnknownFields unknown, SchemaRegistry registry) {
        this.columns = columns;
        this.unknown = unknown;
        this.registry = registry;
    }

    @Override
    public @Nullable Object[] decode(LogRecord record) throws Rejection {
        byte[] data = TableColumns.bytes(record);
        if (data[0] != 0) {
            throw new Rejection(
                    Reason.MALFORMED, "not Avro with a schema id: the first byte is " + (data[0] & 0xFF) + ", not 0");
        } else if (data.length < PREFIX) {
            throw new Rejection(Reason.MALFORMED, "not Avro with a schema id: " + data.length + " bytes");
        }
        int id = ByteBuffer.wrap(data).getInt(1);
        AvroRowDecoder decoder = decoders.get(id);
        if (decoder == null) {
            decoder = open(id);
            decoders.put(id, decoder);
        }
        return decoder.decode(data, PREFIX);
    }

    private AvroRowDecoder open(int id) throws Rejection {
        Optional<Schema> schema;
        try {
            schema = registry.schema(id);
        } catch (UnreadableEventException e) {
            throw new Rejection(e.reason(), e.getMessage());
        }
        if (schema.isEmpty()) {
            throw new Rejection(Reason.UNKNOWN_SCHEMA, "the registry knows no Avro schema of id " + id);
        } else if (schema.get().getType() != Schema.Type.RECORD) {
            throw new Rejection(
                    Reason.WRONG_TYPE,
                    "schema " + id + " is of type " + schema.get().getType().getName() + ", not record");
        }
        return new AvroRowDecoder(columns, unknown, schema.get(), "schema " + id);
    }
}
