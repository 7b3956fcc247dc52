package io.k2data.api.sequence;

import io.k2data.api.PartitionContext;
import io.k2data.api.SpiFactory;
import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/** Opens a {@link SequenceTracker} for each partition. Safe to share between threads. */
public interface SequenceTrackerFactory extends SpiFactory {
    /**
     * Opens an instance.
     *
     * @param context the partition and the role
     * @param snapshot what an instance of the same kind wrote, or null to begin empty; not closed
     * @return the instance, owned by the caller
     * @throws IOException if the snapshot cannot be read, or is of a newer version (the message says so)
     */
    SequenceTracker open(PartitionContext context, @Nullable InputStream snapshot) throws IOException;
}
