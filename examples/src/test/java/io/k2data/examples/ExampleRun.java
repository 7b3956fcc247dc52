package io.k2data.examples;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * An example run to its end, as a process of its own.
 *
 * @param exitCode its exit code
 * @param output what it wrote to standard output
 * @param errors what it wrote to standard error
 */
record ExampleRun(int exitCode, String output, String errors) {
    static ExampleRun of(Class<?> example, String... args) throws IOException, InterruptedException {
        return of("", example, args);
    }

    /** Runs with a directory of classes that comes before all others. */
    static ExampleRun of(String firstOnClassPath, Class<?> example, String... args)
            throws IOException, InterruptedException {
        Path errors = Files.createTempFile("k2-example", ".log");
        try {
            String classPath = System.getProperty("java.class.path");
            List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx1g",
                    "-cp",
                    firstOnClassPath.isEmpty() ? classPath : firstOnClassPath + File.pathSeparator + classPath,
                    example.getName()));
            command.addAll(Arrays.asList(args));
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int exitCode = process.waitFor();
            return new ExampleRun(exitCode, output, Files.readString(errors));
        } finally {
            Files.deleteIfExists(errors);
        }
    }

    String lastLine() {
        return output.lines().reduce("", (before, line) -> line);
    }
}
