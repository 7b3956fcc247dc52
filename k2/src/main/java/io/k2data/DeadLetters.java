package io.k2data;

import io.k2data.api.K2Exception;
import io.k2data.api.event.EventType;
import io.k2data.kafka.KafkaDeadLetters;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.DeadLetterRepair;
import io.k2data.pipeline.EventStore;
import io.k2data.pipeline.PipelineSettings;
import io.k2data.pipeline.RowFormat;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The dead letters of one topic and table: what was rejected, why, and the way back in. Works beside a running ingest, in
 * this process or another. For one thread.
 */
public final class DeadLetters implements AutoCloseable {
    private final EventType<?> type;
    private final KafkaDeadLetters letters;
    private final Supplier<EventStore> store;
    private final RowFormat format;
    private final Duration window;
    private final PipelineSettings settings;

    DeadLetters(
            EventType<?> type,
            KafkaDeadLetters letters,
            Supplier<EventStore> store,
            RowFormat format,
            Duration window,
            PipelineSettings settings) {
        this.type = type;
        this.letters = letters;
        this.store = store;
        this.format = format;
        this.window = window;
        this.settings = settings;
    }

    /**
     * Reads the dead letters that stand there now, repaired ones too: a topic forgets nothing. Blocks for the network.
     *
     * @return one entry per record
     * @throws K2Exception if Kafka cannot be reached
     */
    public List<DeadLetter> list() {
        return letters.list().stream()
                .filter(letter -> letter.table().isEmpty() || letter.table().equals(type.name()))
                .toList();
    }

    /**
     * Repairs dead letters and stores them at the positions their records had, by commits of their own. A record whose
     * position has a row already is left alone, so doing it twice stores nothing twice.
     *
     * @param repair gives the repaired value of a letter, in the ingest's format, or nothing to leave it alone
     * @return what became of them
     * @throws K2Exception if Kafka or the table cannot be reached; what was committed before stands
     */
    public DeadLetterRepair.Outcome replay(Function<? super DeadLetter, Optional<byte[]>> repair) {
        List<DeadLetter> all = list();
        try (EventStore aside = store.get()) {
            return new DeadLetterRepair(type, format, aside, window.toMillis(), settings, Clock.systemUTC())
                    .replay(all, repair);
        }
    }

    /** Closes the Kafka clients. */
    @Override
    public void close() {
        letters.close();
    }
}
