package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataSourceExamplesIT {
    @ParameterizedTest
    @ValueSource(classes = {JdbiQueries.class, JooqQueries.class})
    void itsOwnChecksHold(Class<?> example) throws Exception {
        ExampleRun run = ExampleRun.of(example);
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        assertThat(run.output()).contains("all checks hold");
    }
}
