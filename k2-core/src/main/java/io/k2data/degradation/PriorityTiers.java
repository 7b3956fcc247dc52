package io.k2data.degradation;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.StreamKey;
import io.k2data.api.degradation.PriorityTier;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Which tier a stream is in, by its record key {@code venue/symbol}. Immutable; any thread may ask.
 *
 * <p>As text, one line for each entry: a tier and what is in it. A stream named in full beats its venue, which beats all
 * others:
 *
 * <pre>
 * # the twenty that matter most
 * critical binance/BTCUSDT
 * critical binance/ETHUSDT
 * high     coinbase/BTC-USD
 * low      reference/*
 * normal   *
 * </pre>
 *
 * <p>Blank lines and those that begin with {@code #} are left out. Tiers are written in any case. A symbol may contain
 * blanks and slashes, a venue no slash; a star stands only for all symbols of a venue or, alone, for all others, which are
 * otherwise {@link PriorityTier#NORMAL}. The first line may be {@code k2-tiers 1}, the version of this format.
 */
public final class PriorityTiers {
    /** The version of the text's format. */
    private static final int FORMAT = 1;

    private static final String HEADER = "k2-tiers";
    private static final String OTHERS = "*";
    private static final String ANY_SYMBOL = "/*";
    private static final String TIERS = "critical, high, normal or low";

    private final TierTable streams;
    private final TierTable venues;
    private final PriorityTier others;
    private final String canonical;
    private final String version;

