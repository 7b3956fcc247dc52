package io.k2data.degradation;

import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.testkit.DegradationPolicyContract;
import java.time.Duration;

class ThresholdDegradationPolicyTest extends DegradationPolicyContract {
    @Override
    protected DegradationPolicyFactory factory() {
        return DegradationPolicies.thresholds();
    }

    @Override
    protected Duration cooldown() {
        return Duration.ofSeconds(30);
    }
}
