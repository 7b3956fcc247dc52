package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.iceberg.CatalogProperties;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.jdbc.JdbcCatalog;

/** Opens catalogs that need nothing installed. */
public final class Warehouses {
    private Warehouses() {}

    /**
     * Opens, or makes, a warehouse in a local directory: tables below it, and a SQLite catalog in {@code catalog.db}.
     * Several processes of one machine may share it.
     *
     * @param directory the directory; made if it is not there
     * @return the catalog; the caller closes it (it is {@link AutoCloseable})
     * @throws K2Exception.Stop if the directory cannot be made
     */
    public static Catalog local(Path directory) {
        Path absolute = directory.toAbsolutePath().normalize();
        try {
            Files.createDirectories(absolute);
        } catch (IOException e) {
            throw new K2Exception.Stop("cannot make the warehouse directory " + absolute, e);
        }
        JdbcCatalog catalog = new JdbcCatalog();
        catalog.initialize(
                "k2",
                Map.of(
                        CatalogProperties.URI,
                        "jdbc:sqlite:" + absolute.resolve("catalog.db"),
                        CatalogProperties.WAREHOUSE_LOCATION,
                        absolute.toString(),
                        CatalogProperties.FILE_IO_IMPL,
                        LocalFileIO.class.getName(),
                        "jdbc.schema-version",
                        "V1",
                        // SQLite reports a held lock at once unless told to wait; Iceberg does not retry that error.
                        "jdbc.busy_timeout",
                        "30000"));
        return catalog;
    }
}
