package io.k2data.iceberg;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Asked before a view's connection lets DuckDB bind or run a SELECT, on the thread that is about to. An error it throws is
 * the statement's.
 */
interface BeforeSelect {
    /**
     * Before a statement is bound or run: tells which relations its text reads.
     *
     * @param tables their names, in lower case
     * @throws SQLException if there is none of a name, or one cannot be read now
     */
    void reads(Set<String> tables) throws SQLException;

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
