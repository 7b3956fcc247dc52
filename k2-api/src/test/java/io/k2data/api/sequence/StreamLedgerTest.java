package io.k2data.api.sequence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.StreamKey;
import io.k2data.api.sequence.StreamLedger.Range;
import java.util.List;
import org.junit.jupiter.api.Test;

class StreamLedgerTest {
    @Test
    void missingIsTheSumOfTheGaps() {
        assertThat(ledger().missing()).isZero();
        assertThat(ledger(new Range(2, 2), new Range(5, 7)).missing()).isEqualTo(4);
    }

    @Test
    void lengthsThatNoLongHoldsStopAtTheHighest() {
        assertThat(new Range(0, Long.MAX_VALUE).length()).isEqualTo(Long.MAX_VALUE);
        assertThat(new Range(Long.MIN_VALUE, Long.MAX_VALUE).length()).isEqualTo(Long.MAX_VALUE);
        assertThat(new Range(1, Long.MAX_VALUE).length()).isEqualTo(Long.MAX_VALUE);
        assertThat(ledger(new Range(Long.MIN_VALUE, -2), new Range(0, Long.MAX_VALUE - 2), new Range(5, 9))
                        .missing())
                .isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void aRangeEndsWhereItBeginsOrAfter() {
        assertThat(new Range(-3, -3).length()).isEqualTo(1);
        assertThatThrownBy(() -> new Range(2, 1)).isInstanceOf(IllegalArgumentException.class);
    }

    private static StreamLedger ledger(Range... gaps) {
        return new StreamLedger(new StreamKey("binance", "BTCUSDT"), 1, 9, List.of(gaps), 0, 0, 0, 0);
    }
}
