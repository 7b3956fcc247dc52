package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DemoIT {
    @Test
    void everyClaimOfEverySectionHolds() throws Exception {
        ExampleRun run = ExampleRun.of(Demo.class, "--quick", "--no-pause");
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        assertThat(run.output())
                .contains("==== INGESTION: ")
                .contains("==== DEGRADATION: ")
                .contains("==== QUERY: ")
                .contains("==== COST: ")
                .contains("fresh:     there 200 of 200 times")
                .contains("all checks hold")
                .doesNotContain("WRONG");
    }

    @Test
    void itListsTheSectionsThereAreAndRefusesOthers() throws Exception {
        ExampleRun help = ExampleRun.of(Demo.class, "--help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.output()).contains("ingestion ", "degradation ", "query ", "cost ", "--no-pause");
        ExampleRun unknown = ExampleRun.of(Demo.class, "--section", "query,nonsense");
        assertThat(unknown.exitCode()).isEqualTo(2);
        assertThat(unknown.errors()).contains("there is no section 'nonsense'").contains("usage:");
    }
}
