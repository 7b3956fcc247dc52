package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class QuickstartIT {
    @Test
    void itsOwnChecksHold() throws Exception {
        ExampleRun run = ExampleRun.of(Quickstart.class, "--records", "60000");
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        assertThat(run.output())
                .contains("conservation: consumed 60,000 = stored")
                .contains("all checks hold");
    }

    @Test
    void badArgumentsAreExplained() throws Exception {
        assertThat(ExampleRun.of(Quickstart.class, "--help").exitCode()).isZero();
        ExampleRun run = ExampleRun.of(Quickstart.class, "--records", "many");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.errors()).contains("'many' is no whole number").contains("usage:");
    }
}
