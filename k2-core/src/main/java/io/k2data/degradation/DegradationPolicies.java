package io.k2data.degradation;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.degradation.DegradationPolicy;
import io.k2data.api.degradation.DegradationPolicyFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Gives the policies that choose how much an ingest takes on. */
public final class DegradationPolicies {
    private static final List<String> KEYS = List.of("soft", "graceful", "aggressive", "circuit-break");

    private DegradationPolicies() {}

    /**
     * Returns thresholds with hysteresis, with the default settings.
     *
     * @return the factory, named {@code thresholds}
     */
    public static DegradationPolicyFactory thresholds() {
        return thresholds(ThresholdConfig.builder().build());
    }

    /**
     * Returns thresholds with hysteresis. A level is entered as soon as lag or memory reaches its trigger, also from
     * several levels below. It is left for the one below where lag and memory are both under its recovery line, at the
     * earliest a cooldown after the last change. A decision is O(1) and allocates nothing.
     *
     * <p>While the ingest is catching up, lag neither raises a level nor keeps one, until it first falls below the line at
     * which SOFT recovers; memory always counts.
     *
     * <p>Prefer it where the triggers are known, or have to be explained: what it does can be read off two figures. What
     * a number of records means depends on how fast they drain; {@link #adaptive} goes by time instead.
     *
     * @param config the settings
     * @return the factory, named {@code thresholds}
     */
    public static DegradationPolicyFactory thresholds(ThresholdConfig config) {
        return new Factory("thresholds", new ThresholdDegradationPolicy(config));
    }

    /**
     * Returns the policy that goes by time, with the default settings.
     *
     * @return the factory, named {@code adaptive}
     */
    public static DegradationPolicyFactory adaptive() {
        return adaptive(AdaptiveConfig.builder().build());
    }

    /**
     * Returns the policy that goes by time: how long the lag is going to take to drain at the measured rate, carried
     * forward where it rises, and how long a record now waits to be taken in and committed, both smoothed. A level is
     * raised by one where a signal has stood above the next one's trigger for a dwell time, and lowered by one where all
     * have stood under the present one's recovery line for another. Memory raises the level at once and as far as its
     * triggers are reached. A decision is O(1) and allocates nothing.
     *
     * <p>While the ingest is catching up, the times neither raise a level nor keep one, until the time to drain first
     * falls below the line at which SOFT recovers; memory always counts.
     *
     * <p>Prefer it where the same settings have to fit ingests of different speed, and where short bursts should not
     * defer anything. It answers a sudden overload later than thresholds do, by a dwell time for each level, and it
     * believes what it is told of the drain rate: a sink that stands still now and then looks like an overload to it.
     *
     * @param config the settings
     * @return the factory, named {@code adaptive}
     */
    public static DegradationPolicyFactory adaptive(AdaptiveConfig config) {
        return new Factory("adaptive", new AdaptiveDegradationPolicy(config));
    }

    private record Factory(String name, DegradationPolicy policy) implements DegradationPolicyFactory {
        @Override
        public DegradationPolicy create() {
            return policy;
        }
    }

    private static void times(List<String> problems, String suffix, List<Duration> values) {
        for (int i = 0; i < values.size(); i++) {
            Duration value = values.get(i);
            String key = "degradation." + KEYS.get(i) + "." + suffix;
            if (value.compareTo(Duration.ofMillis(1)) < 0 || value.compareTo(Duration.ofDays(1)) > 0) {
                problems.add(key + ": " + value + ", expected 1 ms to 1 day");
            } else if (i > 0 && value.compareTo(values.get(i - 1)) <= 0) {
                problems.add(key + ": " + value + ", expected more than degradation." + KEYS.get(i - 1) + "." + suffix
                        + ", which is " + values.get(i - 1));
            }
        }
    }

    private static void records(List<String> problems, List<Long> values) {
        for (int i = 0; i < values.size(); i++) {
            long value = values.get(i);
            String key = "degradation." + KEYS.get(i) + ".lag-records";
            if (value < 1) {
                problems.add(key + ": " + value + ", expected 1 or more");
            } else if (i > 0 && value <= values.get(i - 1)) {
                problems.add(key + ": " + value + ", expected more than degradation." + KEYS.get(i - 1)
                        + ".lag-records, which is " + values.get(i - 1));
            }
        }
    }

    private static void shares(List<String> problems, List<Double> values) {
        for (int i = 0; i < values.size(); i++) {
            double value = values.get(i);
            String key = "degradation." + KEYS.get(i) + ".memory-share";
            if (!(value > 0 && value <= 1)) {
                problems.add(key + ": " + value + ", expected more than 0, up to 1");
            } else if (i > 0 && value <= values.get(i - 1)) {
                problems.add(key + ": " + value + ", expected more than degradation." + KEYS.get(i - 1)
                        + ".memory-share, which is " + values.get(i - 1));
            }
        }
    }

