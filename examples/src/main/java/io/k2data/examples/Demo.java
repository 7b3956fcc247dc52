package io.k2data.examples;

import io.k2data.testkit.EmbeddedKafka;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What K2 does, told in sections of two minutes each, on a real Kafka, Iceberg and DuckDB; every claim is checked. */
public final class Demo {
    private static final List<DemoSection> SECTIONS = List.of(
            new IngestionSection(),
            new StorageSection(),
            new DegradationSection(),
            new QuerySection(),
            new CostSection());

    private static final String USAGE = """
            usage: examples/run Demo [--section NAME] [--quick] [--no-pause]
              --section NAME   one section, or several with commas; may be given again; all if it is not given:
                                 %s
              --quick          small data: to see that it works, not to watch
              --no-pause       does not wait for Enter between steps, as where the input is no terminal
            Exits with 1 if one of its checks fails.""".formatted(SECTIONS.stream()
            .map(section -> String.format(Locale.ROOT, "%-12s %s", section.name(), section.title()))
            .collect(Collectors.joining("\n                     ")));

    private Demo() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        // Some newer JDKs have a console that tells nothing of a terminal; this asks for the old one.
        System.setProperty("jdk.console", "java.base");
        Arguments arguments = Arguments.parse(USAGE, List.of("--section"), List.of("--quick", "--no-pause"), args);
        if (!arguments.rest().isEmpty()) {
            throw Arguments.refuse(USAGE, "unknown argument " + arguments.rest().get(0));
        }
        List<DemoSection> chosen = chosen(arguments.texts("--section"));
        int exitCode;
        System.err.println("starting a Kafka broker in this process...");
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            DemoStage stage = new DemoStage(
                    kafka, workspace.directory(), arguments.flag("--quick"), !arguments.flag("--no-pause"));
            for (DemoSection section : chosen) {
                stage.begin(section);
                section.run(stage);
            }
            System.out.println();
            exitCode = stage.checks().result();
        }
        System.exit(exitCode);
    }

    private static List<DemoSection> chosen(List<String> names) {
        List<String> wanted = names.stream()
                .flatMap(name -> Stream.of(name.split(",", -1)))
                .map(String::strip)
                .toList();
        for (String name : wanted) {
            Optional<DemoSection> known = SECTIONS.stream()
                    .filter(section -> section.name().equals(name))
                    .findFirst();
            if (known.isEmpty()) {
                throw Arguments.refuse(USAGE, "there is no section '" + name + "'");
            }
        }
        return SECTIONS.stream()
                .filter(section -> wanted.isEmpty() || wanted.contains(section.name()))
                .toList();
    }
}
