package io.k2data.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A temporary directory that goes when the example ends. */
record Workspace(Path directory) implements AutoCloseable {
    static Workspace create() throws IOException {
        return new Workspace(Files.createTempDirectory("k2-example"));
    }

    @Override
    public void close() throws IOException {
        try (Stream<Path> below = Files.walk(directory)) {
            for (Path path : below.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
