package io.k2data.api;

/** What all factories of service interfaces have in common: a name that settings can choose them by. */
public interface SpiFactory {
    /**
     * Returns the name that settings use, lower case with hyphens, for example {@code in-memory}.
     *
     * @return the name, always the same
     */
    String name();
}
