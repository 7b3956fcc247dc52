package io.k2data.examples;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Function;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;

/** Several recordings read as one, by receive time; the lines of each stay in their order. */
final class Recordings implements AutoCloseable {
    private final List<Recording> all = new ArrayList<>();
    private final PriorityQueue<Recording> waiting =
            new PriorityQueue<>(Comparator.<Recording>comparingLong(each -> each.line.receivedNanos())
                    .thenComparingInt(each -> each.number));
    private @Nullable Recording current;

    private Recordings() {}

    /** Opens files: plain, gzipped, or the one file in a zip. */
    static Recordings open(List<Path> files, Function<Path, CaptureFormat> format) throws IOException {
        Recordings recordings = new Recordings();
        try {
            for (Path file : files) {
                Recording recording = new Recording(recordings.all.size(), file, format.apply(file));
                recordings.all.add(recording);
                if (recording.advance()) {
                    recordings.waiting.add(recording);
                }
            }
            return recordings;
        } catch (IOException | RuntimeException e) {
            recordings.close();
            throw e;
        }
    }

    /** Returns the next line, valid until the one after it is asked for; null at the end. */
    @Nullable
    CapturedLine next() throws IOException {
        if (current != null && current.advance()) {
            waiting.add(current);
        }
        current = waiting.poll();
        return current == null ? null : current.line;
    }

    @Override
    public void close() throws IOException {
        for (Recording recording : all) {
            recording.file.close();
        }
    }

    private static final class Recording {
        private final int number;
        private final Path name;
        private final CaptureFormat format;
        private final InputStream file;
        private final CapturedLine line = new CapturedLine();
        private @Nullable BufferedReader reader;

        Recording(int number, Path name, CaptureFormat format) throws IOException {
            this.number = number;
            this.name = name;
            this.format = format;
            this.file = Files.newInputStream(name);
        }

        /** Moves to the next line that is not blank; false at the end. */
        boolean advance() throws IOException {
            try {
                return read();
            } catch (IOException e) {
                throw new IOException("cannot read " + name + ": " + e.getMessage(), e);
            }
        }

        private boolean read() throws IOException {
            BufferedReader lines = reader == null ? lines(file) : reader;
            reader = lines;
            String text = lines.readLine();
            while (text != null && text.isBlank()) {
                text = lines.readLine();
            }
            if (text != null) {
                line.read(text, format);
            }
            return text != null;
        }

        private static BufferedReader lines(InputStream file) throws IOException {
            PushbackInputStream in = new PushbackInputStream(file, 2);
            byte[] magic = in.readNBytes(2);
            in.unread(magic);
            InputStream plain = in;
            if (magic.length == 2 && (magic[0] & 0xff) == 0x1f && (magic[1] & 0xff) == 0x8b) {
                plain = new GZIPInputStream(in, 1 << 16);
            } else if (magic.length == 2 && magic[0] == 'P' && magic[1] == 'K') {
                ZipInputStream zip = new ZipInputStream(in);
                if (zip.getNextEntry() == null) {
                    throw new IOException("a zip without a file in it");
                }
                plain = zip;
            }
            // Each byte becomes one character, so that what is no text can be sent as it is.
            return new BufferedReader(new InputStreamReader(plain, StandardCharsets.ISO_8859_1), 1 << 16);
        }
    }
}
