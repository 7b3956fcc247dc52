package io.k2data.api.degradation;

/**
 * Answers one question: given the load now, which level next? A pure function of state, sample and time: it reads no
 * clock and keeps nothing but what it writes to the state's slots, so that a recorded trace can be decided again, and a
 * future one simulated. It holds nothing, so there is nothing to close, and threads may share it.
 *
 * <p>Every policy keeps these rules, which the contract in {@code k2-testkit} checks:
 *
 * <ul>
 *   <li>Up it may go by several levels at once, down by one.
 *   <li>Once load has fallen for good it comes back to {@link DegradationLevel#NORMAL}, from wherever it was.
 *   <li>It does not leave {@link DegradationLevel#CIRCUIT_BREAK} while the state is {@link DegradationState#holding}.
 *   <li>While the ingest is catching up, lag alone raises no level; memory always does.
 *   <li>{@link #next} allocates nothing.
 * </ul>
 */
public interface DegradationPolicy {
    /**
     * Returns the level to go to. Called by {@link DegradationState#advance}, several times a second or for every batch,
     * so it must neither allocate nor wait.
     *
     * @param state the level now and since when; the policy changes nothing but its slots
     * @param sample the load; no reference to it is kept
     * @param nowNanos the time, not before {@link DegradationState#sampledNanos}; of a clock of any origin, so only
     *     differences mean anything
     * @return the level, the state's own if nothing is to change
     */
    DegradationLevel next(DegradationState state, LoadSample sample, long nowNanos);

    /**
     * Says in words why the level changed, for example {@code GRACEFUL because lag 612,400 >= 500,000}. Called once for
     * each change, right after it.
     *
     * @param state the state after the change
     * @param sample the sample that brought it about
     * @return one line that begins with the new level
     */
    String cause(DegradationState state, LoadSample sample);
}
