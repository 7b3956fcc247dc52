package io.k2data.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

class FaultSuiteIT {
    @TempDir
    Path directory;

    @Test
    void aShortRunLosesNothingAndDoublesNothing() throws Exception {
        Run run = run(System.getProperty("java.class.path"), "--slice");
        assertThat(run.output)
                .contains("\"lost\":0,")
                .contains("\"doubled\":0,")
                .contains("\"conserved\":true,")
                .contains("\"wrongAnswers\":0,");
        assertThat(run.exitCode).isZero();
    }

    /** That the suite can fail needs no proof at every build; this takes minutes. */
    @Test
    @EnabledIfSystemProperty(
            named = "k2.full",
            matches = "true",
            disabledReason = "one of the long forms: mvn verify -Pfull")
    void aWriterThatDoesNotCompareBeforeItSetsIsCaught() throws Exception {
        Path source = Path.of(System.getProperty("user.dir"))
                .resolve("../k2-iceberg/src/main/java/io/k2data/iceberg/EventTable.java");
        String right = Files.readString(source);
        String wrong = right.replace("if (!moved.isEmpty()) {", "if (moved.size() > 1_000_000) {");
        assertThat(wrong).as("the fence is where it was").isNotEqualTo(right);
        Path mutant = Files.createDirectories(directory.resolve("source")).resolve("EventTable.java");
        Files.writeString(mutant, wrong);
        Path classes = Files.createDirectories(directory.resolve("classes"));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        String classPath = System.getProperty("java.class.path");
        assertThat(compiler.run(
                        null, null, null, "-proc:none", "-cp", classPath, "-d", classes.toString(), mutant.toString()))
                .isZero();
        Run run = run(classes + File.pathSeparator + classPath, "--only", "sleep_past_the_session:4");
        assertThat(run.exitCode).isEqualTo(1);
        JsonNode found = new ObjectMapper()
                .readTree(run.output.lines().reduce((first, last) -> last).orElseThrow());
        assertThat(found.get("lost").asLong() + found.get("doubled").asLong())
                .as(run.output)
                .isPositive();
    }

    private record Run(String output, int exitCode) {}

    private static Run run(String classPath, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                FaultSuite.class.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("CLASSPATH", classPath);
        Process suite = builder.start();
        String output = new String(suite.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        System.out.println("FaultSuiteIT: " + output);
        return new Run(output, suite.waitFor());
    }
}
