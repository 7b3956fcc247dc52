package io.k2data.market;

import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger.Range;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The common questions about trades, answered with records. Each is one SQL statement over a view, so what holds for the
 * view's cut holds for the answers; whatever else is to be asked, ask in SQL on the same connection.
 *
 * <p>Spans of event time are given as a first instant, inclusive, and a last, exclusive, in whole microseconds. Prices and
 * quantities are exact. Every method blocks while DuckDB works, and fails with {@link SQLException} as any statement does. For
 * use by one thread at a time, as its connection is.
 */
public final class Market {
    private static final int VWAP_DECIMALS = 12;
    private static final String IN_LOG_ORDER = "event_time, kafka_partition, kafka_offset";
    private static final String NEWEST_FIRST = "event_time desc, kafka_partition desc, kafka_offset desc";
    private static final String OF_STREAM = " where venue = ? and symbol = ? and event_time >= ?";

    private final Connection connection;
    private final String table;
    private final String relation;

    private Market(Connection connection, String table) {
        this.connection = connection;
        this.table = table;
        this.relation = '"' + table.replace("\"", "\"\"") + '"';
    }

    /**
     * Asks the trades of a view.
     *
     * @param view the view, which must show the table {@code trades}; it stays the caller's
     * @return the questions, all answered at the view's cut
     */
    public static Market over(View view) {
        return over(view.connection(), "trades");
    }

    /**
     * Asks a table of one's own that has the columns of trades: {@code venue}, {@code symbol}, {@code event_time},
     * {@code price} and {@code quantity}; for {@link #recentTrades} all of them.
     *
     * @param connection a view's connection, or one of a data source over views; it stays the caller's. In auto-commit mode
     *     each answer is at a cut of its own
     * @param table the table
     * @return the questions
     */
    public static Market over(Connection connection, String table) {
        return new Market(connection, table);
    }

    /**
     * Returns the newest trades of a stream.
     *
     * @param stream the stream
     * @param since from which event time on they are looked for, inclusive; the later, the fewer files are read
     * @param atMost how many at most, 1 or more
     * @return the newest first
     * @throws SQLException if the statement fails
     */
    public List<Trade> recentTrades(StreamKey stream, Instant since, int atMost) throws SQLException {
        if (atMost < 1) {
            throw new IllegalArgumentException("atMost must be 1 or more, got " + atMost);
        }
        return ask(
                "select trade_id, trade_ref, event_time, price, quantity, side, source_sequence, message_id, asset_class,"
                        + " currency, conditions, vendor_data from " + relation + OF_STREAM + " order by "
                        + NEWEST_FIRST
                        + " limit " + atMost,
                row -> new Trade(
                        stream.venue(),
                        stream.symbol(),
                        number(row, 1),
                        row.getString(2),
                        instant(row, 3),
                        row.getBigDecimal(4),
                        row.getBigDecimal(5),
                        side(row.getString(6)),
                        number(row, 7),
                        row.getString(8),
                        row.getString(9),
                        row.getString(10),
                        texts(row.getArray(11)),
                        row.getString(12)),
                stream.venue(),
                stream.symbol(),
                time(since));
    }

    /**
     * Returns open, high, low, close and volume of a stream, in spans of one width. Spans begin at multiples of the width
     * since 1970-01-01T00:00Z, whatever {@code from} is: those of an hour with the hours of UTC, those of a day at its
     * midnight, those of seven days on Thursdays. A span in which nothing was traded is absent.
     *
     * @param stream the stream
     * @param from the first event time, inclusive; a bar that it falls into holds only trades from it on
     * @param to the last event time, exclusive; likewise
     * @param width the width of a bar, a microsecond or more, in whole microseconds
     * @return the bars in order of time
     * @throws SQLException if the statement fails
     */
    public List<Bar> bars(StreamKey stream, Instant from, Instant to, Duration width) throws SQLException {
        long micros = micros(width);
        String start =
                "(epoch_us(event_time) - ((epoch_us(event_time) % " + micros + ") + " + micros + ") % " + micros + ")";
        return ask(
                "select " + start + " as start, first(price order by " + IN_LOG_ORDER + "), max(price), min(price),"
                        + " last(price order by " + IN_LOG_ORDER + "), sum(quantity), count(*) from " + relation
                        + OF_STREAM
                        + " and event_time < ? group by start order by start",
                row -> new Bar(
                        stream,
                        Instant.EPOCH.plus(row.getLong(1), ChronoUnit.MICROS),
                        row.getBigDecimal(2),
                        row.getBigDecimal(3),
                        row.getBigDecimal(4),
                        row.getBigDecimal(5),
                        row.getBigDecimal(6),
                        row.getLong(7)),
                stream.venue(),
                stream.symbol(),
                time(from),
                time(to));
    }

    private static long micros(Duration width) {
        long micros = width.toNanos() / 1_000;
        if (width.isNegative() || micros < 1 || width.toNanos() % 1_000 != 0) {
            throw new IllegalArgumentException(
                    "width must be a microsecond or more, in whole microseconds, got " + width);
        }
        return micros;
    }

