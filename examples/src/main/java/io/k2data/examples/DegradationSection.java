package io.k2data.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;

/** What happens when more comes than the table takes: less is taken, in order of importance, and comes back. */
final class DegradationSection implements DemoSection {
    @Override
    public String name() {
        return "degradation";
    }

    @Override
    public String title() {
        return "an overload that loses nothing";
    }

    @Override
    public void run(DemoStage stage) throws Exception {
        stage.step("More than the table takes", """
                Everyone sheds load somehow; what is shed is gone as a rule. Kafka keeps the log, so K2 only has
                to remember what it passed over: to shed is to defer. (examples/run DegradationDemo is the longer
                form, with a picture.)""");
        try (Overload overload = new Overload(stage, stage.directory(this), new Lines(stage))) {
            overload.settings().forEach(line -> stage.say("%s", line));
            Overload.Outcome outcome = overload.run();
            stage.say(
                    "%d changes of level, %,d records put off at most, all of them in the table now.",
                    outcome.transitions(), outcome.deferredPeak());
        }
    }

    /** One line that moves, and one for each change of level. */
    private static final class Lines implements Overload.Show {
        private final DemoStage stage;
        private long transitions;
        private long shownMillis = -10_000;

        Lines(DemoStage stage) {
            this.stage = stage;
        }

        @Override
        public void act(String title, String why) {
            stage.liveEnd();
            try {
                stage.step(title.substring(0, 1).toUpperCase(Locale.ROOT) + title.substring(1), why);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void picture(Overload.Picture picture) {
            long millis = picture.elapsed().toMillis();
            if (picture.status().transitions() != transitions) {
                transitions = picture.status().transitions();
                stage.liveEnd();
                stage.say("%s", picture.status().cause());
            } else if (millis - shownMillis < 1_000) {
                return;
            }
            shownMillis = millis;
            stage.live(
                    "%6.1f s  %-13s  feed %,6d/s   lag %,7d   put off %,7d   stored %,8d",
                    millis / 1e3,
                    picture.status().level(),
                    picture.pace(),
                    picture.status().lagRecords(),
                    picture.status().deferredRecords(),
                    picture.tally().stored());
        }

        @Override
        public void answer(List<String> lines) {
            stage.liveEnd();
            lines.forEach(line -> stage.say("> %s", line));
        }
    }
}
