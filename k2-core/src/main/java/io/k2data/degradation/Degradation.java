package io.k2data.degradation;

import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What an ingest does under load: a policy that chooses the level, and tiers that say what a level leaves out. Immutable
 * but for the tiers of a file. Any number of ingests may share one; methods may be called by any thread.
 */
public final class Degradation {
    private final DegradationPolicy policy;
    private final PriorityTiers fixed;
    private final @Nullable TierFile file;

    private Degradation(DegradationPolicyFactory policy, PriorityTiers fixed, @Nullable TierFile file) {
        this.policy = Objects.requireNonNull(policy.create(), "the policy");
        this.fixed = fixed;
        this.file = file;
    }

    /**
     * Returns degradation with tiers that do not change.
     *
     * @param policy gives the policy
     * @param tiers the tiers
     * @return the degradation
     */
    public static Degradation of(DegradationPolicyFactory policy, PriorityTiers tiers) {
        return new Degradation(policy, tiers, null);
    }

    /**
     * Returns degradation with the tiers of a file, which is looked at every few seconds.
     *
     * @param policy gives the policy
     * @param tiers the file
     * @return the degradation
     */
    public static Degradation of(DegradationPolicyFactory policy, TierFile tiers) {
        return new Degradation(policy, tiers.tiers(), tiers);
    }

    /**
     * Returns the policy.
     *
     * @return the policy, which threads may share
     */
    public DegradationPolicy policy() {
        return policy;
    }

    /**
     * Returns the tiers in use.
     *
     * @return the tiers
     */
    public PriorityTiers tiers() {
        return file == null ? fixed : file.tiers();
    }

    /**
     * Looks whether the file has changed. Blocks for the reading.
     *
     * @return what was found; empty if there is no file
     */
    public synchronized Optional<TierFile.Reload> reload() {
        return file == null ? Optional.empty() : Optional.of(file.reload());
    }
}
