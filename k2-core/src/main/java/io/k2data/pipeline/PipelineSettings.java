package io.k2data.pipeline;

import io.k2data.api.InvalidSettingsException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How a pipeline cuts generations and what it takes. Immutable.
 *
 * @param commitInterval the longest time a record waits for its commit; 100 ms to 1 h. The default of 10 s keeps a
 *     table at some 8,600 commits a day, while queries see live rows anyway
 * @param generationBytes commit when the records' keys and values add up to this many bytes; 1 KiB to 4 GiB. The
 *     default of 128 MiB keeps a generation's rows well inside the default memory limit
 * @param generationRows commit when this many rows wait; 1 to 10 million. The default of 500,000 is where sorting and
 *     writing was measured to be fastest per row
 * @param memoryBytes commit when rows not yet committed take this much of DuckDB's memory; 1 MiB or more
 * @param pendingGenerations how many sealed generations may wait for their commit before reading pauses; 1 to 16. Two
 *     let reading go on during a commit
 * @param daysPerCommit how many days of event time one commit may touch, each being a file; 1 to 1000. Without a bound
 *     a feed of random times would make one tiny file per record
 * @param eventTimeBehind how far an event's time may lie before its record's time in the log, or the record is
 *     rejected; more than zero. The default of 400 days is generous: real captures hold trades many weeks older than
 *     their receipt
 * @param eventTimeAhead how far it may lie after; more than zero. The default of one day covers wrong time zones, not
 *     wrong units
 * @param checkpointInterval the shortest time between two checkpoints of one partition's state, 100 ms to 24 h. Whoever
 *     takes the partition over reads the rows committed since from the table; the default of one minute makes that seconds
 * @param checkpointBytes how large a checkpoint of one tracker or deduplicator may be, 0 to 1 GiB; 0 keeps none. Cutting
 *     one holds the ingest thread up for milliseconds a MiB. What is larger is rebuilt from the table. The default of 16 MiB takes
 *     half a million ids
 */
public record PipelineSettings(
        Duration commitInterval,
        long generationBytes,
        int generationRows,
        long memoryBytes,
        int pendingGenerations,
        int daysPerCommit,
        Duration eventTimeBehind,
        Duration eventTimeAhead,
        Duration checkpointInterval,
        int checkpointBytes) {
    /** The defaults, with a memory bound of 256 MiB. */
    public static final PipelineSettings DEFAULT = new PipelineSettings(
            Duration.ofSeconds(10), 128L << 20, 500_000, 256L << 20, 2, 60, Duration.ofDays(400), Duration.ofDays(1));

    /**
     * Settings with the default checkpoints.
     *
     * @param commitInterval the longest time a record waits for its commit
     * @param generationBytes commit when keys and values add up to this many bytes
     * @param generationRows commit when this many rows wait
     * @param memoryBytes commit when rows not yet committed take this much memory
     * @param pendingGenerations how many sealed generations may wait for their commit
     * @param daysPerCommit how many days of event time one commit may touch
     * @param eventTimeBehind how far an event's time may lie before its record's
     * @param eventTimeAhead how far it may lie after
     */
    public PipelineSettings(
            Duration commitInterval,
            long generationBytes,
            int generationRows,
            long memoryBytes,
            int pendingGenerations,
            int daysPerCommit,
            Duration eventTimeBehind,
            Duration eventTimeAhead) {
        this(
                commitInterval,
                generationBytes,
                generationRows,
                memoryBytes,
                pendingGenerations,
                daysPerCommit,
                eventTimeBehind,
                eventTimeAhead,
                Duration.ofMinutes(1),
                16 << 20);
    }

    /** Checks all values, and reports all that are wrong together. */
    public PipelineSettings {
        List<String> problems = new ArrayList<>();
        if (commitInterval.compareTo(Duration.ofMillis(100)) < 0 || commitInterval.compareTo(Duration.ofHours(1)) > 0) {
            problems.add("commit-interval: " + commitInterval + ", expected 100 ms to 1 h");
        }
        range(problems, "generation-bytes", generationBytes, 1L << 10, 4L << 30);
        range(problems, "generation-rows", generationRows, 1, 10_000_000);
        range(problems, "memory-bytes", memoryBytes, 1L << 20, Long.MAX_VALUE);
        range(problems, "pending-generations", pendingGenerations, 1, 16);
        range(problems, "days-per-commit", daysPerCommit, 1, 1000);
        positive(problems, "event-time-behind", eventTimeBehind);
        positive(problems, "event-time-ahead", eventTimeAhead);
        if (checkpointInterval.compareTo(Duration.ofMillis(100)) < 0
                || checkpointInterval.compareTo(Duration.ofDays(1)) > 0) {
            problems.add("checkpoint-interval: " + checkpointInterval + ", expected 100 ms to 24 h");
        }
        range(problems, "checkpoint-bytes", checkpointBytes, 0, 1L << 30);
        if (!problems.isEmpty()) {
            throw new InvalidSettingsException(problems);
        }
    }

    /**
     * Returns the settings with another memory bound.
     *
     * @param bytes the bound, 1 MiB or more
     * @return the settings
     */
    public PipelineSettings memoryBytes(long bytes) {
        return new PipelineSettings(
                commitInterval,
                generationBytes,
                generationRows,
                bytes,
                pendingGenerations,
                daysPerCommit,
                eventTimeBehind,
                eventTimeAhead,
                checkpointInterval,
                checkpointBytes);
    }

    /**
     * Returns the settings with other checkpoints.
     *
     * @param interval the shortest time between two checkpoints of one partition's state
     * @param bytes how large one may be
     * @return the settings
     */
    public PipelineSettings checkpoints(Duration interval, int bytes) {
        return new PipelineSettings(
                commitInterval,
                generationBytes,
                generationRows,
                memoryBytes,
                pendingGenerations,
                daysPerCommit,
                eventTimeBehind,
                eventTimeAhead,
                interval,
                bytes);
    }

    private static void range(List<String> problems, String key, long value, long from, long to) {
        if (value < from || value > to) {
            problems.add(key + ": " + value + ", expected " + from + " to " + to);
        }
    }

    private static void positive(List<String> problems, String key, Duration value) {
        if (value.isNegative() || value.isZero()) {
            problems.add(key + ": " + value + ", expected more than zero");
        }
    }
}
