package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import io.k2data.api.degradation.DegradationState;
import io.k2data.api.degradation.LoadSample;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link DegradationPolicy} promises. Extend it and answer its two questions; all tests then run against your
 * implementation:
 *
 * <pre>{@code
 * class MyDegradationPolicyTest extends DegradationPolicyContract {
 *     protected DegradationPolicyFactory factory() { return new MyDegradationPolicyFactory(); }
 *     protected Duration cooldown() { return Duration.ofSeconds(30); }
 * }
 * }</pre>
 */
public abstract class DegradationPolicyContract {
    private static final long SECOND = 1_000_000_000;
    private static final long ENOUGH_LAG = 1_000_000_000;
    private static final int TRACE = 5_000;

    private final LoadSample sample = new LoadSample();

    /** For subclasses. */
    protected DegradationPolicyContract() {}

    /**
     * Returns the factory under test; may be called several times.
     *
     * @return the factory
     */
    protected abstract DegradationPolicyFactory factory();

    /**
     * Returns how long after any change the policy lowers the level at the earliest.
     *
     * @return the time, more than zero, at most an hour
     */
    protected abstract Duration cooldown();

    @Test
    void aFactoryAlwaysHasTheSameName() {
        assertThat(factory().name())
                .matches("[a-z0-9]+(-[a-z0-9]+)*")
                .isEqualTo(factory().name());
    }

