package io.k2data.benchmarks;

import io.k2data.K2;
import io.k2data.api.event.EventTypes;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** K2's process in {@link IngestVsConnectSink}: ingests until its standard input ends. */
final class IngestVsConnectSinkK2 {
    private IngestVsConnectSinkK2() {}

    /** Takes the brokers, the warehouse, the commit interval in milliseconds, and whether to judge. */
    public static void main(String[] args) throws IOException {
        K2.Builder builder = K2.builder()
                .kafka(Map.of("bootstrap.servers", args[0], "interceptor.classes", FetchWatch.class.getName()))
                .warehouse(Path.of(args[1]))
                .commitInterval(Duration.ofMillis(Long.parseLong(args[2])));
        if (!Boolean.parseBoolean(args[3])) {
            builder.sequenceTracker(new Unjudged.Trackers()).deduplicator(new Unjudged.Deduplicators());
        }
        try (K2 k2 = builder.build()) {
            k2.ingest(EventTypes.TRADE, FetchWatch.TOPIC).start();
            while (System.in.read() >= 0) {
                // The parent sends nothing; it closes the stream.
            }
        }
    }
}
