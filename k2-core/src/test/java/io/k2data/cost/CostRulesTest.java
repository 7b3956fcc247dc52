package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class CostRulesTest {
    private static final Path OPERATIONS = Path.of("../docs/operations");

    @Test
    void whatNoMeterShowsIsFixedAndTogetherWithTheMeteredLinesItIsTheBill() {
        CostEstimate estimate = CostModel.of(PriceBook.awsUsEast1(), LocalDate.of(2026, 11, 27))
                .estimate(CostScenario.MEDIUM.inputs().build());
        BigDecimal metered = estimate.items().stream()
                .filter(item -> item.component() == CostComponent.TRANSFER
                        || item.name().matches("Table storage: .*|Commits: .*"))
                .map(LineItem::cost)
                .reduce(BigDecimal.ZERO, BigDecimal::add);
        String rules = CostRules.prometheus(estimate, new BigDecimal("50000.50"));
        assertThat(rules)
                .contains("vector(" + estimate.monthlyTotal().subtract(metered) + ")")
                .contains("k2:cost_projected:month > 50000.50");
    }

    /** Prometheus's own tool reads the rules and evaluates them on series whose costs were calculated by hand. */
    @Test
    void prometheusEvaluatesTheRulesToWhatAHandCalculates() throws Exception {
        String path = System.getenv().getOrDefault("PATH", "");
        boolean isThere = Arrays.stream(path.split(File.pathSeparator))
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, "promtool")));
        assumeTrue(isThere, "promtool is not on the path (Debian: apt-get install prometheus)");
        Process process = new ProcessBuilder("promtool", "test", "rules", "cost-alerts-test.yml")
                .directory(OPERATIONS.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
    }
}
