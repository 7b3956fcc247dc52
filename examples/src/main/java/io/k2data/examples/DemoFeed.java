package io.k2data.examples;

import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.FeedTruth;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A simulated feed on its way into a topic, and a producer for single records besides. */
final class DemoFeed implements AutoCloseable {
    /** So often {@link #sent} moves on. */
    private static final long SLICE = 5_000;

    private static final long SLICE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final String topic;
    private final FeedSimulator simulator;
    private final KafkaProducer<byte[], byte[]> producer;
    private final Iterator<SimulatedRecord> records;
    private final AtomicLong sent = new AtomicLong();

    /** Makes one; the witness sees every record before it is sent. */
    DemoFeed(DemoStage stage, String topic, FeedSimulator simulator, Consumer<SimulatedRecord> witness) {
        this.topic = topic;
        this.simulator = simulator;
        this.producer = new KafkaProducer<>(
                Feeds.producerSettings(stage.kafka().bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer());
        this.records = new Iterator<>() {
            @Override
            public boolean hasNext() {
                return true;
            }

            @Override
            public SimulatedRecord next() {
                SimulatedRecord record = simulator.next();
                witness.accept(record);
                return record;
            }
        };
    }

    /** Sends so many as fast as it goes; returns when all are acknowledged. */
    void send(long count) {
        for (long left = count; left > 0; left -= SLICE) {
            Feeds.send(producer, topic, records, Math.min(left, SLICE));
            sent.addAndGet(Math.min(left, SLICE));
        }
    }

    /** Sends so many at a steady pace. */
    void send(long count, int perSecond) {
        long began = System.nanoTime();
        for (long done = 0; done < count; ) {
            long due = Math.min(count, (System.nanoTime() - began) / 1_000_000 * perSecond / 1000);
            if (due > done) {
                send(due - done);
                done = due;
            }
            LockSupport.parkNanos(SLICE_NANOS);
        }
    }

    /** Sends at a steady pace, on a thread of its own, until that is closed. What a stall held up for long is left out. */
    Flow flow(int perSecond) {
        AtomicBoolean ended = new AtomicBoolean();
        CompletableFuture<Void> flowing = CompletableFuture.runAsync(() -> {
            double most = Math.max(1, perSecond / 5.0);
            double due = 0;
            long before = System.nanoTime();
            while (!ended.get()) {
                long now = System.nanoTime();
                due = Math.min(most, due + (now - before) * 1e-9 * perSecond);
                before = now;
                send((long) due);
                due -= (long) due;
                LockSupport.parkNanos(SLICE_NANOS);
            }
        });
        return () -> {
            ended.set(true);
            flowing.join();
        };
    }

    /** A feed that flows. */
    interface Flow extends AutoCloseable {
        @Override
        void close();
    }

    /** Sends one record; returns where it stands when that is acknowledged. */
    RecordMetadata sendOne(byte[] key, byte[] value, long timestampMillis) throws Exception {
        RecordMetadata position = producer.send(new ProducerRecord<>(topic, null, timestampMillis, key, value))
                .get();
        sent.incrementAndGet();
        return position;
    }

    /** All records that were acknowledged. */
    long sent() {
        return sent.get();
    }

    /** The truth of the simulated ones; not while they are being sent. */
    FeedTruth truth() {
        return simulator.truth();
    }

    @Override
    public void close() {
        producer.close();
    }
}
