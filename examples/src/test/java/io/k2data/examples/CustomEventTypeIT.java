package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CustomEventTypeIT {
    @Test
    void whatItFindsIsWhatItSent() throws Exception {
        ExampleRun run = ExampleRun.of(CustomEventType.class);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        assertThat(run.output())
                .contains(
                        "fills: consumed 300 = stored 299 + duplicate 1 + rejected 0 + deferred 0 + lost 0; foreign 600")
                .contains(
                        "trades: consumed 600 = stored 600 + duplicate 0 + rejected 0 + deferred 0 + lost 0; foreign 300")
                .contains("fills: consumed 301 = stored 299 + duplicate 1 + rejected 1")
                .contains("never came: 120")
                .contains("all checks hold");
    }
}
