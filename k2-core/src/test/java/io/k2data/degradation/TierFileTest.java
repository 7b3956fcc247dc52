package io.k2data.degradation;

import static io.k2data.api.degradation.PriorityTier.HIGH;
import static io.k2data.api.degradation.PriorityTier.LOW;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.degradation.TierFile.Reload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TierFileTest {
    private static final PriorityTiers FIRST =
            PriorityTiers.builder().put(LOW, "a/b").build();
    private static final PriorityTiers SECOND =
            PriorityTiers.builder().put(HIGH, "a/b").build();

    @TempDir
    Path directory;

    private Path path;

    @BeforeEach
    void write() throws IOException {
        path = directory.resolve("tiers.conf");
        Files.writeString(path, "low a/b\n");
    }

    @Test
    void itsTiersAreThoseOfTheFile() {
        assertThat(TierFile.open(path).tiers()).isEqualTo(FIRST);
    }

    @Test
    void aByteOrderMarkIsNoPartOfTheText() throws IOException {
        Files.writeString(path, "\uFEFFlow a/b\n");
        assertThat(TierFile.open(path).tiers()).isEqualTo(FIRST);
    }

    @Test
    void aChangeIsSeenWhenAskedAlsoOneThatLeavesSizeAndTimeAsTheyWere() throws IOException {
        TierFile file = TierFile.open(path);
        assertThat(file.reload()).isEqualTo(Reload.Unchanged.INSTANCE);
        Files.writeString(path, "low a/c\n");
        FileTime time = Files.getLastModifiedTime(path);
        file.reload();

        Files.writeString(path, "low a/b\n");
        Files.setLastModifiedTime(path, time);

        assertThat(file.reload())
                .isEqualTo(new Reload.Changed(
                        PriorityTiers.builder().put(LOW, "a/c").build(), FIRST));
        assertThat(file.tiers()).isEqualTo(FIRST);
    }

    @Test
    void commentsAreNoChange() throws IOException {
        TierFile file = TierFile.open(path);
        Files.writeString(path, "# new\nlow a/b\n");
        assertThat(file.reload()).isEqualTo(Reload.Unchanged.INSTANCE);
    }

    @Test
    void aBadFileLeavesTheOldTiersInUseAndSaysWhyOnce() throws IOException {
        TierFile file = TierFile.open(path);
        Files.writeString(path, "low a\nfirst a/b\n");

        String[] problems = {
            path + ": tiers, line 1: 'a', expected venue/symbol, venue/* or *",
            path + ": tiers, line 2: tier 'first', expected critical, high, normal or low"
        };
        assertThat(file.reload()).isInstanceOfSatisfying(Reload.Refused.class, refused -> assertThat(refused.problems())
                .containsExactly(problems));
        assertThat(file.reload()).isEqualTo(Reload.Unchanged.INSTANCE);
        assertThat(file.tiers()).isEqualTo(FIRST);
        assertThat(file.problems()).containsExactly(problems);

        Files.writeString(path, "high a/b\n");
        assertThat(file.reload()).isEqualTo(new Reload.Changed(FIRST, SECOND));
        assertThat(file.problems()).isEmpty();
    }

    @Test
    void aFileThatIsGoneLeavesTheOldTiersInUseAndSaysWhyOnce() throws IOException {
        TierFile file = TierFile.open(path);
        Files.delete(path);

        assertThat(file.reload()).isInstanceOf(Reload.Refused.class);
        assertThat(file.reload()).isEqualTo(Reload.Unchanged.INSTANCE);
        assertThat(file.tiers()).isEqualTo(FIRST);
        assertThat(file.problems())
                .singleElement()
                .asString()
                .contains(path.toString(), "cannot be read", "NoSuchFileException");

        Files.writeString(path, "low a/b\n");
        assertThat(file.reload()).isEqualTo(Reload.Unchanged.INSTANCE);
        assertThat(file.problems()).isEmpty();
    }

    @Test
    void whatCannotBeReadIsNotOpened() throws IOException {
        assertThatThrownBy(() -> TierFile.open(directory.resolve("none")))
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("cannot be read");
        Files.write(path, new byte[] {'l', 'o', 'w', ' ', 'a', '/', -1});
        assertThatThrownBy(() -> TierFile.open(path))
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("not UTF-8");
        Files.write(path, new byte[(16 << 20) + 1]);
        assertThatThrownBy(() -> TierFile.open(path))
                .isInstanceOf(InvalidSettingsException.class)
                .hasMessageContaining("larger than 16 MiB");
    }
}
