package io.k2data.iceberg;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.List;

/**
 * What queries cost before DuckDB runs them.
 *
 * @param registry where they are registered
 * @param open pinning a view
 * @param plan choosing the files of a statement, fetching those that are elsewhere included
 * @param read data files that statements may have read
 * @param pruned data files that they need not have
 */
record QueryMeters(MeterRegistry registry, Timer open, Timer plan, Counter read, Counter pruned) {
    static QueryMeters in(MeterRegistry registry) {
        return new QueryMeters(
                registry,
                Timer.builder("k2.query.open")
                        .description("Time to pin a view, after waiting for its freshness")
                        .register(registry),
                Timer.builder("k2.query.plan")
                        .description("Time to choose and fetch a statement's data files")
                        .register(registry),
                files(registry, "read"),
                files(registry, "pruned"));
    }

    /** A registry outlives its engines. */
    void remove() {
        List.of(open, plan, read, pruned).forEach(registry::remove);
    }

    private static Counter files(MeterRegistry registry, String outcome) {
        return Counter.builder("k2.query.files")
                .description("Data files of the tables a view shows, by whether a statement may have read them")
                .tag("outcome", outcome)
                .register(registry);
    }
}
