package io.k2data.api.dedup;

import io.k2data.api.PartitionContext;
import io.k2data.api.SpiFactory;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Opens a {@link Deduplicator} for each partition. Safe to share between threads. */
public interface DeduplicatorFactory extends SpiFactory {
    /**
     * Returns the window that instances of this factory judge by. K2 confirms suspects by it, and rebuilds state from
     * this much of the table and as much again before it.
     *
     * @return the window, more than zero
     */
    Duration window();

    /**
     * Opens an instance.
     *
     * @param context the partition and the role
     * @param snapshot what an instance of the same kind wrote, or null to begin empty; not closed
     * @return the instance, owned by the caller
     * @throws IOException if the snapshot cannot be read, or is of a newer version (the message says so)
     */
    Deduplicator open(PartitionContext context, @Nullable InputStream snapshot) throws IOException;
}
