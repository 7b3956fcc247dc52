package io.k2data.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.query.PinnedRows;
import io.k2data.api.query.QuerySource;
import io.k2data.api.query.SourceRows;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * What every {@link QuerySource} promises. Extend it and answer its questions; all tests then run against your source:
 *
 * <pre>{@code
 * class DesksTest extends QuerySourceContract {
 *     protected QuerySource open() { return desks = new Desks(); }
 *     protected void grow() { desks.add("new desk " + n++); }
 * }
 * }</pre>
 */
public abstract class QuerySourceContract {
    /** For subclasses. */
    protected QuerySourceContract() {}

    /**
     * Makes a source with at least one row. The contract closes it.
     *
     * @return a new source
     * @throws Exception if that fails
     */
    protected abstract QuerySource open() throws Exception;

    /**
     * Adds at least one row to the source that was opened last.
     *
     * @throws Exception if that fails
     */
    protected abstract void grow() throws Exception;

    /**
     * Reads rows that are not plain ones. Only for sources that give such.
     *
     * @param source the source
     * @param rows its rows
     * @return each row's values in the order of the columns
     * @throws Exception if that fails
     */
    protected List<@Nullable Object[]> read(QuerySource source, SourceRows rows) throws Exception {
        throw new IllegalStateException("override read() for a source that gives " + rows);
    }

    private List<String> rows(QuerySource source, PinnedRows pinned) throws Exception {
        List<@Nullable Object[]> values = new ArrayList<>();
        if (pinned.rows() instanceof SourceRows.Plain plain) {
            plain.values().forEach(values::add);
        } else {
            values.addAll(read(source, pinned.rows()));
        }
        List<String> rows = new ArrayList<>();
        for (@Nullable Object[] row : values) {
            requireFit(source.columns(), row);
            rows.add(Arrays.deepToString(row));
        }
        rows.sort(null);
        return rows;
    }

    private static void requireFit(List<Column> columns, @Nullable Object[] row) {
        assertThat(row).hasSize(columns.size());
        for (int i = 0; i < row.length; i++) {
            Object value = row[i];
            Column column = columns.get(i);
            if (value == null) {
                assertThat(column.required()).as("%s is null", column).isFalse();
            } else {
                assertThat(value).as("%s", column).isInstanceOf(javaClass(column.type()));
            }
        }
    }

    private static Class<?> javaClass(ColumnType type) {
        if (type instanceof ColumnType.Bool) {
            return Boolean.class;
        } else if (type instanceof ColumnType.Float64) {
            return Double.class;
        } else if (type instanceof ColumnType.Int64) {
            return Long.class;
        } else if (type instanceof ColumnType.Int32) {
            return Integer.class;
        } else if (type instanceof ColumnType.Decimal) {
            return BigDecimal.class;
        } else if (type instanceof ColumnType.Timestamp) {
            return Instant.class;
        } else if (type instanceof ColumnType.TextList) {
            return List.class;
        }
        return String.class;
    }

    @Test
    void aSourceHasANameAndColumnsThatStay() throws Exception {
        try (QuerySource source = open()) {
            assertThat(source.name()).matches("[a-z][a-z0-9_]{0,62}").isEqualTo(source.name());
            assertThat(source.columns()).isNotEmpty().isEqualTo(source.columns());
            assertThat(source.columns()).extracting(Column::name).doesNotHaveDuplicates();
            assertThat(source.columns()).extracting(Column::fieldId).doesNotHaveDuplicates();
        }
    }

    @Test
    void whatIsPinnedCanBeReadTwiceAndFitsTheColumns() throws Exception {
        try (QuerySource source = open();
                PinnedRows pinned = source.pin()) {
            assertThat(rows(source, pinned)).isNotEmpty().isEqualTo(rows(source, pinned));
        }
    }

    @Test
    void rowsThatComeLaterAreInLaterPinsOnly() throws Exception {
        try (QuerySource source = open();
                PinnedRows first = source.pin()) {
            List<String> before = rows(source, first);
            grow();
            assertThat(rows(source, first)).isEqualTo(before);
            try (PinnedRows second = source.pin()) {
                assertThat(rows(source, second))
                        .hasSizeGreaterThan(before.size())
                        .containsAll(before);
            }
        }
    }

    @Test
    void everyRowIsOfOneOfTheRangesAndRangesOnlyGrow() throws Exception {
        try (QuerySource source = open();
                PinnedRows first = source.pin()) {
            grow();
            try (PinnedRows second = source.pin()) {
                assertThat(second.ranges().keySet()).containsAll(first.ranges().keySet());
                first.ranges().forEach((partition, range) -> assertThat(second.ranges())
                        .hasEntrySatisfying(
                                partition, later -> assertThat(later.to()).isGreaterThanOrEqualTo(range.to())));
                assertThat(second.ranges().isEmpty()).isEqualTo(first.ranges().isEmpty());
            }
        }
    }

    @Test
    void closingTwiceDoesNothingAndAClosedSourceIsNotPinned() throws Exception {
        QuerySource source = open();
        PinnedRows pinned = source.pin();
        pinned.close();
        pinned.close();
        source.close();
        source.close();
        assertThatThrownBy(source::pin).isInstanceOf(IllegalStateException.class);
    }
}
