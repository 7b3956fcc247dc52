package io.k2data.iceberg;

import io.k2data.api.Cut;
import io.k2data.api.View;
import io.k2data.api.query.PinnedRows;
import io.k2data.api.query.QuerySource;
import io.k2data.iceberg.FileCache.RemoteFile;
import io.k2data.pipeline.PartitionLedger;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLSyntaxErrorException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.duckdb.DuckDBConnection;
import org.jspecify.annotations.Nullable;

/**
 * The relations of one view, which name the files of their history only when a statement is about to run, and only those
 * that it may need rows of.
 *
 * <p>A relation reads the files that a variable of the connection lists. Before a statement runs, the variables list files
 * that are empty, DuckDB plans the statement, and what the plan asks of rows ({@link PushedFilters}) chooses the files among
 * those of the pinned snapshot; these are fetched where they are not on a disk that DuckDB may read, and listed. All of it
 * happens in the view's own transaction, so that {@code now()} is the same in the plan and in the run. Between statements
 * the variables are unset, and a relation that is read nevertheless fails.
 */
final class ViewRelations implements BeforeSelect, AutoCloseable {
    private static final String EXPLAIN = "explain (format json) ";

    private final HybridEngine engine;
    private final ViewConnection view;
    private final DuckDBConnection connection;
    private final List<Relation> relations = new ArrayList<>();
    private final Set<String> names = new TreeSet<>();
    /** By relation, what makes it; for those that are made when they are read. */
    private final Map<String, HybridEngine.SqlAction> whenRead = new HashMap<>();

    private final List<PinnedRows> pinned = new ArrayList<>();
    private List<LocalFiles> held = List.of();
    private Map<String, View.Files> files = Map.of();

    /** A relation, with the names of its variables. */
    private record Relation(String name, IcebergEventStore.Resolved resolved, String filesVariable) {}

    ViewRelations(HybridEngine engine, ViewConnection view) {
        this.engine = engine;
        this.view = view;
        this.connection = view.duck();
    }

    /** Gives the view a relation. */
    void add(String name, IcebergEventStore.Resolved resolved) throws SQLException {
        int number = relations.size();
        Relation relation = new Relation(name, resolved, "k2_files_" + number);
        relations.add(relation);
        String prefix = PushedFilters.prefix(number);
        String fieldsVariable = "k2_fields_" + number;
        // The list of fields as a value: DuckDB takes a millisecond to make it of text, each time it binds.
        view.variable(
                fieldsVariable,
                HistoryFiles.fields(resolved.layout(), resolved.history().schema(), prefix));
        String query = resolved.sql(HistoryFiles.select(
                resolved.layout(),
                prefix,
                "getvariable('" + relation.filesVariable + "')",
                "getvariable('" + fieldsVariable + "')"));
        if (!view.has(name, query)) {
            list(Map.of(relation, engine.noRows()));
            view.relation(name, query);
        }
    }

    /**
     * Gives the view the relations that every view has. Most statements read none of them, so they are as of the view only
     * once one does; those of an earlier view stand for them till then, for the sake of metadata.
     */
    void addReserved(Cut cut, Function<String, List<PartitionLedger>> ledgers) throws SQLException {
        relations.forEach(relation -> names.add(relation.name.toLowerCase(Locale.ROOT)));
        names.addAll(ReservedRelations.NAMES);
        whenRead.put(DeferredRelation.NAME, () -> view.relation(DeferredRelation.NAME, DeferredRelation.of(cut)));
        whenRead.put(CutsRelation.NAME, () -> view.relation(CutsRelation.NAME, CutsRelation.of(cut)));
        for (String name : List.of(DeferredRelation.NAME, CutsRelation.NAME)) {
            if (!view.has(name)) {
                make(name);
            }
        }
        whenRead.put(GapsRelation.NAME, () -> {
            view.makesPassing();
            GapsRelation.make(connection, cut, GapsRelation.ask(cut, ledgers));
        });
    }

    private void make(String name) throws SQLException {
        HybridEngine.SqlAction make = whenRead.get(name);
        if (make != null) {
            make.run();
            whenRead.remove(name);
        }
    }

    @Override
    public void reads(String sql) throws SQLException {
        Set<String> tables = engine.selects().check(connection, sql);
        for (String table : tables) {
            if (!names.contains(table)) {
                throw new SQLSyntaxErrorException(
                        "there is no relation '" + table + "' in this view; there are " + names, "42P01");
            }
        }
        for (String name : ReservedRelations.NAMES) {
            if (tables.contains(name)) {
                make(name);
            }
        }
    }

    /** Gives the view a relation of a source's rows, as they are now. */
    void add(QuerySource source) throws SQLException {
        names.add(source.name().toLowerCase(Locale.ROOT));
        PinnedRows rows = source.pin();
        pinned.add(rows);
        view.makesPassing();
        SourceTable.create(connection, source, rows);
    }

