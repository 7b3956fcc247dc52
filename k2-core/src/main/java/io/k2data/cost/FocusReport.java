package io.k2data.cost;

import java.time.LocalDate;
import java.util.Map;

/**
 * The bill's lines in the columns of FOCUS 1.2 (https://focus.finops.org/focus-specification/v1-2/): the 21 whose feature
 * level is Mandatory, in the specification's order, then K2's own.
 */
final class FocusReport {
    private static final Map<String, String> CATEGORIES = Map.of(
            "broker-hour", "Compute",
            "vcpu-hour", "Compute",
            "memory-gib-hour", "Compute",
            "cross-zone-gib", "Networking",
            "catalog-node-hour", "Databases",
            "catalog-request-million", "Databases",
            "redis-gib-hour", "Databases");

    private FocusReport() {}

    static String render(CostAnalysis analysis) {
        CostEstimate estimate = analysis.estimate();
        LocalDate first = estimate.asOf().withDayOfMonth(1);
        String start = first + "T00:00:00Z";
        String end = first.plusMonths(1) + "T00:00:00Z";
        String provider = estimate.prices().provider();
        StringBuilder csv = new StringBuilder(CsvReport.row(
                "BilledCost",
                "BillingAccountId",
                "BillingAccountName",
                "BillingCurrency",
                "BillingPeriodEnd",
                "BillingPeriodStart",
                "ChargeCategory",
                "ChargeClass",
                "ChargeDescription",
                "ChargePeriodEnd",
                "ChargePeriodStart",
                "ContractedCost",
                "EffectiveCost",
                "InvoiceIssuerName",
                "ListCost",
                "PricingQuantity",
                "PricingUnit",
                "ProviderName",
                "PublisherName",
                "ServiceCategory",
                "ServiceName",
                "x_Component",
                "x_UnitPrice",
                "x_PriceAsOf",
                "x_PriceSource"));
        for (LineItem item : estimate.items()) {
            String cost = item.cost().toPlainString();
            csv.append(CsvReport.row(
                    cost,
                    "k2-cost-model",
                    "K2 cost model, an estimate: " + analysis.title(),
                    estimate.prices().currency().getCurrencyCode(),
                    end,
                    start,
                    "Usage",
                    "",
                    item.name() + ": " + item.formula(),
                    end,
                    start,
                    cost,
                    cost,
                    provider,
                    item.listCost().toPlainString(),
                    item.quantity().toPlainString(),
                    item.unit(),
                    provider,
                    provider,
                    CATEGORIES.getOrDefault(item.price().key(), "Storage"),
                    item.price().service(),
                    item.component().title(),
                    item.unitPrice().toPlainString(),
                    item.price().asOf().toString(),
                    item.price().source()));
        }
        return csv.toString();
    }
}
