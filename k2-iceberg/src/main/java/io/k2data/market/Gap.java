package io.k2data.market;

import io.k2data.api.StreamKey;
import io.k2data.api.sequence.StreamLedger.Range;

/**
 * Sequence numbers of a stream that are missing.
 *
 * @param stream the stream
 * @param partition the number of the Kafka partition it is on
 * @param missing the numbers
 * @param state why they are missing
 * @param asOfOffset the offset in that partition up to which the ledger had read, at or after the cut's live end
 */
public record Gap(StreamKey stream, int partition, Range missing, State state, long asOfOffset) {
    /** Why numbers are missing. */
    public enum State {
        /** They have not come. */
        OPEN,
        /** They were put off under load, and will be brought in. */
        DEFERRED
    }
}
