package io.k2data;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;

/** Goes where it is told, by the rules: down one level at a time, and not before a held ingest has drained. */
final class ScriptedPolicy implements DegradationPolicyFactory, DegradationPolicy {
    private volatile DegradationLevel wanted = DegradationLevel.NORMAL;

    void want(DegradationLevel level) {
        wanted = level;
    }

    @Override
    public String name() {
        return "scripted";
    }

    @Override
    public DegradationPolicy create() {
        return this;
    }

    @Override
    public DegradationLevel next(DegradationState state, LoadSample sample, long nowNanos) {
        DegradationLevel target = wanted;
        if (target.compareTo(state.level()) >= 0) {
            return target;
        }
        return state.holding()
                ? state.level()
                : DegradationLevel.numbered(state.level().number() - 1);
    }

    @Override
    public String cause(DegradationState state, LoadSample sample) {
        return state.level() + " because a test says so";
    }
}
