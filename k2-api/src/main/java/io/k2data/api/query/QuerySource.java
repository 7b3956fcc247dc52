package io.k2data.api.query;

import io.k2data.api.event.Column;
import java.util.List;

/**
 * Rows that a view can show as a relation: a table of reference data, say, that research joins with trades.
 *
 * <p>Safe to use from several threads. Whoever makes one closes it; K2 only pins it.
 */
public interface QuerySource extends AutoCloseable {
    /**
     * Returns the name of the relation.
     *
     * @return lower-case letters, digits and underscores, beginning with a letter; always the same
     */
    String name();

    /**
     * Returns the columns.
     *
     * @return one or more, in the order in which rows have their values; always the same
     */
    List<Column> columns();

    /**
     * Pins the rows that there are now. Rows that come or go later do not change what was pinned. May block for as long as
     * a view may take to open.
     *
     * @return what was pinned; whoever pins closes it
     * @throws IllegalStateException if this is closed
     */
    PinnedRows pin();

    /** Ends it. What is pinned stays as it is until that is closed. Closing twice does nothing. */
    @Override
    void close();
}
