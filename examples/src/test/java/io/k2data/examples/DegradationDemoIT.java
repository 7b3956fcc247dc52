package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class DegradationDemoIT {
    @Test
    void allLevelsAreSeenAndNothingIsLost() throws Exception {
        ExampleRun run = ExampleRun.of(DegradationDemo.class, "--quick", "--notes");
        assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        JsonNode result = new ObjectMapper().readTree(run.lastLine());
        assertThat(result.get("levelsSeen"))
                .extracting(JsonNode::asText)
                .isEqualTo(List.of("NORMAL", "SOFT", "GRACEFUL", "AGGRESSIVE", "CIRCUIT_BREAK"));
        // Up it may have gone by more than one at a time; down it cannot.
        assertThat(result.get("transitions").asLong()).isGreaterThanOrEqualTo(5);
        assertThat(result.get("deferredPeak").asLong()).isPositive();
        assertThat(result.get("deferredLeft").asLong()).isZero();
        assertThat(result.get("lost").asLong()).isZero();
        assertThat(result.get("produced").asLong())
                .isEqualTo(result.get("stored").asLong()
                        + result.get("duplicate").asLong()
                        + result.get("rejected").asLong())
                .isPositive();
        assertThat(run.output())
                .contains("CIRCUIT_BREAK because lag ")
                .contains("from deferred group by tier")
                .doesNotContain("\u001b");
    }

    @Test
    void anUnknownOptionIsRefusedWithTheUsage() throws Exception {
        ExampleRun run = ExampleRun.of(DegradationDemo.class, "--fast");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.errors()).contains("unknown option --fast").contains("usage: examples/run DegradationDemo");
    }
}
