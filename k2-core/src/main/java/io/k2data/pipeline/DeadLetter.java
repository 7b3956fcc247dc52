package io.k2data.pipeline;

/**
 * A record that a table could not take, as it stands among the dead letters.
 *
 * @param record the record as it was: its own position, key, value, headers and timestamp
 * @param table the table that could not take it
 * @param reason the kind of rejection, a {@link Rejection.Reason#code}
 * @param error what was wrong with it, in words
 * @param copies how many times it stands there, 1 or more: a dead letter is sent at least once, and again whenever its
 *     record had to be read again
 */
public record DeadLetter(LogRecord record, String table, String reason, String error, int copies) {}
