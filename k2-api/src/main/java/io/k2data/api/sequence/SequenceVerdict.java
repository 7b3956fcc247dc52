package io.k2data.api.sequence;

/** What a sequence number says about its stream. All numbers are inclusive. */
public sealed interface SequenceVerdict {
    /** The first number ever seen of the stream. */
    enum First implements SequenceVerdict {
        /** The one value. */
        INSTANCE
    }

    /** The number after the highest seen. */
    enum InOrder implements SequenceVerdict {
        /** The one value. */
        INSTANCE
    }

    /** The number was seen before in this epoch of the stream. */
    enum Duplicate implements SequenceVerdict {
        /** The one value. */
        INSTANCE
    }

    /**
     * The number is above the highest seen, and those in between are missing so far.
     *
     * @param from the first missing number
     * @param to the last missing number
     */
    record Gap(long from, long to) implements SequenceVerdict {}

    /**
     * The number is below the highest seen and had not been seen: it fills itself out of a gap, or extends the stream
     * downwards (then numbers between it and the lowest seen so far become a gap).
     *
     * @param fills the number
     */
    record Late(long fills) implements SequenceVerdict {}

    /**
     * The stream began anew; the number opens the next epoch, and gaps of the epoch before are closed as they stand.
     *
     * @param highestBefore the highest number of the epoch that ended
     */
    record Reset(long highestBefore) implements SequenceVerdict {}
}
