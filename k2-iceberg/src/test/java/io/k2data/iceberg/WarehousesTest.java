package io.k2data.iceberg;

import static io.k2data.iceberg.StoreFixture.P0;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.K2Exception;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.iceberg.catalog.Catalog;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Catalogs by their properties. S3's classes and the REST client's are not on this module's class path. */
class WarehousesTest {
    private static final String SECRET = "Zq7-very-secret";

    @TempDir
    Path directory;

    private Map<String, String> h2(String password) {
        return Map.of(
                "type",
                "jdbc",
                "uri",
                "jdbc:h2:" + directory.resolve("catalog") + ";DATABASE_TO_UPPER=FALSE",
                "jdbc.user",
                "k2",
                "jdbc.password",
                password,
                "warehouse",
                directory.resolve("warehouse").toString());
    }

    private static void tellsNoSecret(Throwable error) {
        StringWriter all = new StringWriter();
        error.printStackTrace(new PrintWriter(all));
        assertThat(all.toString()).contains(error.getMessage()).doesNotContain(SECRET);
    }

    @Test
    void aJdbcCatalogOfAnotherDatabaseHoldsItsTablesAcrossRestarts() throws Exception {
        for (int start = 0; start < 2; start++) {
            Catalog catalog = Warehouses.open("lake", h2(SECRET));
            try (AutoCloseable closing = (AutoCloseable) catalog;
                    StoreFixture fixture = new StoreFixture(directory, catalog).begin(P0)) {
                fixture.append(P0, 100);
                fixture.store.commit(fixture.seal());
                assertThat(fixture.positions()).hasSize(100 * (start + 1)).doesNotHaveDuplicates();
            }
        }
    }

    @Test
    void aPasswordThatIsRefusedStopsAndADatabaseThatIsAwayIsWaitedFor() throws Exception {
        ((AutoCloseable) Warehouses.open("lake", h2("another"))).close();
        assertThatThrownBy(() -> Warehouses.open("lake", h2(SECRET)))
                .isInstanceOf(K2Exception.Stop.class)
                .hasMessageContaining("catalog 'lake' (jdbc)")
                .hasMessageContaining("refuses the credentials")
                .satisfies(WarehousesTest::tellsNoSecret);
        Map<String, String> away = Map.of(
                "type",
                "jdbc",
                "uri",
                "jdbc:h2:tcp://localhost:1/lake;USER=k2;PASSWORD=" + SECRET,
                "warehouse",
                directory.toString());
        assertThatThrownBy(() -> Warehouses.open("lake", away))
                .isInstanceOf(K2Exception.Retry.class)
                .hasMessageContaining("is it running")
                .satisfies(WarehousesTest::tellsNoSecret);
        Map<String, String> misspelt = Map.of(
                "type",
                "jdbc",
                "uri",
                "jdbc:h2:mem:lake;PASWORD=" + SECRET + ";PASSWORD=" + SECRET,
                "warehouse",
                directory.toString());
        assertThatThrownBy(() -> Warehouses.open("lake", misspelt))
                .isInstanceOf(K2Exception.class)
                .satisfies(WarehousesTest::tellsNoSecret);
    }

    @Test
    void everythingThatIsMissingIsSaidAtOnceWithTheArtifactThatBringsIt() {
        assertThat(Warehouses.problems(Map.of("type", "rest", "io-impl", "org.apache.iceberg.aws.s3.S3FileIO")))
                .hasSize(5)
                .anyMatch(problem -> problem.contains("add org.apache.httpcomponents.client5:httpclient5"))
                .anyMatch(problem -> problem.startsWith("catalog.uri: is missing"))
                .anyMatch(problem -> problem.contains("add org.apache.iceberg:iceberg-aws"))
                .anyMatch(problem -> problem.contains("add software.amazon.awssdk:s3"))
                .anyMatch(problem -> problem.startsWith("catalog.http-client.type:")
                        && problem.contains("software.amazon.awssdk:apache-client"));
        assertThat(Warehouses.problems(Map.of("type", "nonsense", "warehouse", "/lake")))
                .singleElement()
                .satisfies(problem -> assertThat(problem).startsWith("catalog.type: 'nonsense' is unknown"));
        assertThat(Warehouses.problems(Map.of("warehouse", "/lake"))).hasSize(1);
        assertThat(Warehouses.problems(h2(SECRET))).isEmpty();
    }

    @Test
    void aDriverThatIsMissingIsAProblemOfTheSettingsAndShowsNoSecret() {
        assertThat(Warehouses.problems(Map.of(
                        "type", "jdbc",
                        "uri", "jdbc:nonsense://u:" + SECRET + "@host/db?password=" + SECRET,
                        "warehouse", "/lake")))
                .containsExactly("catalog.uri: no JDBC driver on the class path takes jdbc:nonsense:");
    }

    @Test
    void theNameOfARestServersWarehouseIsNotTakenForALocalDirectory() {
        Map<String, String> named = Map.of("type", "rest", "uri", "http://localhost:1", "warehouse", "lake");
        assertThat(Warehouses.problems(named)).anyMatch(problem -> problem.startsWith("catalog.io-impl: is missing"));
        assertThat(Warehouses.localDirectories(named)).isEmpty();
        Map<String, String> local = Map.of("type", "rest", "uri", "http://localhost:1", "warehouse", "/lake");
        assertThat(Warehouses.problems(local)).noneMatch(problem -> problem.startsWith("catalog.io-impl"));
        assertThat(Warehouses.localDirectories(local)).containsExactly(Path.of("/lake"));
        // A directory may be called so, too.
        Map<String, String> odd = Map.of("type", "jdbc", "uri", "jdbc:sqlite::memory:", "warehouse", "s3files");
        assertThat(Warehouses.problems(odd)).isEmpty();
    }

    @Test
    void theLocalFileAccessWritesNothingForALocationThatIsNotLocal() {
        String location = "s3://bucket-" + directory.getFileName() + "/file";
        try (LocalFileIO io = new LocalFileIO()) {
            assertThatThrownBy(() -> io.newOutputFile(location).create().close())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is not on a local disk");
            for (String local : List.of(
                    directory.resolve("a").toString(),
                    directory.resolve("b").toUri().toString())) {
                io.newOutputFile(local).create().close();
            }
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
        assertThat(Path.of("s3:")).doesNotExist();
        assertThat(Files.exists(directory.resolve("a"))).isTrue();
        assertThat(Files.exists(directory.resolve("b"))).isTrue();
    }
}
