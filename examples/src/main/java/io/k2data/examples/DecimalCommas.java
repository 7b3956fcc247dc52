package io.k2data.examples;

import io.k2data.pipeline.DeadLetter;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * A repair for {@link DeadLetterTool}: a producer in a locale with decimal commas wrote {@code "price":"101,25"}. It makes
 * {@code "101.25"} of it, for prices and quantities written as text, leaves every other byte as it is, and leaves letters
 * alone that have no such number. It takes the comma for a decimal one: try {@code --dry-run} first where a producer may
 * have meant thousands.
 */
public final class DecimalCommas implements Function<DeadLetter, Optional<byte[]>> {
    private static final Pattern NUMBER =
            Pattern.compile("(\"(?:\\w+_)?(?:price|quantity)\"\\s*:\\s*\"-?[0-9]+),([0-9]+\")");

    /** Makes one. */
    public DecimalCommas() {}

    /**
     * Repairs a value.
     *
     * @param letter the dead letter
     * @return the value with decimal points, or nothing if it has no decimal comma
     */
    @Override
    public Optional<byte[]> apply(DeadLetter letter) {
        byte[] value = letter.record().value();
        if (value == null) {
            return Optional.empty();
        }
        // One character per byte, so that bytes that are no text come out as they went in.
        String before = new String(value, StandardCharsets.ISO_8859_1);
        String after = NUMBER.matcher(before).replaceAll("$1.$2");
        return before.equals(after) ? Optional.empty() : Optional.of(after.getBytes(StandardCharsets.ISO_8859_1));
    }
}
