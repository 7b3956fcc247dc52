package io.k2data.iceberg;

import io.k2data.api.K2Exception;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.iceberg.CatalogProperties;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.jdbc.UncheckedSQLException;
import org.jspecify.annotations.Nullable;

/** Opens catalogs. */
public final class Warehouses {
    private static final int OPEN_ATTEMPTS = 5;
    private static final long OPEN_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final String S3_FILE_IO = "org.apache.iceberg.aws.s3.S3FileIO";
    private static final Pattern SECRET_KEY =
            Pattern.compile("password|secret|token|credential|access-key|private|user-info");
    /** Secrets inside a URI: those of a query or property list, and those before the host. */
    private static final Pattern SECRET_IN_URI = Pattern.compile(
            "(?:(?:password|pwd|token|secret)=([^&;]+))|(?:://[^/@:]*:([^/@]+)@)", Pattern.CASE_INSENSITIVE);

    private Warehouses() {}

    /**
     * Opens, or makes, a warehouse in a local directory: tables below it, and a SQLite catalog in {@code catalog.db}.
     * Several processes of one machine may share it.
     *
     * @param directory the directory; made if it is not there
     * @return the catalog; the caller closes it (it is {@link AutoCloseable})
     * @throws K2Exception.Stop if the directory cannot be made
     * @throws K2Exception.Retry if the catalog cannot be opened
     */
    public static Catalog local(Path directory) {
        Path absolute = directory.toAbsolutePath().normalize();
        try {
            Files.createDirectories(absolute);
        } catch (IOException e) {
            throw new K2Exception.Stop("cannot make the warehouse directory " + absolute, e);
        }
        return open(
                "k2",
                Map.of(
                        CatalogUtil.ICEBERG_CATALOG_TYPE,
                        CatalogUtil.ICEBERG_CATALOG_TYPE_JDBC,
                        CatalogProperties.URI,
                        "jdbc:sqlite:" + absolute.resolve("catalog.db"),
                        CatalogProperties.WAREHOUSE_LOCATION,
                        absolute.toString()));
    }

    /**
     * Says what is wrong with a catalog's properties, as far as that can be told without opening it.
     *
     * @param properties the properties
     * @return the problems, one sentence each that begins with the key and shows no value; empty if there are none
     */
    public static List<String> problems(Map<String, String> properties) {
        List<String> problems = new ArrayList<>();
        boolean hasType = properties.containsKey(CatalogUtil.ICEBERG_CATALOG_TYPE);
        boolean hasImpl = properties.containsKey(CatalogProperties.CATALOG_IMPL);
        if (hasType == hasImpl) {
            problems.add(
                    "catalog.type: set either type (jdbc, rest, ...) or catalog-impl" + (hasType ? ", not both" : ""));
        }
        if (completed(properties).get(CatalogProperties.FILE_IO_IMPL) == null) {
            problems.add("catalog.io-impl: is missing, and no warehouse tells which it has to be: " + S3_FILE_IO
                    + " for S3, " + LocalFileIO.class.getName() + " for a local disk");
        }
        for (String key : List.of(CatalogProperties.CATALOG_IMPL, CatalogProperties.FILE_IO_IMPL)) {
            String name = completed(properties).get(key);
            if (name != null && !isOnClassPath(name)) {
                problems.add("catalog." + key + ": class " + name
                        + " is not on the class path; see docs/storage.md for the artifacts it takes");
            }
        }
        return problems;
    }