    @Override
    public void bind() throws SQLException {
        listNoRows();
    }

    private void listNoRows() throws SQLException {
        list(relations.stream().collect(Collectors.toMap(relation -> relation, relation -> engine.noRows())));
    }

    private void list(Map<Relation, String> lists) throws SQLException {
        Map<String, String> values = new TreeMap<>();
        lists.forEach((relation, files) -> values.put(relation.filesVariable, files));
        view.list(values);
    }

    @Override
    public void run(String sql, @Nullable Parameters parameters) throws SQLException {
        long began = System.nanoTime();
        choose(sql, parameters);
        engine.meters().plan().record(System.nanoTime() - began, TimeUnit.NANOSECONDS);
        int read = files.values().stream().mapToInt(View.Files::read).sum();
        engine.meters().read().increment(read);
        engine.meters()
                .pruned()
                .increment(files.values().stream().mapToInt(View.Files::of).sum() - read);
    }

    private void choose(String sql, @Nullable Parameters parameters) throws SQLException {
        Map<Integer, Expression> needed = parameters == null || !isWorthPlanning() ? null : needed(sql, parameters);
        List<LocalFiles> leased = new ArrayList<>();
        Map<Relation, String> lists =
                new TreeMap<>((one, other) -> Integer.compare(relations.indexOf(one), relations.indexOf(other)));
        Map<String, View.Files> counts = new TreeMap<>();
        try {
            for (int number = 0; number < relations.size(); number++) {
                Relation relation = relations.get(number);
                List<RemoteFile> chosen = relation.resolved.history().matching(condition(sql, number, needed));
                LocalFiles local = engine.local(relation.resolved.io(), chosen);
                leased.add(local);
                List<Path> paths = local.paths();
                lists.put(relation, paths.isEmpty() ? engine.noRows() : HistoryFiles.paths(paths));
                counts.put(
                        relation.name,
                        new View.Files(
                                chosen.size(), relation.resolved.history().count()));
            }
            list(lists);
        } catch (SQLException | RuntimeException e) {
            PinnedView.closeAll(leased, e);
            throw e;
        }
        List<LocalFiles> before = held;
        held = leased;
        files = Collections.unmodifiableMap(counts);
        // Results are all in memory when a statement has run, so nobody reads the last one's files any more.
        before.forEach(LocalFiles::close);
    }

    private Expression condition(String sql, int number, @Nullable Map<Integer, Expression> needed) {
        if (needed == null) {
            return Expressions.alwaysTrue();
        }
        Expression condition = needed.get(number);
        if (condition != null) {
            return condition;
        }
        // The plan shows no scan of it, so it is not asked; if the text agrees.
        return mentions(sql, relations.get(number).name) ? Expressions.alwaysTrue() : Expressions.alwaysFalse();
    }

    private boolean isWorthPlanning() {
        return relations.stream()
                .anyMatch(relation -> relation.resolved.history().count() > 1);
    }

    private static boolean mentions(String sql, String name) {
        return sql.toLowerCase(Locale.ROOT).contains(name.toLowerCase(Locale.ROOT));
    }

    private @Nullable Map<Integer, Expression> needed(String sql, Parameters parameters) throws SQLException {
        listNoRows();
        try {
            return planned(EXPLAIN + sql, parameters);
        } catch (SQLException e) {
            throw asAsked(e);
        }
    }

    private @Nullable Map<Integer, Expression> planned(String explain, Parameters parameters) throws SQLException {
        if (parameters == Parameters.NONE) {
            try (Statement statement = connection.createStatement();
                    ResultSet plan = statement.executeQuery(explain)) {
                return needed(plan);
            }
        }
        try (PreparedStatement statement = connection.prepareStatement(explain)) {
            parameters.setOn(statement);
            try (ResultSet plan = statement.executeQuery()) {
                return needed(plan);
            }
        }
    }

    /** An error as it would be without the word before the statement: with the text as given, and the mark under it. */
    private static SQLException asAsked(SQLException e) {
        String message = String.valueOf(e.getMessage());
        return message.contains(EXPLAIN)
                ? new SQLException(
                        message.replace(EXPLAIN, "").replace("\n" + " ".repeat(EXPLAIN.length()), "\n"),
                        e.getSQLState(),
                        e.getErrorCode(),
                        e)
                : e;
    }

    private @Nullable Map<Integer, Expression> needed(ResultSet plan) throws SQLException {
        return plan.next()
                ? PushedFilters.read(
                        plan.getString(2),
                        relations.stream()
                                .map(relation -> relation.resolved.history().schema())
                                .toList())
                : null;
    }

    /** By relation, how many files the last statement that ran may have read, of how many. */
    Map<String, View.Files> files() {
        return files;
    }

    @Override
    public void close() {
        held.forEach(LocalFiles::close);
        held = List.of();
        pinned.forEach(PinnedRows::close);
        pinned.clear();
    }
}
