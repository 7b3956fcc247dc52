package io.k2data.pipeline;

/**
 * Makes an event of a record's bytes. Called by the ingest thread.
 *
 * @param <T> the class of the event
 */
@FunctionalInterface
public interface EventDecoder<T> {
    /**
     * Decodes a record.
     *
     * @param record the record
     * @return the event
     * @throws Rejection if the record is no such event
     */
    T decode(LogRecord record) throws Rejection;
}
