package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.pipeline.PartitionState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.io.CloseableIterable;
import org.jspecify.annotations.Nullable;

/**
 * What a table says of itself, without an ingest: for operators and their tools.
 *
 * @param name the table's name, with its namespace
 * @param location where it lives
 * @param snapshotId its current snapshot; null if nothing was committed yet
 * @param committedAt when that was committed; null if nothing was
 * @param snapshots how many snapshots it keeps
 * @param rows how many rows its data files hold
 * @param bytes their size
 * @param files where its data files are
 * @param deleteFiles how many delete files apply to them
 * @param partitions by partition of the log, what the table holds of it
 */
public record TableStatus(
        String name,
        String location,
        @Nullable Long snapshotId,
        @Nullable Instant committedAt,
        int snapshots,
        long rows,
        long bytes,
        List<String> files,
        int deleteFiles,
        Map<LogPartition, PartitionStatus> partitions) {
    /**
     * What a table holds of a partition.
     *
     * @param state start and next offset, and what became of the records between
     * @param commitId the commit that wrote it
     * @param committedAt when that was; null if its snapshot has expired
     */
    public record PartitionStatus(
            PartitionState state, String commitId, @Nullable Instant committedAt) {}

    /** Copies the collections. */
    public TableStatus {
        files = List.copyOf(files);
        partitions = Map.copyOf(partitions);
    }

    /**
     * Reads a table. Blocks for the catalog and for the manifests of the current snapshot.
     *
     * @param catalog the catalog; stays the caller's
     * @param table the table's name, without the namespace
     * @return what it says
     * @throws K2Exception.Stop if there is no such table, or one that K2 cannot read
     * @throws K2Exception.Retry if it cannot be read just now
     */
    public static TableStatus read(Catalog catalog, String table) {
        TableIdentifier identifier = TableIdentifier.of(Namespace.of("k2"), table);
        try {
            Table loaded = catalog.loadTable(identifier);
            if (!(loaded instanceof HasTableOperations holder)) {
                throw new K2Exception.Stop("the catalog gives no table operations for " + identifier, null);
            }
            return read(identifier.toString(), loaded, holder.operations().current());
        } catch (NoSuchTableException e) {
            throw new K2Exception.Stop("there is no table " + identifier + " in this catalog", e);
        } catch (K2Exception e) {
            throw e;
        } catch (RuntimeException e) {
            throw new K2Exception.Retry("cannot read table " + identifier + ": " + e, e);
        }
    }

    private static TableStatus read(String name, Table table, TableMetadata metadata) {
        List<String> files = new ArrayList<>();
        long rows = 0;
        long bytes = 0;
        int deletes = 0;
        Snapshot current = metadata.currentSnapshot();
        if (current != null) {
            try (CloseableIterable<FileScanTask> tasks =
                    table.newScan().useSnapshot(current.snapshotId()).planFiles()) {
                for (FileScanTask task : tasks) {
                    files.add(task.file().location());
                    rows += task.file().recordCount();
                    bytes += task.file().fileSizeInBytes();
                    deletes += task.deletes().size();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        Map<LogPartition, PartitionStatus> partitions = new TreeMap<>();
        StoredState.readAll(name, metadata.properties()).forEach((partition, stored) -> {
            Snapshot written = metadata.snapshot(stored.snapshotId());
            partitions.put(
                    partition,
                    new PartitionStatus(stored.state(), stored.commitId(), written == null ? null : at(written)));
        });
        return new TableStatus(
                name,
                metadata.location(),
                current == null ? null : current.snapshotId(),
                current == null ? null : at(current),
                metadata.snapshots().size(),
                rows,
                bytes,
                files,
                deletes,
                partitions);
    }

    private static Instant at(Snapshot snapshot) {
        return Instant.ofEpochMilli(snapshot.timestampMillis());
    }
}
