package io.k2data.cost;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * What a month costs as it goes, derived from the meters that K2 exports, as rules for Prometheus. What no meter shows,
 * brokers and their disks among it, is taken from an estimate as a fixed sum.
 */
public final class CostRules {
    private static final BigDecimal GIB = BigDecimal.valueOf(1L << 30);

    private CostRules() {}

    /**
     * Writes recording rules for the run rate and an alert for a budget.
     *
     * @param estimate the bill whose prices, and lines that no meter shows, are taken
     * @param monthlyBudget what a month may cost, in the estimate's currency
     * @return rules in Prometheus's YAML
     */
    public static String prometheus(CostEstimate estimate, BigDecimal monthlyBudget) {
        StringBuilder text = new StringBuilder(
                """
                # Written by: examples/run CostReport --rules --budget AMOUNT [--scenario ...] [--prices FILE]
                # Amounts are %s a month, from %s, %s.
                groups:
                  - name: k2-cost
                    interval: 1m
                    rules:
                """.formatted(Tables.currency(estimate), estimate.prices().name(), estimate.asOf()));
        BigDecimal fixed = estimate.items().stream()
                .filter(item -> !isMetered(item))
                .map(LineItem::cost)
                .reduce(BigDecimal.ZERO, BigDecimal::add);
        record(
                text,
                "k2:cost_fixed:month",
                "vector(" + fixed.toPlainString() + ")",
                "what no meter shows: see the estimate");
        rate(
                text,
                estimate,
                "storage",
                "sum(max by (table) (k2_table_bytes))",
                "storage.standard.gib-month",
                GIB,
                false);
        rate(
                text,
                estimate,
                "puts",
                "sum(rate(k2_storage_requests_total{operation=\"put\"}[30m]))",
                "storage.standard.put-thousand",
                BigDecimal.valueOf(1000),
                true);
        rate(
                text,
                estimate,
                "gets",
                "sum(rate(k2_storage_requests_total{operation=\"get\"}[30m]))",
                "storage.standard.get-thousand",
                BigDecimal.valueOf(1000),
                true);
        double copies = transferCopies(estimate.inputs());
        rate(
                text,
                estimate,
                "transfer",
                "sum(rate(k2_consumed_bytes_total{role=\"writer\"}[30m])) * " + ratio(estimate.inputs()) + " * "
                        + CostInputs.plain(Math.rint(copies * 1e6) / 1e6),
                "cross-zone-gib",
                GIB,
                true);
        record(
                text,
                "k2:cost_run_rate:month",
                "k2:cost_fixed:month + k2:cost_storage:month + k2:cost_puts:month + k2:cost_gets:month"
                        + " + k2:cost_transfer:month",
                "what a month like the last half hour costs");
        record(
                text,
                "k2:cost_per_million:messages",
                "k2:cost_run_rate:month / (sum(rate(k2_records_total{role=\"writer\",outcome=\"consumed\"}[30m])) * "
                        + (long) CostMonth.SECONDS + " / 1e6)",
                "what a million messages cost at that rate");
        record(
                text,
                "k2:cost_projected:month",
                "k2:cost_run_rate:month - k2:cost_storage:month + sum(max by (table) (predict_linear(k2_table_bytes[6h], 30 * 86400))) / "
                        + GIB + " * " + price(estimate, "storage.standard.gib-month"),
                "what a month costs in 30 days, if the table goes on growing as it did in the last 6 h");
        String budget = monthlyBudget.toPlainString();
        text.append("      - alert: K2CostAboveBudget\n        expr: k2:cost_projected:month > ")
                .append(budget)
                .append("\n        for: 30m\n        labels: {severity: warning}\n        annotations:\n")
                .append("          summary: \"a month of K2 is on its way to {{ $value | printf \\\"%.2f\\\" }} ")
                .append(Tables.currency(estimate))
                .append(", above its budget of ")
                .append(budget)
                .append("\"\n          runbook: docs/cost-model.md\n");
        return text.toString();
    }

    private static boolean isMetered(LineItem item) {
        return item.component() == CostComponent.TRANSFER
                || item.name().startsWith("Table storage: ")
                || item.name().startsWith("Commits: ");
    }

    /** How often a byte of the log crosses from a zone to another. */
    private static double transferCopies(CostInputs inputs) {
        double zones = inputs.value(CostInput.ZONES);
        double away = (zones - 1) / zones;
        double replicas = Math.max(
                0, inputs.value(CostInput.REPLICATION) - Math.max(1, inputs.value(CostInput.REPLICATION) / zones));
        return away + replicas + (inputs.is(CostInput.FOLLOWER_FETCH) ? 0 : away * inputs.value(CostInput.CONSUMERS));
    }

    /** The meter counts keys and values as they are read; the wire carries them compressed. */
    private static String ratio(CostInputs inputs) {
        return BigDecimal.valueOf(inputs.value(CostInput.WIRE_BYTES))
                .divide(BigDecimal.valueOf(inputs.value(CostInput.RECORD_BYTES)), 6, RoundingMode.HALF_UP)
                .stripTrailingZeros()
                .toPlainString();
    }

    private static void rate(
            StringBuilder text,
            CostEstimate estimate,
            String what,
            String expression,
            String priceKey,
            BigDecimal per,
            boolean perSecond) {
        record(
                text,
                "k2:cost_" + what + ":month",
                expression + (perSecond ? " * " + (long) CostMonth.SECONDS : "") + " / " + per + " * "
                        + price(estimate, priceKey),
                priceKey);
    }

    private static String price(CostEstimate estimate, String key) {
        return estimate.prices()
                .price(key)
                .map(Price::amount)
                .orElse(BigDecimal.ZERO)
                .toPlainString();
    }

    private static void record(StringBuilder text, String name, String expression, String comment) {
        text.append(
                String.format(Locale.ROOT, "      - record: %s\n        expr: %s # %s\n", name, expression, comment));
    }
}
