package io.k2data.iceberg;

import io.k2data.api.FencedException;
import io.k2data.api.K2Exception;
import io.k2data.api.LogPartition;
import io.k2data.api.PartitionContext.Role;
import io.k2data.api.UnreadableTableException;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.event.Column;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.StoredRows.StateKind;
import io.k2data.pipeline.StoredRows.StateSnapshot;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.HasTableOperations;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.SnapshotSummary;
import org.apache.iceberg.StatisticsFile;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.UpdateProperties;
import org.apache.iceberg.UpdateStatistics;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.SnapshotUtil;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One event type's Iceberg table: made, read, and moved by the commit protocol.
 *
 * <p>The protocol in short. A partition's whole state is one table property. A commit is one transaction, first the
 * append, then the properties of the partitions that moved; so rows and offsets land together or not at all, and writers
 * of other partitions merge. A compare-and-set keeps two writers of one partition apart: a validator of the append runs
 * again on every rebase, and there the transaction's table shows the rebased parent's properties, so the whole old value
 * is compared. A move of properties alone would have no such check, hence an empty append where there are no rows.
 *
 * <p>The validator never returns false. That would make Iceberg throw a {@code CleanableFailure} and delete files, among
 * them, if the commit had landed after all, those of the committed snapshot. It throws exceptions of K2's own, which
 * Iceberg passes through without cleaning.
 *
 * <p>Whatever fails otherwise is taken as unknown: the next attempt reads the table first, and finds its commit id there
 * if the last one landed. Used by one thread at a time.
 */
final class EventTable {
    private static final Logger LOG = LoggerFactory.getLogger(EventTable.class);
    /** By version, the tiers that records are put off by. */
    private static final String TIERS_PREFIX = "k2.tiers.";

    private static final int MAKING_ATTEMPTS = 10;

    private static final long CLOCK_TOLERANCE_MILLIS = 60_000;

    private static final Namespace NAMESPACE = Namespace.of("k2");

    private final Table table;
    private final VerifyingTableOperations operations;
    /** Those who read the table's state a moment ago may still want the checkpoints that were superseded since. */
    private Duration checkpointGrace = Duration.ofMinutes(1);

    private EventTable(Table table, VerifyingTableOperations operations) {
        this.table = table;
        this.operations = operations;
    }

    /**
     * Opens the table. A writer makes it if it is not there, and gives it the columns that it lacks; a follower waits for a
     * writer to do so.
     */
    static EventTable open(Catalog catalog, EventType<?> type, Role role, StorageCounts counts) {
        TableIdentifier identifier = TableIdentifier.of(NAMESPACE, type.name());
        TableLayout layout = TableLayout.of(type);
        try {
            if (role == Role.WRITER && !catalog.tableExists(identifier)) {
                create(catalog, layout, identifier);
            }
            Table loaded = catalog.loadTable(identifier);
            if (!(loaded instanceof HasTableOperations holder)) {
                throw new UnreadableTableException(
                        "the catalog gives no table operations for " + identifier + "; K2 needs them to commit", null);
            }
            VerifyingTableOperations operations = new VerifyingTableOperations(holder.operations(), counts);
            Table table = new BaseTable(operations, identifier.toString());
            // Before it is touched: a table that is refused stays as it is.
            layout.check(identifier.toString(), operations.current());
            List<Column> missing = layout.missing(table.schema());
            if (!missing.isEmpty()) {
                List<String> names = missing.stream().map(Column::name).toList();
                if (role == Role.FOLLOWER) {
                    throw new K2Exception.Retry(
                            "table " + identifier + " lacks " + names + "; its writer adds them when it starts", null);
                }
                LOG.atInfo().log("table {} lacks {}: adding them, empty in the rows that are there", identifier, names);
                make(
                        "columns " + names + " of " + identifier,
                        () -> {
                            table.refresh();
                            TableLayout.add(table, layout.missing(table.schema()));
                        },
                        () -> {
                            table.refresh();
                            return layout.missing(table.schema()).isEmpty();
                        });
                layout.check(identifier.toString(), operations.current());
            }
            return new EventTable(table, operations);
        } catch (NoSuchTableException e) {
            throw new K2Exception.Retry(
                    "table " + identifier + " does not exist yet; a follower needs a writer that makes it", e);
        } catch (K2Exception e) {
            throw e;
        } catch (RuntimeException e) {
            throw new K2Exception.Retry("cannot open table " + identifier + ": " + e, e);
        }
    }

