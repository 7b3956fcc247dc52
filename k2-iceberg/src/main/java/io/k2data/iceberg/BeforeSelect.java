package io.k2data.iceberg;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Asked before a view's connection lets DuckDB bind or run a SELECT, on the thread that is about to. An error it throws is
 * the statement's.
 */
interface BeforeSelect {
    /**
     * Before a statement is bound or run: checks its text, and that what it reads is there.
     *
     * @param sql the text
     * @throws SQLException if it is not one SELECT of what may be read, or a relation is not there or cannot be read now
     */
    void reads(String sql) throws SQLException;

    /** Before a statement is bound without being run, for the types of its columns and parameters. */
    void bind() throws SQLException;

    /**
     * Before a statement runs, each time. Its result must be all in memory before the next one is asked for, as DuckDB's
     * driver has it unless it is told to stream.
     *
     * @param sql the text, known to be one SELECT
     * @param parameters sets on another statement of the same text what its own parameters have been set to; null if they
     *     cannot be given twice
     */
    void run(String sql, @Nullable Parameters parameters) throws SQLException;

    /** The values of a statement's parameters. */
    @FunctionalInterface
    interface Parameters {
        Parameters NONE = statement -> {};

        void setOn(PreparedStatement statement) throws SQLException;
    }
}
