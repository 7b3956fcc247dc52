package io.k2data.api;

import org.jspecify.annotations.Nullable;

/**
 * The root of what K2 throws when something outside the program's logic went wrong. The three direct subclasses answer
 * the one question a caller has: {@link Retry} (the same call may succeed later), {@link Stop} (it will not until
 * somebody acts), {@link Unknown} (it may have happened; find out before repeating it).
 */
public abstract sealed class K2Exception extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private K2Exception(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** The same call may succeed later. */
    public static non-sealed class Retry extends K2Exception {
        private static final long serialVersionUID = 1L;

        /**
         * Makes one.
         *
         * @param message what happened, to what, and what K2 does about it
         * @param cause the cause, if there is one
         */
        public Retry(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    /** The call cannot succeed until somebody acts; the message says on what. */
    public static non-sealed class Stop extends K2Exception {
        private static final long serialVersionUID = 1L;

        /**
         * Makes one.
         *
         * @param message what happened, to what, and what there is to do
         * @param cause the cause, if there is one
         */
        public Stop(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    /** The call may or may not have taken effect. */
    public static non-sealed class Unknown extends K2Exception {
        private static final long serialVersionUID = 1L;

        /**
         * Makes one.
         *
         * @param message what is not known
         * @param cause the cause, if there is one
         */
        public Unknown(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }
}
