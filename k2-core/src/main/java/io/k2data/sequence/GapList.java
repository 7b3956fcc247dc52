package io.k2data.sequence;

import io.k2data.api.sequence.StreamLedger.Range;
import java.util.ArrayList;
import java.util.List;

/**
 * Ranges of missing numbers, disjoint and in rising order, in two arrays: 16 bytes each where a tree takes some 90.
 * Gaps open at the top and close or are abandoned at the bottom, both in O(1) amortised; the rare one in the middle
 * moves those above it.
 */
final class GapList {
    private static final long[] EMPTY = {};

    private long[] from = EMPTY;
    private long[] to = EMPTY;
    /** Gaps are in [start, end). */
    private int start;

    private int end;

    int size() {
        return end - start;
    }

    List<Range> ranges() {
        List<Range> ranges = new ArrayList<>(size());
        for (int i = start; i < end; i++) {
            ranges.add(new Range(from[i], to[i]));
        }
        return ranges;
    }

    void clear() {
        from = EMPTY;
        to = EMPTY;
        start = 0;
        end = 0;
    }

    void addHighest(long first, long last) {
        insert(size(), first, last);
    }

    void addLowest(long first, long last) {
        insert(0, first, last);
    }

    Range removeLowest() {
        Range lowest = new Range(from[start], to[start]);
        start++;
        return lowest;
    }

    /** Takes a number out of the gap it is in; false if it is in none. */
    boolean fill(long number) {
        int low = start;
        int high = end - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (to[middle] < number) {
                low = middle + 1;
            } else if (from[middle] > number) {
                high = middle - 1;
            } else {
                take(middle, number);
                return true;
            }
        }
        return false;
    }

    private void take(int gap, long number) {
        long last = to[gap];
        if (from[gap] == last) {
            remove(gap);
        } else if (from[gap] == number) {
            from[gap]++;
        } else {
            to[gap] = number - 1;
            if (number < last) {
                insert(gap + 1 - start, number + 1, last);
            }
        }
    }

    private void remove(int gap) {
        if (gap == start) {
            start++;
        } else {
            end--;
            System.arraycopy(from, gap + 1, from, gap, end - gap);
            System.arraycopy(to, gap + 1, to, gap, end - gap);
        }
    }

    private void insert(int rank, long first, long last) {
        if (rank == 0 && start > 0) {
            start--;
        } else {
            if (end == from.length) {
                makeRoom();
            }
            int at = start + rank;
            System.arraycopy(from, at, from, at + 1, end - at);
            System.arraycopy(to, at, to, at + 1, end - at);
            end++;
        }
        from[start + rank] = first;
        to[start + rank] = last;
    }

    private void makeRoom() {
        int size = size();
        // Half of the array free at the bottom: moving down is paid for by the removals that freed it.
        int capacity = start > from.length / 2 ? from.length : Math.max(4, 2 * from.length);
        long[] newFrom = capacity == from.length ? from : new long[capacity];
        long[] newTo = capacity == from.length ? to : new long[capacity];
        System.arraycopy(from, start, newFrom, 0, size);
        System.arraycopy(to, start, newTo, 0, size);
        from = newFrom;
        to = newTo;
        start = 0;
        end = size;
    }
}
