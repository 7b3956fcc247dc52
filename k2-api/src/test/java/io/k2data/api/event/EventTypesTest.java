package io.k2data.api.event;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.event.ColumnType.Decimal;
import io.k2data.api.event.ColumnType.Int32;
import io.k2data.api.event.ColumnType.Int64;
import io.k2data.api.event.ColumnType.Text;
import io.k2data.api.event.ColumnType.TextList;
import io.k2data.api.event.ColumnType.Timestamp;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EventTypesTest {
    private static final Instant TIME = Instant.parse("2024-08-08T23:54:00.123456Z");

    /** Field ids and types are in every table ever written: a change here is a change of the format. */
    @Test
    void theColumnsOfTradesAreThoseOfTheContract() {
        assertThat(EventTypes.TRADE.name()).isEqualTo("trades");
        assertThat(EventTypes.TRADE.columns())
                .containsExactly(
                        new Column(1, "venue", new Text(), true),
                        new Column(2, "symbol", new Text(), true),
                        new Column(3, "trade_id", new Int64(), false),
                        new Column(4, "trade_ref", new Text(), false),
                        new Column(5, "event_time", new Timestamp(), true),
                        new Column(6, "price", new Decimal(38, 12), true),
                        new Column(7, "quantity", new Decimal(38, 10), true),
                        new Column(
                                8,
                                "side",
                                new ColumnType.Choice(List.of("BUY", "SELL", "SELL_SHORT", "UNKNOWN")),
                                false),
                        new Column(9, "source_sequence", new Int64(), false),
                        new Column(10, "message_id", new Text(), false),
                        new Column(11, "asset_class", new Text(), false),
                        new Column(12, "currency", new Text(), false),
                        new Column(13, "conditions", new TextList(14), false),
                        new Column(15, "vendor_data", new ColumnType.Json(), false));
        assertThat(EventTypes.TRADE.provenance())
                .containsExactly(
                        new Column(16, "ingestion_time", new Timestamp(), true),
                        new Column(17, "kafka_partition", new Int32(), true),
                        new Column(18, "kafka_offset", new Int64(), true),
                        new Column(19, "kafka_time", new Timestamp(), true));
    }

    @Test
    void aTradeIsIdentifiedByItsIntegerIdOrItsText() {
        assertThat(EventTypes.TRADE.idColumns()).extracting(Column::name).containsExactly("trade_id", "trade_ref");
        assertThat(EventTypes.TRADE.sequenceColumn())
                .get()
                .extracting(Column::name)
                .isEqualTo("source_sequence");
    }

    @Test
    void everyColumnHasTheTradesValue() {
        Trade trade = Trade.of("binance", "BTCUSDT", 4711)
                .at(TIME)
                .priced(new BigDecimal("61000.10"), new BigDecimal("0.5"))
                .side(Side.SELL_SHORT)
                .sequence(12)
                .messageId("m-1")
                .traded("crypto", "USDT")
                .conditions(List.of("@", "F"))
                .vendorData("{}")
                .build();

        assertThat(values(trade))
                .containsExactly(
                        "binance",
                        "BTCUSDT",
                        4711L,
                        null,
                        TIME,
                        new BigDecimal("61000.10"),
                        new BigDecimal("0.5"),
                        "SELL_SHORT",
                        12L,
                        "m-1",
                        "crypto",
                        "USDT",
                        List.of("@", "F"),
                        "{}");
    }

    @Test
    void whatATradeDoesNotHaveIsNull() {
        Trade trade = Trade.of("hitbtc", "ETHBTC", "ref-1")
                .at(TIME)
                .priced(BigDecimal.ONE, BigDecimal.TEN)
                .build();

        assertThat(values(trade))
                .containsExactly(
                        "hitbtc",
                        "ETHBTC",
                        null,
                        "ref-1",
                        TIME,
                        BigDecimal.ONE,
                        BigDecimal.TEN,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null);
    }

    private static List<Object> values(Trade trade) {
        return IntStream.range(0, EventTypes.TRADE.columns().size())
                .mapToObj(index -> EventTypes.TRADE.value(index, trade))
                .toList();
    }
}