    private static void create(Catalog catalog, TableLayout layout, TableIdentifier identifier) {
        if (catalog instanceof SupportsNamespaces namespaces && !namespaces.namespaceExists(NAMESPACE)) {
            make(
                    "namespace " + NAMESPACE,
                    () -> namespaces.createNamespace(NAMESPACE),
                    () -> namespaces.namespaceExists(NAMESPACE));
        }
        make("table " + identifier, () -> layout.create(catalog, identifier), () -> catalog.tableExists(identifier));
    }

    /**
     * Makes what another process may make at the same moment. A catalog tells the later one so in words of its own (the
     * JDBC catalog, of a namespace, with the database's own error), so what counts is whether it is there afterwards. A
     * commit that lost to another one, of rows say, is tried again.
     */
    private static void make(String what, Runnable making, BooleanSupplier there) {
        for (int attempt = 1; ; attempt++) {
            try {
                making.run();
                return;
            } catch (RuntimeException e) {
                if (isThere(there, e)) {
                    LOG.atDebug().setCause(e).log("another process made {} first", what);
                    return;
                }
                if (!(e instanceof CommitFailedException) || attempt == MAKING_ATTEMPTS) {
                    throw e;
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(
                        ThreadLocalRandom.current().nextInt(20, 200)));
            }
        }
    }

    private static boolean isThere(BooleanSupplier there, RuntimeException cause) {
        try {
            return there.getAsBoolean();
        } catch (RuntimeException e) {
            cause.addSuppressed(e);
            return false;
        }
    }

    /** Adds columns that may be null; one that is there already, with the same type, is passed over. */
    void addColumns(EventType<?> type, List<Rejection.NewColumn> columns) {
        TableMetadata metadata = refresh();
        List<Column> present = TableLayout.of(type, metadata.schema()).valueColumns();
        List<Column> missing = new ArrayList<>();
        for (Rejection.NewColumn column : columns) {
            Types.NestedField field = metadata.schema().findField(column.name());
            if (field == null) {
                // The table gives the field its own id.
                missing.add(new Column(1, column.name(), column.type(), false));
            } else if (present.stream()
                    .noneMatch(known -> known.name().equals(column.name())
                            && known.type().getClass().equals(column.type().getClass()))) {
                throw new UnreadableTableException(
                        "table " + name() + " has a column '" + column.name() + "' already, of type " + field.type()
                                + ", where " + column.type() + " is needed",
                        null);
            }
        }
        if (!missing.isEmpty()) {
            try {
                TableLayout.add(table, missing);
            } catch (RuntimeException e) {
                throw new K2Exception.Retry("cannot add columns to " + name() + ": " + e, e);
            }
        }
    }

    Table table() {
        return table;
    }

    String name() {
        return table.name();
    }

    /** The table as it was last read. */
    TableMetadata current() {
        return operations.current();
    }

    /** Reads the table as it is now, and checks that its offsets belong to its rows. */
    TableMetadata refresh() {
        TableMetadata metadata;
        try {
            metadata = operations.refresh();
        } catch (NoSuchTableException e) {
            throw new UnreadableTableException("table " + name() + " is gone", e);
        } catch (RuntimeException e) {
            throw new K2Exception.Retry("cannot read table " + name() + ": " + e, e);
        }
        states(metadata).values().forEach(state -> state.checkLineage(name(), ancestors(metadata)));
        return metadata;
    }

    Map<LogPartition, StoredState> states(TableMetadata metadata) {
        return StoredState.readAll(name(), metadata.properties());
    }

    /** The current snapshot and its known ancestors, newest first. */
    static List<Snapshot> history(TableMetadata metadata) {
        List<Snapshot> history = new ArrayList<>();
        ancestors(metadata).forEach(history::add);
        return history;
    }

    /** Tiers that a commit kept. */
    Optional<String> tiers(String version) {
        return Optional.ofNullable(operations.current().properties().get(TIERS_PREFIX + version));
    }

    private static Iterable<Snapshot> ancestors(TableMetadata metadata) {
        Snapshot current = metadata.currentSnapshot();
        return current == null ? List.of() : SnapshotUtil.ancestorsOf(current.snapshotId(), metadata::snapshot);
    }

