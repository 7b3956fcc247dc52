package io.k2data.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** How the lines of one recording read. One instance reads one recording, from its first line to its last. */
interface CaptureFormat {
    /**
     * Takes a line apart. Whatever it throws makes the line malformed, which is then sent as it is.
     *
     * @param line its bytes, each as one character: recordings may hold bytes that are no text
     * @param into takes when it was received and the events it holds; none if it is of a kind that is not taken
     */
    void read(String line, CapturedLine into) throws IOException;

    /** Opens the format for a recording. */
    interface Opener {
        /**
         * Opens it.
         *
         * @param file the recording
         * @param venue the venue to store, empty if none was given
         * @param symbol the symbol to store where the lines name none; null to take it from the file's name
         * @throws IllegalArgumentException if something is needed that is not there
         */
        CaptureFormat open(Path file, String venue, @Nullable String symbol);
    }

    /** Returns all formats by name. */
    static Map<String, Opener> known() {
        return new TreeMap<>(Map.of(
                "binance-ws", (file, venue, symbol) -> new BinanceStream(required(venue)),
                "hitbtc-ws", (file, venue, symbol) -> new HitbtcStream(required(venue)),
                "binance-csv", (file, venue, symbol) -> BinanceArchive.open(file, required(venue), symbol),
                "k2-jsonl", (file, venue, symbol) -> new K2Lines()));
    }

    private static String required(String venue) {
        if (venue.isEmpty()) {
            throw new IllegalArgumentException("--venue is missing");
        }
        return venue;
    }
}
