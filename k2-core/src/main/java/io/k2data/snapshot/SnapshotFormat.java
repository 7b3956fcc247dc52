package io.k2data.snapshot;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * One kind of binary snapshot: a name, a version, then a body. A reader takes what is not newer than it knows, and
 * reads no further than the body's end, so that snapshots can follow each other in one stream. Immutable.
 *
 * @param name the kind, in ASCII
 * @param version the version that is written, and the newest that can be read; 1 or more
 */
public record SnapshotFormat(String name, int version) {
    /** More characters than this might not fit {@link DataOutputStream#writeUTF}, which takes 65,535 bytes. */
    private static final int CHUNK = 20_000;

    /**
     * Writes a snapshot.
     *
     * @param out where to; flushed, not closed
     * @param body writes the body
     * @throws IOException if writing fails
     */
    public void write(OutputStream out, BodyWriter body) throws IOException {
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(out, 1 << 16));
        data.write(magic());
        data.writeInt(version);
        body.write(data);
        data.flush();
    }

    /**
     * Reads a snapshot, in many small pieces: a file is best given through a buffer.
     *
     * @param in where from; not closed
     * @param body reads the body
     * @param <T> what the body becomes
     * @return what the body became
     * @throws IOException if this is no snapshot of the kind, if it is newer than {@code version}, ends early or makes
     *     no sense
     */
    public <T> T read(InputStream in, BodyReader<T> body) throws IOException {
        byte[] magic = magic();
        if (!Arrays.equals(in.readNBytes(magic.length), magic)) {
            throw new IOException("this is no snapshot of '" + name + "'");
        }
        try {
            DataInputStream data = new DataInputStream(in);
            int found = data.readInt();
            if (found < 1 || found > version) {
                throw new IOException("the snapshot of '" + name + "' has version " + found
                        + ", this version of K2 reads 1 to " + version);
            }
            return body.read(data);
        } catch (EOFException e) {
            throw new IOException("the snapshot of '" + name + "' ends early", e);
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new IOException("the snapshot of '" + name + "' holds what cannot be", e);
        }
    }

    private byte[] magic() {
        return ("k2:" + name + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    /**
     * Writes a text of any length, exactly: even half a surrogate pair comes back as it was.
     *
     * @param out where to
     * @param text the text
     * @throws IOException if writing fails
     */
    public static void writeText(DataOutputStream out, String text) throws IOException {
        out.writeInt(text.length());
        for (int from = 0; from < text.length(); from += CHUNK) {
            out.writeUTF(text.substring(from, Math.min(text.length(), from + CHUNK)));
        }
    }

    /**
     * Reads what {@link #writeText} wrote.
     *
     * @param in where from
     * @return the text
     * @throws IOException if reading fails
     */
    public static String readText(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length <= CHUNK) {
            return length <= 0 ? "" : in.readUTF();
        }
        StringBuilder text = new StringBuilder();
        while (text.length() < length) {
            text.append(in.readUTF());
        }
        return text.toString();
    }

    /** Writes a body. */
    @FunctionalInterface
    public interface BodyWriter {
        /**
         * Writes it.
         *
         * @param out where to
         * @throws IOException if writing fails
         */
        void write(DataOutputStream out) throws IOException;
    }

    /**
     * Reads a body.
     *
     * @param <T> what it becomes
     */
    @FunctionalInterface
    public interface BodyReader<T> {
        /**
         * Reads it.
         *
         * @param in where from
         * @return what it became
         * @throws IOException if reading fails, or what was read makes no sense
         */
        T read(DataInputStream in) throws IOException;
    }
}
