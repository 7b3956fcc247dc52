package io.k2data.api;

/** What all factories of service interfaces have in common: a name that settings can choose them by. */
public interface SpiFactory {
    /**
     * Returns the name that settings use, lower case with hyphens, for example {@code in-memory}.
     *
     * @return the name, always the same
     */
    String name();

    /**
     * Tells whether this implementation is used only where its name is given. One that comes along with K2 beside its
     * default says yes, so that its mere presence never replaces the default.
     *
     * @return no, unless overridden: found alone, it is taken
     */
    default boolean onlyByName() {
        return false;
    }
}
