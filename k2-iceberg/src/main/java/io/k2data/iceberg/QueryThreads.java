package io.k2data.iceberg;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.duckdb.DuckDBConnection;

/**
 * Gives DuckDB all its threads while somebody reads, and one while rows only come and go into files: for statements as small
 * as those the caller waits in a loop for what a second thread does, which took an eighth of all CPU
 * (docs/decisions/0026-one-thread-while-writing.md). Any thread.
 */
final class QueryThreads {
    /** Readers come one after another; switching back and forth costs half a millisecond each. */
    static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final DuckDBConnection connection;
    private final LongSupplier nanoTime;
    private final int all;
    private final ReentrantLock lock = new ReentrantLock();
    private int readers;
    private long lastRead;
    private volatile boolean raised;

    /**
     * Begins with one thread.
     *
     * @param connection a connection on which nothing else runs; {@code threads} can be set on it. Stays the caller's
     * @param nanoTime the clock
     */
    QueryThreads(DuckDBConnection connection, LongSupplier nanoTime) throws SQLException {
        this.connection = connection;
        this.nanoTime = nanoTime;
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("select current_setting('threads')")) {
            result.next();
            all = result.getInt(1);
        }
        set(1);
    }

    /** A reader begins, and calls {@link #done} when it ends. */
    void read() {
        lock.lock();
        try {
            if (!raised && all > 1) {
                set(all);
                raised = true;
            }
            readers++;
        } catch (SQLException e) {
            throw Sql.failed("giving queries all threads", e);
        } finally {
            lock.unlock();
        }
    }

    /** A reader has ended. */
    void done() {
        lock.lock();
        try {
            readers--;
            lastRead = nanoTime.getAsLong();
        } finally {
            lock.unlock();
        }
    }

    /** Rows are about to be written. May wait for what DuckDB's threads have at hand, if it takes them back. */
    void write() {
        // A reader that begins just now is not kept waiting, nor does it keep rows waiting.
        if (!raised || !lock.tryLock()) {
            return;
        }
        try {
            if (raised && readers == 0 && nanoTime.getAsLong() - lastRead > IDLE_NANOS) {
                set(1);
                raised = false;
            }
        } catch (SQLException e) {
            throw Sql.failed("going back to one thread", e);
        } finally {
            lock.unlock();
        }
    }

    private void set(int threads) throws SQLException {
        Sql.run(connection, "set global threads = " + threads);
    }
}
