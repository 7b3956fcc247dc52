package io.k2data.api.event;

/** The event types that come with K2. */
public final class EventTypes {
    /**
     * Trades, table {@code trades}. Identity is (venue, symbol, trade_id or trade_ref); {@code source_sequence}, where
     * it is set, is taken for a dense sequence per (venue, symbol).
     */
    public static final EventType<Trade> TRADE = EventType.of("trades", Trade.class).stream(Trade::venue, Trade::symbol)
            .integer("trade_id", Trade::tradeId)
            .text("trade_ref", Trade::tradeRef)
            .eventTime(Trade::eventTime)
            .decimal("price", 38, 12, Trade::price)
            .decimal("quantity", 38, 10, Trade::quantity)
            .choice("side", Side.class, Trade::side)
            .integer("source_sequence", Trade::sourceSequence)
            .text("message_id", Trade::messageId)
            .text("asset_class", Trade::assetClass)
            .text("currency", Trade::currency)
            .texts("conditions", Trade::conditions)
            .json("vendor_data", Trade::vendorData)
            .require("price", "quantity")
            .id("trade_id", "trade_ref")
            .requireId()
            .sequence("source_sequence")
            .build();

    /**
     * Best bids and offers, table {@code quotes}. Identity is (venue, symbol, quote_id or quote_ref) where the venue has
     * such an id; {@code source_sequence}, where it is set, is taken for a dense sequence per (venue, symbol). Either side
     * may be missing, as in an empty book.
     */
    public static final EventType<Quote> QUOTE = EventType.of("quotes", Quote.class).stream(Quote::venue, Quote::symbol)
            .integer("quote_id", Quote::quoteId)
            .text("quote_ref", Quote::quoteRef)
            .eventTime(Quote::eventTime)
            .decimal("bid_price", 38, 12, Quote::bidPrice)
            .decimal("bid_quantity", 38, 10, Quote::bidQuantity)
            .decimal("ask_price", 38, 12, Quote::askPrice)
            .decimal("ask_quantity", 38, 10, Quote::askQuantity)
            .integer("source_sequence", Quote::sourceSequence)
            .text("message_id", Quote::messageId)
            .text("asset_class", Quote::assetClass)
            .text("currency", Quote::currency)
            .texts("conditions", Quote::conditions)
            .json("vendor_data", Quote::vendorData)
            .id("quote_id", "quote_ref")
            .sequence("source_sequence")
            .build();

    /**
     * What is known of an instrument, table {@code reference}: one row per change, the latest {@code event_time} holds.
     * Identity is (venue, symbol, reference_ref) where the source has such an id.
     */
    public static final EventType<Reference> REFERENCE = EventType.of("reference", Reference.class).stream(
                    Reference::venue, Reference::symbol)
            .text("reference_ref", Reference::referenceRef)
            .eventTime(Reference::eventTime)
            .text("name", Reference::name)
            .text("asset_class", Reference::assetClass)
            .text("currency", Reference::currency)
            .text("isin", Reference::isin)
            .decimal("tick_size", 38, 12, Reference::tickSize)
            .decimal("lot_size", 38, 10, Reference::lotSize)
            .timestamp("expiry_time", Reference::expiryTime)
            .text("status", Reference::status)
            .json("vendor_data", Reference::vendorData)
            .id("reference_ref")
            .build();

    private EventTypes() {}
}
