package io.k2data.testkit;

import static io.k2data.testkit.JsonText.quote;
import static io.k2data.testkit.JsonText.utf8;

import io.k2data.api.StreamKey;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger.Range;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** One (venue, symbol): makes its trades in order, and keeps account of which were sent. */
final class SimulatedStream {
    private static final byte[] TRADE_ID = utf8("\"trade_id\":");
    private static final byte[] TRADE_REF = utf8("\"trade_ref\":");
    private static final byte[] EVENT_TIME = utf8(",\"event_time\":");
    private static final byte[] PRICE = utf8(",\"price\":");
    private static final byte[] QUANTITY = utf8(",\"quantity\":");
    private static final byte[] SEQUENCE = utf8(",\"source_sequence\":");
    private static final byte[] END = utf8("}");
    private static final List<String> CONDITION_CODES = List.of("maker", "block");
    private static final byte[] CONDITIONS = utf8(",\"conditions\":[\"maker\",\"block\"]");
    private static final Map<Side, byte[]> SIDE_FIELDS = new EnumMap<>(Side.class);
    /** What decoders stumble over: escapes, text beyond ASCII, and what looks like a field. */
    private static final String[] VENDOR_DATA = {
        "{\"route\":\"direct\"}",
        "{\"note\":\"said \\\"sell\\\",\\nat once\"}",
        "{\"desk\":\"Zürich – 東京\",\"price\":\"-1\"}"
    };

    private static final byte[][] VENDOR_DATA_FIELDS = new byte[VENDOR_DATA.length][];

    static {
        for (Side side : Side.values()) {
            SIDE_FIELDS.put(side, utf8(",\"side\":\"" + side + "\""));
        }
        for (int i = 0; i < VENDOR_DATA.length; i++) {
            VENDOR_DATA_FIELDS[i] = utf8(",\"vendor_data\":" + quote(VENDOR_DATA[i]));
        }
    }

    private final StreamKey stream;
    private final byte[] key;
    private final Instrument instrument;
    private final byte[] head;
    private final byte[] tail;
    private final String currency;
    private final boolean textIds;
    private final long idSalt;
    private final long idMinusSequence;
    private final TreeMap<Long, Long> missing = new TreeMap<>();
    private final List<Held> held = new ArrayList<>();
    private long price;
    private long nextSequence;
    private long first;
    private long highest;
    private long trades;
    private long unscaledQuantity;
    private long late;
    private long duplicates;

    /** A trade with its bytes. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Made(SimulatedStream stream, Trade trade, byte[] value) {}

    /** A trade that comes late, after so many later ones of its stream. */
    private static final class Held {
        private final Made made;
        private int after;

        private Held(Made made, int after) {
            this.made = made;
            this.after = after;
        }
    }

    SimulatedStream(String venue, Instrument instrument, boolean textIds, FeedRandom random) {
        this.stream = new StreamKey(venue, instrument.symbol());
        this.key = utf8(stream.toString());
        this.instrument = instrument;
        this.textIds = textIds;
        this.currency = instrument.currency();
        this.head = utf8("{\"venue\":" + quote(venue) + ",\"symbol\":" + quote(instrument.symbol()) + ",");
        this.tail = utf8(",\"asset_class\":\"CRYPTO\",\"currency\":" + quote(currency));
        this.price = instrument.price();
        // Venues count from days or years before the feed is first seen.
        this.nextSequence = 1L + random.nextInt(1_000_000_000);
        this.idMinusSequence = random.nextInt(2_000_000_000);
        this.idSalt = random.nextLong();
    }

    byte[] key() {
        return key;
    }

    StreamKey stream() {
        return stream;
    }

    boolean started() {
        return trades > 0;
    }

    /** Leaves numbers out that are never sent. */
    void skip(int count) {
        addMissing(nextSequence, nextSequence + count - 1);
        nextSequence += count;
    }

