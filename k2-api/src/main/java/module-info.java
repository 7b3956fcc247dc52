/** Values and service interfaces of K2. */
module io.k2data.api {
    requires java.sql;
    requires static transitive org.jspecify;

    exports io.k2data.api;
    exports io.k2data.api.degradation;
    exports io.k2data.api.event;
    exports io.k2data.api.query;
    exports io.k2data.api.sequence;
    exports io.k2data.api.dedup;

    uses io.k2data.api.degradation.DegradationPolicyFactory;
    uses io.k2data.api.sequence.SequenceTrackerFactory;
    uses io.k2data.api.dedup.DeduplicatorFactory;
}
