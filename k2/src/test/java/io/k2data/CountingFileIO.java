package io.k2data;

import io.k2data.iceberg.LocalFileIO;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;
import org.apache.iceberg.io.SeekableInputStream;

/** Counts, for all tables of this process, what a provider of an object store would bill. Iceberg makes it by name. */
public final class CountingFileIO implements FileIO {
    private static final long serialVersionUID = 1L;

    static final AtomicLong PUTS = new AtomicLong();
    static final AtomicLong GETS = new AtomicLong();
    static final AtomicLong PARQUET_BYTES = new AtomicLong();

    private final LocalFileIO files = new LocalFileIO();

    static void reset() {
        PUTS.set(0);
        GETS.set(0);
        PARQUET_BYTES.set(0);
    }

    @Override
    public InputFile newInputFile(String location) {
        InputFile file = files.newInputFile(location);
        return new InputFile() {
            @Override
            public long getLength() {
                return file.getLength();
            }

            @Override
            public SeekableInputStream newStream() {
                GETS.incrementAndGet();
                return file.newStream();
            }

            @Override
            public String location() {
                return file.location();
            }

            @Override
            public boolean exists() {
                return file.exists();
            }
        };
    }

    @Override
    public OutputFile newOutputFile(String location) {
        OutputFile file = files.newOutputFile(location);
        return new OutputFile() {
            @Override
            public PositionOutputStream create() {
                return counted(file.create());
            }

            @Override
            public PositionOutputStream createOrOverwrite() {
                return counted(file.createOrOverwrite());
            }

            private PositionOutputStream counted(PositionOutputStream stream) {
                PUTS.incrementAndGet();
                return location.endsWith(".parquet") ? new CountedStream(stream) : stream;
            }

            @Override
            public String location() {
                return file.location();
            }

            @Override
            public InputFile toInputFile() {
                return newInputFile(location);
            }
        };
    }

    @Override
    public void deleteFile(String location) {
        files.deleteFile(location);
    }

    private static final class CountedStream extends PositionOutputStream {
        private final PositionOutputStream stream;

        CountedStream(PositionOutputStream stream) {
            this.stream = stream;
        }

        @Override
        public long getPos() throws IOException {
            return stream.getPos();
        }

        @Override
        public void write(int b) throws IOException {
            stream.write(b);
            PARQUET_BYTES.incrementAndGet();
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            stream.write(bytes, offset, length);
            PARQUET_BYTES.addAndGet(length);
        }

        @Override
        public void close() throws IOException {
            stream.close();
        }
    }
}
