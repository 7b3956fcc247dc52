package io.k2data.testkit;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Spoils the JSON text of a good record. */
final class Spoiler {
    private static final String[] REQUIRED = {"venue", "symbol", "event_time", "price", "quantity"};
    private static final String[][] WRONG_TYPES = {
        {"price", "true"},
        {"price", "\"12,5 or so\""},
        {"quantity", "[1]"},
        {"quantity", "{\"amount\":\"1\"}"},
        {"event_time", "\"yesterday\""},
        {"event_time", "false"},
        {"symbol", "{\"base\":\"BTC\"}"},
        {"source_sequence", "\"next\""}
    };

    private Spoiler() {}

    static byte[] spoil(byte[] good, MalformedKind kind, boolean textIds, FeedRandom random) {
        return switch (kind) {
            case TRUNCATED -> Arrays.copyOf(good, 1 + random.nextInt(good.length - 1));
            case WRONG_TYPE -> {
                String[] change = WRONG_TYPES[random.nextInt(WRONG_TYPES.length)];
                yield edit(good, change[0], '"' + change[0] + "\":" + change[1] + ',');
            }
            case MISSING_FIELD -> {
                int choice = random.nextInt(REQUIRED.length + 1);
                String field = choice < REQUIRED.length ? REQUIRED[choice] : textIds ? "trade_ref" : "trade_id";
                yield edit(good, field, random.nextInt(2) == 0 ? "" : '"' + field + "\":null,");
            }
            case TOO_MANY_DIGITS -> {
                String digits = digits(random);
                String price = random.nextInt(2) == 0 ? digits : "0." + digits;
                yield edit(good, "price", "\"price\":\"" + price + "\",");
            }
            case EMPTY_VALUE -> new byte[0];
        };
    }

    /** Replaces a field, with the comma behind it; all that are ever replaced have one, and no comma inside. */
    private static byte[] edit(byte[] good, String field, String replacement) {
        String text = new String(good, StandardCharsets.UTF_8);
        int from = text.indexOf('"' + field + "\":");
        int to = text.indexOf(',', from) + 1;
        if (from < 0 || to == 0) {
            throw new IllegalStateException("no field " + field + " in " + text);
        }
        return JsonText.utf8(text.substring(0, from) + replacement + text.substring(to));
    }

    /** Forty digits, none of which can be dropped. */
    private static String digits(FeedRandom random) {
        StringBuilder digits = new StringBuilder(40);
        for (int i = 0; i < 40; i++) {
            digits.append((char) ('1' + random.nextInt(9)));
        }
        return digits.toString();
    }
}
