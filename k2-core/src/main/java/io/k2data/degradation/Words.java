package io.k2data.degradation;

import io.k2data.api.degradation.LoadSample;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Puts figures into words for the causes of changes. Values are cut, not rounded, so that none reads as its line. */
final class Words {
    private final List<String> parts = new ArrayList<>();

    Words records(String what, long value, String relation, double line) {
        parts.add(String.format(Locale.ROOT, "%s %,d %s %,d", what, value, relation, (long) Math.ceil(line)));
        return this;
    }

    Words memory(LoadSample sample, String relation, double line) {
        double share = sample.memoryShare();
        String which =
                share == sample.heapShare() ? "heap" : share == sample.duckDbShare() ? "DuckDB" : "bytes in flight";
        parts.add("memory " + tenths(share * 100) + " % (" + which + ") " + relation + " " + tenths(line * 100) + " %");
        return this;
    }

    Words seconds(String what, double value, String relation, double line) {
        parts.add(what + " " + tenths(value) + " s " + relation + " " + tenths(line) + " s");
        return this;
    }

    /** Returns the parts as in "a, b and c". */
    String text() {
        int last = parts.size() - 1;
        return last < 1
                ? String.join("", parts)
                : String.join(", ", parts.subList(0, last)) + " and " + parts.get(last);
    }

    /** One decimal, none if it is 0. The addend undoes what binary fractions take from 28.999999999999996. */
    private static String tenths(double value) {
        double cut = Math.floor(value * 10 + 1e-6) / 10;
        return cut == Math.rint(cut)
                ? String.format(Locale.ROOT, "%,d", (long) cut)
                : String.format(Locale.ROOT, "%,.1f", cut);
    }
}
