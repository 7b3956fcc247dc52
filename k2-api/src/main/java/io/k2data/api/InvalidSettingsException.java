package io.k2data.api;

import java.util.List;

/** Settings were refused. It lists every problem at once, each with key, value and what was expected. */
public final class InvalidSettingsException extends K2Exception.Stop {
    private static final long serialVersionUID = 1L;

    private final transient List<String> problems;

    /**
     * Makes one.
     *
     * @param problems every problem found, at least one
     */
    public InvalidSettingsException(List<String> problems) {
        super("invalid settings:\n  - " + String.join("\n  - ", problems), null);
        this.problems = List.copyOf(problems);
    }

    /**
     * Returns the problems, one sentence each.
     *
     * @return the problems, not empty
     */
    public List<String> problems() {
        return problems;
    }
}
