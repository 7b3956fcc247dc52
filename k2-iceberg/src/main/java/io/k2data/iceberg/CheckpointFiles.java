package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.iceberg.FileCache.RemoteFile;
import io.k2data.pipeline.StoredRows.StateKind;
import io.k2data.pipeline.StoredRows.StateSnapshot;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;
import java.util.zip.ZipException;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.BlobMetadata;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DataOperations;
import org.apache.iceberg.GenericBlobMetadata;
import org.apache.iceberg.GenericStatisticsFile;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.SnapshotChanges;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.StatisticsFile;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.exceptions.NotFoundException;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.puffin.Blob;
import org.apache.iceberg.puffin.Puffin;
import org.apache.iceberg.puffin.PuffinCompressionCodec;
import org.apache.iceberg.puffin.PuffinReader;
import org.apache.iceberg.puffin.PuffinWriter;
import org.apache.iceberg.types.Conversions;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.Pair;
import org.apache.iceberg.util.SnapshotUtil;
import org.jspecify.annotations.Nullable;

/**
 * Checkpoints as Puffin files, one per commit that has any, registered as its snapshot's statistics: so they lie where the
 * table's own files do, no orphan removal takes them, and they go when their snapshot expires. Each holds one blob per
 * partition and kind.
 */
final class CheckpointFiles {
    private static final String BLOB_TYPES = "k2-checkpoint-v";
    private static final String BLOB_TYPE = BLOB_TYPES + "2";
    private static final String PARTITION = "k2.partition";
    private static final String KIND = "k2.kind";

    private CheckpointFiles() {}

    /**
     * A file that was written and is not registered yet.
     *
     * @param path where it is
     * @param bytes its size
     * @param footerBytes the size of its footer
     * @param kinds what it holds
     */
    record Written(String path, long bytes, long footerBytes, Map<LogPartition, Set<StateKind>> kinds) {
        /** The same as the statistics of a snapshot. */
        StatisticsFile of(Snapshot snapshot) {
            // One entry stands for all blobs: the table's metadata is written anew with every commit, and what a blob
            // is
            // of stands in the file.
            BlobMetadata blob = new GenericBlobMetadata(
                    BLOB_TYPE, snapshot.snapshotId(), snapshot.sequenceNumber(), List.of(), Map.of());
            return new GenericStatisticsFile(snapshot.snapshotId(), path, bytes, footerBytes, List.of(blob));
        }
    }