    /**
     * Commits files and states together, or finds that an earlier attempt with the same id did.
     *
     * @param commitId the id, the same for every attempt at one generation
     * @param files the data files, possibly none
     * @param expected what the partitions' properties must still say, null where there must be none
     * @param next the states to write
     * @param tiers by version, tiers as text, of which those are written too that the states name and the table lacks
     * @param checkpoint a file with checkpoints of some of these partitions, to be registered with the commit's snapshot; a
     *     partition that it does not hold keeps the checkpoints that it had
     * @return the new states as they stand in the table
     */
    Map<LogPartition, StoredState> commit(
            String commitId,
            List<DataFile> files,
            Map<LogPartition, StoredState> expected,
            Collection<PartitionState> next,
            Map<String, String> tiers,
            CheckpointFiles.@Nullable Written checkpoint) {
        TableMetadata before = refresh();
        if (landed(commitId, before.properties(), next)) {
            return committed(before, next);
        }
        compare(commitId, expected, next, before.properties(), ancestors(before));
        requireClocksAgree(before);

        List<StatisticsFile> superseded = List.of();
        Transaction transaction = table.newTransaction();
        try {
            AppendFiles append = transaction.newAppend();
            files.forEach(append::appendFile);
            append.set("k2.commit", commitId);
            append.set(StoredState.MOVES, StoredState.writeMoves(next));
            append.validateWith(ancestors -> {
                compare(commitId, expected, next, transaction.table().properties(), ancestors);
                return true;
            });
            append.commit();
            Snapshot staged = transaction.table().currentSnapshot();
            Snapshot parent =
                    staged.parentId() == null ? null : transaction.table().snapshot(staged.parentId());
            long parentSequence = parent == null ? 0 : parent.sequenceNumber();
            Map<LogPartition, Map<StateKind, Long>> named = named(expected, next, checkpoint, staged.snapshotId());
            if (checkpoint != null) {
                superseded = superseded(before, named);
                UpdateStatistics statistics = transaction.updateStatistics().setStatistics(checkpoint.of(staged));
                superseded.forEach(file -> statistics.removeStatistics(file.snapshotId()));
                statistics.commit();
            }
            UpdateProperties properties = transaction.updateProperties();
            for (PartitionState state : next) {
                properties.set(
                        StoredState.key(state.partition()),
                        StoredState.write(
                                state,
                                commitId,
                                staged.snapshotId(),
                                parentSequence,
                                named.getOrDefault(state.partition(), Map.of())));
            }
            next.stream()
                    .flatMap(state -> state.deferred().stream())
                    .map(Deferral::tiersVersion)
                    .distinct()
                    .filter(version -> !before.properties().containsKey(TIERS_PREFIX + version))
                    .forEach(version -> properties.set(
                            TIERS_PREFIX + version, Objects.requireNonNull(tiers.get(version), version)));
            properties.commit();
            transaction.commitTransaction();
        } catch (AlreadyLanded e) {
            LOG.atInfo().addKeyValue("commit", commitId).log("an earlier attempt of this commit landed");
        } catch (K2Exception e) {
            throw e;
        } catch (RuntimeException e) {
            throw new K2Exception.Unknown("the outcome of a commit to " + name() + " is not known yet: " + e, e);
        }
        TableMetadata after = refresh();
        if (!landed(commitId, after.properties(), next)) {
            // Landed and already passed by another writer, or not landed: either way the state in hand is not the
            // table's.
            compare(commitId, expected, next, after.properties(), ancestors(after));
            throw new K2Exception.Unknown("a commit to " + name() + " returned, but the table does not show it", null);
        }
        delete(superseded, after);
        return committed(after, next);
    }

    /**
     * Iceberg takes no commit that is stamped more than a minute before the last one. So a clock that ran ahead holds all
     * writers up until theirs have come as far; that is said rather than found in a message about log entries.
     */
    private void requireClocksAgree(TableMetadata before) {
        Snapshot last = before.currentSnapshot();
        long ahead = last == null ? 0 : last.timestampMillis() - System.currentTimeMillis();
        if (last != null && ahead > CLOCK_TOLERANCE_MILLIS) {
            throw new K2Exception.Retry(
                    "the last commit to " + name() + " is stamped " + Instant.ofEpochMilli(last.timestampMillis())
                            + ", " + ahead / 1000 + " s ahead of this machine's clock: Iceberg takes no other until the"
                            + " clock is within a minute of it; set the clocks of all writers right",
                    null);
        }
    }

    /** The size of all data files, as the snapshot that was read last says; 0 where it does not. */
    long bytes() {
        Snapshot current = operations.current().currentSnapshot();
        String total = current == null ? null : current.summary().get(SnapshotSummary.TOTAL_FILE_SIZE_PROP);
        try {
            return total == null ? 0 : Long.parseLong(total);
        } catch (NumberFormatException e) {
            // Another tool wrote it; it is only shown.
            return 0;
        }
    }

