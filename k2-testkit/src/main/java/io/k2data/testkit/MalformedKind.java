package io.k2data.testkit;

/** The ways in which {@link FeedSimulator} spoils a copy of a good record. The key stays right. */
public enum MalformedKind {
    /** The JSON text ends early, after at least one byte. */
    TRUNCATED,
    /** A required field holds a value of another type, or text that is no number or time. */
    WRONG_TYPE,
    /** A required field is absent or null. */
    MISSING_FIELD,
    /** The price has 40 digits, before or after the point. */
    TOO_MANY_DIGITS,
    /** The value has no bytes. */
    EMPTY_VALUE
}
