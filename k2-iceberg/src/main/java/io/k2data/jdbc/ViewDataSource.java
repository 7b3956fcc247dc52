package io.k2data.jdbc;

import io.k2data.api.View;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * A data source over views, for jOOQ, Jdbi, Spring's JdbcTemplate, a pool, or whatever else takes one.
 *
 * <p>A connection holds nothing until a statement runs. In auto-commit mode each statement is answered at a cut of its own,
 * which is released when its result set or the statement is closed, or the statement runs again. Otherwise the first
 * statement pins the cut for all that follow, until {@code commit} or {@code rollback}; between them a connection holds
 * nothing again, so that a pool may keep it for as long as it likes. A cut has a maximum age; past it statements fail and say
 * so.
 *
 * <p>A statement that fails while it runs ends the cut, as an error ends a transaction in PostgreSQL: further statements of
 * the transaction are refused (SQLState 25P02) until it is rolled back. In auto-commit mode nothing else is touched.
 *
 * <p>Everything that would write is refused with SQLState 25006. Connections ask and answer for reading only:
 * {@code setReadOnly} and isolation levels are accepted, since a pinned cut is as strict as the strictest of them.
 *
 * <p>Getting a connection never blocks. Running a statement blocks for the cut (as long as the freshness asked for allows)
 * and for the query. Safe to use from several threads; a connection is for one thread at a time, but for
 * {@code Statement.cancel}, {@code close} and {@code abort}, which any thread may call.
 */
public final class ViewDataSource implements DataSource {
    private final Supplier<View> views;
    private final BooleanSupplier open;

    /**
     * Makes a data source.
     *
     * @param views opens a view for each cut that is to be pinned; the data source closes them
     * @param open says whether views can still be opened, for {@code Connection.isValid}
     */
    public ViewDataSource(Supplier<View> views, BooleanSupplier open) {
        this.views = views;
        this.open = open;
    }

    @Override
    public Connection getConnection() {
        return Session.open(views, open);
    }

    /** Refused: there are no users. */
    @Override
    public Connection getConnection(String username, String password) throws SQLException {
        throw new SQLFeatureNotSupportedException(
                "there are no users and passwords here; use getConnection()", "28000");
    }

    @Override
    public @Nullable PrintWriter getLogWriter() {
        return null;
    }

    /** Does nothing: K2 logs through slf4j. */
    @Override
    public void setLogWriter(@Nullable PrintWriter out) {}

    /** Does nothing: there is no login to wait for. */
    @Override
    public void setLoginTimeout(int seconds) {}

    @Override
    public int getLoginTimeout() {
        return 0;
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
        throw new SQLFeatureNotSupportedException("K2 logs through slf4j");
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        return Refusals.unwrap(this, type);
    }

    @Override
    public boolean isWrapperFor(Class<?> type) {
        return type.isInstance(this);
    }
}
