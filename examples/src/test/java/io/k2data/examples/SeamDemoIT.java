package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SeamDemoIT {
    private static final String SECONDS = Boolean.getBoolean("k2.full") ? "60" : "12";

    @TempDir
    Path directory;

    @Test
    void theWriterIsKilledAndK2GivesNoWrongRow() throws Exception {
        ExampleRun run = ExampleRun.of(SeamDemo.class, "--seconds", SECONDS);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        JsonNode result = new ObjectMapper().readTree(run.lastLine());
        assertThat(result.get("questions").asInt()).isPositive();
        assertThat(result.get("kills").asInt()).isPositive();
        assertThat(result.get("k2WrongRows").asInt()).isZero();
    }

    @Test
    void aCutThatIsOffByOneIsCaught() throws Exception {
        Path source = Path.of(System.getProperty("user.dir"))
                .resolve("../k2-iceberg/src/main/java/io/k2data/iceberg/Seam.java");
        String right = Files.readString(source);
        String wrong = right.replace("kafka_offset >= case", "kafka_offset > case");
        assertThat(wrong).as("the seam's comparison is where it was").isNotEqualTo(right);
        Path mutant = Files.createDirectories(directory.resolve("source")).resolve("Seam.java");
        Files.writeString(mutant, wrong);
        Path classes = Files.createDirectories(directory.resolve("classes"));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        int compiled = compiler.run(
                null,
                null,
                null,
                List.of(
                                "-proc:none",
                                "-cp",
                                System.getProperty("java.class.path"),
                                "-d",
                                classes.toString(),
                                mutant.toString())
                        .toArray(String[]::new));
        assertThat(compiled).isZero();
        ExampleRun run = ExampleRun.of(classes.toString(), SeamDemo.class, "--seconds", SECONDS);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isEqualTo(1);
        assertThat(new ObjectMapper()
                        .readTree(run.lastLine())
                        .get("k2WrongRows")
                        .asInt())
                .isPositive();
    }
}
