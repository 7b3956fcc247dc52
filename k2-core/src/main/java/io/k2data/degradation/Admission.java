package io.k2data.degradation;

import io.k2data.api.StreamKey;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.PriorityTier;

/** What becomes of a record under load. Decided on its key, before anything of it is decoded. */
public enum Admission {
    /** It is taken. */
    ADMIT,
    /** It is passed over; its offset goes to the ledger, and it is read again later. */
    DEFER,
    /** The reading waits, with this record next. */
    HOLD;

    /** By the level's number, the least important tier that is taken. */
    private static final PriorityTier[] LAST_ADMITTED = {
        PriorityTier.LOW, PriorityTier.LOW, PriorityTier.NORMAL, PriorityTier.HIGH, PriorityTier.CRITICAL
    };

    /**
     * Returns what becomes of a record. The tier is looked up only where it matters: not where every tier is taken, as at
     * {@link DegradationLevel#NORMAL} and {@link DegradationLevel#SOFT}, nor while all wait. Allocates nothing.
     *
     * @param state where the ingest stands
     * @param tiers the tiers
     * @param key the record's key; of a record without one, see {@link PriorityTiers#tierOf(StreamKey)}
     * @return the decision
     */
    public static Admission of(DegradationState state, PriorityTiers tiers, byte[] key) {
        if (state.holding()) {
            return HOLD;
        }
        DegradationLevel level = state.level();
        return takesAll(level) ? ADMIT : of(level, tiers.tierOf(key));
    }

    /**
     * Tells whether a level takes records of every tier.
     *
     * @param level the level
     * @return whether it does
     */
    public static boolean takesAll(DegradationLevel level) {
        return level.number() <= DegradationLevel.SOFT.number();
    }

    /**
     * Returns what becomes of a record of a known tier. Allocates nothing.
     *
     * @param state where the ingest stands
     * @param tier the record's tier
     * @return the decision; {@link #HOLD} for every tier as long as the state is {@link DegradationState#holding}
     */
    public static Admission of(DegradationState state, PriorityTier tier) {
        return state.holding() ? HOLD : of(state.level(), tier);
    }

    /**
     * Returns what becomes of a record at a level that holds nothing. Allocates nothing.
     *
     * @param level the level
     * @param tier the record's tier
     * @return {@link #ADMIT} or {@link #DEFER}
     */
    public static Admission of(DegradationLevel level, PriorityTier tier) {
        return tier.compareTo(LAST_ADMITTED[level.number()]) <= 0 ? ADMIT : DEFER;
    }

    /**
     * Tells whether records that are admitted are also enriched with what is optional.
     *
     * @param level the level
     * @return whether they are: at {@link DegradationLevel#NORMAL} only
     */
    public static boolean enriches(DegradationLevel level) {
        return level == DegradationLevel.NORMAL;
    }
}
