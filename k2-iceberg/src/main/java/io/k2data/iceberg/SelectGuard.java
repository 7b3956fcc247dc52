package io.k2data.iceberg;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLSyntaxErrorException;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.duckdb.DuckDBConnection;

/**
 * Lets one SELECT over the view's relations through and nothing else. DuckDB's own parser reads the text, and its syntax tree
 * is judged by lists of what is allowed, since DuckDB takes more for a SELECT than one would think: an INSERT inside a WITH,
 * a file's name in the place of a table's, functions that read files or run text as SQL.
 *
 * <p>It bounds how deep a statement may be nested as well. DuckDB binds, optimises and runs a statement by recursion on the
 * caller's thread, and where that thread's stack ends the process does: 900 terms of one sum are enough on a stack of 1 MB
 * (measured with 2.0.0). What passes here has been run on half of that.
 */
final class SelectGuard {
    private static final String READ_ONLY = "25006";

    private static final String NOT_ALLOWED = "42501";
    private static final String TOO_COMPLEX = "54001";
    private static final int MAX_LENGTH = 1 << 18;
    private static final int MAX_BRACKETS = 120;
    private static final int MAX_DEPTH = 200;
    private static final int MAX_WITH = 100;
    private static final int MAX_QUERIES = 500;

    private static final Set<String> QUERIES =
            Set.of("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE");
    private static final Set<String> TABLES =
            Set.of("BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT", "SHOW_REF");
    private static final Set<String> TABLE_FUNCTIONS = Set.of(
            "range",
            "generate_series",
            "unnest",
            "json_each",
            "json_tree",
            "repeat",
            // What jOOQ asks for keys and for the text of views; it tells no more than information_schema does.
            "duckdb_constraints",
            "duckdb_indexes",
            "duckdb_sequences",
            "duckdb_views");

    /**
     * Functions that read or change more than their arguments, that wait, or that make of a few characters as much memory as
     * there is, which DuckDB neither counts towards its limit nor stops when it is told to.
     */
    private static final Set<String> REFUSED_FUNCTIONS = Set.of(
            "current_setting",
            "getvariable",
            "getenv",
            "write_log",
            "nextval",
            "currval",
            "setval",
            "setseed",
            "sleep_ms",
            "pg_sleep",
            "finalize",
            "combine",
            "stats",
            "index_key",
            "add_parquet_key",
            "json_deserialize_sql",
            "json_serialize_plan",
            "pg_get_viewdef",
            "repeat",
            "range",
            "generate_series",
            "list_resize",
            "array_resize",
            "bar");

    /** A name that DuckDB could take for a file's. */
    private static final Pattern LIKE_A_FILE = Pattern.compile("[./\\\\:*?]");

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Texts beyond this length are not remembered. */
    private static final int MAX_REMEMBERED_LENGTH = 1 << 13;

    private static final int MAX_REMEMBERED = 256;

