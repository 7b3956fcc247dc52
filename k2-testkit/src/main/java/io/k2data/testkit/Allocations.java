package io.k2data.testkit;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Tells how much memory a piece of work allocates, for what must allocate nothing. */
public final class Allocations {
    private Allocations() {}

    /**
     * Does work several times in the calling thread and returns the least that one time allocated: the first ones also
     * load classes and link calls.
     *
     * @param times how often, 2 or more
     * @param work the work; what it starts in other threads does not count
     * @return bytes on the heap, 0 or more
     */
    public static long leastBytes(int times, Runnable work) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < times; i++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            work.run();
            least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
        }
        return least;
    }
}
