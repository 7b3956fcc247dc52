package io.k2data.examples;

/** A part of {@link Demo}, which needs no other part: it has a topic and a warehouse of its own. */
interface DemoSection {
    /** What {@code --section} takes: one word, lower case. */
    String name();

    /** What it tells, in a few words. */
    String title();

    /** Tells it. Every claim it prints is one of the stage's checks. */
    void run(DemoStage stage) throws Exception;
}