    /**
     * Returns the volume-weighted average price of a stream.
     *
     * @param stream the stream
     * @param from the first event time, inclusive
     * @param to the last event time, exclusive
     * @return the average; empty if nothing was traded, or only quantities of zero
     * @throws SQLException if the statement fails
     */
    public Optional<Vwap> vwap(StreamKey stream, Instant from, Instant to) throws SQLException {
        // Price by price, since the product of two numbers of 38 digits does not fit DuckDB's 38.
        BigDecimal turnover = BigDecimal.ZERO;
        BigDecimal volume = BigDecimal.ZERO;
        long trades = 0;
        for (PriceLevel level : ask(
                "select price, sum(quantity), count(*) from " + relation + OF_STREAM
                        + " and event_time < ? group by price",
                row -> new PriceLevel(row.getBigDecimal(1), row.getBigDecimal(2), row.getLong(3)),
                stream.venue(),
                stream.symbol(),
                time(from),
                time(to))) {
            turnover = turnover.add(level.price.multiply(level.quantity));
            volume = volume.add(level.quantity);
            trades += level.trades;
        }
        if (volume.signum() == 0) {
            return Optional.empty();
        }
        BigDecimal price =
                turnover.divide(volume, MathContext.DECIMAL128).setScale(VWAP_DECIMALS, RoundingMode.HALF_EVEN);
        return Optional.of(new Vwap(stream, price, volume, trades));
    }

    private record PriceLevel(BigDecimal price, BigDecimal quantity, long trades) {}

    /**
     * Returns the last price of a stream.
     *
     * @param stream the stream
     * @param since from which event time on it is looked for, inclusive
     * @return the newest trade's price; empty if there was none since
     * @throws SQLException if the statement fails
     */
    public Optional<LastPrice> lastPrice(StreamKey stream, Instant since) throws SQLException {
        return ask(
                        "select event_time, price, quantity from " + relation + OF_STREAM + " order by " + NEWEST_FIRST
                                + " limit 1",
                        row -> new LastPrice(stream, instant(row, 1), row.getBigDecimal(2), row.getBigDecimal(3)),
                        stream.venue(),
                        stream.symbol(),
                        time(since))
                .stream()
                .findFirst();
    }

    /**
     * Returns the last price of every stream.
     *
     * @param since from which event time on they are looked for, inclusive; streams without a trade since are absent
     * @return in order of venue and symbol
     * @throws SQLException if the statement fails
     */
    public List<LastPrice> lastPrices(Instant since) throws SQLException {
        return ask(
                "select venue, symbol, max(event_time), last(price order by " + IN_LOG_ORDER
                        + "), last(quantity order by "
                        + IN_LOG_ORDER + ") from " + relation
                        + " where event_time >= ? group by venue, symbol order by venue, symbol",
                row -> new LastPrice(
                        new StreamKey(row.getString(1), row.getString(2)),
                        instant(row, 3),
                        row.getBigDecimal(4),
                        row.getBigDecimal(5)),
                time(since));
    }

    /**
     * Returns what is missing of the table's streams, as the ingest that runs here knows it.
     *
     * @return in order of venue, symbol and number
     * @throws SQLException if the ledger is not to be had now, with the reason; it is never given in part
     */
    public List<Gap> gaps() throws SQLException {
        return gaps("");
    }

    /**
     * Returns what is missing of a stream, as {@link #gaps()} does of all.
     *
     * @param stream the stream
     * @return in order of number
     * @throws SQLException if the ledger is not to be had now
     */
    public List<Gap> gaps(StreamKey stream) throws SQLException {
        return gaps(" and venue = ? and symbol = ?", stream.venue(), stream.symbol());
    }

    private List<Gap> gaps(String condition, Object... values) throws SQLException {
        List<Object> all = new ArrayList<>(List.of(table));
        all.addAll(Arrays.asList(values));
        return ask(
                "select venue, symbol, kafka_partition, from_sequence, to_sequence, state, as_of_offset from gaps"
                        + " where table_name = ?" + condition + " order by venue, symbol, from_sequence",
                row -> new Gap(
                        new StreamKey(row.getString(1), row.getString(2)),
                        row.getInt(3),
                        new Range(row.getLong(4), row.getLong(5)),
                        Gap.State.valueOf(row.getString(6).toUpperCase(Locale.ROOT)),
                        row.getLong(7)),
                all.toArray());
    }

    /** Makes a record of a row. */
    @FunctionalInterface
    private interface Reader<R> {
        R read(ResultSet row) throws SQLException;
    }

    private <R> List<R> ask(String sql, Reader<R> reader, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            try (ResultSet row = statement.executeQuery()) {
                List<R> records = new ArrayList<>();
                while (row.next()) {
                    records.add(reader.read(row));
                }
                return records;
            }
        }
    }

    private static OffsetDateTime time(Instant instant) {
        return instant.atOffset(ZoneOffset.UTC);
    }

    private static Instant instant(ResultSet row, int column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant();
    }

    private static @Nullable Long number(ResultSet row, int column) throws SQLException {
        long number = row.getLong(column);
        return row.wasNull() ? null : number;
    }

    private static @Nullable Side side(@Nullable String side) {
        return side == null ? null : Side.valueOf(side);
    }

    private static @Nullable List<String> texts(@Nullable Array array) throws SQLException {
        return array == null
                ? null
                : Arrays.stream((Object[]) array.getArray())
                        .map(String::valueOf)
                        .toList();
    }
}
