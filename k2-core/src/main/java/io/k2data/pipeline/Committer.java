package io.k2data.pipeline;

import io.k2data.api.FencedException;
import io.k2data.api.K2Exception;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Commits sealed generations in order, on a thread of its own. What can be tried again is tried again a few times; when
 * that does not help, or when another writer was first, it stands still and the ingest thread is told: it withdraws what
 * waits, and hands in again what still can be committed, or reads the table and begins again from there. Nothing is lost
 * by that, since Kafka still has the records.
 */
final class Committer {
    private static final Logger LOG = LoggerFactory.getLogger(Committer.class);
    private static final int ATTEMPTS = 6;
    private static final long FIRST_BACKOFF_MILLIS = 100;

    private final Commit commit;
    private final Consumer<RuntimeException> onTrouble;
    private final int bound;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<EventStore.Generation> waiting = new ArrayDeque<>();
    private EventStore.@Nullable Generation committed;
    private @Nullable RuntimeException failure;
    private boolean busy;
    private boolean closing;

    /** Does one attempt; called on the committer thread. */
    @FunctionalInterface
    interface Commit {
        void commit(EventStore.Generation generation);
    }

    Committer(String name, int bound, Commit commit, Consumer<RuntimeException> onTrouble) {
        this.commit = commit;
        this.onTrouble = onTrouble;
        this.bound = bound;
        this.thread = new Thread(this::run, name);
        this.thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /**
     * Waits for room and hands a generation over; throws what made the committer give up, if it did. The generation is among
     * those to be withdrawn then.
     */
    void submit(EventStore.Generation generation) {
        lock.lock();
        try {
            while (failure == null && !closing && waiting.size() >= bound) {
                changed.awaitUninterruptibly();
            }
            if (closing) {
                throw new K2Exception.Retry("closed while a generation waited for its commit", null);
            }
            waiting.add(generation);
            changed.signalAll();
            throwFailure();
        } finally {
            lock.unlock();
        }
    }

    /** Hands generations in again that were withdrawn, all of them, in their order; does not wait for room. */
    void resume(List<EventStore.Generation> generations) {
        lock.lock();
        try {
            waiting.addAll(generations);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Throws what made the committer give up, if it did. */
    void check() {
        lock.lock();
        try {
            throwFailure();
        } finally {
            lock.unlock();
        }
    }

    /** Whether all that was handed over is committed. */
    boolean isIdle() {
        lock.lock();
        try {
            return !busy && waiting.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    private void throwFailure() {
        if (failure != null) {
            throw failure;
        }
    }

    /**
     * Waits until everything handed over is committed; throws what made the committer give up, if it did.
     *
     * @return whether it was done in time
     */
    boolean drain(Duration timeout) {
        long left = timeout.toNanos();
        lock.lock();
        try {
            while (failure == null && (busy || !waiting.isEmpty())) {
                if (left <= 0) {
                    return false;
                }
                left = changed.awaitNanos(left);
            }
            throwFailure();
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes everything back that is not committed, after the attempt under way has ended, and makes ready to begin again.
     * Nothing is under way when it returns.
     */
    List<EventStore.Generation> withdraw() {
        lock.lock();
        try {
            List<EventStore.Generation> withdrawn = new ArrayList<>(waiting);
            waiting.clear();
            changed.signalAll();
            while (busy) {
                changed.awaitUninterruptibly();
            }
            withdrawn.remove(committed);
            failure = null;
            return withdrawn;
        } finally {
            lock.unlock();
        }
    }

    /** Ends the thread after the attempt under way. */
    void close(Duration timeout) {
        lock.lock();
        try {
            closing = true;
            waiting.clear();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        try {
            thread.join(Math.max(1, timeout.toMillis()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        while (true) {
            EventStore.Generation next;
            lock.lock();
            try {
                while (!closing && (waiting.isEmpty() || failure != null)) {
                    changed.awaitUninterruptibly();
                }
                if (closing) {
                    return;
                }
                next = waiting.element();
                busy = true;
            } finally {
                lock.unlock();
            }
            RuntimeException gaveUp = null;
            try {
                attempts(next);
            } catch (RuntimeException e) {
                gaveUp = e;
            } catch (LinkageError | OutOfMemoryError e) {
                // As on the ingest thread: it reads the table again, and goes on when there is room.
                gaveUp = new K2Exception.Retry("a commit failed: " + e, e);
            }
            lock.lock();
            try {
                busy = false;
                if (gaveUp != null) {
                    failure = gaveUp;
                } else {
                    committed = next;
                    waiting.poll();
                }
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void attempts(EventStore.Generation generation) {
        long backoff = FIRST_BACKOFF_MILLIS;
        for (int attempt = 1; ; attempt++) {
            try {
                commit.commit(generation);
                return;
            } catch (FencedException | K2Exception.Stop e) {
                throw e;
            } catch (K2Exception e) {
                onTrouble.accept(e);
                if (attempt == ATTEMPTS || !pause(backoff)) {
                    throw e;
                }
                LOG.atWarn()
                        .addKeyValue("attempt", attempt)
                        .setCause(e)
                        .log("a commit did not go through; trying again");
                backoff *= 2;
            }
        }
    }

    /** Waits, unless the generation is no longer wanted. */
    private boolean pause(long millis) {
        long left = TimeUnit.MILLISECONDS.toNanos(millis);
        lock.lock();
        try {
            while (left > 0 && !closing && !waiting.isEmpty()) {
                left = changed.awaitNanos(left);
            }
            return !closing && !waiting.isEmpty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }
}
