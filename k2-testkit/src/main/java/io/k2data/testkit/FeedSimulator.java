package io.k2data.testkit;

import io.k2data.api.StreamKey;
import io.k2data.testkit.SimulatedRecord.Label;
import io.k2data.testkit.SimulatedStream.Made;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An endless feed of trades as K2's JSON events, with the faults of real feeds, and the truth about every record of it.
 * The same settings give the same bytes, on every machine.
 *
 * <p>Sequence numbers are dense per (venue, symbol) and rise by one from trade to trade; so do trade ids unless they are
 * text. Few symbols make most of the trades. Prices walk by ticks, quantities are skewed. Decimals are text, event times
 * are epoch microseconds or, for a share, ISO-8601 text. The first record of a stream is always good.
 *
 * <p>Without further settings the feed has no faults. Faults:
 *
 * <ul>
 *   <li>gaps: one or more numbers are left out and never sent;
 *   <li>late trades: a number is left out, and its trade sent after up to 20 later ones of its stream;
 *   <li>duplicates: a record is sent again, with the same bytes and key;
 *   <li>malformed records: a spoiled copy of a record that was sent. No trade is lost by it.
 * </ul>
 *
 * <p>Makes some hundred thousand records per second. Not thread-safe.
 */
public final class FeedSimulator implements Iterator<SimulatedRecord> {
    private static final int LATEST_LATE = 20;
    private static final MalformedKind[] KINDS = MalformedKind.values();
    private static final Map<MalformedKind, Label> MALFORMED = new EnumMap<>(MalformedKind.class);

    static {
        for (MalformedKind kind : KINDS) {
            MALFORMED.put(kind, new Label.Malformed(kind));
        }
    }

    private final Builder settings;
    private final FeedRandom random;
    private final SimulatedStream[] streams;
    private final WeightedChoice choice;
    private final JsonText text = new JsonText();
    private final ArrayDeque<Made> due = new ArrayDeque<>();
    private final List<Made> becameDue = new ArrayList<>();
    private final @Nullable Sent[] recent;
    private final double nanosPerEvent;
    private final Map<MalformedKind, Long> malformed = new EnumMap<>(MalformedKind.class);
    private long eventNanos;
    private long eventMicros;
    private long receiveMicros = Long.MIN_VALUE;
    private long records;
    private long good;
    private long late;
    private long duplicates;

    /** A trade that was sent, to be repeated. */
    private record Sent(long index, SimulatedStream stream, SimulatedRecord record) {}

    private FeedSimulator(Builder settings) {
        this.settings = settings;
        this.random = new FeedRandom(FeedRandom.mix(settings.seed));
        this.recent = new Sent[settings.duplicateDistance];
        this.nanosPerEvent = 1e9 / settings.eventsPerSecond;
        this.streams = new SimulatedStream[settings.venues.size() * settings.symbols];
        double[] weights = new double[streams.length];
        int i = 0;
        for (int venue = 0; venue < settings.venues.size(); venue++) {
            for (int rank = 0; rank < settings.symbols; rank++) {
                streams[i] = new SimulatedStream(
                        settings.venues.get(venue), Instrument.ofRank(rank), settings.textIds, random);
                // Zipf's law, for venues as for symbols.
                weights[i] = 1 / ((venue + 1) * StrictMath.pow(rank + 1.0, settings.skew));
                i++;
            }
        }
        this.choice = new WeightedChoice(weights);
        for (MalformedKind kind : KINDS) {
            malformed.put(kind, 0L);
        }
    }

    /**
     * Returns a builder with the defaults: two venues of 24 symbols each, no faults.
     *
     * @return the builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Tells that there are more records; there always are.
     *
     * @return true
     */
    @Override
    public boolean hasNext() {
        return true;
    }

    /**
     * Returns the next record.
     *
     * @return the record, newly made
     */
    @Override
    public SimulatedRecord next() {
        SimulatedRecord record = make();
        records++;
        return record;
    }

