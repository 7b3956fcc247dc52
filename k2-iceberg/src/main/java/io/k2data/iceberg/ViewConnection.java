package io.k2data.iceberg;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.duckdb.DuckDBConnection;

/**
 * A DuckDB connection that serves one view after the other, each in a transaction of its own, and knows which relations the
 * ones before have left on it. Not safe for several threads, but for {@link #close}.
 */
final class ViewConnection implements AutoCloseable {
    private final DuckDBConnection connection;
    /** By variable, its value as SQL. DuckDB's variables know of no transaction. */
    private final Map<String, String> variables = new HashMap<>();
    /** By relation, its query, as committed. */
    private Map<String, String> kept = new HashMap<>();
    /** The same as the running transaction has it. */
    private Map<String, String> made = new HashMap<>();

    /** Variables that are set for a statement, or were for the last one. */
    private final Set<String> listed = new TreeSet<>();

    private boolean passing;

    ViewConnection(DuckDBConnection connection) {
        this.connection = connection;
    }

    DuckDBConnection duck() {
        return connection;
    }

    void begin() throws SQLException {
        made = new HashMap<>(kept);
        passing = false;
        Sql.run(connection, "BEGIN");
    }

    /** Sets a variable that is to stay as it is. */
    void variable(String name, String value) throws SQLException {
        if (!value.equals(variables.get(name))) {
            variables.remove(name);
            Sql.run(connection, "set variable " + name + " = " + value);
            variables.put(name, value);
        }
    }

    /** Sets variables for a while, at the longest until the transaction ends. */
    void list(Map<String, String> values) throws SQLException {
        if (!values.isEmpty()) {
            listed.addAll(values.keySet());
            Sql.run(
                    connection,
                    values.entrySet().stream()
                            .map(value -> "set variable " + value.getKey() + " = " + value.getValue())
                            .collect(Collectors.joining("; ")));
        }
    }

    /** What {@link #list} set: unset, for a relation that reads it nevertheless must fail. */
    private String unlisting() {
        return listed.stream().map(name -> "reset variable " + name + "; ").collect(Collectors.joining());
    }

    /** Says whether there is a relation of a name. */
    boolean has(String relation) {
        return made.containsKey(relation);
    }

    /** Says whether a relation is that of a query. */
    boolean has(String relation, String query) {
        return query.equals(made.get(relation));
    }

    /** Makes or changes a relation; what was listed for it is unset. */
    void relation(String name, String query) throws SQLException {
        if (!has(name, query)) {
            Sql.run(connection, "create or replace temp view " + Sql.name(name) + " as " + query + "; " + unlisting());
            listed.clear();
            made.put(name, query);
        }
    }

    /** Drops the relations of other names that views before have left. */
    void only(Set<String> relations) throws SQLException {
        List<String> others = new ArrayList<>(made.keySet());
        others.removeAll(relations);
        for (String other : others) {
            Sql.run(connection, "drop view temp." + Sql.name(other));
            made.remove(other);
        }
    }

    /** Notes that the transaction makes something that is to go with it. */
    void makesPassing() {
        passing = true;
    }

    /**
     * Ends the transaction, in which nothing runs any more.
     *
     * @return whether another can begin; if not, the connection can only be closed
     */
    boolean end() {
        try {
            if (connection.isClosed()) {
                return false;
            }
            Sql.run(connection, unlisting() + (passing ? "ROLLBACK" : "COMMIT"));
            listed.clear();
        } catch (SQLException e) {
            // It was ended by an error in it.
            return false;
        }
        if (!passing) {
            kept = made;
        }
        return true;
    }

    /** Closes it, and stops what runs on it in another thread. */
    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
