package io.k2data.api.dedup;

/** What a deduplicator says of an id at a position. */
public sealed interface DedupVerdict {
    /** Not sighted at another position within the window; now registered at this one. */
    enum New implements DedupVerdict {
        /** The one value. */
        INSTANCE
    }

    /**
     * Sighted before, at another position within the window.
     *
     * @param partition the partition of the earlier sighting
     * @param offset the offset of the earlier sighting
     */
    record Duplicate(int partition, long offset) implements DedupVerdict {}

    /**
     * This instance cannot tell alone: it may have forgotten an earlier sighting, or its filter may be mistaken. Nothing
     * was registered. The caller looks the id up where all rows are and then registers it or drops the record.
     */
    enum Suspect implements DedupVerdict {
        /** The one value. */
        INSTANCE
    }
}
