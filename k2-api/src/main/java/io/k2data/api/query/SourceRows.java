package io.k2data.api.query;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How a source gives its rows. Any source can give plain rows; the other forms spare a copy. */
public sealed interface SourceRows {
    /**
     * Rows as Java values.
     *
     * @param values each row's values in the order of the columns, of the classes that
     *     {@link io.k2data.api.event.ColumnType} names; null where a column is not required
     */
    record Plain(Iterable<@Nullable Object[]> values) implements SourceRows {}

    /**
     * Rows in Parquet files, whose fields have the columns' ids; a file that lacks one has null there.
     *
     * @param files where K2's engine may read: below the warehouse or a directory given to it
     */
    record ParquetFiles(List<Path> files) implements SourceRows {
        /** Copies the list. */
        public ParquetFiles {
            files = List.copyOf(files);
        }
    }

    /**
     * Rows that are in the engine already.
     *
     * @param sql a query for the columns, which the engine can run as it stands
     */
    record Relation(String sql) implements SourceRows {}
}
