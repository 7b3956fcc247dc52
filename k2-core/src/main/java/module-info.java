/** In-memory implementations and the ingest pipeline of K2. */
module io.k2data.core {
    requires transitive io.k2data.api;
    requires transitive micrometer.core;
    requires com.fasterxml.jackson.core;
    requires java.management;
    requires org.apache.commons.collections4;
    requires org.slf4j;
    requires roaringbitmap;
    requires static transitive org.jspecify;

    exports io.k2data.cost;
    exports io.k2data.dedup;
    exports io.k2data.degradation;
    exports io.k2data.pipeline;
    exports io.k2data.query;
    exports io.k2data.sequence;

    provides io.k2data.api.degradation.DegradationPolicyFactory with
            io.k2data.degradation.AdaptiveDegradationPolicyFactory;
}