    /** Makes the next trade. */
    Made next(long eventTimeMicros, FeedRandom random, double isoTimeRate, JsonText text) {
        long sequence = nextSequence++;
        movePrice(random);
        long quantity = drawQuantity(random);
        // One draw for the small choices; its bits are independent.
        long bits = random.nextLong();
        Side side = (bits & 0x7F) == 0 ? Side.UNKNOWN : (bits & 0x80) == 0 ? Side.BUY : Side.SELL;
        boolean conditions = (bits >>> 8 & 0xF) == 0;
        int vendorData = (bits >>> 12 & 0x1F) == 0 ? (int) (bits >>> 20 & 0xFFFF) % VENDOR_DATA.length : -1;
        long id = sequence + idMinusSequence;
        Instant eventTime = Instant.ofEpochSecond(
                Math.floorDiv(eventTimeMicros, 1_000_000L), Math.floorMod(eventTimeMicros, 1_000_000L) * 1_000L);

        Trade.Builder trade;
        text.clear().raw(head);
        if (textIds) {
            long opaque = FeedRandom.mix(id ^ idSalt);
            text.raw(TRADE_REF).quotedHex(opaque);
            trade = Trade.of(stream.venue(), stream.symbol(), hex(opaque));
        } else {
            text.raw(TRADE_ID).number(id);
            trade = Trade.of(stream.venue(), stream.symbol(), id);
        }
        text.raw(EVENT_TIME);
        if (random.chance(isoTimeRate)) {
            text.raw(utf8(quote(eventTime.toString())));
        } else {
            text.number(eventTimeMicros);
        }
        text.raw(PRICE).quotedDecimal(price, instrument.priceScale());
        text.raw(QUANTITY).quotedDecimal(quantity, instrument.quantityScale());
        text.raw(Objects.requireNonNull(SIDE_FIELDS.get(side)));
        text.raw(SEQUENCE).number(sequence);
        if (conditions) {
            text.raw(CONDITIONS);
            trade.conditions(CONDITION_CODES);
        }
        if (vendorData >= 0) {
            text.raw(VENDOR_DATA_FIELDS[vendorData]);
            trade.vendorData(VENDOR_DATA[vendorData]);
        }
        text.raw(tail).raw(END);
        trade.at(eventTime)
                .priced(
                        BigDecimal.valueOf(price, instrument.priceScale()),
                        BigDecimal.valueOf(quantity, instrument.quantityScale()))
                .side(side)
                .sequence(sequence)
                .traded("CRYPTO", currency);
        return new Made(this, trade.build(), text.toBytes());
    }

    private static String hex(long value) {
        String digits = Long.toHexString(value);
        return "0".repeat(16 - digits.length()) + digits;
    }

    /** A walk of a few ticks that is pulled back before it gets far: a long feed must not end at a price of zero. */
    private void movePrice(FeedRandom random) {
        long bits = random.nextLong();
        if ((bits & 1) == 0) {
            return;
        }
        long step = (1 + (bits >>> 1 & 3)) * instrument.tick();
        boolean up = (bits >>> 3 & 1) == 0;
        if (price > instrument.price() * 5 / 4) {
            up = false;
        } else if (price < instrument.price() * 3 / 4) {
            up = true;
        }
        price += up ? step : -step;
    }

    /** Most trades are small, and a few carry much of the volume. */
    private long drawQuantity(FeedRandom random) {
        double mean = instrument.quantity();
        if (random.chance(0.03)) {
            mean *= 40;
        }
        return 1 + (long) random.nextExponential(mean);
    }

    /** Keeps a trade back, to be late. */
    void hold(Made made, int after) {
        long sequence = sequence(made.trade());
        addMissing(sequence, sequence);
        held.add(new Held(made, after));
    }

    /** Takes a trade into account that is sent in order, and hands over what becomes due behind it. */
    void sentInOrder(Trade trade, List<Made> due) {
        if (trades == 0) {
            first = sequence(trade);
        }
        highest = sequence(trade);
        count(trade);
        if (!held.isEmpty()) {
            held.removeIf(waiting -> {
                waiting.after--;
                if (waiting.after <= 0) {
                    due.add(waiting.made);
                }
                return waiting.after <= 0;
            });
        }
    }

    /** Takes a trade into account that is sent late. */
    void sentLate(Trade trade) {
        long sequence = sequence(trade);
        Map.Entry<Long, Long> range = missing.floorEntry(sequence);
        if (range == null || range.getValue() < sequence) {
            throw new IllegalStateException(stream + " " + sequence + " was not missing");
        }
        long from = range.getKey();
        long to = range.getValue();
        missing.remove(from);
        if (from < sequence) {
            missing.put(from, sequence - 1);
        }
        if (sequence < to) {
            missing.put(sequence + 1, to);
        }
        late++;
        count(trade);
    }

    void sentAgain() {
        duplicates++;
    }

    FeedTruth.Stream truth() {
        List<Range> gaps = new ArrayList<>(missing.size());
        // Numbers left out above the highest that was sent are not known to be missing yet.
        missing.headMap(highest).forEach((from, to) -> gaps.add(new Range(from, to)));
        return new FeedTruth.Stream(
                trades,
                BigDecimal.valueOf(unscaledQuantity, instrument.quantityScale()),
                first,
                highest,
                gaps,
                late,
                duplicates);
    }

    private void count(Trade trade) {
        trades++;
        unscaledQuantity =
                Math.addExact(unscaledQuantity, trade.quantity().unscaledValue().longValueExact());
    }

    /** Numbers are left out in rising order, so a range can only touch the last one. */
    private void addMissing(long from, long to) {
        Map.Entry<Long, Long> last = missing.lastEntry();
        if (last != null && last.getValue() == from - 1) {
            missing.put(last.getKey(), to);
        } else {
            missing.put(from, to);
        }
    }

    private static long sequence(Trade trade) {
        Long sequence = trade.sourceSequence();
        if (sequence == null) {
            throw new IllegalStateException("no sequence: " + trade);
        }
        return sequence;
    }
}
