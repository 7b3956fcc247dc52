package io.k2data.cost;

import io.k2data.api.InvalidSettingsException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What costs are computed from. Immutable. It may be wrong: {@link #problems} says how, and {@link CostModel} refuses it
 * together with what is wrong with the prices.
 */
public final class CostInputs {
    /** Tiers by age that S3 has, the last one still read in milliseconds. */
    private static final List<StorageTier> BY_AGE =
            List.of(new StorageTier("standard", 0), new StorageTier("infrequent", 60), new StorageTier("archive", 180));

    private final Map<CostInput, Double> values;
    private final Map<CostInput, String> sources;
    private final List<StorageTier> tiers;

    private CostInputs(Map<CostInput, Double> values, Map<CostInput, String> sources, List<StorageTier> tiers) {
        this.values = new EnumMap<>(CostInput.class);
        this.values.putAll(values);
        this.sources = new EnumMap<>(CostInput.class);
        this.sources.putAll(sources);
        this.tiers = List.copyOf(tiers);
    }

    /**
     * Returns a builder that holds the defaults.
     *
     * @return the builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns a builder that holds these inputs.
     *
     * @return the builder
     */
    public Builder toBuilder() {
        Builder builder = new Builder();
        builder.values.putAll(values);
        builder.sources.putAll(sources);
        builder.tiers = tiers;
        return builder;
    }

    /**
     * Returns a value.
     *
     * @param input of what
     * @return what was set, or the default
     */
    public double value(CostInput input) {
        return values.getOrDefault(input, input.fallback());
    }

    /**
     * Returns where a value comes from.
     *
     * @param input of what
     * @return what was told when it was set, or the default's reason
     */
    public String source(CostInput input) {
        return values.containsKey(input) ? sources.getOrDefault(input, "set") : input.reason();
    }

    boolean is(CostInput input) {
        return value(input) != 0;
    }

    /**
     * Returns where data is kept by its age.
     *
     * @return the tiers, the youngest data's first
     */
    public List<StorageTier> tiers() {
        return tiers;
    }

    /**
     * Says what is wrong.
     *
     * @return all problems, one sentence each, with key, value and what was expected
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        for (CostInput input : CostInput.values()) {
            double value = value(input);
            boolean isWhole = input.kind() == CostInput.Kind.NUMBER || value == Math.rint(value);
            if (!(value >= input.least() && value <= input.most()) || !isWhole) {
                problems.add(input.key() + ": " + plain(value) + ", expected "
                        + (input.kind() == CostInput.Kind.SWITCH
                                ? "0 or 1"
                                : plain(input.least()) + " to " + plain(input.most()) + " " + input.unit()
                                        + (input.kind() == CostInput.Kind.WHOLE ? ", a whole number" : "")));
            }
        }
        if (value(CostInput.REPLICATION) > value(CostInput.BROKERS)) {
            problems.add("replication: " + plain(value(CostInput.REPLICATION)) + ", expected at most the "
                    + plain(value(CostInput.BROKERS)) + " brokers");
        }
        if (value(CostInput.ZONES) > value(CostInput.BROKERS)) {
            problems.add("zones: " + plain(value(CostInput.ZONES)) + ", expected at most the "
                    + plain(value(CostInput.BROKERS)) + " brokers");
        }
        if (is(CostInput.TIERED) && value(CostInput.LOCAL_RETENTION_HOURS) > value(CostInput.KAFKA_RETENTION_HOURS)) {
            problems.add("local-retention-hours: " + plain(value(CostInput.LOCAL_RETENTION_HOURS))
                    + ", expected at most kafka-retention-hours, " + plain(value(CostInput.KAFKA_RETENTION_HOURS)));
        }
        tierProblems(problems);
        return problems;
    }

    private void tierProblems(List<String> problems) {
        if (tiers.isEmpty() || tiers.get(0).fromDays() != 0) {
            problems.add("storage-tiers: " + tiers + ", expected a first tier from day 0");
        }
        for (int i = 1; i < tiers.size(); i++) {
            if (tiers.get(i).fromDays() <= tiers.get(i - 1).fromDays()) {
                problems.add("storage-tiers: '" + tiers.get(i).name() + "' from day "
                        + tiers.get(i).fromDays() + ", expected more than day "
                        + tiers.get(i - 1).fromDays() + " of the tier before");
            }
        }
    }

    /** A number without an exponent or trailing zeros. */
    static String plain(double value) {
        if (!Double.isFinite(value)) {
            return String.format(Locale.ROOT, "%s", value);
        }
        String text =
                new BigDecimal(Double.toString(value)).stripTrailingZeros().toPlainString();
        return text;
    }

    /** Collects inputs. Not thread-safe. */
    public static final class Builder {
        private final Map<CostInput, Double> values = new EnumMap<>(CostInput.class);
        private final Map<CostInput, String> sources = new EnumMap<>(CostInput.class);
        private List<StorageTier> tiers = BY_AGE;

        private Builder() {}

        /**
         * Sets a value.
         *
         * @param input of what
         * @param value the value, in the input's unit
         * @return this
         */
        public Builder set(CostInput input, double value) {
            values.put(input, value);
            sources.remove(input);
            return this;
        }

        /**
         * Sets a value and tells where it comes from.
         *
         * @param input of what
         * @param value the value, in the input's unit
         * @param source where it comes from, in words, for reports
         * @return this
         */
        public Builder set(CostInput input, double value, String source) {
            values.put(input, value);
            sources.put(input, source);
            return this;
        }

        /**
         * Sets a switch.
         *
         * @param input which, of kind {@link CostInput.Kind#SWITCH}
         * @return this
         */
        public Builder on(CostInput input) {
            return set(input, 1);
        }

        /**
         * Sets a switch back.
         *
         * @param input which, of kind {@link CostInput.Kind#SWITCH}
         * @return this
         */
        public Builder off(CostInput input) {
            return set(input, 0);
        }

        /**
         * Sets where data is kept by its age; by default the first 60 days {@code standard}, then {@code infrequent},
         * from day 180 on {@code archive}.
         *
         * @param tiersByAge the tiers, the youngest data's first
         * @return this
         */
        public Builder tiers(List<StorageTier> tiersByAge) {
            this.tiers = List.copyOf(tiersByAge);
            return this;
        }

        /**
         * Sets what was measured.
         *
         * @param measured the values
         * @param source where they come from, in words, for reports
         * @return this
         */
        public Builder measured(Map<CostInput, Double> measured, String source) {
            measured.forEach((input, value) -> set(input, value, source));
            return this;
        }

        /**
         * Sets a value by its name.
         *
         * @param assignment such as {@code commit-interval-seconds=60}
         * @return this
         * @throws InvalidSettingsException if there is no such input, or the value is no number
         */
        public Builder set(String assignment) {
            int equals = assignment.indexOf('=');
            String key = equals < 0 ? assignment : assignment.substring(0, equals);
            CostInput input = CostInput.of(key)
                    .orElseThrow(() -> new InvalidSettingsException(
                            List.of(key + ": there is no such input; the inputs are those of docs/cost-model.md")));
            try {
                return set(input, Double.parseDouble(assignment.substring(equals + 1)));
            } catch (NumberFormatException e) {
                throw new InvalidSettingsException(
                        List.of(key + ": '" + assignment.substring(equals + 1) + "' is no number"));
            }
        }

        /**
         * Returns the inputs.
         *
         * @return the inputs, right or wrong
         */
        public CostInputs build() {
            return new CostInputs(values, sources, tiers);
        }
    }
}
