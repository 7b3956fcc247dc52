package io.k2data.degradation;

import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;

/**
 * What {@link java.util.ServiceLoader} finds; in a program, {@link DegradationPolicies#adaptive()} is the same. It is
 * taken only where its name is given.
 */
public final class AdaptiveDegradationPolicyFactory implements DegradationPolicyFactory {
    private final DegradationPolicyFactory factory = DegradationPolicies.adaptive();

    /** For the service loader. */
    public AdaptiveDegradationPolicyFactory() {}

    @Override
    public String name() {
        return factory.name();
    }

    @Override
    public boolean onlyByName() {
        return true;
    }

    @Override
    public DegradationPolicy create() {
        return factory.create();
    }
}
