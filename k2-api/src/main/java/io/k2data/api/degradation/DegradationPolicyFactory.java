package io.k2data.api.degradation;

import io.k2data.api.SpiFactory;

/** Gives a {@link DegradationPolicy}. Safe to share between threads. */
public interface DegradationPolicyFactory extends SpiFactory {
    /**
     * Returns a policy.
     *
     * @return the policy; since it remembers nothing itself, it may be the same one each time
     */
    DegradationPolicy create();
}