    private PriorityTiers(Map<String, PriorityTier> entries) {
        Map<String, PriorityTier> byStream = new HashMap<>();
        Map<String, PriorityTier> byVenue = new HashMap<>();
        Map<PriorityTier, TreeSet<String>> byTier = new EnumMap<>(PriorityTier.class);
        entries.forEach((pattern, tier) -> {
            if (pattern.endsWith(ANY_SYMBOL)) {
                byVenue.put(pattern.substring(0, pattern.length() - ANY_SYMBOL.length()), tier);
            } else if (!pattern.equals(OTHERS)) {
                byStream.put(pattern, tier);
            }
            byTier.computeIfAbsent(tier, each -> new TreeSet<>()).add(pattern);
        });
        streams = new TierTable(byStream);
        venues = new TierTable(byVenue);
        others = entries.getOrDefault(OTHERS, PriorityTier.NORMAL);
        byTier.computeIfAbsent(others, each -> new TreeSet<>()).add(OTHERS);
        StringBuilder text = new StringBuilder(HEADER + " " + FORMAT + "\n");
        byTier.forEach((tier, patterns) -> patterns.forEach(
                pattern -> text.append(word(tier)).append(' ').append(pattern).append('\n')));
        canonical = text.toString();
        version = sha256(canonical.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns tiers of which nothing is said: every stream is {@link PriorityTier#NORMAL}.
     *
     * @return the tiers
     */
    public static PriorityTiers none() {
        return new PriorityTiers(Map.of());
    }

    /**
     * Returns a builder without entries.
     *
     * @return the builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Reads tiers from text.
     *
     * @param text the text, in the format that the class describes
     * @return the tiers
     * @throws InvalidSettingsException if a line cannot be read, a tier is unknown, something is in two tiers or named
     *     twice; it names all problems, each with its line
     */
    public static PriorityTiers parse(String text) {
        Entries entries = new Entries();
        int number = 0;
        boolean first = true;
        for (String raw : text.lines().toList()) {
            number++;
            String line = raw.strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String where = "line " + number;
            int end = 0;
            while (end < line.length() && !Character.isWhitespace(line.charAt(end))) {
                end++;
            }
            String word = line.substring(0, end);
            String rest = line.substring(end).strip();
            if (first && word.equals(HEADER)) {
                entries.format(where, rest);
            } else if (rest.isEmpty()) {
                entries.problem(where, "'" + line + "', expected a tier, a blank, and venue/symbol, venue/* or *");
            } else {
                entries.add(where, word, rest);
            }
            first = false;
        }
        return entries.build();
    }

    /**
     * Returns the tier of a record. Allocates nothing; O(length of the key).
     *
     * @param key the record's key, {@code venue/symbol} in UTF-8; what is no such key is among the others
     * @return the tier
     */
    public PriorityTier tierOf(byte[] key) {
        PriorityTier tier = streams.find(key, key.length);
        if (tier == null && venues.size() > 0) {
            int slash = TierTable.slash(key);
            if (slash < key.length) {
                tier = venues.find(key, slash);
            }
        }
        return tier == null ? others : tier;
    }

    /**
     * Returns the tier of a stream; for records without a key, whose stream is known once they are decoded.
     *
     * @param stream the stream
     * @return the tier
     */
    public PriorityTier tierOf(StreamKey stream) {
        return tierOf((stream.venue() + "/" + stream.symbol()).getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns the content as text, the same for equal content whatever it was read from. {@link #parse} reads it.
     *
     * @return lines in order of tier and name
     */
    public String canonical() {
        return canonical;
    }

    /**
     * Returns the version, which is the content's: the SHA-256 of {@link #canonical} in UTF-8.
     *
     * @return 64 hexadecimal digits, lower case
     */
    public String version() {
        return version;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof PriorityTiers tiers && tiers.canonical.equals(canonical);
    }

    @Override
    public int hashCode() {
        return canonical.hashCode();
    }

    @Override
    public String toString() {
        return "PriorityTiers[" + streams.size() + " streams, " + venues.size() + " venues, others " + word(others)
                + ", version " + version.substring(0, 12) + "]";
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static String word(PriorityTier tier) {
        return tier.name().toLowerCase(Locale.ROOT);
    }

    /** Collects entries. Not thread-safe. */
    public static final class Builder {
        private final Entries entries = new Entries();
        private int added;

        private Builder() {}

        /**
         * Puts streams into a tier.
         *
         * @param tier the tier
         * @param patterns for each {@code venue/symbol}, {@code venue/*} for all others of the venue, or {@code *} for all
         *     others there are
         * @return this
         */
        public Builder put(PriorityTier tier, String... patterns) {
            for (String pattern : patterns) {
                added++;
                entries.add("entry " + added, word(tier), pattern);
            }
            return this;
        }

        /**
         * Returns the tiers.
         *
         * @return the tiers
         * @throws InvalidSettingsException if a pattern cannot be read, is in two tiers or was put twice; it names all
         *     problems
         */
        public PriorityTiers build() {
            return entries.build();
        }
    }

    /** Entries as they come in, and what is wrong with them. */
    private static final class Entries {
        private record Entry(PriorityTier tier, String where) {}

        private final Map<String, Entry> byPattern = new HashMap<>();
        private final List<String> problems = new ArrayList<>();

        void problem(String where, String what) {
            problems.add("tiers, " + where + ": " + what);
        }

        void format(String where, String version) {
            if (!version.equals(Integer.toString(FORMAT))) {
                problem(where, "format '" + version + "', expected " + FORMAT + ", the newest this K2 reads");
            }
        }

        void add(String where, String word, String pattern) {
            PriorityTier tier =
                    switch (word.toLowerCase(Locale.ROOT)) {
                        case "critical" -> PriorityTier.CRITICAL;
                        case "high" -> PriorityTier.HIGH;
                        case "normal" -> PriorityTier.NORMAL;
                        case "low" -> PriorityTier.LOW;
                        default -> null;
                    };
            if (tier == null) {
                problem(where, "tier '" + word + "', expected " + TIERS);
            }
            String expected = expected(pattern);
            if (expected != null) {
                problem(where, "'" + pattern + "', expected " + expected);
            }
            if (tier == null || expected != null) {
                return;
            }
            Entry earlier = byPattern.putIfAbsent(pattern, new Entry(tier, where));
            if (earlier == null) {
                return;
            }
            if (earlier.tier() == tier) {
                problem(where, "'" + pattern + "' is there already, in " + earlier.where() + ", expected once");
            } else {
                problem(
                        where,
                        "'" + pattern + "' is " + word(tier) + " here and " + word(earlier.tier()) + " in "
                                + earlier.where() + ", expected one tier");
            }
        }

        /** Returns what a pattern should have been, null if it is right. */
        private static @Nullable String expected(String pattern) {
            if (pattern.equals(OTHERS)) {
                return null;
            }
            int slash = pattern.indexOf('/');
            if (slash < 1 || slash == pattern.length() - 1) {
                return "venue/symbol, venue/* or *";
            }
            boolean whole = pattern.endsWith(ANY_SYMBOL) && pattern.length() - ANY_SYMBOL.length() == slash;
            if (pattern.indexOf('*') >= 0 && !(whole && pattern.indexOf('*') == pattern.length() - 1)) {
                return "a star only for all symbols of a venue, venue/*, or alone";
            }
            if (!pattern.equals(pattern.strip()) || pattern.chars().anyMatch(Character::isISOControl)) {
                return "no blanks around it and no control characters";
            }
            if (!StandardCharsets.UTF_8.newEncoder().canEncode(pattern)) {
                return "text that UTF-8 can hold";
            }
            return null;
        }

        PriorityTiers build() {
            if (!problems.isEmpty()) {
                throw new InvalidSettingsException(problems);
            }
            Map<String, PriorityTier> tiers = new HashMap<>();
            byPattern.forEach((pattern, entry) -> tiers.put(pattern, entry.tier()));
            return new PriorityTiers(tiers);
        }
    }
}
