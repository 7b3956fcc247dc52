package io.k2data.iceberg;

import java.util.Map;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;
import org.apache.iceberg.io.SeekableInputStream;
import org.apache.iceberg.io.SupportsBulkOperations;

/**
 * A file access that counts what it is asked for. Opening a file to read is one request, creating one is one; a store may
 * make several of it, for ranges and for parts of large files.
 */
@SuppressWarnings("serial") // it never leaves its process
class MeteredFileIO implements FileIO {
    private static final long serialVersionUID = 1L;

    private final FileIO delegate;
    private final StorageCounts counts;

    private MeteredFileIO(FileIO delegate, StorageCounts counts) {
        this.delegate = delegate;
        this.counts = counts;
    }

    static FileIO of(FileIO delegate, StorageCounts counts) {
        // Expiry deletes file by file where there is no way to delete many.
        return delegate instanceof SupportsBulkOperations bulk
                ? new Bulk(bulk, counts)
                : new MeteredFileIO(delegate, counts);
    }

    @Override
    public InputFile newInputFile(String location) {
        return new Counted(delegate.newInputFile(location), counts);
    }

    @Override
    public InputFile newInputFile(String location, long length) {
        return new Counted(delegate.newInputFile(location, length), counts);
    }

    @Override
    public OutputFile newOutputFile(String location) {
        return new CountedOutput(delegate.newOutputFile(location), counts);
    }

    @Override
    public void deleteFile(String location) {
        counts.deletes(1);
        delegate.deleteFile(location);
    }

    @Override
    public Map<String, String> properties() {
        return delegate.properties();
    }

    @Override
    public void initialize(Map<String, String> properties) {
        delegate.initialize(properties);
    }

    @Override
    public void close() {
        delegate.close();
    }

    private static final class Bulk extends MeteredFileIO implements SupportsBulkOperations {
        private static final long serialVersionUID = 1L;

        private final SupportsBulkOperations bulk;
        private final StorageCounts counts;

        Bulk(SupportsBulkOperations bulk, StorageCounts counts) {
            super(bulk, counts);
            this.bulk = bulk;
            this.counts = counts;
        }

        @Override
        public void deleteFiles(Iterable<String> locations) {
            long files = 0;
            for (String unused : locations) {
                files++;
            }
            counts.deletes(files);
            bulk.deleteFiles(locations);
        }
    }

    private record Counted(InputFile delegate, StorageCounts counts) implements InputFile {
        @Override
        public long getLength() {
            return delegate.getLength();
        }

        @Override
        public SeekableInputStream newStream() {
            counts.get();
            return delegate.newStream();
        }

        @Override
        public String location() {
            return delegate.location();
        }

        @Override
        public boolean exists() {
            return delegate.exists();
        }
    }

    private record CountedOutput(OutputFile delegate, StorageCounts counts) implements OutputFile {
        @Override
        public PositionOutputStream create() {
            counts.put();
            return delegate.create();
        }

        @Override
        public PositionOutputStream createOrOverwrite() {
            counts.put();
            return delegate.createOrOverwrite();
        }

        @Override
        public String location() {
            return delegate.location();
        }

        @Override
        public InputFile toInputFile() {
            return new Counted(delegate.toInputFile(), counts);
        }
    }
}
