package io.k2data.api.event;

import io.k2data.api.StreamKey;
import io.k2data.api.event.ColumnType.Decimal;
import io.k2data.api.event.ColumnType.Int64;
import io.k2data.api.event.ColumnType.Text;
import io.k2data.api.event.ColumnType.TextList;
import io.k2data.api.event.ColumnType.Timestamp;

/** The event types that come with K2. */
public final class EventTypes {
    /**
     * Trades, table {@code trades}. Identity is (venue, symbol, trade_id or trade_ref); {@code source_sequence}, where
     * it is set, is taken for a dense sequence per (venue, symbol).
     */
    public static final EventType<Trade> TRADE = EventType.of("trades", Trade.class)
            .column(1, "venue", new Text(), true, Trade::venue)
            .column(2, "symbol", new Text(), true, Trade::symbol)
            .column(3, "trade_id", new Int64(), false, Trade::tradeId)
            .column(4, "trade_ref", new Text(), false, Trade::tradeRef)
            .column(5, "event_time", new Timestamp(), true, Trade::eventTime)
            .column(6, "price", new Decimal(38, 12), true, Trade::price)
            .column(7, "quantity", new Decimal(38, 10), true, Trade::quantity)
            .column(
                    8,
                    "side",
                    new Text(),
                    false,
                    trade -> trade.side() == null ? null : trade.side().name())
            .column(9, "source_sequence", new Int64(), false, Trade::sourceSequence)
            .column(10, "message_id", new Text(), false, Trade::messageId)
            .column(11, "asset_class", new Text(), false, Trade::assetClass)
            .column(12, "currency", new Text(), false, Trade::currency)
            .column(13, "conditions", new TextList(14), false, Trade::conditions)
            .column(15, "vendor_data", new Text(), false, Trade::vendorData)
            .provenanceFrom(16)
            .stream(trade -> new StreamKey(trade.venue(), trade.symbol()))
            .id("trade_id", "trade_ref")
            .sequence("source_sequence")
            .eventTime(Trade::eventTime)
            .build();

    private EventTypes() {}
}
