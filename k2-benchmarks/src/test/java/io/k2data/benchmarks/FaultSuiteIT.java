package io.k2data.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class FaultSuiteIT {
    @Test
    void aShortRunLosesNothingAndDoublesNothing() throws Exception {
        ProcessBuilder builder = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        FaultSuite.class.getName(),
                        "--slice"))
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        Process suite = builder.start();
        String output = new String(suite.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        System.out.println("FaultSuiteIT: " + output);
        assertThat(output)
                .contains("\"lost\":0,")
                .contains("\"doubled\":0,")
                .contains("\"conserved\":true,")
                .contains("\"wrongAnswers\":0,");
        assertThat(suite.waitFor()).isZero();
    }
}
