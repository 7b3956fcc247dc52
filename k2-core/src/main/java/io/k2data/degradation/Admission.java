package io.k2data.degradation;

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

    /**
     * Returns what becomes of a record. Allocates nothing.
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
        boolean admitted =
                switch (level) {
                    case NORMAL, SOFT -> true;
                    case GRACEFUL -> tier != PriorityTier.LOW;
                    case AGGRESSIVE -> tier == PriorityTier.CRITICAL || tier == PriorityTier.HIGH;
                    case CIRCUIT_BREAK -> tier == PriorityTier.CRITICAL;
                };
        return admitted ? ADMIT : DEFER;
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
