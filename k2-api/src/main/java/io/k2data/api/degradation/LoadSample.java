package io.k2data.api.degradation;

/**
 * What a policy is told of the load: figures of one moment. The owner clears and fills one object again and again, so
 * that a decision allocates nothing; whoever receives it reads it and keeps no reference. What was not set since
 * {@link #clear} is 0 or no. Not thread-safe.
 */
public final class LoadSample {
    private long lagRecords;
    private double lagSeconds;
    private double heapShare;
    private double duckDbShare;
    private double inFlightShare;
    private long queueingDelayNanos;
    private long commitLatencyNanos;
    private boolean catchingUp;
    private boolean inFlightDrained;

    /** Makes a sample of no load. */
    public LoadSample() {}

    /**
     * Sets everything back to 0 or no.
     *
     * @return this
     */
    public LoadSample clear() {
        lagRecords = 0;
        lagSeconds = 0;
        heapShare = 0;
        duckDbShare = 0;
        inFlightShare = 0;
        queueingDelayNanos = 0;
        commitLatencyNanos = 0;
        catchingUp = false;
        inFlightDrained = false;
        return this;
    }

    /**
     * Sets the lag where no rate was measured yet: {@link #lagSeconds} becomes 0, and a policy that goes by time has
     * nothing to go by.
     *
     * @param records how many records the log holds that were not read yet, 0 or more
     * @return this
     */
    public LoadSample lag(long records) {
        requireNotNegative("lag", records);
        lagRecords = records;
        lagSeconds = 0;
        return this;
    }

    /**
     * Sets the lag and, from the rate, how long it would take to drain if nothing came.
     *
     * @param records how many records the log holds that were not read yet, 0 or more
     * @param drainRecordsPerSecond how many the pipeline was measured to take a second while it had work, 0 or more; at
     *     0 a lag takes for ever
     * @return this
     */
    public LoadSample lag(long records, double drainRecordsPerSecond) {
        requireNotNegative("lag", records);
        if (!(drainRecordsPerSecond >= 0)) {
            throw new IllegalArgumentException(
                    "drain rate must be 0 or more records per second, got " + drainRecordsPerSecond);
        }
        lagRecords = records;
        lagSeconds = records == 0 ? 0 : records / drainRecordsPerSecond;
        return this;
    }

    /**
     * Sets what the heap held after its last collection.
     *
     * @param usedBytes the bytes that survived, 0 or more
     * @param maxBytes the most the heap can hold; 0 or less where there is no bound, which counts as none used
     * @return this
     */
    public LoadSample heapAfterCollection(long usedBytes, long maxBytes) {
        heapShare = share("heap", usedBytes, maxBytes);
        return this;
    }

    /**
     * Sets what DuckDB uses of its memory limit.
     *
     * @param usedBytes the bytes in use, 0 or more
     * @param limitBytes the limit; 0 or less where there is none, which counts as none used
     * @return this
     */
    public LoadSample duckDb(long usedBytes, long limitBytes) {
        duckDbShare = share("DuckDB's memory", usedBytes, limitBytes);
        return this;
    }

    /**
     * Sets how many bytes were read and are not yet committed.
     *
     * @param bytes the bytes, 0 or more
     * @param boundBytes their bound; 0 or less where there is none, which counts as none used
     * @return this
     */
    public LoadSample inFlight(long bytes, long boundBytes) {
        inFlightShare = share("bytes in flight", bytes, boundBytes);
        return this;
    }

    /**
     * Sets how long a record now waits between being read and being taken in.
     *
     * @param nanos the wait, 0 or more
     * @return this
     */
    public LoadSample queueingDelayNanos(long nanos) {
        requireNotNegative("queueing delay", nanos);
        queueingDelayNanos = nanos;
        return this;
    }

    /**
     * Sets how long the last commit took, or how long the one under way has taken if that is longer.
     *
     * @param nanos the time, 0 or more
     * @return this
     */
    public LoadSample commitLatencyNanos(long nanos) {
        requireNotNegative("commit latency", nanos);
        commitLatencyNanos = nanos;
        return this;
    }

    /**
     * Says that the ingest is behind because it began behind, after a start or an outage, rather than because it is too
     * slow. Whoever fills the sample says so until the ingest has been level with the log once; a policy disregards lag
     * meanwhile, until lag first falls below the line at which {@link DegradationLevel#SOFT} recovers.
     *
     * @return this
     */
    public LoadSample markCatchingUp() {
        catchingUp = true;
        return this;
    }

    /**
     * Says that nothing is in flight: all that was read has been committed.
     *
     * @return this
     */
    public LoadSample markInFlightDrained() {
        inFlightDrained = true;
        return this;
    }

    /**
     * Returns the lag.
     *
     * @return records, 0 or more
     */
    public long lagRecords() {
        return lagRecords;
    }

    /**
     * Returns how long the lag would take to drain at the measured rate if nothing came.
     *
     * @return seconds, 0 or more, infinite where nothing drains
     */
    public double lagSeconds() {
        return lagSeconds;
    }

    /**
     * Returns the heap's share in use after its last collection.
     *
     * @return 0 or more; 1 is full
     */
    public double heapShare() {
        return heapShare;
    }

    /**
     * Returns the share of DuckDB's memory limit in use.
     *
     * @return 0 or more; 1 is full
     */
    public double duckDbShare() {
        return duckDbShare;
    }

    /**
     * Returns the share of the bound on bytes in flight that is taken.
     *
     * @return 0 or more; 1 is full
     */
    public double inFlightShare() {
        return inFlightShare;
    }

    /**
     * Returns the memory that is shortest: the highest of the three shares.
     *
     * @return 0 or more; 1 is full
     */
    public double memoryShare() {
        return Math.max(heapShare, Math.max(duckDbShare, inFlightShare));
    }

    /**
     * Returns how long a record waits between being read and being taken in.
     *
     * @return nanoseconds, 0 or more
     */
    public long queueingDelayNanos() {
        return queueingDelayNanos;
    }

    /**
     * Returns how long a commit takes.
     *
     * @return nanoseconds, 0 or more
     */
    public long commitLatencyNanos() {
        return commitLatencyNanos;
    }

    /**
     * Tells whether the ingest is behind because it began behind; see {@link #markCatchingUp}.
     *
     * @return whether it is catching up
     */
    public boolean catchingUp() {
        return catchingUp;
    }

    /**
     * Tells whether all that was read has been committed.
     *
     * @return whether nothing is in flight
     */
    public boolean inFlightDrained() {
        return inFlightDrained;
    }

    private static double share(String what, long used, long limit) {
        requireNotNegative(what, used);
        return limit <= 0 ? 0 : (double) used / limit;
    }

    private static void requireNotNegative(String what, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(what + " must be 0 or more, got " + value);
        }
    }
}