    static String word(StateKind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    private static Map<String, String> properties(LogPartition partition, StateKind kind) {
        return Map.of(PARTITION, StoredState.key(partition), KIND, word(kind));
    }

    static Written write(OutputFile file, Collection<StateSnapshot> snapshots) {
        Map<LogPartition, Set<StateKind>> kinds = new TreeMap<>();
        // Puffin's own compression is written in Java, and cost a process that starts more to compile than to run.
        try (PuffinWriter writer = Puffin.write(file)
                .createdBy("K2")
                .compressBlobs(PuffinCompressionCodec.NONE)
                .build()) {
            for (StateSnapshot snapshot : snapshots) {
                // The file is the same for every attempt at its commit, and each attempt is another snapshot: -1 is
                // what the
                // format knows for "not known yet". What is registered with the snapshot names it.
                writer.write(new Blob(
                        BLOB_TYPE,
                        List.of(),
                        -1,
                        -1,
                        deflated(snapshot.content()),
                        null,
                        properties(snapshot.partition(), snapshot.kind())));
                kinds.computeIfAbsent(snapshot.partition(), key -> new HashSet<>())
                        .add(snapshot.kind());
            }
            writer.finish();
            return new Written(file.location(), writer.fileSize(), writer.footerSize(), kinds);
        } catch (IOException | RuntimeException e) {
            // A store's client throws exceptions of its own.
            throw new K2Exception.Retry("cannot write a checkpoint to " + file.location() + ": " + e, e);
        }
    }

    private static ByteBuffer deflated(byte[] content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(content.length / 2 + 64);
        Deflater deflater = new Deflater(Deflater.BEST_SPEED);
        try (DeflaterOutputStream out = new DeflaterOutputStream(bytes, deflater)) {
            out.write(content);
        } finally {
            deflater.end();
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    /**
     * Reads a blob.
     *
     * @return its content; empty if the file does not hold it
     * @throws NotFoundException if the file is gone
     * @throws ZipException if the blob is damaged
     * @throws IOException if it cannot be read
     */
    static Optional<byte[]> read(FileIO io, StatisticsFile file, LogPartition partition, StateKind kind)
            throws IOException {
        Map<String, String> wanted = properties(partition, kind);
        try (PuffinReader reader = Puffin.read(io.newInputFile(file.path(), file.fileSizeInBytes()))
                .withFileSize(file.fileSizeInBytes())
                .withFooterSize(file.fileFooterSizeInBytes())
                .build()) {
            List<org.apache.iceberg.puffin.BlobMetadata> found = reader.fileMetadata().blobs().stream()
                    .filter(blob ->
                            blob.type().equals(BLOB_TYPE) && blob.properties().equals(wanted))
                    .toList();
            for (Pair<org.apache.iceberg.puffin.BlobMetadata, ByteBuffer> blob : reader.readAll(found)) {
                byte[] deflated = new byte[blob.second().remaining()];
                blob.second().get(deflated);
                try (InputStream in = new InflaterInputStream(new ByteArrayInputStream(deflated))) {
                    return Optional.of(in.readAllBytes());
                } catch (EOFException e) {
                    throw new ZipException("its end is missing");
                }
            }
            return Optional.empty();
        }
    }

    /** The registered file of a snapshot, if K2 wrote it. */
    static Optional<StatisticsFile> registered(TableMetadata metadata, long snapshotId) {
        return metadata.statisticsFiles().stream()
                .filter(file -> file.snapshotId() == snapshotId && isOurs(file))
                .findFirst();
    }

    private static boolean isOurs(StatisticsFile file) {
        return file.blobMetadata().stream().anyMatch(blob -> blob.type().startsWith(BLOB_TYPES));
    }

    /**
     * The registered files that no partition's state names any more. They can never be named again: a state names its own
     * commit's, or keeps the name that it found.
     *
     * @param named the snapshots whose files the partitions' states name
     * @param graceMillis how long before the table's last change a file must have been registered
     */
    static List<StatisticsFile> superseded(TableMetadata metadata, Set<Long> named, long graceMillis) {
        return metadata.statisticsFiles().stream()
                .filter(file -> isOurs(file) && !named.contains(file.snapshotId()))
                .filter(file -> {
                    Snapshot snapshot = metadata.snapshot(file.snapshotId());
                    return snapshot == null || snapshot.timestampMillis() < metadata.lastUpdatedMillis() - graceMillis;
                })
                .toList();
    }

    /**
     * The files that hold what was appended after a snapshot and may be of a partition. Files that others rewrote hold the
     * same rows again and are none of them.
     *
     * @return the files; null if the snapshot is not among the current one's ancestors that are still known
     */
    static @Nullable List<RemoteFile> since(
            FileIO io, TableMetadata metadata, long snapshotId, LogPartition partition) {
        Snapshot current = metadata.currentSnapshot();
        if (current == null || metadata.snapshot(snapshotId) == null) {
            return null;
        }
        Table table = new BaseTable(new StaticTableOperations(metadata, io), metadata.location());
        Types.NestedField field = metadata.schema().findField("kafka_partition");
        List<RemoteFile> files = new ArrayList<>();
        try {
            for (Snapshot snapshot : SnapshotUtil.ancestorsOf(current.snapshotId(), metadata::snapshot)) {
                if (snapshot.snapshotId() == snapshotId) {
                    return files;
                }
                if (DataOperations.APPEND.equals(snapshot.operation())) {
                    for (DataFile file : SnapshotChanges.builderFor(table)
                            .snapshot(snapshot)
                            .build()
                            .addedDataFiles()) {
                        if (mayHold(file, field, partition.partition())) {
                            files.add(new RemoteFile(file.location(), file.fileSizeInBytes()));
                        }
                    }
                }
            }
        } catch (RuntimeException e) {
            throw new K2Exception.Retry("cannot tell what was committed after snapshot " + snapshotId + ": " + e, e);
        }
        return null;
    }

    /** Whether a snapshot is the current one or an ancestor of it that is still known. */
    static boolean isKnown(TableMetadata metadata, long snapshotId) {
        Snapshot current = metadata.currentSnapshot();
        if (current != null) {
            for (Snapshot snapshot : SnapshotUtil.ancestorsOf(current.snapshotId(), metadata::snapshot)) {
                if (snapshot.snapshotId() == snapshotId) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether a file's bounds leave room for a number in an integer column. */
    private static boolean mayHold(DataFile file, Types.NestedField field, int number) {
        Integer lower = bound(file.lowerBounds(), field);
        Integer upper = bound(file.upperBounds(), field);
        return (lower == null || lower <= number) && (upper == null || upper >= number);
    }

    private static @Nullable Integer bound(@Nullable Map<Integer, ByteBuffer> bounds, Types.NestedField field) {
        ByteBuffer found = bounds == null ? null : bounds.get(field.fieldId());
        return found == null ? null : Conversions.fromByteBuffer(field.type(), found);
    }
}
