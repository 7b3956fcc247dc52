package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds of every bill. */
class CostModelProperties {
    private static final LocalDate TODAY = LocalDate.of(2026, 11, 27);
    private static final PriceBook BOOK = PriceBook.awsUsEast1();

    static LongStream seeds() {
        return LongStream.rangeClosed(1, Boolean.getBoolean("k2.full") ? 20_000 : 200);
    }

    /** Any inputs that are right, most of them within a few powers of ten of the defaults. */
    private static CostInputs random(long seed) {
        Random random = new Random(seed);
        CostInputs.Builder inputs = CostInputs.builder();
        for (CostInput input : CostInput.values()) {
            if (random.nextInt(3) == 0) {
                continue;
            }
            double value =
                    switch (input.kind()) {
                        case SWITCH -> random.nextInt(2);
                        case WHOLE -> Math.rint(input.fallback() * Math.pow(10, random.nextDouble() - 0.5));
                        case NUMBER -> input.fallback() * Math.pow(10, random.nextDouble() * 3 - 1.5);
                    };
            inputs.set(input, Math.max(input.least(), Math.min(input.most(), value)));
        }
        inputs.set(CostInput.RECORDS_PER_SECOND, Math.pow(10, 1 + random.nextDouble() * 6));
        double brokers = inputs.build().value(CostInput.BROKERS);
        inputs.set(CostInput.REPLICATION, 1 + random.nextInt((int) Math.min(brokers, 10)));
        inputs.set(CostInput.ZONES, 1 + random.nextInt((int) Math.min(brokers, 10)));
        inputs.set(
                CostInput.LOCAL_RETENTION_HOURS,
                inputs.build().value(CostInput.KAFKA_RETENTION_HOURS) * (0.1 + 0.9 * random.nextDouble()));
        List<StorageTier> tiers = new ArrayList<>(List.of(new StorageTier("standard", 0)));
        if (random.nextBoolean()) {
            tiers.add(new StorageTier("infrequent", 1 + random.nextInt(100)));
        }
        if (random.nextBoolean()) {
            tiers.add(new StorageTier("archive", 101 + random.nextInt(300)));
        }
        return inputs.tiers(tiers).build();
    }

    private static CostEstimate estimate(PriceBook book, CostInputs inputs) {
        return CostModel.of(book, TODAY).estimate(inputs);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void linesAddUpToTheCentAndNoneIsNegative(long seed) {
        CostEstimate estimate = estimate(BOOK, random(seed));
        assertThat(estimate.items().stream().map(LineItem::cost).reduce(BigDecimal.ZERO, BigDecimal::add))
                .isEqualByComparingTo(estimate.monthlyTotal());
        assertThat(estimate.byComponent().values().stream().reduce(BigDecimal.ZERO, BigDecimal::add))
                .isEqualByComparingTo(estimate.monthlyTotal());
        assertThat(estimate.monthlyTotal().scale()).isEqualTo(2);
        assertThat(estimate.items()).extracting(LineItem::name).doesNotHaveDuplicates();
        for (LineItem item : estimate.items()) {
            assertThat(item.quantity()).as(item.name()).isPositive();
            assertThat(item.cost()).as(item.name()).isNotNegative();
            assertThat(item.cost())
                    .as(item.name())
                    .isEqualTo(item.quantity().multiply(item.unitPrice()).setScale(2, RoundingMode.HALF_UP));
            assertThat(item.cost()).as(item.name()).isLessThanOrEqualTo(item.listCost());
        }
        CostEstimate again = estimate(BOOK, random(seed));
        assertThat(again.items()).isEqualTo(estimate.items());
        assertThat(again.warnings()).isEqualTo(estimate.warnings());
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void costsRiseWithTheRate(long seed) {
        CostInputs inputs = random(seed);
        double factor = 1 + new Random(seed).nextDouble() * 3;
        CostInputs more = inputs.toBuilder()
                .set(CostInput.RECORDS_PER_SECOND, inputs.value(CostInput.RECORDS_PER_SECOND) * factor)
                .build();
        CostEstimate less = estimate(BOOK, inputs);
        // Each line is rounded, so that two bills that are alike may differ by their lines' roundings.
        BigDecimal rounding =
                new BigDecimal("0.01").multiply(BigDecimal.valueOf(less.items().size()));
        assertThat(estimate(BOOK, more).monthlyTotal().add(rounding)).isGreaterThanOrEqualTo(less.monthlyTotal());
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void scalingThePricesScalesTheTotal(long seed) {
        CostInputs inputs = random(seed);
        BigDecimal factor = BigDecimal.valueOf(1 + new Random(seed).nextInt(1000), 1);
        CostEstimate once = estimate(BOOK, inputs);
        CostEstimate scaled =
                estimate(BOOK.map(price -> price.amount(price.amount().multiply(factor))), inputs);
        BigDecimal rounding = new BigDecimal("0.005")
                .multiply(BigDecimal.valueOf(once.items().size()))
                .multiply(factor.add(BigDecimal.ONE));
        assertThat(scaled.monthlyTotal()
                        .subtract(once.monthlyTotal().multiply(factor))
                        .abs())
                .isLessThanOrEqualTo(rounding);
        assertThat(estimate(BOOK.map(price -> price.amount(BigDecimal.ZERO)), inputs)
                        .monthlyTotal())
                .isEqualByComparingTo("0");
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void aDiscountNeverMakesABillDearer(long seed) {
        CostInputs inputs = random(seed);
        CostInputs discounted = inputs.toBuilder()
                .set(CostInput.COMPUTE_DISCOUNT, 0.99)
                .set(CostInput.STORAGE_DISCOUNT, 0.99)
                .set(CostInput.TRANSFER_DISCOUNT, 0.99)
                .build();
        assertThat(estimate(BOOK, discounted).monthlyTotal())
                .isLessThanOrEqualTo(estimate(BOOK, inputs).monthlyTotal());
    }
}