    /** What good texts read, those used last; the same few are asked again and again. */
    private final Map<String, Set<String>> remembered = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Set<String>> eldest) {
            return size() > MAX_REMEMBERED;
        }
    };

    /**
     * Checks a text. Any thread.
     *
     * @param parser the connection whose parser reads it; nothing is run there but that
     * @param sql the text
     * @return the names of what it reads, in lower case; those that its WITH makes are not among them unless they hide others
     * @throws SQLException if it is anything but one SELECT of what may be read, with the reason
     */
    Set<String> check(DuckDBConnection parser, String sql) throws SQLException {
        synchronized (remembered) {
            Set<String> known = remembered.get(sql);
            if (known != null) {
                return known;
            }
        }
        Set<String> read = judge(parser, sql);
        if (sql.length() <= MAX_REMEMBERED_LENGTH) {
            synchronized (remembered) {
                remembered.put(sql, read);
            }
        }
        return read;
    }

    private static Set<String> judge(DuckDBConnection parser, String sql) throws SQLException {
        if (sql.length() > MAX_LENGTH) {
            throw tooComplex("a statement of " + sql.length() + " characters is too long, at most " + MAX_LENGTH
                    + " are taken; give values as parameters, or join with a list by unnest(?)");
        }
        if (brackets(sql) > MAX_BRACKETS) {
            throw tooComplex("brackets are nested more than " + MAX_BRACKETS + " deep");
        }
        JsonNode statements = parse(parser, sql);
        if (statements.size() != 1) {
            throw new SQLSyntaxErrorException("one statement at a time, found " + statements.size(), "42601");
        }
        Statement statement = new Statement();
        statement.walk(statements.get(0), 0);
        return Collections.unmodifiableSet(statement.read());
    }

    private static JsonNode parse(DuckDBConnection parser, String sql) throws SQLException {
        String tree;
        try (PreparedStatement statement = parser.prepareStatement("select json_serialize_sql(?::varchar)")) {
            statement.setString(1, sql);
            try (ResultSet result = statement.executeQuery()) {
                result.next();
                tree = result.getString(1);
            }
        }
        JsonNode read;
        try {
            read = JSON.readTree(tree);
        } catch (JsonProcessingException e) {
            // The reader has bounds of its own, on depth among others, and a text has to be far beyond ours to meet
            // them.
            throw tooComplex("the statement is nested too deep, or too long: " + e.getOriginalMessage());
        }
        if (read.path("error").asBoolean()) {
            String message = read.path("error_message").asText();
            throw "not implemented".equals(read.path("error_type").asText())
                    ? write("a statement that is no SELECT")
                    : new SQLSyntaxErrorException(message, "42601");
        }
        return read.path("statements");
    }

    /**
     * How deep brackets are nested outside of quotes and comments. DuckDB's parser takes 20 seconds for 3,000 of them, and
     * cannot be stopped.
     */
    private static int brackets(String sql) {
        int depth = 0;
        int deepest = 0;
        for (int i = 0; i < sql.length(); i++) {
            char c = sql.charAt(i);
            if (c == '(' || c == '[' || c == '{') {
                deepest = Math.max(deepest, ++depth);
            } else if (c == ')' || c == ']' || c == '}') {
                depth = Math.max(0, depth - 1);
            } else if (c == '\'' || c == '"') {
                int end = sql.indexOf(c, i + 1);
                i = end < 0 ? sql.length() : end;
            } else if (sql.startsWith("--", i)) {
                int end = sql.indexOf('\n', i);
                i = end < 0 ? sql.length() : end;
            } else if (sql.startsWith("/*", i)) {
                int end = sql.indexOf("*/", i + 2);
                i = end < 0 ? sql.length() : end + 1;
            }
        }
        return deepest;
    }

    /** One text's syntax tree on its way through. */
    private static final class Statement {
        private final Set<String> withs = new HashSet<>();
        private final Set<String> tables = new TreeSet<>();
        private int queries;

        private Set<String> read() throws SQLException {
            if (withs.size() > MAX_WITH) {
                throw tooComplex(
                        "a WITH of " + withs.size() + " queries is too long, at most " + MAX_WITH + " are taken");
            }
            for (String name : withs) {
                if (LIKE_A_FILE.matcher(name).find()) {
                    throw notAllowed("a query of the name '" + name + "' in WITH reads like a file, which");
                }
            }
            Set<String> read = new TreeSet<>();
            for (String table : tables) {
                if (LIKE_A_FILE.matcher(table).find()) {
                    throw notAllowed("the relation '" + table + "' reads like a file, which");
                }
                if (!withs.contains(table) || ReservedRelations.NAMES.contains(table)) {
                    read.add(table);
                }
            }
            return read;
        }

        private void walk(JsonNode node, int above) throws SQLException {
            int depth = above;
            String type = node.path("type").asText("");
            // In FROM other functions are allowed than elsewhere, with arguments as elsewhere.
            JsonNode function = type.equals("TABLE_FUNCTION") ? node.path("function") : MissingNode.getInstance();
            if (node.isObject()) {
                if (node.has("class")) {
                    depth += expression(node);
                } else if (type.endsWith("_NODE")) {
                    if (!QUERIES.contains(type)) {
                        throw write(type.replaceAll("_.*", "") + " inside a SELECT");
                    }
                    if (++queries > MAX_QUERIES) {
                        throw tooComplex("the statement is of more than " + MAX_QUERIES + " queries");
                    }
                    depth++;
                } else if (node.has("sample") && node.has("alias")) {
                    table(type, node);
                    depth++;
                }
                JsonNode map = node.path("cte_map").path("map");
                map.forEach(with -> withs.add(lower(with.path("key").asText())));
                if (type.equals("CTE_NODE") || type.equals("RECURSIVE_CTE_NODE")) {
                    withs.add(lower(node.path("cte_name").asText()));
                }
            }
            if (depth > MAX_DEPTH) {
                throw tooComplex(
                        "the statement is nested more than " + MAX_DEPTH
                                + " deep, counting joins and the terms of a sum; say it with fewer steps, or in several statements");
            }
            for (JsonNode child : node) {
                if (child.isContainerNode() && child != function) {
                    walk(child, depth);
                }
            }
            for (JsonNode child : function) {
                if (child.isContainerNode()) {
                    walk(child, depth);
                }
            }
        }

        private static int expression(JsonNode node) throws SQLException {
            String kind = node.path("class").asText();
            if (kind.equals("FUNCTION")) {
                String name = lower(node.path("function_name").asText());
                if (REFUSED_FUNCTIONS.contains(name)) {
                    throw notAllowed("the function " + name
                            + (TABLE_FUNCTIONS.contains(name) ? " outside of FROM, where it is streamed," : ""));
                }
            }
            // A name of many parts is taken apart by recursion too.
            return kind.equals("COLUMN_REF")
                    ? Math.max(1, node.path("column_names").size())
                    : 1;
        }

        private void table(String type, JsonNode node) throws SQLException {
            if (!TABLES.contains(type)) {
                throw notAllowed("the source " + type);
            }
            switch (type) {
                case "BASE_TABLE" -> baseTable(node);
                case "TABLE_FUNCTION" -> {
                    String name =
                            lower(node.path("function").path("function_name").asText());
                    if (!TABLE_FUNCTIONS.contains(name)) {
                        throw notAllowed("the table function " + name);
                    }
                }
                case "SHOW_REF" -> {
                    // DESCRIBE and SUMMARIZE hold the query they are about, which is judged like any other.
                    if (node.path("query").isNull()
                            && !node.path("table_name").asText().equals("\"tables\"")) {
                        throw notAllowed("a SHOW other than SHOW TABLES");
                    }
                }
                default -> {}
            }
        }

        private void baseTable(JsonNode node) throws SQLException {
            String catalog = lower(node.path("catalog_name").asText());
            String schema = lower(node.path("schema_name").asText());
            String table = lower(node.path("table_name").asText());
            if (schema.equals("information_schema") && (catalog.isEmpty() || catalog.equals("system"))) {
                return;
            }
            boolean ours = (catalog.isEmpty() || catalog.equals("temp"))
                    && (schema.isEmpty() || schema.equals("main") || schema.equals("temp"));
            if (!ours) {
                throw notAllowed(
                        "the relation " + String.join(".", catalog.isEmpty() ? schema : catalog + "." + schema, table));
            }
            tables.add(table);
        }
    }

    private static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    private static SQLException tooComplex(String what) {
        return new SQLSyntaxErrorException(what, TOO_COMPLEX);
    }

    private static SQLException notAllowed(String what) {
        return new SQLSyntaxErrorException(
                what + " is out of reach: SQL reads the relations of its view and nothing besides, no file, setting or"
                        + " network",
                NOT_ALLOWED);
    }

    static SQLFeatureNotSupportedException write(String what) {
        return new SQLFeatureNotSupportedException(
                what + " is refused: SQL here only reads; rows come into a table through Kafka and its ingest alone",
                READ_ONLY);
    }
}
