package io.k2data.api;

import java.sql.Connection;
import java.util.Map;

/**
 * SQL over history and live rows at one pinned cut. Every statement on the view's connection sees exactly the rows of
 * {@link #cut()}, however many commits land meanwhile. One relation per event type, named as its table.
 *
 * <p>A statement that fails while it is bound or run, be it for a misspelt column, ends the cut, as it ends a transaction
 * in most databases; later statements say so, and the remedy is a new view. A view holds files and memory: close it. It may be used by one thread at a time.
 */
public interface View extends AutoCloseable {
    /**
     * Returns the connection to query. It is read-only, belongs to the view and is closed with it; the caller closes
     * statements and result sets.
     *
     * @return the same connection each time
     */
    Connection connection();

    /**
     * Returns what the view answers from.
     *
     * @return the cut
     */
    Cut cut();

    /**
     * Returns how many data files the statement that ran last may have read of each table's history, of how many. What a
     * statement asks of times, streams, ids and positions chooses the files.
     *
     * @return by table; empty before the first statement
     */
    Map<String, Files> filesRead();

    /**
     * Data files of one table.
     *
     * @param read how many a statement may have read
     * @param of how many the snapshot has
     */
    record Files(int read, int of) {}

    /** Releases the cut and closes the connection. Closing twice does nothing. */
    @Override
    void close();
}
