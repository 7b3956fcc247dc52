package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a real browser, at the width of a telephone and of a screen. */
class CostPageTest {
    private static final int NO_BROWSER = 3;

    @TempDir
    Path directory;

    @Test
    void nothingIsCutOffOrOverlapsAtTwoWidthsAndInTwoThemes() throws Exception {
        Path page = directory.resolve("costs.html");
        // The largest has the longest numbers.
        List<CostScenario> scenarios =
                Boolean.getBoolean("k2.full") ? List.of(CostScenario.values()) : List.of(CostScenario.LARGE);
        for (CostScenario scenario : scenarios) {
            java.nio.file.Files.writeString(page, CostFormat.HTML.render(CostReportsTest.analysis(scenario)));
            Process process = new ProcessBuilder(
                            List.of("../scripts/look-at-page", page.toString(), directory.toString()))
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int exitCode = process.waitFor();
            assumeTrue(exitCode != NO_BROWSER, "there is no Chromium (Debian: apt-get install chromium)");
            assertThat(exitCode).as(output).isZero();
            assertThat(output).contains("400 light", "400 dark", "1280 light", "1280 dark");
        }
    }
}
