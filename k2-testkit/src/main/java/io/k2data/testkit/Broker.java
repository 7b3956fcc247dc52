package io.k2data.testkit;

/** A node that {@link EmbeddedKafka} drives; calls are not concurrent. */
sealed interface Broker permits InProcessBroker, ChildProcessBroker {
    /**
     * Starts the node and returns when it takes requests.
     *
     * @return whether its directory was in use before
     */
    boolean start();

    /** Ends the node at once, as kill -9 does. */
    void kill();

    /** Ends the node in order and releases what it holds; does nothing if that was done. */
    void close();

    boolean running();

    String bootstrapServers();
}