    /**
     * Returns the next records.
     *
     * @param count how many, 0 or more
     * @return the records, in a new list
     */
    public List<SimulatedRecord> take(int count) {
        List<SimulatedRecord> taken = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            taken.add(next());
        }
        return taken;
    }

    /**
     * Returns the truth about all records so far. Later records do not change it.
     *
     * @return a snapshot
     */
    public FeedTruth truth() {
        SortedMap<StreamKey, FeedTruth.Stream> byStream = new TreeMap<>();
        for (SimulatedStream stream : streams) {
            if (stream.started()) {
                byStream.put(stream.stream(), stream.truth());
            }
        }
        return new FeedTruth(records, good, late, duplicates, malformed, byStream);
    }

    /** Returns the settings, for the message of a failed test. */
    @Override
    public String toString() {
        return "FeedSimulator[" + settings + ", records=" + records + "]";
    }

    private SimulatedRecord make() {
        Made wasHeld = due.poll();
        if (wasHeld != null) {
            receive();
            wasHeld.stream().sentLate(wasHeld.trade());
            late++;
            return sent(wasHeld, Label.Late.INSTANCE);
        }
        if (records > 0) {
            double fault = random.nextDouble();
            if (fault < settings.malformedRate) {
                return malformed();
            }
            if (fault < settings.malformedRate + settings.duplicateRate) {
                return duplicate();
            }
        }
        while (true) {
            eventNanos += (long) random.nextExponential(nanosPerEvent);
            eventMicros = settings.startMicros + eventNanos / 1_000;
            SimulatedStream stream = streams[choice.next(random)];
            if (stream.started() && random.chance(settings.gapRate)) {
                stream.skip(gapLength());
            }
            Made made = stream.next(eventMicros, random, settings.isoTimeRate, text);
            receive();
            if (stream.started() && random.chance(settings.lateRate)) {
                stream.hold(made, 1 + random.nextInt(LATEST_LATE));
                continue;
            }
            stream.sentInOrder(made.trade(), becameDue);
            due.addAll(becameDue);
            becameDue.clear();
            good++;
            return sent(made, Label.Good.INSTANCE);
        }
    }

    /** Mostly one number, now and then many: lost messages and lost connections. */
    private int gapLength() {
        return random.chance(0.1) ? 2 + (int) random.nextExponential(50) : 1 + random.nextInt(3);
    }

    /** Lets the receiver's clock go on, which never goes back. */
    private void receive() {
        double lag = settings.lagMicros * (0.5 + random.nextDouble());
        receiveMicros = Math.max(receiveMicros, eventMicros + (long) lag);
    }

    private SimulatedRecord sent(Made made, Label label) {
        SimulatedRecord record = new SimulatedRecord(
                made.stream().key(), made.value(), Math.floorDiv(receiveMicros, 1_000L), label, made.trade());
        recent[(int) ((good + late - 1) % recent.length)] = new Sent(records, made.stream(), record);
        return record;
    }

    private Sent recent() {
        int count = (int) Math.min(recent.length, good + late);
        Sent sent = recent[random.nextInt(count)];
        if (sent == null) {
            throw new IllegalStateException("nothing was sent");
        }
        return sent;
    }

    private SimulatedRecord duplicate() {
        Sent again = recent();
        SimulatedRecord original = again.record();
        // A retrying producer repeats the timestamp, a second connection has its own.
        long timestamp = random.nextInt(2) == 0 ? original.timestampMillis() : Math.floorDiv(receiveMicros, 1_000L);
        again.stream().sentAgain();
        duplicates++;
        return new SimulatedRecord(
                original.key(), original.value(), timestamp, new Label.Duplicate(again.index()), original.trade());
    }

    private SimulatedRecord malformed() {
        SimulatedRecord original = recent().record();
        MalformedKind kind = KINDS[random.nextInt(KINDS.length)];
        byte[] spoiled = Spoiler.spoil(original.value(), kind, settings.textIds, random);
        malformed.merge(kind, 1L, Long::sum);
        return new SimulatedRecord(
                original.key(),
                spoiled,
                Math.floorDiv(receiveMicros, 1_000L),
                Objects.requireNonNull(MALFORMED.get(kind)),
                null);
    }

    /** Collects settings. Not thread-safe. */
    public static final class Builder {
        private static final Pattern VENUE = Pattern.compile("[A-Za-z0-9_.-]{1,64}");
        private static final Instant EARLIEST = Instant.parse("1971-01-01T00:00:00Z");
        private static final Instant LATEST = Instant.parse("2200-01-01T00:00:00Z");

        private long seed = 1;
        private List<String> venues = List.of("binance", "kraken");
        private int symbols = 24;
        private double skew = 1;
        private double gapRate;
        private double lateRate;
        private double duplicateRate;
        private double malformedRate;
        private int duplicateDistance = 4_096;
        private Instant startTime = Instant.parse("2026-01-05T00:00:00Z");
        private double eventsPerSecond = 10_000;
        private Duration recordTimeLag = Duration.ofMillis(5);
        private double isoTimeRate = 0.05;
        private boolean textIds;
        private long startMicros;
        private long lagMicros;

        private Builder() {}

        private Builder(Builder other) {
            this.seed = other.seed;
            this.venues = other.venues;
            this.symbols = other.symbols;
            this.skew = other.skew;
            this.gapRate = other.gapRate;
            this.lateRate = other.lateRate;
            this.duplicateRate = other.duplicateRate;
            this.malformedRate = other.malformedRate;
            this.duplicateDistance = other.duplicateDistance;
            this.startTime = other.startTime;
            this.eventsPerSecond = other.eventsPerSecond;
            this.recordTimeLag = other.recordTimeLag;
            this.isoTimeRate = other.isoTimeRate;
            this.textIds = other.textIds;
        }

        /**
         * Sets the seed of all that is random.
         *
         * @param seed any number; 1 by default
         * @return this
         */
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /**
         * Sets the venues. The first has most of the trades, the second half as many, and so on.
         *
         * @param venues one or more names, all different, of letters, digits, {@code _}, {@code -} and {@code .}
         * @return this
         */
        public Builder venues(String... venues) {
            this.venues = List.of(venues);
            return this;
        }

        /**
         * Sets how many symbols each venue has. All have the same ones, with prices and numbers of their own.
         *
         * @param symbols 1 to 10000; 24 by default
         * @return this
         */
        public Builder symbols(int symbols) {
            this.symbols = symbols;
            return this;
        }

        /**
         * Sets how unequally trades are spread over symbols: the n-th symbol has 1/n<sup>skew</sup> of the first one's.
         *
         * @param skew 0 (equally) to 5; 1 by default, about what exchanges have
         * @return this
         */
        public Builder skew(double skew) {
            this.skew = skew;
            return this;
        }

        /**
         * Sets how often numbers are left out for ever.
         *
         * @param gapRate the share of trades before which there is a gap, 0 to 1; 0 by default
         * @return this
         */
        public Builder gapRate(double gapRate) {
            this.gapRate = gapRate;
            return this;
        }

        /**
         * Sets how often a trade comes late.
         *
         * @param lateRate the share of trades, 0 to 0.9; 0 by default
         * @return this
         */
        public Builder lateRate(double lateRate) {
            this.lateRate = lateRate;
            return this;
        }

        /**
         * Sets how often a trade is repeated. A trade may be repeated several times.
         *
         * @param duplicateRate the share of records that are repetitions, 0 to 0.9; 0 by default
         * @return this
         */
        public Builder duplicateRate(double duplicateRate) {
            this.duplicateRate = duplicateRate;
            return this;
        }

        /**
         * Sets how far behind the original a repetition can be.
         *
         * @param trades as many good and late records may have come after the original, 1 to 1000000; 4096 by default.
         *     So many records are kept in memory
         * @return this
         */
        public Builder duplicateDistance(int trades) {
            this.duplicateDistance = trades;
            return this;
        }

        /**
         * Sets how often a record is malformed; all kinds are equally likely.
         *
         * @param malformedRate the share of records, 0 to 0.9; 0 by default
         * @return this
         */
        public Builder malformedRate(double malformedRate) {
            this.malformedRate = malformedRate;
            return this;
        }

        /**
         * Sets the event time at which the feed begins.
         *
         * @param startTime the time, from 1971 to 2199; 2026-01-05T00:00:00Z by default
         * @return this
         */
        public Builder startTime(Instant startTime) {
            this.startTime = startTime;
            return this;
        }

        /**
         * Sets how many trades there are per second of event time, over all streams; intervals are random.
         *
         * @param eventsPerSecond the mean, 0.001 to 10000000; 10000 by default
         * @return this
         */
        public Builder eventsPerSecond(double eventsPerSecond) {
            this.eventsPerSecond = eventsPerSecond;
            return this;
        }

        /**
         * Sets how far record timestamps are behind event times; single records have half to one and a half of it.
         *
         * @param recordTimeLag the mean, up to a day; negative where the receiver's clock is behind the venue's; 5 ms by
         *     default
         * @return this
         */
        public Builder recordTimeLag(Duration recordTimeLag) {
            this.recordTimeLag = recordTimeLag;
            return this;
        }

        /**
         * Sets how many event times are ISO-8601 text.
         *
         * @param isoTimeRate the share of trades, 0 to 1; 0.05 by default
         * @return this
         */
        public Builder isoTimeRate(double isoTimeRate) {
            this.isoTimeRate = isoTimeRate;
            return this;
        }

        /**
         * Makes trade ids opaque text ({@code trade_ref}) instead of integers ({@code trade_id}).
         *
         * @return this
         */
        public Builder textIds() {
            this.textIds = true;
            return this;
        }

        /**
         * Returns the feed. Later changes of the builder do not matter to it.
         *
         * @return a feed at its beginning
         * @throws IllegalArgumentException if settings are out of their ranges; the message lists all of them
         */
        public FeedSimulator build() {
            List<String> problems = new ArrayList<>();
            if (venues.isEmpty()
                    || new HashSet<>(venues).size() != venues.size()
                    || !venues.stream().allMatch(VENUE.asMatchPredicate())) {
                problems.add("venues must be one or more different names that match " + VENUE + ", got " + venues);
            }
            check(problems, "symbols", symbols, 1, 10_000);
            check(problems, "skew", skew, 0, 5);
            check(problems, "gapRate", gapRate, 0, 1);
            check(problems, "lateRate", lateRate, 0, 0.9);
            check(problems, "duplicateRate", duplicateRate, 0, 0.9);
            check(problems, "malformedRate", malformedRate, 0, 0.9);
            check(problems, "duplicateRate + malformedRate", duplicateRate + malformedRate, 0, 0.9);
            check(problems, "duplicateDistance", duplicateDistance, 1, 1_000_000);
            check(problems, "eventsPerSecond", eventsPerSecond, 0.001, 10_000_000);
            check(problems, "isoTimeRate", isoTimeRate, 0, 1);
            if (recordTimeLag.abs().compareTo(Duration.ofDays(1)) > 0) {
                problems.add("recordTimeLag must be at most a day, got " + recordTimeLag);
            }
            if (startTime.isBefore(EARLIEST) || !startTime.isBefore(LATEST)) {
                problems.add("startTime must be from 1971 to 2199, got " + startTime);
            }
            if (!problems.isEmpty()) {
                throw new IllegalArgumentException("invalid settings of the feed: " + String.join("; ", problems));
            }
            Builder copy = new Builder(this);
            copy.startMicros = TimeUnit.SECONDS.toMicros(startTime.getEpochSecond()) + startTime.getNano() / 1_000;
            copy.lagMicros = TimeUnit.NANOSECONDS.toMicros(recordTimeLag.toNanos());
            return new FeedSimulator(copy);
        }

        private static void check(List<String> problems, String name, double value, double from, double to) {
            // Said this way round, so that NaN is refused.
            if (!(value >= from && value <= to)) {
                problems.add(name + " must be " + from + " to " + to + ", got " + value);
            }
        }

        /** Returns the settings. */
        @Override
        public String toString() {
            return "seed=" + seed + ", venues=" + venues + ", symbols=" + symbols + ", skew=" + skew + ", gapRate="
                    + gapRate + ", lateRate=" + lateRate + ", duplicateRate=" + duplicateRate + ", duplicateDistance="
                    + duplicateDistance + ", malformedRate=" + malformedRate + ", startTime=" + startTime
                    + ", eventsPerSecond=" + eventsPerSecond + ", recordTimeLag=" + recordTimeLag + ", isoTimeRate="
                    + isoTimeRate + ", textIds=" + textIds;
        }
    }
}
