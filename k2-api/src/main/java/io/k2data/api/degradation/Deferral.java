package io.k2data.api.degradation;

import java.util.Objects;

/**
 * Records of one partition that were put off under load: those of one tier in a range of offsets. They are in Kafka, not in
 * the table; a backfill brings them in, and the range shrinks from below as it goes.
 *
 * @param tier the tier; records of other tiers in the range are not meant
 * @param fromOffset the first offset that may hold such a record
 * @param toOffset the offset after the last
 * @param records how many of them are still put off, 1 or more
 * @param fromTimeMillis the lowest Kafka timestamp among all that were put off, epoch milliseconds
 * @param toTimeMillis the highest, epoch milliseconds
 * @param tiersVersion the version of the tiers by which it was decided, see {@code PriorityTiers.version()}
 */
public record Deferral(
        PriorityTier tier,
        long fromOffset,
        long toOffset,
        long records,
        long fromTimeMillis,
        long toTimeMillis,
        String tiersVersion) {
    /** Checks the range. */
    public Deferral {
        Objects.requireNonNull(tier, "tier");
        Objects.requireNonNull(tiersVersion, "tiersVersion");
        if (fromOffset < 0 || toOffset <= fromOffset || records < 1 || records > toOffset - fromOffset) {
            throw new IllegalArgumentException(
                    "a deferral of " + records + " records in [" + fromOffset + ", " + toOffset + ")");
        }
    }
}
