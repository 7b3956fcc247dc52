package io.k2data.iceberg;

import io.k2data.pipeline.StorageUse;
import java.util.concurrent.atomic.LongAdder;

/** What one store asked the table's file access for, since it was opened. Any thread. */
final class StorageCounts {
    private final LongAdder puts = new LongAdder();
    private final LongAdder gets = new LongAdder();
    private final LongAdder deletes = new LongAdder();
    private final LongAdder files = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private volatile long tableBytes;

    void put() {
        puts.increment();
    }

    void get() {
        gets.increment();
    }

    void deletes(long count) {
        deletes.add(count);
    }

    /** A data file was put where the table lives. */
    void dataFile(long size) {
        files.increment();
        bytes.add(size);
    }

    void tableBytes(long size) {
        tableBytes = size;
    }

    StorageUse use() {
        return new StorageUse(puts.sum(), gets.sum(), deletes.sum(), files.sum(), bytes.sum(), tableBytes);
    }
}