    private static void recovery(List<String> problems, String key, double value) {
        if (!(value > 0 && value < 1)) {
            problems.add(String.format(
                    Locale.ROOT,
                    "degradation.%s: %s, expected more than 0 and less than 1, so that a level recovers below its trigger",
                    key,
                    value));
        }
    }

    private static void span(List<String> problems, String key, Duration value, Duration from, Duration to) {
        if (value.compareTo(from) < 0 || value.compareTo(to) > 0) {
            problems.add("degradation." + key + ": " + value + ", expected " + from + " to " + to);
        }
    }

    /**
     * What raises thresholds to a level: either of the two.
     *
     * @param lagRecords the lag that does, in records, 1 or more
     * @param memoryShare the share of memory in use that does, more than 0, up to 1
     */
    public record Threshold(long lagRecords, double memoryShare) {}

    /**
     * Settings of thresholds. Immutable. The triggers rise strictly from level to level.
     *
     * @param soft the trigger of SOFT; the default of 100,000 records is what a pipeline of half a million a second takes
     *     in at a stroke, and 70 % of memory leaves room for a commit in flight
     * @param graceful the trigger of GRACEFUL, by default 500,000 records or 80 % of memory
     * @param aggressive the trigger of AGGRESSIVE, by default 1,000,000 records or 90 % of memory
     * @param circuitBreak the trigger of CIRCUIT_BREAK, by default 5,000,000 records or 95 % of memory
     * @param lagRecovery the part of its lag trigger below which a level recovers, more than 0, less than 1. The default
     *     of 0.5 asks that an overload be really over: deferring makes lag fall at once
     * @param memoryRecovery the same for memory. The default of 0.9 is closer, since memory that is in use for good reason
     *     falls far more slowly than lag
     * @param cooldown how long after any change a level may first be lowered, zero to 1 h. The default of 30 s is three
     *     commits at the default interval
     */
    public record ThresholdConfig(
            Threshold soft,
            Threshold graceful,
            Threshold aggressive,
            Threshold circuitBreak,
            double lagRecovery,
            double memoryRecovery,
            Duration cooldown) {
        /** Checks all values, and reports all that are wrong together. */
        public ThresholdConfig {
            List<Threshold> triggers = List.of(soft, graceful, aggressive, circuitBreak);
            List<String> problems = new ArrayList<>();
            records(problems, triggers.stream().map(Threshold::lagRecords).toList());
            shares(problems, triggers.stream().map(Threshold::memoryShare).toList());
            recovery(problems, "lag-recovery", lagRecovery);
            recovery(problems, "memory-recovery", memoryRecovery);
            span(problems, "cooldown", cooldown, Duration.ZERO, Duration.ofHours(1));
            if (!problems.isEmpty()) {
                throw new InvalidSettingsException(problems);
            }
        }

        /**
         * Returns a builder that holds the defaults.
         *
         * @return the builder
         */
        public static Builder builder() {
            return new Builder();
        }

        /** Collects the settings. Not thread-safe. */
        public static final class Builder {
            private Threshold soft = new Threshold(100_000, 0.70);
            private Threshold graceful = new Threshold(500_000, 0.80);
            private Threshold aggressive = new Threshold(1_000_000, 0.90);
            private Threshold circuitBreak = new Threshold(5_000_000, 0.95);
            private double lagRecovery = 0.5;
            private double memoryRecovery = 0.9;
            private Duration cooldown = Duration.ofSeconds(30);

            private Builder() {}

            /**
             * Sets what raises to SOFT.
             *
             * @param lagRecords the lag, 1 or more
             * @param memoryShare the share of memory in use, more than 0, up to 1
             * @return this
             */
            public Builder soft(long lagRecords, double memoryShare) {
                this.soft = new Threshold(lagRecords, memoryShare);
                return this;
            }

            /**
             * Sets what raises to GRACEFUL.
             *
             * @param lagRecords the lag, more than SOFT's
             * @param memoryShare the share of memory in use, more than SOFT's
             * @return this
             */
            public Builder graceful(long lagRecords, double memoryShare) {
                this.graceful = new Threshold(lagRecords, memoryShare);
                return this;
            }

            /**
             * Sets what raises to AGGRESSIVE.
             *
             * @param lagRecords the lag, more than GRACEFUL's
             * @param memoryShare the share of memory in use, more than GRACEFUL's
             * @return this
             */
            public Builder aggressive(long lagRecords, double memoryShare) {
                this.aggressive = new Threshold(lagRecords, memoryShare);
                return this;
            }

            /**
             * Sets what raises to CIRCUIT_BREAK.
             *
             * @param lagRecords the lag, more than AGGRESSIVE's
             * @param memoryShare the share of memory in use, more than AGGRESSIVE's
             * @return this
             */
            public Builder circuitBreak(long lagRecords, double memoryShare) {
                this.circuitBreak = new Threshold(lagRecords, memoryShare);
                return this;
            }

            /**
             * Sets the part of its lag trigger below which a level recovers.
             *
             * @param part more than 0, less than 1
             * @return this
             */
            public Builder lagRecovery(double part) {
                this.lagRecovery = part;
                return this;
            }

            /**
             * Sets the part of its memory trigger below which a level recovers.
             *
             * @param part more than 0, less than 1
             * @return this
             */
            public Builder memoryRecovery(double part) {
                this.memoryRecovery = part;
                return this;
            }

            /**
             * Sets how long after any change a level may first be lowered.
             *
             * @param cooldown zero to 1 h
             * @return this
             */
            public Builder cooldown(Duration cooldown) {
                this.cooldown = cooldown;
                return this;
            }

            /**
             * Returns the settings.
             *
             * @return the settings
             * @throws InvalidSettingsException if a value is out of its range, the triggers do not rise, or a level would
             *     recover above its trigger; it names all problems
             */
            public ThresholdConfig build() {
                return new ThresholdConfig(
                        soft, graceful, aggressive, circuitBreak, lagRecovery, memoryRecovery, cooldown);
            }
        }
    }

