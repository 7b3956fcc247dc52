package io.k2data.iceberg;

import java.nio.file.Path;
import java.util.List;

/**
 * Files where DuckDB may read them, until this is closed.
 *
 * @param paths the files, in the order asked for
 * @param lease keeps those of them that are copies
 */
record LocalFiles(List<Path> paths, FileCache.Lease lease) implements AutoCloseable {
    @Override
    public void close() {
        lease.close();
    }
}
