package io.k2data.api.event;

import java.util.Objects;

/** What the built-in events check of their parts. */
final class Required {
    private Required() {}

    static void text(String value, String name) {
        Objects.requireNonNull(value, name + " is missing");
        if (value.isEmpty()) {
            throw new IllegalArgumentException(name + " must not be empty");
        }
    }
}
