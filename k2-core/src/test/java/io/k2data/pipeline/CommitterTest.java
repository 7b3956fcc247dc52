package io.k2data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.FencedException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CommitterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final List<EventStore.Generation> committed = new CopyOnWriteArrayList<>();
    private volatile boolean fenced;
    private final Committer committer = new Committer("k2-commit-test", 2, this::commit, trouble -> {});

    @AfterEach
    void close() {
        committer.close(PATIENCE);
    }

    private void commit(EventStore.Generation generation) {
        if (fenced) {
            throw new FencedException("moved", Set.of());
        }
        committed.add(generation);
    }

    private record Numbered(int number) implements EventStore.Generation {
        @Override
        public long rows() {
            return 0;
        }

        @Override
        public Collection<PartitionState> states() {
            return List.of();
        }
    }

    @Test
    void whatIsSubmittedAfterAFenceIsWithdrawnToo() {
        committer.start();
        fenced = true;
        committer.submit(new Numbered(1));
        assertThatThrownBy(() -> committer.drain(PATIENCE)).isInstanceOf(FencedException.class);
        assertThatThrownBy(() -> committer.submit(new Numbered(2))).isInstanceOf(FencedException.class);
        assertThatThrownBy(() -> committer.submit(new Numbered(3))).isInstanceOf(FencedException.class);
        assertThatThrownBy(committer::check).isInstanceOf(FencedException.class);
        List<EventStore.Generation> withdrawn = committer.withdraw();
        assertThat(withdrawn).containsExactly(new Numbered(1), new Numbered(2), new Numbered(3));
        fenced = false;
        committer.resume(withdrawn);
        assertThat(committer.drain(PATIENCE)).isTrue();
        assertThat(committed).containsExactly(new Numbered(1), new Numbered(2), new Numbered(3));
        assertThat(committer.withdraw()).isEmpty();
    }

    @Test
    void whatIsCommittedIsNotWithdrawn() {
        committer.start();
        committer.submit(new Numbered(1));
        assertThat(committer.drain(PATIENCE)).isTrue();
        assertThat(committer.withdraw()).isEmpty();
        committer.submit(new Numbered(2));
        assertThat(committer.drain(PATIENCE)).isTrue();
        assertThat(committed).containsExactly(new Numbered(1), new Numbered(2));
    }
}
