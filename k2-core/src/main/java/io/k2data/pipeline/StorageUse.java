package io.k2data.pipeline;

/**
 * What a store asked the table's file storage for since it was opened: what a storage provider bills.
 *
 * @param puts files it began to write: data files, manifests, manifest lists, table metadata
 * @param gets files it opened to read
 * @param deletes files it deleted; what a catalog deletes by itself is not seen
 * @param dataFiles data files of its commits
 * @param writtenBytes their size
 * @param tableBytes the size of all data files of the table, as of this store's last commit; 0 before it
 */
public record StorageUse(long puts, long gets, long deletes, long dataFiles, long writtenBytes, long tableBytes) {
    /** Nothing. */
    public static final StorageUse NONE = new StorageUse(0, 0, 0, 0, 0, 0);
}
