package io.k2data.kafka;

import io.k2data.api.K2Exception;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnsupportedForMessageFormatException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.jspecify.annotations.Nullable;

/**
 * Makes K2's exceptions of Kafka's: what needs somebody to act stops, all else may be tried again. The cause is kept
 * unless it repeats a secret out of the settings.
 */
final class Failures {
    private static final List<Class<? extends Exception>> STOP = List.of(
            AuthenticationException.class,
            AuthorizationException.class,
            ConfigException.class,
            InvalidConfigurationException.class,
            InvalidReplicationFactorException.class,
            InvalidTopicException.class,
            PolicyViolationException.class,
            RecordTooLargeException.class,
            UnsupportedForMessageFormatException.class,
            UnsupportedVersionException.class);

    private final ClientSettings settings;

    Failures(ClientSettings settings) {
        this.settings = settings;
    }

    /**
     * Translates.
     *
     * @param what what could not be done, to what
     * @param error why
     * @return what to throw
     */
    K2Exception of(String what, Throwable error) {
        return of(what, error, "");
    }

    /**
     * Translates.
     *
     * @param what what could not be done, to what
     * @param error why
     * @param advice what there is to do, for errors that do not pass by themselves
     * @return what to throw
     */
    K2Exception of(String what, Throwable error, String advice) {
        Throwable cause = unwrap(error);
        if (cause instanceof K2Exception known) {
            return known;
        }
        if (cause instanceof InterruptedException || cause instanceof InterruptException) {
            Thread.currentThread().interrupt();
            return new K2Exception.Retry(what + ": interrupted", cause);
        }
        Throwable telling = telling(cause);
        boolean stop = STOP.stream().anyMatch(type -> type.isInstance(telling));
        String message = what + " (Kafka at " + settings.bootstrapServers() + "): " + describe(telling)
                + (stop && !advice.isEmpty() ? ". " + advice : "");
        Throwable kept = settings.isRevealedBy(cause) ? null : cause;
        return stop ? new K2Exception.Stop(message, kept) : new K2Exception.Retry(message, kept);
    }

    /**
     * Translates what a client's constructor throws: that comes of its settings, so that time does not heal it.
     *
     * @param client which client
     * @param error why
     * @return what to throw
     */
    K2Exception.Stop ofConstruction(String client, Throwable error) {
        StringBuilder causes = new StringBuilder();
        for (Throwable e = error; e != null; e = e.getCause()) {
            causes.append(causes.isEmpty() ? "" : "; ").append(describe(e));
        }
        return new K2Exception.Stop(
                "the Kafka " + client + " does not start with these settings (bootstrap.servers "
                        + settings.bootstrapServers() + "): " + causes,
                settings.isRevealedBy(error) ? null : error);
    }

    private String describe(Throwable error) {
        String name = error.getClass().getSimpleName();
        String message = error.getMessage();
        return message == null || settings.isRevealedBy(error) ? name : name + ": " + message;
    }

    /** The outermost error that has to stop us, else the outermost of all: Kafka wraps what constructors throw. */
    private static Throwable telling(Throwable error) {
        for (Throwable e = error; e != null; e = e.getCause()) {
            Throwable candidate = e;
            if (STOP.stream().anyMatch(type -> type.isInstance(candidate))) {
                return e;
            }
        }
        return error;
    }

    static Throwable unwrap(Throwable error) {
        @Nullable Throwable cause = error.getCause();
        return (error instanceof ExecutionException || error instanceof CompletionException) && cause != null
                ? unwrap(cause)
                : error;
    }
}
