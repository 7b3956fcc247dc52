package io.k2data.degradation;

import io.k2data.api.InvalidSettingsException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Tiers from a file that may change while they are in use. Nothing watches the file: {@link #reload} looks when asked,
 * and reads the whole of it, since a time stamp cannot tell two changes of one moment apart. Replace the file by a rename
 * (write another, move it there), or a look may meet half of it.
 *
 * <p>{@link #tiers} may be called by any thread; {@link #reload} by one at a time.
 */
public final class TierFile {
    /** More than a hundred thousand streams; a longer file is a mistake. */
    private static final int MAX_BYTES = 16 << 20;

    /** Some editors begin UTF-8 with it. */
    private static final String BYTE_ORDER_MARK = "\uFEFF";

    private final Path path;
    private volatile PriorityTiers tiers;
    private volatile List<String> problems = List.of();
    /** What the last look found: the file's own hash, or why it could not be read. */
    private String lastFound;

    private TierFile(Path path, PriorityTiers tiers, String found) {
        this.path = path;
        this.tiers = tiers;
        this.lastFound = found;
    }

    /**
     * Reads a file. Blocks for the reading.
     *
     * @param path the file, UTF-8 text as {@link PriorityTiers} describes it, at most 16 MiB
     * @return the file with its tiers
     * @throws InvalidSettingsException if it cannot be read or something in it is wrong; it names all problems
     */
    public static TierFile open(Path path) {
        byte[] bytes;
        try {
            bytes = read(path);
        } catch (IOException e) {
            throw new InvalidSettingsException(List.of(unreadable(path, e)));
        }
        return new TierFile(path, parse(path, bytes), PriorityTiers.sha256(bytes));
    }

    /** What a look at the file found. */
    public sealed interface Reload {
        /** The tiers are what they were: the file is as it was at the last look, or differs in comments or order alone. */
        enum Unchanged implements Reload {
            /** The one value. */
            INSTANCE
        }

        /**
         * The file has changed and its tiers are now in use.
         *
         * @param before what was in use
         * @param after what is in use
         */
        record Changed(PriorityTiers before, PriorityTiers after) implements Reload {}

        /**
         * The file has changed and is wrong, or can no longer be read. What was in use stays in use. Said once for each
         * change; {@link TierFile#problems} repeats it.
         *
         * @param problems all problems, one sentence each
         */
        record Refused(List<String> problems) implements Reload {
            /** Copies the list. */
            public Refused {
                problems = List.copyOf(problems);
            }
        }
    }

    /**
     * Looks at the file and takes its tiers into use if they have changed and are right. Blocks for the reading.
     *
     * @return what it found
     */
    public Reload reload() {
        byte[] bytes;
        try {
            bytes = read(path);
        } catch (IOException e) {
            String why = unreadable(path, e);
            return why.equals(lastFound) ? Reload.Unchanged.INSTANCE : refuse(why, List.of(why));
        }
        String found = PriorityTiers.sha256(bytes);
        if (found.equals(lastFound)) {
            return Reload.Unchanged.INSTANCE;
        }
        PriorityTiers before = tiers;
        PriorityTiers after;
        try {
            after = parse(path, bytes);
        } catch (InvalidSettingsException e) {
            return refuse(found, e.problems());
        }
        lastFound = found;
        problems = List.of();
        if (after.equals(before)) {
            return Reload.Unchanged.INSTANCE;
        }
        tiers = after;
        return new Reload.Changed(before, after);
    }

    private Reload refuse(String found, List<String> why) {
        lastFound = found;
        problems = why;
        return new Reload.Refused(why);
    }

    /**
     * Returns the tiers in use.
     *
     * @return those of the last look that found the file right
     */
    public PriorityTiers tiers() {
        return tiers;
    }

    /**
     * Returns what was wrong with the file at the last look.
     *
     * @return all problems; none if the tiers in use are the file's
     */
    public List<String> problems() {
        return problems;
    }

    private static byte[] read(Path path) throws IOException {
        try (InputStream in = Files.newInputStream(path)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw new IOException("it is larger than 16 MiB");
            }
            return bytes;
        }
    }

    private static String unreadable(Path path, IOException cause) {
        return path + ": tiers cannot be read (" + cause + "), expected a text file of at most 16 MiB";
    }

    private static PriorityTiers parse(Path path, byte[] bytes) {
        String text;
        try {
            text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new InvalidSettingsException(List.of(path + ": tiers are not UTF-8 (" + e + "), expected UTF-8"));
        }
        try {
            return PriorityTiers.parse(text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text);
        } catch (InvalidSettingsException e) {
            throw new InvalidSettingsException(
                    e.problems().stream().map(problem -> path + ": " + problem).toList());
        }
    }
}
