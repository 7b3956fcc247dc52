package io.k2data.cost;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.k2data.api.InvalidSettingsException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Currency;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Prices of one region in one currency, each with a date and a source. Immutable.
 *
 * <p>As JSON:
 *
 * <pre>{@code
 * {"format": 1, "name": "ours", "provider": "AWS", "currency": "USD", "region": "us-east-1", "prices": [
 *   {"key": "disk-gib-month", "price": 0.08, "service": "Amazon EBS", "asOf": "2026-11-26", "source": "https://...",
 *    "verified": true, "note": "gp3"}, ...]}
 * }</pre>
 *
 * <p>{@code verified} is true unless it is given, {@code note} may be left out. The keys are those of
 * {@link #awsUsEast1}; besides the storage tiers named there, {@code standard} among them, a book may have any others, as
 * {@code storage.<tier>.gib-month} and so on.
 */
public final class PriceBook {
    private static final int FORMAT = 1;
    private static final int MAX_BYTES = 4 << 20;
    private static final String STORAGE = "storage.";
    private static final Set<String> BOOK_FIELDS = Set.of("format", "name", "provider", "currency", "region", "prices");
    private static final Set<String> PRICE_FIELDS =
            Set.of("key", "price", "service", "asOf", "source", "verified", "note");
    private static final BigDecimal TOO_MUCH = new BigDecimal("1e12");

    private final String name;
    private final String provider;
    private final Currency currency;
    private final String region;
    private final Map<String, Price> prices;

    private PriceBook(String name, String provider, Currency currency, String region, Map<String, Price> prices) {
        this.name = name;
        this.provider = provider;
        this.currency = currency;
        this.region = region;
        this.prices = prices;
    }

    /**
     * Returns AWS's public list prices of the region us-east-1, as known on the dates that the prices carry.
     *
     * @return the book
     */
    public static PriceBook awsUsEast1() {
        try (InputStream in = PriceBook.class.getResourceAsStream("aws-us-east-1.json")) {
            return parse(new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a book. Blocks for the reading.
     *
     * @param file JSON in UTF-8, at most 4 MiB
     * @return the book
     * @throws InvalidSettingsException if it cannot be read or something in it is wrong; it names all problems
     */
    public static PriceBook read(Path file) {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        } catch (IOException e) {
            throw new InvalidSettingsException(List.of(file + ": prices cannot be read (" + e + ")"));
        }
        if (bytes.length > MAX_BYTES) {
            throw new InvalidSettingsException(List.of(file + ": larger than 4 MiB, expected a price book in JSON"));
        }
        try {
            return parse(new String(bytes, StandardCharsets.UTF_8));
        } catch (InvalidSettingsException e) {
            throw new InvalidSettingsException(
                    e.problems().stream().map(problem -> file + ": " + problem).toList());
        }
    }

    /**
     * Reads a book from text.
     *
     * @param json the text
     * @return the book
     * @throws InvalidSettingsException if something in it is wrong; it names all problems
     */
    public static PriceBook parse(String json) {
        List<String> problems = new ArrayList<>();
        Map<String, @Nullable Object> book = object(json);
        fields(problems, "the book", book, BOOK_FIELDS);
        if (!(book.get("format") instanceof BigDecimal format)) {
            problems.add("format: missing, expected " + FORMAT);
        } else if (format.compareTo(BigDecimal.valueOf(FORMAT)) != 0) {
            problems.add("format: " + format + " is none this version knows, expected " + FORMAT);
        }
        String name = text(problems, "", book, "name");
        String provider = text(problems, "", book, "provider");
        String region = text(problems, "", book, "region");
        Currency currency = currency(problems, text(problems, "", book, "currency"));
        Map<String, Price> prices = new LinkedHashMap<>();
        if (book.get("prices") instanceof List<?> list) {
            for (int i = 0; i < list.size(); i++) {
                Price price = price(problems, i, list.get(i));
                if (price != null && prices.putIfAbsent(price.key(), price) != null) {
                    problems.add("prices[" + i + "]: a second price '" + price.key() + "'");
                }
            }
        } else {
            problems.add("prices: missing, expected an array");
        }
        if (!problems.isEmpty() || currency == null) {
            throw new InvalidSettingsException(problems);
        }
        return new PriceBook(name, provider, currency, region, prices);
    }

    private static @Nullable Price price(List<String> problems, int index, @Nullable Object value) {
        String at = "prices[" + index + "]";
        if (!(value instanceof Map<?, ?> map)) {
            problems.add(at + ": expected an object");
            return null;
        }
        Map<String, @Nullable Object> entry = new LinkedHashMap<>();
        map.forEach((key, each) -> entry.put((String) key, each));
        int before = problems.size();
        String key = text(problems, at + ".", entry, "key");
        String where = key.isEmpty() ? at : "price '" + key + "'";
        fields(problems, where, entry, PRICE_FIELDS);
        String service = text(problems, where + ": ", entry, "service");
        String source = text(problems, where + ": ", entry, "source");
        LocalDate asOf = date(problems, where, text(problems, where + ": ", entry, "asOf"));
        BigDecimal amount = null;
        if (!(entry.get("price") instanceof BigDecimal number)) {
            problems.add(where + ": price is missing, expected a number");
        } else if (number.signum() < 0 || number.compareTo(TOO_MUCH) > 0) {
            problems.add(where + ": price " + number + ", expected 0 to 1e12");
        } else {
            amount = number;
        }
        Object verified = entry.getOrDefault("verified", Boolean.TRUE);
        if (!(verified instanceof Boolean)) {
            problems.add(where + ": verified is neither true nor false");
        }
        Object note = entry.get("note");
        if (note != null && !(note instanceof String)) {
            problems.add(where + ": note is no text");
        }
        if (problems.size() > before || amount == null || asOf == null) {
            return null;
        }
        return new Price(key, amount, service, asOf, source, Boolean.TRUE.equals(verified), (String) note);
    }

    private static @Nullable Currency currency(List<String> problems, String code) {
        try {
            return code.isEmpty() ? null : Currency.getInstance(code);
        } catch (IllegalArgumentException e) {
            problems.add("currency: '" + code + "' is none, expected an ISO 4217 code such as USD");
            return null;
        }
    }

    private static @Nullable LocalDate date(List<String> problems, String where, String text) {
        try {
            return text.isEmpty() ? null : LocalDate.parse(text);
        } catch (DateTimeParseException e) {
            problems.add(where + ": asOf '" + text + "' is no date, expected one such as 2026-11-26");
            return null;
        }
    }

    private static void fields(
            List<String> problems, String where, Map<String, @Nullable Object> map, Set<String> known) {
        for (String field : map.keySet()) {
            if (!known.contains(field)) {
                problems.add(where + ": unknown field '" + field + "', known are "
                        + String.join(", ", new TreeSet<>(known)));
            }
        }
    }

    private static String text(List<String> problems, String before, Map<String, @Nullable Object> map, String field) {
        if (map.get(field) instanceof String text && !text.isBlank()) {
            return text;
        }
        problems.add(before + field + " is missing, expected text");
        return "";
    }

    /** A JSON object as maps, lists, texts, decimals and booleans; a name that comes twice is refused. */
    private static Map<String, @Nullable Object> object(String json) {
        JsonFactory factory = JsonFactory.builder()
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(20)
                        .maxNumberLength(100)
                        .build())
                .build();
        factory.enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
        try (JsonParser parser = factory.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new InvalidSettingsException(List.of("it is no JSON object"));
            }
            Map<String, @Nullable Object> read = map(parser);
            if (parser.nextToken() != null) {
                throw new InvalidSettingsException(List.of("something follows the JSON object"));
            }
            return read;
        } catch (IOException e) {
            throw new InvalidSettingsException(List.of("it is no JSON: " + e.getMessage()));
        }
    }

    private static Map<String, @Nullable Object> map(JsonParser parser) throws IOException {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String field = parser.currentName();
            parser.nextToken();
            map.put(field, value(parser));
        }
        return map;
    }

    private static @Nullable Object value(JsonParser parser) throws IOException {
        switch (parser.currentToken()) {
            case START_OBJECT:
                return map(parser);
            case START_ARRAY:
                List<@Nullable Object> list = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    list.add(value(parser));
                }
                return list;
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT:
                return parser.getDecimalValue();
            case VALUE_TRUE, VALUE_FALSE:
                return parser.getBooleanValue();
            case VALUE_STRING:
                return parser.getText();
            default:
                return null;
        }
    }

    /**
     * Returns what the book is called.
     *
     * @return its name
     */
    public String name() {
        return name;
    }

    /**
     * Returns whose prices they are.
     *
     * @return the provider's name
     */
    public String provider() {
        return provider;
    }

    /**
     * Returns the currency of all prices.
     *
     * @return the currency
     */
    public Currency currency() {
        return currency;
    }

    /**
     * Returns the region.
     *
     * @return its name, as the provider writes it
     */
    public String region() {
        return region;
    }

    /**
     * Returns a price.
     *
     * @param key its key
     * @return the price; empty if the book has none
     */
    public Optional<Price> price(String key) {
        return Optional.ofNullable(prices.get(key));
    }

    /**
     * Returns all prices.
     *
     * @return the prices, in the book's order
     */
    public Collection<Price> prices() {
        return List.copyOf(prices.values());
    }

    /**
     * Returns the storage tiers that it has prices of.
     *
     * @return their names
     */
    public Set<String> tiers() {
        Set<String> tiers = new TreeSet<>();
        for (String key : prices.keySet()) {
            int end = key.lastIndexOf('.');
            if (key.startsWith(STORAGE) && end > STORAGE.length()) {
                tiers.add(key.substring(STORAGE.length(), end));
            }
        }
        return tiers;
    }

    /**
     * Returns a book with other prices under the same keys.
     *
     * @param change what becomes of each
     * @return the book
     */
    public PriceBook map(UnaryOperator<Price> change) {
        Map<String, Price> changed = new LinkedHashMap<>();
        prices.forEach((key, price) -> changed.put(key, change.apply(price)));
        return new PriceBook(name, provider, currency, region, changed);
    }

    /**
     * Returns the book without a price.
     *
     * @param key the price's key
     * @return the book
     */
    public PriceBook without(String key) {
        Map<String, Price> left = new LinkedHashMap<>(prices);
        left.remove(key);
        return new PriceBook(name, provider, currency, region, left);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s, %s, %s", name, currency, new TreeMap<>(prices).keySet());
    }
}
