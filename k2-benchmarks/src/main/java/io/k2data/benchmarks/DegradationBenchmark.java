package io.k2data.benchmarks;

import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.ratelimiter.RateLimiter;
import io.github.resilience4j.ratelimiter.RateLimiterConfig;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.degradation.Admission;
import io.k2data.degradation.DegradationPolicies;
import io.k2data.degradation.PriorityTiers;
import io.k2data.testkit.LoadTrace;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What does it cost to decide on the level, and to decide on a record, beside what one would reach for to shed load: a
 * rate limiter and a bulkhead, which are asked once per record and know nothing of it? The load is a random trace that visits every level; the
 * keys are of 2,000 streams in a hundred venues, of which 120 are named, a few venues as a whole, and the rest not at
 * all. The peers are uncontended and never say no, which is their cheapest answer. The naive admission makes a string of
 * the key and looks it up in a hash map. With {@code -prof gc}, {@code gc.alloc.rate.norm} says what each allocates.
 *
 * <p>{@code k2-benchmarks/run DegradationBenchmark -prof gc}
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
@SuppressWarnings("NullAway.Init") // JMH calls the set-up method before the benchmarks
public class DegradationBenchmark {
    private static final int SAMPLES = 1 << 12;
    private static final int KEYS = 1 << 13;
    private static final int STREAMS = 2_000;

    private final DegradationPolicy thresholds =
            DegradationPolicies.thresholds().create();
    private final DegradationPolicy adaptive = DegradationPolicies.adaptive().create();
    private final DegradationState thresholdState = DegradationState.at(DegradationLevel.NORMAL, 0);
    private final DegradationState adaptiveState = DegradationState.at(DegradationLevel.NORMAL, 0);
    private final DegradationState normal = DegradationState.at(DegradationLevel.NORMAL, 0);
    private final DegradationState graceful = DegradationState.at(DegradationLevel.GRACEFUL, 0);
    private final LoadSample[] samples = new LoadSample[SAMPLES];
    private final long[] steps = new long[SAMPLES];
    private final byte[][] keys = new byte[KEYS][];
    private final Map<String, PriorityTier> naiveTiers = new HashMap<>();
    private PriorityTiers tiers;
    private RateLimiter rateLimiter;
    private Bulkhead bulkhead;
    private int next;
    private long nowNanos;

    /** Draws the load and the keys. */
    @Setup
    public void draw() {
        LoadTrace trace = LoadTrace.random(42, SAMPLES);
        for (int i = 0; i < SAMPLES; i++) {
            samples[i] = trace.sample(i, new LoadSample());
            steps[i] = i == 0 ? 1_000_000_000 : trace.nanos(i) - trace.nanos(i - 1);
        }
        SplittableRandom random = new SplittableRandom(42);
        String[] streams = new String[STREAMS];
        PriorityTiers.Builder builder = PriorityTiers.builder();
        for (int i = 0; i < STREAMS; i++) {
            streams[i] = "VENUE" + i % 100 + "/SYMBOL" + i + "-USDT";
            if (i < 120) {
                PriorityTier tier = i < 20 ? PriorityTier.CRITICAL : PriorityTier.HIGH;
                builder.put(tier, streams[i]);
                naiveTiers.put(streams[i], tier);
            }
        }
        for (int i = 0; i < 5; i++) {
            builder.put(PriorityTier.LOW, "VENUE" + i + "/*");
        }
        tiers = builder.build();
        for (int i = 0; i < KEYS; i++) {
            // Few streams make most of the records.
            double skewed = random.nextDouble() * random.nextDouble() * random.nextDouble();
            keys[i] = streams[(int) (skewed * STREAMS)].getBytes(StandardCharsets.UTF_8);
        }
        rateLimiter = RateLimiter.of(
                "benchmark",
                RateLimiterConfig.custom()
                        .limitForPeriod(Integer.MAX_VALUE)
                        .limitRefreshPeriod(Duration.ofSeconds(1))
                        .timeoutDuration(Duration.ZERO)
                        .build());
        bulkhead = Bulkhead.of(
                "benchmark",
                BulkheadConfig.custom()
                        .maxConcurrentCalls(1_000)
                        .maxWaitDuration(Duration.ZERO)
                        .build());
    }

    /**
     * A decision by thresholds.
     *
     * @return whether the level changed
     */
    @Benchmark
    public boolean decisionThresholds() {
        int at = next++ & (SAMPLES - 1);
        nowNanos += steps[at];
        return thresholdState.advance(thresholds, samples[at], nowNanos);
    }

    /**
     * A decision by the adaptive policy.
     *
     * @return whether the level changed
     */
    @Benchmark
    public boolean decisionAdaptive() {
        int at = next++ & (SAMPLES - 1);
        nowNanos += steps[at];
        return adaptiveState.advance(adaptive, samples[at], nowNanos);
    }

    /**
     * K2's decision on a record while nothing is deferred.
     *
     * @return the decision
     */
    @Benchmark
    public Admission admissionNormal() {
        return Admission.of(normal, tiers, keys[next++ & (KEYS - 1)]);
    }

    /**
     * K2's decision on a record while a tier is deferred.
     *
     * @return the decision
     */
    @Benchmark
    public Admission admissionGraceful() {
        return Admission.of(graceful, tiers, keys[next++ & (KEYS - 1)]);
    }

    /**
     * The same with a string and a hash map, and without venues.
     *
     * @return the decision
     */
    @Benchmark
    public Admission admissionGracefulNaive() {
        String key = new String(keys[next++ & (KEYS - 1)], StandardCharsets.UTF_8);
        return Admission.of(graceful, naiveTiers.getOrDefault(key, PriorityTier.NORMAL));
    }

    /**
     * resilience4j's rate limiter.
     *
     * @return whether there was a permission
     */
    @Benchmark
    public boolean peerRateLimiter() {
        return rateLimiter.acquirePermission();
    }

    /**
     * resilience4j's bulkhead: taken and given back.
     *
     * @return whether there was room
     */
    @Benchmark
    public boolean peerBulkhead() {
        boolean permitted = bulkhead.tryAcquirePermission();
        if (permitted) {
            bulkhead.onComplete();
        }
        return permitted;
    }
}