    /**
     * What raises the adaptive policy to a level: any of the three.
     *
     * @param drain the predicted time to drain that does, 1 ms to 1 day
     * @param delay the wait of a record, taken in and committed, that does, 1 ms to 1 day
     * @param memoryShare the share of memory in use that does, more than 0, up to 1
     */
    public record Pressure(Duration drain, Duration delay, double memoryShare) {}

    /**
     * Settings of the adaptive policy. Immutable. The triggers rise strictly from level to level.
     *
     * @param soft the trigger of SOFT, by default 2 s to drain, a delay of 5 s, or 70 % of memory. The times to drain are
     *     those of the thresholds' records at 50,000 a second, which is a modest pipeline; a delay is mostly the commit's
     * @param graceful the trigger of GRACEFUL, by default 10 s to drain, a delay of 15 s, or 80 % of memory
     * @param aggressive the trigger of AGGRESSIVE, by default 20 s to drain, a delay of 30 s, or 90 % of memory
     * @param circuitBreak the trigger of CIRCUIT_BREAK, by default 100 s to drain, a delay of 60 s, or 95 % of memory
     * @param timeRecovery the part of its triggers below which time to drain and delay must be for a level to recover,
     *     more than 0, less than 1; 0.5 by default
     * @param memoryRecovery the same for memory; 0.9 by default
     * @param smoothing the time constant by which times are smoothed, 10 ms to 10 min. The default of 3 s is several
     *     polls, and shorter than a commit interval
     * @param horizon how far a rising time to drain is carried forward, zero to 10 min. The default of 5 s is what the
     *     first levels take to have an effect
     * @param dwellUp how long a signal has to stand above a trigger to raise the level, zero to 10 min; 2 s by default
     * @param dwellDown how long all signals have to stand below the recovery line to lower it, from the dwell up to 1 h;
     *     15 s by default
     */
    public record AdaptiveConfig(
            Pressure soft,
            Pressure graceful,
            Pressure aggressive,
            Pressure circuitBreak,
            double timeRecovery,
            double memoryRecovery,
            Duration smoothing,
            Duration horizon,
            Duration dwellUp,
            Duration dwellDown) {
        /** Checks all values, and reports all that are wrong together. */
        public AdaptiveConfig {
            List<Pressure> triggers = List.of(soft, graceful, aggressive, circuitBreak);
            List<String> problems = new ArrayList<>();
            times(problems, "drain", triggers.stream().map(Pressure::drain).toList());
            times(problems, "delay", triggers.stream().map(Pressure::delay).toList());
            shares(problems, triggers.stream().map(Pressure::memoryShare).toList());
            recovery(problems, "time-recovery", timeRecovery);
            recovery(problems, "memory-recovery", memoryRecovery);
            span(problems, "smoothing", smoothing, Duration.ofMillis(10), Duration.ofMinutes(10));
            span(problems, "horizon", horizon, Duration.ZERO, Duration.ofMinutes(10));
            span(problems, "dwell-up", dwellUp, Duration.ZERO, Duration.ofMinutes(10));
            span(problems, "dwell-down", dwellDown, dwellUp, Duration.ofHours(1));
            if (!problems.isEmpty()) {
                throw new InvalidSettingsException(problems);
            }
        }

        /**
         * Returns a builder that holds the defaults.
         *
         * @return the builder
         */
        public static Builder builder() {
            return new Builder();
        }

        /** Collects the settings. Not thread-safe. */
        public static final class Builder {
            private Pressure soft = new Pressure(Duration.ofSeconds(2), Duration.ofSeconds(5), 0.70);
            private Pressure graceful = new Pressure(Duration.ofSeconds(10), Duration.ofSeconds(15), 0.80);
            private Pressure aggressive = new Pressure(Duration.ofSeconds(20), Duration.ofSeconds(30), 0.90);
            private Pressure circuitBreak = new Pressure(Duration.ofSeconds(100), Duration.ofSeconds(60), 0.95);
            private double timeRecovery = 0.5;
            private double memoryRecovery = 0.9;
            private Duration smoothing = Duration.ofSeconds(3);
            private Duration horizon = Duration.ofSeconds(5);
            private Duration dwellUp = Duration.ofSeconds(2);
            private Duration dwellDown = Duration.ofSeconds(15);

            private Builder() {}

            /**
             * Sets what raises to SOFT.
             *
             * @param drain the predicted time to drain, 1 ms to 1 day
             * @param delay the wait of a record, 1 ms to 1 day
             * @param memoryShare the share of memory in use, more than 0, up to 1
             * @return this
             */
            public Builder soft(Duration drain, Duration delay, double memoryShare) {
                this.soft = new Pressure(drain, delay, memoryShare);
                return this;
            }

            /**
             * Sets what raises to GRACEFUL.
             *
             * @param drain the predicted time to drain, more than SOFT's
             * @param delay the wait of a record, more than SOFT's
             * @param memoryShare the share of memory in use, more than SOFT's
             * @return this
             */
            public Builder graceful(Duration drain, Duration delay, double memoryShare) {
                this.graceful = new Pressure(drain, delay, memoryShare);
                return this;
            }

            /**
             * Sets what raises to AGGRESSIVE.
             *
             * @param drain the predicted time to drain, more than GRACEFUL's
             * @param delay the wait of a record, more than GRACEFUL's
             * @param memoryShare the share of memory in use, more than GRACEFUL's
             * @return this
             */
            public Builder aggressive(Duration drain, Duration delay, double memoryShare) {
                this.aggressive = new Pressure(drain, delay, memoryShare);
                return this;
            }

            /**
             * Sets what raises to CIRCUIT_BREAK.
             *
             * @param drain the predicted time to drain, more than AGGRESSIVE's
             * @param delay the wait of a record, more than AGGRESSIVE's
             * @param memoryShare the share of memory in use, more than AGGRESSIVE's
             * @return this
             */
            public Builder circuitBreak(Duration drain, Duration delay, double memoryShare) {
                this.circuitBreak = new Pressure(drain, delay, memoryShare);
                return this;
            }

            /**
             * Sets the part of its triggers below which both times must be for a level to recover.
             *
             * @param part more than 0, less than 1
             * @return this
             */
            public Builder timeRecovery(double part) {
                this.timeRecovery = part;
                return this;
            }

            /**
             * Sets the part of its memory trigger below which a level recovers.
             *
             * @param part more than 0, less than 1
             * @return this
             */
            public Builder memoryRecovery(double part) {
                this.memoryRecovery = part;
                return this;
            }

            /**
             * Sets the time constant by which times are smoothed.
             *
             * @param smoothing 10 ms to 10 min
             * @return this
             */
            public Builder smoothing(Duration smoothing) {
                this.smoothing = smoothing;
                return this;
            }

            /**
             * Sets how far a rising time to drain is carried forward.
             *
             * @param horizon zero to 10 min
             * @return this
             */
            public Builder horizon(Duration horizon) {
                this.horizon = horizon;
                return this;
            }

            /**
             * Sets how long a signal has to stand above a trigger to raise the level.
             *
             * @param dwell zero to 10 min
             * @return this
             */
            public Builder dwellUp(Duration dwell) {
                this.dwellUp = dwell;
                return this;
            }

            /**
             * Sets how long all signals have to stand below the recovery line to lower the level.
             *
             * @param dwell from the dwell up to 1 h
             * @return this
             */
            public Builder dwellDown(Duration dwell) {
                this.dwellDown = dwell;
                return this;
            }

            /**
             * Returns the settings.
             *
             * @return the settings
             * @throws InvalidSettingsException if a value is out of its range, the triggers do not rise, or a level would
             *     recover above its trigger; it names all problems
             */
            public AdaptiveConfig build() {
                return new AdaptiveConfig(
                        soft,
                        graceful,
                        aggressive,
                        circuitBreak,
                        timeRecovery,
                        memoryRecovery,
                        smoothing,
                        horizon,
                        dwellUp,
                        dwellDown);
            }
        }
    }
}
