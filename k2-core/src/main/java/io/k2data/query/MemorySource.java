package io.k2data.query;

import io.k2data.api.LogPartition;
import io.k2data.api.event.Column;
import io.k2data.api.query.PinnedRows;
import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A small table in memory, to be joined in SQL: symbols and their sectors, desks, currencies. A view copies its rows when it
 * is opened. Safe to use from several threads.
 */
public final class MemorySource implements QuerySource {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]{0,62}");

    private final String name;
    private final List<Column> columns;
    private volatile List<@Nullable Object[]> rows = List.of();
    private volatile boolean closed;

    private MemorySource(String name, List<Column> columns) {
        this.name = name;
        this.columns = columns;
    }

    /**
     * Makes one without rows.
     *
     * @param name the relation's name: lower-case letters, digits and underscores
     * @param columns its columns, one or more
     * @return the source; the caller closes it
     */
    public static MemorySource of(String name, List<Column> columns) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("name '" + name + "' must match " + NAME);
        }
        if (columns.isEmpty()) {
            throw new IllegalArgumentException(name + " needs a column");
        }
        if (columns.stream().map(Column::name).distinct().count() < columns.size()) {
            throw new IllegalArgumentException(name + " has a column twice");
        }
        return new MemorySource(name, List.copyOf(columns));
    }

    /**
     * Replaces all rows. Views that are open keep those they have.
     *
     * @param replacement each row's values in the order of the columns; copied
     * @throws IllegalArgumentException if a row has not one value for each column, or none where one is required
     */
    public void replace(Collection<@Nullable Object[]> replacement) {
        List<@Nullable Object[]> copy = new ArrayList<>(replacement.size());
        for (@Nullable Object[] row : replacement) {
            if (row.length != columns.size()) {
                throw new IllegalArgumentException(
                        "a row of " + name + " has " + row.length + " values for " + columns.size() + " columns");
            }
            for (int i = 0; i < row.length; i++) {
                if (row[i] == null && columns.get(i).required()) {
                    throw new IllegalArgumentException(
                            name + ": column '" + columns.get(i).name() + "' must have a value");
                }
            }
            copy.add(row.clone());
        }
        rows = copy;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public List<Column> columns() {
        return columns;
    }

    @Override
    public PinnedRows pin() {
        if (closed) {
            throw new IllegalStateException(name + " is closed");
        }
        List<@Nullable Object[]> pinned = Objects.requireNonNull(rows);
        return new PinnedRows() {
            @Override
            public Map<LogPartition, LogRange> ranges() {
                return Map.of();
            }

            @Override
            public SourceRows rows() {
                return new SourceRows.Plain(pinned);
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public void close() {
        closed = true;
    }
}
