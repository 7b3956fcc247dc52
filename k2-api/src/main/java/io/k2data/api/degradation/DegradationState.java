package io.k2data.api.degradation;

import java.util.Arrays;
import java.util.Objects;

/**
 * Where an ingest stands: its level, when that last changed, and what the policy remembers. It is all that a decision
 * depends on besides the sample and the time, so a copy of it decides the same. Times are of one clock that never goes
 * back, such as {@link System#nanoTime}; one that does is taken for standing still.
 *
 * <p>Not thread-safe: one thread calls {@link #advance}, and whoever else wants to know the level is told by it.
 */
public final class DegradationState {
    /** How many numbers a policy can remember. */
    public static final int SLOTS = 16;

    private final double[] slots;
    private DegradationLevel level;
    private DegradationLevel previousLevel;
    private long changedNanos;
    private long sampledNanos;
    private boolean drained;

    private DegradationState(
            DegradationLevel level,
            DegradationLevel previousLevel,
            long changedNanos,
            long sampledNanos,
            boolean drained,
            double[] slots) {
        this.level = level;
        this.previousLevel = previousLevel;
        this.changedNanos = changedNanos;
        this.sampledNanos = sampledNanos;
        this.drained = drained;
        this.slots = slots;
    }

    /**
     * Returns a state as if the level had just been reached, of which the policy remembers nothing: every slot is 0.
     *
     * @param level the level; {@link DegradationLevel#NORMAL} to begin with
     * @param nowNanos the time
     * @return the state
     */
    public static DegradationState at(DegradationLevel level, long nowNanos) {
        Objects.requireNonNull(level, "level");
        return new DegradationState(level, level, nowNanos, nowNanos, false, new double[SLOTS]);
    }

    /**
     * Asks the policy and goes to the level it says. Allocates nothing, if the policy does not.
     *
     * @param policy the policy, always the same one for a state
     * @param sample the load now
     * @param nowNanos the time, not before that of the last call
     * @return whether the level changed; {@link DegradationPolicy#cause} then tells why
     */
    public boolean advance(DegradationPolicy policy, LoadSample sample, long nowNanos) {
        long now = nowNanos - sampledNanos < 0 ? sampledNanos : nowNanos;
        if (level == DegradationLevel.CIRCUIT_BREAK && sample.inFlightDrained()) {
            drained = true;
        }
        DegradationLevel next = Objects.requireNonNull(policy.next(this, sample, now), "the policy's level");
        sampledNanos = now;
        if (next == level) {
            return false;
        }
        previousLevel = level;
        level = next;
        changedNanos = now;
        drained = sample.inFlightDrained();
        return true;
    }

    /**
     * Returns the level.
     *
     * @return the level
     */
    public DegradationLevel level() {
        return level;
    }

    /**
     * Returns the level before the last change.
     *
     * @return the level, the present one if there was no change
     */
    public DegradationLevel previousLevel() {
        return previousLevel;
    }

    /**
     * Returns when the level last changed.
     *
     * @return the time that {@link #advance} was given then
     */
    public long changedNanos() {
        return changedNanos;
    }

    /**
     * Returns the time of the last sample before the present one.
     *
     * @return the time that {@link #advance} was given then
     */
    public long sampledNanos() {
        return sampledNanos;
    }

    /**
     * Tells whether nothing at all is to be taken now: at {@link DegradationLevel#CIRCUIT_BREAK}, until nothing has been
     * in flight once since that level was reached.
     *
     * @return whether to wait
     */
    public boolean holding() {
        return level == DegradationLevel.CIRCUIT_BREAK && !drained;
    }

    /**
     * Returns a number that the policy remembers.
     *
     * @param index 0 to {@value #SLOTS} - 1
     * @return the number, 0 if it was never set
     */
    public double slot(int index) {
        return slots[index];
    }

    /**
     * Remembers a number; for policies, while they decide.
     *
     * @param index 0 to {@value #SLOTS} - 1
     * @param value the number
     */
    public void slot(int index, double value) {
        slots[index] = value;
    }

    /**
     * Returns a state of its own that decides as this one does.
     *
     * @return the copy
     */
    public DegradationState copy() {
        return new DegradationState(
                level, previousLevel, changedNanos, sampledNanos, drained, Arrays.copyOf(slots, SLOTS));
    }

    @Override
    public String toString() {
        return "DegradationState[level=" + level + ", previousLevel=" + previousLevel + ", changedNanos=" + changedNanos
                + ", sampledNanos=" + sampledNanos + ", holding=" + holding() + ", slots=" + Arrays.toString(slots)
                + "]";
    }
}
