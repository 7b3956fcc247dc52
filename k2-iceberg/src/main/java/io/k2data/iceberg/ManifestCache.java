package io.k2data.iceberg;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.ManifestFiles;
import org.apache.iceberg.ManifestReader;
import org.apache.iceberg.Table;

/**
 * The data files that manifests list. A manifest never changes, so each is read once, and a commit costs only the manifests
 * it wrote; the one used longest ago goes first when there are too many files. Safe for any thread.
 */
final class ManifestCache {
    /** Each takes about two kilobytes: its place, and bounds of eight columns. */
    private static final int MOST_FILES = 50_000;

    private final int mostFiles;
    private final ReentrantLock lock = new ReentrantLock();

    /** By location, the one used longest ago first. Guarded by the lock. */
    private final Map<String, List<DataFile>> manifests = new LinkedHashMap<>(16, 0.75f, true);

    private int files;

    ManifestCache() {
        this(MOST_FILES);
    }

    ManifestCache(int mostFiles) {
        this.mostFiles = mostFiles;
    }

    /**
     * The files that a manifest lists as being there.
     *
     * @param bounded ids of the columns whose bounds are kept
     */
    List<DataFile> files(Table table, ManifestFile manifest, Set<Integer> bounded) throws IOException {
        lock.lock();
        try {
            List<DataFile> known = manifests.get(manifest.path());
            if (known != null) {
                return known;
            }
        } finally {
            lock.unlock();
        }
        List<DataFile> read = new ArrayList<>();
        try (ManifestReader<DataFile> reader = ManifestFiles.read(manifest, table.io(), table.specs())) {
            for (DataFile file : reader) {
                read.add(file.copyWithStats(bounded));
            }
        }
        lock.lock();
        try {
            if (manifests.put(manifest.path(), read) == null) {
                files += read.size();
            }
            Iterator<List<DataFile>> oldest = manifests.values().iterator();
            while (files > mostFiles && oldest.hasNext()) {
                files -= oldest.next().size();
                oldest.remove();
            }
        } finally {
            lock.unlock();
        }
        return read;
    }

    /** How many files are known. */
    int size() {
        lock.lock();
        try {
            return files;
        } finally {
            lock.unlock();
        }
    }
}
