package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.sequence.StreamLedger;
import java.util.List;

/**
 * What sequence tracking knows of the streams of one partition at one offset.
 *
 * @param partition the partition
 * @param asOfOffset the offset after the last record that it takes into account
 * @param streams one ledger for each stream that has sequence numbers
 */
public record PartitionLedger(LogPartition partition, long asOfOffset, List<StreamLedger> streams) {
    /** Copies the list. */
    public PartitionLedger {
        streams = List.copyOf(streams);
    }
}
