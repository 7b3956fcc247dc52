package io.k2data.iceberg;

import org.apache.iceberg.Snapshot;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableOperations;
import org.apache.iceberg.encryption.EncryptionManager;
import org.apache.iceberg.exceptions.CommitStateUnknownException;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.LocationProvider;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Table operations that believe the table rather than an error.
 *
 * <p>A commit can land and still be reported as failed: a JDBC pool runs its UPDATE again after a connection error, gets
 * no row, and reports a conflict. Iceberg would then retry on top of our own snapshot, and clean up files that the
 * table points at. So after any failure the table is read: if our snapshot is in it, the commit succeeded; if the table
 * cannot be read, the outcome is unknown and nothing is cleaned up; only if the table shows that it did not land does
 * the failure stand.
 */
final class VerifyingTableOperations implements TableOperations {
    private static final Logger LOG = LoggerFactory.getLogger(VerifyingTableOperations.class);

    private final TableOperations delegate;
    private final StorageCounts counts;
    private final FileIO io;
    /** Where the metadata lies that was read last; null before. */
    private @Nullable String seen;

    VerifyingTableOperations(TableOperations delegate, StorageCounts counts) {
        this.delegate = delegate;
        this.counts = counts;
        this.io = MeteredFileIO.of(delegate.io(), counts);
    }

    @Override
    public void commit(TableMetadata base, TableMetadata metadata) {
        // The catalog, here or at its server, writes the metadata with a file access of its own.
        counts.put();
        try {
            delegate.commit(base, metadata);
        } catch (RuntimeException failure) {
            TableMetadata now;
            try {
                now = refresh();
            } catch (RuntimeException unreadable) {
                failure.addSuppressed(unreadable);
                throw new CommitStateUnknownException(
                        "the commit failed and the table cannot be read to see whether it landed", failure);
            }
            Snapshot ours = metadata.currentSnapshot();
            boolean added = ours != null && (base == null || base.snapshot(ours.snapshotId()) == null);
            if (!added || now == null || now.snapshot(ours.snapshotId()) == null) {
                throw failure;
            }
            LOG.atWarn()
                    .addKeyValue("snapshot", ours.snapshotId())
                    .setCause(failure)
                    .log("a commit was reported as failed but is in the table");
        }
    }

    @Override
    public TableMetadata current() {
        return read(delegate.current());
    }

    @Override
    public TableMetadata refresh() {
        return read(delegate.refresh());
    }

    /** Notes that new metadata was read; of a table that is not there yet there is none. */
    private TableMetadata read(TableMetadata metadata) {
        String location = metadata == null ? null : metadata.metadataFileLocation();
        if (location != null && !location.equals(seen)) {
            seen = location;
            counts.get();
        }
        return metadata;
    }

    @Override
    public FileIO io() {
        return io;
    }

    @Override
    public EncryptionManager encryption() {
        return delegate.encryption();
    }

    @Override
    public String metadataFileLocation(String fileName) {
        return delegate.metadataFileLocation(fileName);
    }

    @Override
    public LocationProvider locationProvider() {
        return delegate.locationProvider();
    }

    @Override
    public TableOperations temp(TableMetadata uncommittedMetadata) {
        // A transaction writes its manifests through these.
        return new VerifyingTableOperations(delegate.temp(uncommittedMetadata), counts);
    }

    @Override
    public long newSnapshotId() {
        return delegate.newSnapshotId();
    }

    @Override
    public boolean requireStrictCleanup() {
        return true;
    }
}
