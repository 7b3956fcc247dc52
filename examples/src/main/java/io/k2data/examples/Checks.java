package io.k2data.examples;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** What an example claims, each claim checked as it is printed. */
final class Checks {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final List<String> wrong = new ArrayList<>();

    /** Prints a claim, and whether it holds. */
    void that(boolean holds, String claim) {
        if (!holds) {
            wrong.add(claim);
        }
        System.out.println((holds ? "  ok     " : "  WRONG  ") + claim);
    }

    /** Waits until something is so, and notes it as wrong if it never is; prints nothing otherwise. */
    void await(BooleanSupplier condition, String what) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                that(false, what);
                return;
            }
            Thread.sleep(10);
        }
    }

    /** Prints the result; the exit code to end with. */
    int result() {
        wrong.forEach(claim -> System.out.println("WRONG: " + claim));
        System.out.println(wrong.isEmpty() ? "all checks hold" : wrong.size() + " checks failed");
        return wrong.isEmpty() ? 0 : 1;
    }
}
