package io.k2data.query;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.event.Column;
import io.k2data.api.event.ColumnType;
import io.k2data.api.query.QuerySource;
import io.k2data.testkit.QuerySourceContract;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Rows in memory keep the contract of sources. */
class MemorySourceTest extends QuerySourceContract {
    private static final List<Column> COLUMNS = List.of(
            new Column(1, "symbol", new ColumnType.Text(), true),
            new Column(2, "lot", new ColumnType.Decimal(18, 2), false),
            new Column(3, "since", new ColumnType.Timestamp(), false));

    private final List<@Nullable Object[]> rows = new ArrayList<>();
    private MemorySource source;

    @Override
    protected QuerySource open() {
        source = MemorySource.of("lots", COLUMNS);
        grow();
        return source;
    }

    @Override
    protected void grow() {
        rows.add(new Object[] {"S" + rows.size(), new BigDecimal("0.01"), rows.isEmpty() ? null : Instant.EPOCH});
        source.replace(rows);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        MemorySource lots = MemorySource.of("lots", COLUMNS);
        assertThatThrownBy(() -> lots.replace(List.<@Nullable Object[]>of(new Object[] {"a"})))
                .hasMessageContaining("1 values for 3 columns");
        assertThatThrownBy(() -> lots.replace(List.<@Nullable Object[]>of(new Object[] {null, null, null})))
                .hasMessageContaining("'symbol' must have a value");
        assertThatThrownBy(() -> MemorySource.of("Lots", COLUMNS)).hasMessageContaining("must match");
        assertThatThrownBy(() -> MemorySource.of("lots", List.of())).hasMessageContaining("needs a column");
    }
}
