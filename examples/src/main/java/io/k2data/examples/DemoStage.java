package io.k2data.examples;

import io.k2data.K2;
import io.k2data.testkit.EmbeddedKafka;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a section of the demo stands on: a broker, a directory, the audience's screen and the checks. One thread. */
final class DemoStage {
    private final EmbeddedKafka kafka;
    private final Path directory;
    private final boolean quick;
    private final boolean terminal;
    private final Checks checks = new Checks();
    private boolean pausing;
    private int steps;

    @SuppressWarnings("SystemConsoleNull") // it is null without a terminal: the demo asks newer JDKs for that
    DemoStage(EmbeddedKafka kafka, Path directory, boolean quick, boolean pausing) {
        this.kafka = kafka;
        this.directory = directory;
        this.quick = quick;
        this.terminal = System.console() != null;
        this.pausing = pausing && terminal;
    }

    EmbeddedKafka kafka() {
        return kafka;
    }

    /** A directory for everything a section keeps, named for it. */
    Path directory(DemoSection section) {
        return directory.resolve(section.name());
    }

    /** One of two sizes: the first where the demo only has to be seen to work. */
    int size(int ifQuick, int otherwise) {
        return quick ? ifQuick : otherwise;
    }

    /** Whether the screen can move its cursor. */
    boolean isTerminal() {
        return terminal;
    }

    Checks checks() {
        return checks;
    }

    /** A K2 on a section's own warehouse. */
    K2 k2(DemoSection section, Duration commitInterval) {
        return K2.builder()
                .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                .warehouse(directory(section).resolve("warehouse"))
                .spool(directory(section).resolve("spool"))
                .commitInterval(commitInterval)
                .build();
    }

    void begin(DemoSection section) {
        steps = 0;
        System.out.printf("%n======== %s: %s ========%n", section.name().toUpperCase(Locale.ROOT), section.title());
    }

    /** Begins a step, when the audience is ready for it: what is shown, and why it matters. */
    void step(String title, String why) throws IOException {
        if (pausing) {
            System.out.print("                                                          [Enter]");
            System.out.flush();
            int c;
            do {
                c = System.in.read();
            } while (c != '\n' && c >= 0);
            // The end of the input: nobody is there to wait for.
            pausing = c >= 0;
        }
        steps++;
        System.out.printf("%n-- %d. %s%n", steps, title);
        why.lines().forEach(line -> System.out.println("   " + line));
    }

    /** Prints a line. */
    void say(String format, Object... values) {
        System.out.printf(Locale.ROOT, "   " + format + "%n", values);
    }

    /** Prints a line that the next one of its kind replaces, where the screen can do that. */
    void live(String format, Object... values) {
        String line = "   " + String.format(Locale.ROOT, format, values);
        System.out.print(terminal ? "\r" + line + "   " : line + "\n");
        System.out.flush();
    }

    /** Ends the lines of {@link #live}. */
    void liveEnd() {
        if (terminal) {
            System.out.println();
        }
    }

    /** Prints a question and its answer, and gives the answer. */
    List<List<@Nullable Object>> ask(Statement statement, String sql) throws SQLException {
        sql.lines().forEach(line -> System.out.println("   > " + line));
        List<List<@Nullable Object>> answer = new ArrayList<>();
        List<List<String>> shown = new ArrayList<>();
        long began = System.nanoTime();
        try (ResultSet rows = statement.executeQuery(sql)) {
            int columns = rows.getMetaData().getColumnCount();
            List<String> names = new ArrayList<>();
            for (int i = 1; i <= columns; i++) {
                names.add(rows.getMetaData().getColumnLabel(i));
            }
            shown.add(names);
            while (rows.next()) {
                List<@Nullable Object> row = new ArrayList<>();
                for (int i = 1; i <= columns; i++) {
                    row.add(rows.getObject(i));
                }
                answer.add(row);
                shown.add(row.stream().map(Shown::value).toList());
            }
            double millis = (System.nanoTime() - began) / 1e6;
            for (List<String> row : shown) {
                StringBuilder line = new StringBuilder("    ");
                for (int i = 0; i < columns; i++) {
                    int column = i;
                    int width = shown.stream()
                            .mapToInt(each -> each.get(column).length())
                            .max()
                            .orElse(0);
                    line.append("  ")
                            .append(" ".repeat(width - row.get(i).length()))
                            .append(row.get(i));
                }
                System.out.println(line);
            }
            say("(%s rows, %.0f ms)", answer.size(), millis);
        }
        return answer;
    }
}