    private static boolean isOnClassPath(String className) {
        ClassLoader context = Thread.currentThread().getContextClassLoader();
        try {
            Class.forName(className, false, context == null ? Warehouses.class.getClassLoader() : context);
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    /**
     * Those who first open a JDBC catalog all want to make its tables; whoever comes second fails, and finds them there when
     * it tries again.
     */
    private static Catalog build(String name, Map<String, String> properties) {
        for (int attempt = 1; ; attempt++) {
            try {
                return CatalogUtil.buildIcebergCatalog(name, properties, null);
            } catch (UncheckedSQLException e) {
                if (attempt == OPEN_ATTEMPTS) {
                    throw e;
                }
                LockSupport.parkNanos(OPEN_PAUSE_NANOS);
            }
        }
    }

    /**
     * Opens a catalog by its usual Iceberg properties. What is not given is filled in: {@code io-impl} by the warehouse's
     * scheme, {@code jdbc.schema-version} {@code V1}, and for SQLite a busy time-out.
     *
     * @param name the catalog's name
     * @param properties the properties
     * @return the catalog; the caller closes it if it is {@link AutoCloseable}
     * @throws K2Exception.Stop if there is no such catalog, or its classes are missing
     * @throws K2Exception.Retry if it cannot be reached
     */
    public static Catalog open(String name, Map<String, String> properties) {
        Map<String, String> all = completed(properties);
        String kind = all.getOrDefault(
                CatalogUtil.ICEBERG_CATALOG_TYPE, all.getOrDefault(CatalogProperties.CATALOG_IMPL, "no type"));
        try {
            return build(name, all);
        } catch (IllegalArgumentException | UnsupportedOperationException | LinkageError e) {
            throw new K2Exception.Stop(
                    "cannot make catalog '" + name + "' (" + kind + "): " + shown(e, all), kept(e, all));
        } catch (RuntimeException e) {
            throw new K2Exception.Retry(
                    "cannot open catalog '" + name + "' (" + kind + "): " + shown(e, all)
                            + "; is it running, and do uri and credentials fit?",
                    kept(e, all));
        }
    }

    /**
     * Tells which local directory a catalog keeps its tables in.
     *
     * @param properties the catalog's properties
     * @return the directory, or nothing if the warehouse is elsewhere or not told
     */
    public static List<Path> localDirectories(Map<String, String> properties) {
        String warehouse = properties.get(CatalogProperties.WAREHOUSE_LOCATION);
        Path path = warehouse == null ? null : LocalFileIO.localPath(warehouse);
        return path == null ? List.of() : List.of(path);
    }

    private static Map<String, String> completed(Map<String, String> properties) {
        Map<String, String> all = new HashMap<>(properties);
        String warehouse = all.get(CatalogProperties.WAREHOUSE_LOCATION);
        if (warehouse != null && !all.containsKey(CatalogProperties.FILE_IO_IMPL)) {
            if (warehouse.toLowerCase(Locale.ROOT).startsWith("s3")) {
                all.put(CatalogProperties.FILE_IO_IMPL, S3_FILE_IO);
            } else if (LocalFileIO.localPath(warehouse) != null) {
                all.put(CatalogProperties.FILE_IO_IMPL, LocalFileIO.class.getName());
            }
        }
        if (S3_FILE_IO.equals(all.get(CatalogProperties.FILE_IO_IMPL))) {
            // The default factory loads clients of half of AWS; this one is content with S3.
            all.putIfAbsent("s3.client-factory-impl", "org.apache.iceberg.aws.s3.DefaultS3FileIOAwsClientFactory");
        }
        all.putIfAbsent("jdbc.schema-version", "V1");
        if (all.getOrDefault(CatalogProperties.URI, "").startsWith("jdbc:sqlite:")) {
            // SQLite reports a held lock at once unless told to wait; Iceberg does not retry that error.
            all.putIfAbsent("jdbc.busy_timeout", "30000");
        }
        return all;
    }

    /** What an error says, if it gives no secret away. */
    private static String shown(Throwable error, Map<String, String> properties) {
        return reveals(error, properties)
                ? error.getClass().getSimpleName()
                : error.getClass().getSimpleName() + ": " + error.getMessage() + causes(error);
    }

    private static String causes(Throwable error) {
        Throwable cause = error.getCause();
        return cause == null ? "" : "; " + cause.getClass().getSimpleName() + ": " + cause.getMessage();
    }

    private static @Nullable Throwable kept(Throwable error, Map<String, String> properties) {
        return reveals(error, properties) ? null : error;
    }

    private static boolean reveals(Throwable error, Map<String, String> properties) {
        Set<String> secrets = secrets(properties);
        for (Throwable e = error; e != null; e = e.getCause()) {
            String message = String.valueOf(e.getMessage());
            if (secrets.stream().anyMatch(message::contains)) {
                return true;
            }
        }
        return false;
    }

    private static Set<String> secrets(Map<String, String> properties) {
        Set<String> secrets = new HashSet<>();
        properties.forEach((key, value) -> {
            if (SECRET_KEY.matcher(key.toLowerCase(Locale.ROOT)).find()) {
                secrets.add(value);
                for (String part : value.split(":", -1)) {
                    secrets.add(part);
                }
            }
            Matcher inside = SECRET_IN_URI.matcher(value);
            while (inside.find()) {
                secrets.add(inside.group(1) == null ? inside.group(2) : inside.group(1));
            }
        });
        secrets.removeIf(secret -> secret.length() < 3);
        return secrets;
    }
}