    /** By partition, the checkpoints that its state is to name. */
    private static Map<LogPartition, Map<StateKind, Long>> named(
            Map<LogPartition, StoredState> expected,
            Collection<PartitionState> next,
            CheckpointFiles.@Nullable Written checkpoint,
            long snapshotId) {
        Map<LogPartition, Map<StateKind, Long>> named = new HashMap<>();
        for (PartitionState state : next) {
            Map<StateKind, Long> kinds = new EnumMap<>(StateKind.class);
            StoredState old = expected.get(state.partition());
            if (old != null) {
                kinds.putAll(old.checkpoints());
            }
            if (checkpoint != null) {
                checkpoint
                        .kinds()
                        .getOrDefault(state.partition(), Set.of())
                        .forEach(kind -> kinds.put(kind, snapshotId));
            }
            named.put(state.partition(), kinds);
        }
        return named;
    }

    private List<StatisticsFile> superseded(TableMetadata before, Map<LogPartition, Map<StateKind, Long>> named) {
        Set<Long> kept = new HashSet<>();
        states(before).forEach((partition, state) -> {
            if (!named.containsKey(partition)) {
                kept.addAll(state.checkpoints().values());
            }
        });
        named.values().forEach(kinds -> kept.addAll(kinds.values()));
        return CheckpointFiles.superseded(before, kept, checkpointGrace.toMillis());
    }

    /** Deletes checkpoints that the table does not name any more; what cannot be deleted is left to orphan removal. */
    private void delete(List<StatisticsFile> superseded, TableMetadata after) {
        for (StatisticsFile file : superseded) {
            if (after.statisticsFiles().stream().noneMatch(left -> left.path().equals(file.path()))) {
                try {
                    table.io().deleteFile(file.path());
                } catch (RuntimeException e) {
                    LOG.atDebug().setCause(e).log("a checkpoint of {} was not deleted: {}", name(), file.path());
                }
            }
        }
    }

    void checkpointGrace(Duration grace) {
        checkpointGrace = grace;
    }

    /** Writes checkpoints beside the table's metadata; they count once a commit names them. */
    CheckpointFiles.Written write(Collection<StateSnapshot> checkpoints) {
        return CheckpointFiles.write(
                table.io().newOutputFile(operations.metadataFileLocation("k2-" + UUID.randomUUID() + ".stats")),
                checkpoints);
    }

    private boolean landed(String commitId, Map<String, String> properties, Collection<PartitionState> next) {
        return !next.isEmpty()
                && next.stream().allMatch(state -> StoredState.find(name(), properties, state.partition())
                        .filter(found -> found.commitId().equals(commitId))
                        .isPresent());
    }

    private Map<LogPartition, StoredState> committed(TableMetadata metadata, Collection<PartitionState> next) {
        Map<LogPartition, StoredState> result = new HashMap<>();
        Map<LogPartition, StoredState> all = states(metadata);
        for (PartitionState state : next) {
            StoredState stored = all.get(state.partition());
            if (stored != null) {
                result.put(state.partition(), stored);
            }
        }
        return result;
    }

    private void compare(
            String commitId,
            Map<LogPartition, StoredState> expected,
            Collection<PartitionState> next,
            Map<String, String> properties,
            Iterable<Snapshot> ancestors) {
        if (landed(commitId, properties, next)) {
            throw new AlreadyLanded();
        }
        Map<LogPartition, String> moved = new TreeMap<>();
        for (PartitionState state : next) {
            StoredState old = expected.get(state.partition());
            String found = properties.get(StoredState.key(state.partition()));
            if (landed(commitId, properties, List.of(state))) {
                // Our own, from an attempt that landed; others of it were moved on since.
                continue;
            }
            if (old == null ? found != null : !old.text().equals(found)) {
                moved.put(
                        state.partition(),
                        state.partition() + " was moved by another writer: expected "
                                + (old == null ? "no state" : old.text()) + ", found " + found);
            } else if (old != null) {
                old.checkLineage(name(), ancestors);
            }
        }
        if (!moved.isEmpty()) {
            throw new FencedException(name() + ": " + String.join("; ", moved.values()), moved.keySet());
        }
    }

    /**
     * Forgets snapshots that are older than the table's properties keep, with the metadata files only they used. A
     * failure is logged and left to the next time: it takes nothing from the table.
     */
    void expireSnapshots() {
        try {
            table.expireSnapshots().commit();
        } catch (RuntimeException e) {
            LOG.atWarn().setCause(e).log("could not expire snapshots of {}; will try again", name());
        }
    }

    /** Leaves a transaction whose commit turns out to be in the table; not an error, and nothing to clean up. */
    private static final class AlreadyLanded extends RuntimeException {
        private static final long serialVersionUID = 1L;

        AlreadyLanded() {
            super("already landed", null, false, false);
        }
    }
}