    @Test
    void withoutLoadItStaysNormal() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(600, sample.clear());
        assertThat(run.changes).isEmpty();
    }

    @Test
    void underLoadWithoutEndItRisesToTheTopWithoutEverGoingDown() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(1200, overload());
        assertThat(run.level()).isEqualTo(DegradationLevel.CIRCUIT_BREAK);
        assertThat(run.changes).allMatch(change -> change.to.compareTo(change.from) > 0);
    }

    @Test
    void fullMemoryAloneRaisesItToTheTop() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(1200, sample.clear().duckDb(100, 100));
        assertThat(run.level()).isEqualTo(DegradationLevel.CIRCUIT_BREAK);
    }

    @Test
    void lagAloneRaisesItToTheTop() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(1200, sample.clear().lag(ENOUGH_LAG, 1000));
        assertThat(run.level()).isEqualTo(DegradationLevel.CIRCUIT_BREAK);
    }

    @Test
    void lagRaisesNothingWhileCatchingUp() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(1200, sample.clear().lag(ENOUGH_LAG, 1000).markCatchingUp());
        assertThat(run.changes).isEmpty();
    }

    @Test
    void memoryCountsWhileCatchingUp() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(1200, overload().markCatchingUp());
        assertThat(run.level()).isEqualTo(DegradationLevel.CIRCUIT_BREAK);
    }

    @Test
    void lagCountsAgainOnceItWasLowWhileCatchingUp() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(60, sample.clear().lag(ENOUGH_LAG, 1000).markCatchingUp());
        run.forSeconds(60, sample.clear().markCatchingUp());
        assertThat(run.changes).isEmpty();
        run.forSeconds(1200, sample.clear().lag(ENOUGH_LAG, 1000).markCatchingUp());
        assertThat(run.level()).isEqualTo(DegradationLevel.CIRCUIT_BREAK);
    }

    @Test
    void lagIsDisregardedAnewInTheNextCatchUp() {
        Run run = new Run(DegradationLevel.NORMAL);
        run.forSeconds(60, sample.clear().markCatchingUp());
        run.forSeconds(60, sample.clear());
        run.forSeconds(1200, sample.clear().lag(ENOUGH_LAG, 1000).markCatchingUp());
        assertThat(run.changes).isEmpty();
    }

    @Test
    void theBreakEndsOnlyOnceWhatWasInFlightHasDrained() {
        Run run = new Run(DegradationLevel.CIRCUIT_BREAK);
        run.forSeconds(2 * secondsToRecover(), sample.clear());
        assertThat(run.changes).isEmpty();
        assertThat(run.state.holding()).isTrue();
        run.forSeconds(1, sample.clear().markInFlightDrained());
        assertThat(run.state.holding()).isFalse();
        run.forSeconds(secondsToRecover(), sample.clear());
        assertThat(run.level()).isEqualTo(DegradationLevel.NORMAL);
    }

    @ParameterizedTest
    @EnumSource(DegradationLevel.class)
    void onceLoadIsGoneItComesDownFromEveryLevelOneAtATime(DegradationLevel level) {
        Run run = new Run(level);
        run.forSeconds(secondsToRecover(), sample.clear().markInFlightDrained());
        assertThat(run.level()).isEqualTo(DegradationLevel.NORMAL);
        assertThat(run.changes).hasSize(level.number());
        run.assertGoesDownByTheRule();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void whateverTheLoadNoChangeDownIsTooEarlyAndNoneLeavesOutALevel(long seed) {
        Run run = new Run(DegradationLevel.NORMAL);
        run.trace(LoadTrace.random(seed, TRACE));
        assertThat(run.changes).as("seed %d", seed).hasSizeGreaterThan(10);
        run.assertGoesDownByTheRule();
        long down = run.changes.stream().filter(Change::goesDown).count();
        assertThat(run.changes.size() - down).as("seed %d: changes up", seed).isLessThanOrEqualTo(down + 4);
        assertThat(down)
                .as("seed %d: changes down", seed)
                .isLessThanOrEqualTo(run.now / cooldown().toNanos() + 1);
    }

    @ParameterizedTest
    @ValueSource(longs = {21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40})
    void whateverItHasSeenItComesBackToNormalOnceLoadFalls(long seed) {
        Run run = new Run(DegradationLevel.NORMAL);
        LoadTrace trace = LoadTrace.random(seed, TRACE);
        FeedRandom random = new FeedRandom(seed);
        for (int i = 0; i < trace.size(); i++) {
            run.step(trace.sample(i, sample), trace.nanos(i));
            if (random.chance(0.01)) {
                Run branch = run.copy();
                for (int lag = 20_000_000; lag > 0; lag -= lag / 50 + 1) {
                    branch.forSeconds(1, sample.clear().lag(lag, 1000));
                }
                branch.forSeconds(1, sample.clear().markInFlightDrained());
                branch.forSeconds(secondsToRecover(), sample.clear());
                assertThat(branch.level()).as("seed %d, sample %d", seed, i).isEqualTo(DegradationLevel.NORMAL);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {41, 42, 43, 44, 45, 46, 47, 48, 49, 50})
    void underConstantLoadItSettles(long seed) {
        LoadTrace trace = LoadTrace.random(seed, 200);
        for (int i = 0; i < trace.size(); i += 10) {
            for (DegradationLevel level : DegradationLevel.values()) {
                Run run = new Run(level);
                run.forSeconds(secondsToRecover(), trace.sample(i, sample));
                int changes = run.changes.size();
                run.forSeconds(secondsToRecover(), trace.sample(i, sample));
                assertThat(run.changes)
                        .as("seed %d, sample %d, from %s", seed, i, level)
                        .hasSize(changes);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {51, 52, 53, 54, 55})
    void theSameTraceGivesTheSameDecisionsWhereverTheClockBegins(long seed) {
        LoadTrace trace = LoadTrace.random(seed, TRACE);
        List<DegradationLevel> levels = null;
        // The last two run over the end of what a long holds.
        for (long origin : new long[] {0, 0, -1, Long.MIN_VALUE, Long.MAX_VALUE, Long.MAX_VALUE - 100 * SECOND}) {
            DegradationPolicy policy = factory().create();
            DegradationState state = DegradationState.at(DegradationLevel.NORMAL, origin);
            List<DegradationLevel> decided = new ArrayList<>();
            for (int i = 0; i < trace.size(); i++) {
                state.advance(policy, trace.sample(i, sample), origin + trace.nanos(i));
                decided.add(state.level());
            }
            if (levels == null) {
                levels = decided;
            }
            assertThat(decided).as("seed %d, origin %d", seed, origin).isEqualTo(levels);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {61, 62, 63})
    void aDecisionDependsOnNothingButStateSampleAndTime(long seed) {
        LoadTrace trace = LoadTrace.random(seed, TRACE);
        Run run = new Run(DegradationLevel.NORMAL);
        LoadSample untouched = new LoadSample();
        for (int i = 0; i < trace.size(); i++) {
            trace.sample(i, sample);
            DegradationState before = run.state.copy();
            run.step(sample, trace.nanos(i));
            DegradationState again = before.copy();
            again.advance(factory().create(), sample, trace.nanos(i));

            assertThat(again).as("seed %d, sample %d", seed, i).hasToString(run.state.toString());
            if (i % 100 == 0) {
                assertThat(sample)
                        .as("seed %d, sample %d", seed, i)
                        .usingRecursiveComparison()
                        .isEqualTo(trace.sample(i, untouched));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {71, 72, 73})
    void everyChangeSaysWhyInOneLine(long seed) {
        Run run = new Run(DegradationLevel.NORMAL);
        run.trace(LoadTrace.random(seed, TRACE));
        assertThat(run.changes).as("seed %d", seed).allSatisfy(change -> assertThat(change.cause)
                .startsWith(change.to + " because ")
                .doesNotContain("\n")
                .hasSizeGreaterThan((change.to + " because ").length() + 3));
    }

    @Test
    void aDecisionAllocatesNothing() {
        DegradationPolicy policy = factory().create();
        DegradationState state = DegradationState.at(DegradationLevel.NORMAL, 0);
        LoadTrace trace = LoadTrace.random(81, TRACE);
        int[] changes = new int[1];
        long allocated = Allocations.leastBytes(4, () -> {
            long origin = state.sampledNanos() + SECOND;
            for (int i = 0; i < trace.size(); i++) {
                if (state.advance(policy, trace.sample(i, sample), origin + trace.nanos(i))) {
                    changes[0]++;
                }
            }
        });
        assertThat(changes[0]).isGreaterThan(10);
        assertThat(allocated)
                .as("bytes allocated by %d decisions", trace.size())
                .isZero();
    }

    private LoadSample overload() {
        return sample.clear()
                .lag(ENOUGH_LAG, 1000)
                .heapAfterCollection(100, 100)
                .queueingDelayNanos(3600 * SECOND)
                .commitLatencyNanos(3600 * SECOND);
    }

    private int secondsToRecover() {
        return (int) (5 * cooldown().toSeconds()) + 600;
    }

    private record Change(DegradationLevel from, DegradationLevel to, long sincePreviousNanos, String cause) {
        boolean goesDown() {
            return to.compareTo(from) < 0;
        }
    }

    /** An ingest whose load is made up, decided on once a second unless a trace says when. */
    private final class Run {
        private final DegradationPolicy policy = factory().create();
        private final List<Change> changes = new ArrayList<>();
        private DegradationState state;
        private long now;

        Run(DegradationLevel level) {
            state = DegradationState.at(level, 0);
        }

        Run copy() {
            Run copy = new Run(state.level());
            copy.state = state.copy();
            copy.now = now;
            return copy;
        }

        DegradationLevel level() {
            return state.level();
        }

        void forSeconds(int seconds, LoadSample load) {
            for (int i = 0; i < seconds; i++) {
                step(load, now + SECOND);
            }
        }

        void trace(LoadTrace trace) {
            for (int i = 0; i < trace.size(); i++) {
                step(trace.sample(i, sample), trace.nanos(i));
            }
        }

        void step(LoadSample load, long nanos) {
            now = nanos;
            long changedBefore = state.changedNanos();
            if (state.advance(policy, load, nanos)) {
                changes.add(new Change(
                        state.previousLevel(), state.level(), nanos - changedBefore, policy.cause(state, load)));
            }
        }

        void assertGoesDownByTheRule() {
            assertThat(changes).filteredOn(Change::goesDown).allSatisfy(change -> {
                assertThat(change.from.number() - change.to.number()).isEqualTo(1);
                assertThat(change.sincePreviousNanos)
                        .isGreaterThanOrEqualTo(cooldown().toNanos());
            });
        }
    }
}
