package io.k2data.degradation;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;

/** What both policies do alike: lines per level, and when lag counts. */
final class Ladder {
    /** The slot that holds 1 once lag fell below SOFT's recovery line while catching up. */
    private static final int CAUGHT_UP = 0;

    /** The first slot that is free for a policy's own use. */
    static final int FIRST_FREE_SLOT = 1;

    /** The number of the highest level. */
    static final int TOP = DegradationLevel.CIRCUIT_BREAK.number();

    private Ladder() {}

    /** Returns the lines times a factor; NORMAL has none. */
    static double[] scaled(double[] lines, double factor) {
        double[] scaled = new double[lines.length];
        for (int i = 0; i < lines.length; i++) {
            scaled[i] = lines[i] * factor;
        }
        return scaled;
    }

    /** Returns the highest level whose line the value reaches, 0 if it reaches none. */
    static int reached(double[] lines, double value) {
        int level = TOP;
        while (level > 0 && value < lines[level]) {
            level--;
        }
        return level;
    }

    /**
     * Tells whether lag counts, and remembers that it does once it was low while catching up. The memory lasts until the
     * sample no longer says catching up, so that an ingest that is slow to say so is not exempt twice.
     */
    static boolean lagCounts(DegradationState state, LoadSample sample, boolean low) {
        if (!sample.catchingUp()) {
            state.slot(CAUGHT_UP, 0);
            return true;
        }
        if (low) {
            state.slot(CAUGHT_UP, 1);
        }
        return lagCounted(state, sample);
    }

    /** Tells whether lag counted in the last decision. */
    static boolean lagCounted(DegradationState state, LoadSample sample) {
        return !sample.catchingUp() || state.slot(CAUGHT_UP) != 0;
    }
}
