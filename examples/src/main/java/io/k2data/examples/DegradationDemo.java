package io.k2data.examples;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.testkit.EmbeddedKafka;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A real overload on a real Kafka: five levels up and down, what is shed comes back, and the proof that nothing is lost. */
public final class DegradationDemo {
    private static final String USAGE = """
            usage: examples/run DegradationDemo [--quick] [--notes]
              --quick   under a minute, with smaller thresholds; the whole takes about five
              --notes   talking points before each act
            A picture that is drawn anew where the output is a terminal, plain lines elsewhere.
            The last line is a JSON object. Exits with 1 if one of its checks fails.""";

    private static final int WIDTH = 76;

    private DegradationDemo() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        // Some newer JDKs have a console that tells nothing of a terminal; this asks for the old one.
        System.setProperty("jdk.console", "java.base");
        Arguments arguments = Arguments.parse(USAGE, List.of(), List.of("--quick", "--notes"), args);
        if (!arguments.rest().isEmpty()) {
            throw Arguments.refuse(USAGE, "unknown argument " + arguments.rest().get(0));
        }
        System.err.println("starting a Kafka broker in this process...");
        int exitCode;
        ObjectNode result;
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            DemoStage stage = new DemoStage(kafka, workspace.directory(), arguments.flag("--quick"), false);
            Screen screen = new Screen(stage.isTerminal(), arguments.flag("--notes"));
            Overload.Outcome outcome;
            try (Overload overload = new Overload(stage, workspace.directory(), screen)) {
                System.out.println("A slow table, made to be overrun:");
                overload.settings().forEach(line -> System.out.println("  " + line));
                outcome = overload.run();
            }
            exitCode = stage.checks().result();
            result = json(outcome);
        }
        System.out.println(result);
        System.exit(exitCode);
    }

    private static ObjectNode json(Overload.Outcome outcome) {
        ObjectNode json = new ObjectMapper().createObjectNode();
        ArrayNode seen = json.putArray("levelsSeen");
        outcome.levels().stream().distinct().map(DegradationLevel::name).forEach(seen::add);
        json.put("transitions", outcome.transitions());
        json.put("produced", outcome.tally().consumed());
        json.put("stored", outcome.tally().stored());
        json.put("duplicate", outcome.tally().duplicate());
        json.put("deferredPeak", outcome.deferredPeak());
        json.put("deferredLeft", outcome.deferredLeft());
        json.put("rejected", outcome.tally().rejected());
        json.put("lost", outcome.tally().lost());
        return json;
    }

    /** Draws the picture in place on a terminal; elsewhere a line a second, and one for each change. */
    private static final class Screen implements Overload.Show {
        private static final long REDRAW_MILLIS = 100;

        private final boolean terminal;
        private final boolean notes;
        private long shownMillis = -10_000;
        private long transitions;
        private int drawn;
        private long mostLag = 1;

        Screen(boolean terminal, boolean notes) {
            this.terminal = terminal;
            this.notes = notes;
        }

        @Override
        public void act(String title, String why) {
            drawn = 0;
            System.out.printf("%n== %s%n", title);
            if (notes || !terminal) {
                System.out.println("   " + why);
            }
        }

        @Override
        public void answer(List<String> lines) {
            drawn = 0;
            System.out.println("   Any answer says what it lacks; asked by SQL:");
            lines.forEach(line -> System.out.println("   > " + line));
        }

        @Override
        public void picture(Overload.Picture picture) {
            long millis = picture.elapsed().toMillis();
            boolean changed = picture.status().transitions() != transitions;
            if (changed) {
                transitions = picture.status().transitions();
                erase();
                System.out.printf(
                        Locale.ROOT,
                        "%6.1f s  %s%n",
                        millis / 1e3,
                        picture.status().cause());
            }
            if (!changed && millis - shownMillis < (terminal ? REDRAW_MILLIS : 1_000)) {
                return;
            }
            shownMillis = millis;
            if (terminal) {
                erase();
                List<String> lines = lines(picture);
                lines.forEach(System.out::println);
                drawn = lines.size();
            } else {
                System.out.printf(
                        Locale.ROOT,
                        "%6.1f s  %-13s  feed %,6d/s  lag %,7d  memory %3.0f %%  flowing %s  put off %,7d  stored %,8d%n",
                        millis / 1e3,
                        picture.status().level(),
                        picture.pace(),
                        picture.status().lagRecords(),
                        100 * picture.status().memoryShare(),
                        picture.tiers(true),
                        picture.status().deferredRecords(),
                        picture.tally().stored());
            }
        }

        private void erase() {
            if (drawn > 0) {
                // Up to the first line of the last picture, and clear from there on.
                System.out.print("\u001b[" + drawn + "A\u001b[J");
                drawn = 0;
            }
        }

        private List<String> lines(Overload.Picture picture) {
            List<String> lines = new ArrayList<>();
            StringBuilder ladder = new StringBuilder("  ");
            for (DegradationLevel level : DegradationLevel.values()) {
                ladder.append(
                        level == picture.status().level() ? "\u001b[7m " + level + " \u001b[0m " : " " + level + "  ");
            }
            lines.add(ladder.toString());
            mostLag = Math.max(mostLag, picture.status().lagRecords());
            lines.add(String.format(
                    Locale.ROOT,
                    "  feed %,7d/s   sent %,9d   stored %,9d",
                    picture.pace(),
                    picture.sent(),
                    picture.tally().stored()));
            lines.add(bar(
                    "lag",
                    picture.status().lagRecords(),
                    (double) picture.status().lagRecords() / mostLag));
            lines.add(bar(
                    "memory %",
                    Math.round(100 * picture.status().memoryShare()),
                    picture.status().memoryShare()));
            lines.add(String.format(
                    Locale.ROOT,
                    "  put off  %,9d in %d ranges",
                    picture.status().deferredRecords(),
                    picture.status().deferredRanges()));
            lines.add("  flowing  " + picture.tiers(true));
            lines.add("  waiting  " + picture.tiers(false));
            return lines;
        }

        private static String bar(String name, long value, double part) {
            int full = (int) Math.round(Math.max(0, Math.min(1, part)) * (WIDTH - 30));
            return String.format(Locale.ROOT, "  %-8s %,9d  %s", name, value, "#".repeat(full));
        }
    }
}
