package io.k2data.iceberg;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What those who use a view have open and running on its connection, which is to serve other views after it. Any thread.
 */
final class ViewUse {
    private final AtomicInteger running = new AtomicInteger();
    private final Map<AutoCloseable, Boolean> open = new ConcurrentHashMap<>();
    private volatile @Nullable String ended;
    private volatile boolean changed;
    /** The connection was left as it was found: nobody may touch it from here any more. */
    private volatile boolean letGo;

    /** Begins a call; false if the connection is not ours any more. Else {@link #leave} must follow. */
    boolean enter() {
        // Counted before it is asked, as the end is said before it is counted: one of the two sees the other.
        running.incrementAndGet();
        if (letGo) {
            running.decrementAndGet();
            return false;
        }
        return true;
    }

    void leave() {
        running.decrementAndGet();
    }

    void opened(AutoCloseable resource) {
        open.put(resource, true);
    }

    void closed(Object resource) {
        open.remove(resource);
    }

    /** Notes that the connection is not as it was found. */
    void changed() {
        changed = true;
    }

    /** Why nothing can be asked any more; null while it can. */
    @Nullable
    String ended() {
        return ended;
    }

    /** Ends it. */
    void end(String why) {
        ended = why;
    }

    /**
     * After the end: closes what was left open, and lets nobody in any more.
     *
     * @return false if the connection has to be closed: calls are running, or it is not as it was found
     */
    boolean letGo() {
        if (changed) {
            return false;
        }
        letGo = true;
        if (running.get() > 0) {
            letGo = false;
            return false;
        }
        try {
            for (AutoCloseable each : open.keySet()) {
                each.close();
            }
        } catch (Exception e) {
            // Then it is not as it was found, and is closed itself.
            return false;
        }
        open.clear();
        return true;
    }
}
