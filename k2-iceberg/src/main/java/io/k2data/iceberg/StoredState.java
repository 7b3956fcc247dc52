package io.k2data.iceberg;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.k2data.api.Cut.PartitionCut;
import io.k2data.api.LogOffset;
import io.k2data.api.LogPartition;
import io.k2data.api.TableRolledBackException;
import io.k2data.api.UnreadableTableException;
import io.k2data.api.degradation.Deferral;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.pipeline.PartitionState;
import io.k2data.pipeline.StoredRows.StateKind;
import io.k2data.pipeline.Tally;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.apache.iceberg.Snapshot;

/**
 * A partition's state as it stands in the table: one property per partition, one line of JSON with a version.
 *
 * @param state how far the table has taken the partition
 * @param commitId the id of the commit that wrote it
 * @param snapshotId the snapshot of that commit
 * @param parentSequence the sequence number of that snapshot's parent, a lower bound of the snapshot's own: a commit that
 *     was rebased lands with a higher one than the one first written
 * @param checkpoints by kind, the snapshot whose statistics file holds the checkpoint of the state that judges the partition
 * @param text the property's value, to compare with
 */
record StoredState(
        PartitionState state,
        String commitId,
        long snapshotId,
        long parentSequence,
        Map<StateKind, Long> checkpoints,
        String text) {
    static final String PREFIX = "k2.p.";

    /** In the summary of a commit's snapshot: what it moved. */
    static final String MOVES = "k2.moves";

    private static final int VERSION = 1;
    private static final ObjectMapper JSON = new ObjectMapper();

    static String key(LogPartition partition) {
        return PREFIX + partition.clusterId() + "." + partition.topicId() + "." + partition.partition();
    }

    static String write(
            PartitionState state,
            String commitId,
            long snapshotId,
            long parentSequence,
            Map<StateKind, Long> checkpoints) {
        ObjectNode json = JSON.createObjectNode();
        json.put("v", VERSION);
        json.put("topic", state.partition().topic());
        json.put("start", state.startOffset());
        json.put("next", state.next().offset());
        state.next().leaderEpoch().ifPresent(epoch -> json.put("epoch", epoch));
        Tally tally = state.tally();
        json.put("consumed", tally.consumed());
        json.put("stored", tally.stored());
        json.put("duplicate", tally.duplicate());
        json.put("rejected", tally.rejected());
        json.put("deferred", tally.deferred());
        json.put("lost", tally.lost());
        json.put("skipped", tally.skipped());
        json.put("foreign", tally.foreign());
        json.put("repairs", state.repairs());
        if (state.backfills() > 0) {
            json.put("backfills", state.backfills());
        }
        writeDeferrals(json, state);
        if (!checkpoints.isEmpty()) {
            ObjectNode named = json.putObject("checkpoints");
            new TreeMap<>(checkpoints).forEach((kind, snapshot) -> named.put(CheckpointFiles.word(kind), snapshot));
        }
        json.put("commit", commitId);
        json.put("snapshot", snapshotId);
        json.put("parentSequence", parentSequence);
        return json.toString();
    }

    private static void writeDeferrals(ObjectNode json, PartitionState state) {
        if (!state.deferred().isEmpty()) {
            ArrayNode deferrals = json.putArray("deferrals");
            for (Deferral deferral : state.deferred()) {
                deferrals
                        .addObject()
                        .put("tier", deferral.tier().name())
                        .put("from", deferral.fromOffset())
                        .put("to", deferral.toOffset())
                        .put("records", deferral.records())
                        .put("fromTime", deferral.fromTimeMillis())
                        .put("toTime", deferral.toTimeMillis())
                        .put("tiers", deferral.tiersVersion());
            }
        }
    }

    /**
     * What a commit moves, for the summary of its snapshot: how far each partition reaches, for those who ask for that
     * snapshot when it is no longer the current one. The properties alone decide where ingest goes on. Short, since every
     * snapshot's summary is written with every commit.
     */
    static String writeMoves(Collection<PartitionState> states) {
        ObjectNode moves = JSON.createObjectNode().put("v", VERSION);
        ArrayNode partitions = moves.putArray("p");
        for (PartitionState state : states) {
            LogPartition partition = state.partition();
            ObjectNode json = partitions.addObject();
            json.put("c", partition.clusterId())
                    .put("i", partition.topicId())
                    .put("t", partition.topic())
                    .put("n", partition.partition())
                    .put("start", state.startOffset())
                    .put("next", state.next().offset());
            writeDeferrals(json, state);
        }
        return moves.toString();
    }

    /** What {@link #writeMoves} wrote; nothing if the snapshot is another writer's, or from before K2 did so. */
    static Map<LogPartition, PartitionCut> readMoves(String table, Map<String, String> summary) {
        String text = summary.get(MOVES);
        Map<LogPartition, PartitionCut> reached = new LinkedHashMap<>();
        if (text == null) {
            return reached;
        }
        try {
            JsonNode moves = JSON.readTree(text);
            if (moves.path("v").asInt(-1) != VERSION) {
                return reached;
            }
            for (JsonNode json : moves.required("p")) {
                long next = json.required("next").longValue();
                reached.put(
                        new LogPartition(
                                json.required("c").asText(),
                                json.required("i").asText(),
                                json.required("t").asText(),
                                json.required("n").intValue()),
                        new PartitionCut(json.required("start").longValue(), next, next, readDeferrals(json)));
            }
            return reached;
        } catch (JsonProcessingException | IllegalArgumentException | IllegalStateException e) {
            throw new UnreadableTableException(
                    table + ": '" + MOVES + "' in a snapshot's summary cannot be read: " + e.getMessage(), e);
        }
    }

    private static List<Deferral> readDeferrals(JsonNode json) {
        List<Deferral> deferred = new ArrayList<>();
        for (JsonNode each : json.path("deferrals")) {
            deferred.add(new Deferral(
                    PriorityTier.valueOf(each.required("tier").asText()),
                    each.required("from").longValue(),
                    each.required("to").longValue(),
                    each.required("records").longValue(),
                    each.required("fromTime").longValue(),
                    each.required("toTime").longValue(),
                    each.required("tiers").asText()));
        }
        return deferred;
    }

    static Map<LogPartition, StoredState> readAll(String table, Map<String, String> properties) {
        Map<LogPartition, StoredState> states = new LinkedHashMap<>();
        properties.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) {
                StoredState stored = read(table, key, value);
                states.put(stored.state().partition(), stored);
            }
        });
        return states;
    }

    static StoredState read(String table, String key, String value) {
        // A cluster id may hold dots; a topic id and a partition number may not.
        String rest = key.substring(PREFIX.length());
        int last = rest.lastIndexOf('.');
        int middle = last < 0 ? -1 : rest.lastIndexOf('.', last - 1);
        if (middle < 1) {
            throw new UnreadableTableException(table + ": property '" + key + "' is no partition's state", null);
        }
        try {
            JsonNode json = JSON.readTree(value);
            int version = json.path("v").asInt(-1);
            if (version != VERSION) {
                throw new UnreadableTableException(
                        table + ": property '" + key + "' has version " + version + ", this K2 knows version " + VERSION
                                + "; use the K2 that wrote it, or a newer one",
                        null);
            }
            LogPartition partition = new LogPartition(
                    rest.substring(0, middle),
                    rest.substring(middle + 1, last),
                    json.required("topic").asText(),
                    Integer.parseInt(rest.substring(last + 1)));
            LogOffset next = new LogOffset(
                    json.required("next").longValue(),
                    json.has("epoch") ? OptionalInt.of(json.get("epoch").intValue()) : OptionalInt.empty());
            Tally tally = new Tally(
                    json.required("consumed").longValue(),
                    json.required("stored").longValue(),
                    json.required("duplicate").longValue(),
                    json.required("rejected").longValue(),
                    json.required("deferred").longValue(),
                    json.required("lost").longValue(),
                    json.required("skipped").longValue(),
                    json.path("foreign").longValue());
            Map<StateKind, Long> checkpoints = new EnumMap<>(StateKind.class);
            for (StateKind kind : StateKind.values()) {
                JsonNode named = json.path("checkpoints").path(CheckpointFiles.word(kind));
                if (named.isIntegralNumber()) {
                    checkpoints.put(kind, named.longValue());
                }
            }
            return new StoredState(
                    new PartitionState(
                            partition,
                            json.required("start").longValue(),
                            next,
                            tally,
                            json.path("repairs").longValue(),
                            json.path("backfills").longValue(),
                            readDeferrals(json)),
                    json.required("commit").asText(),
                    json.required("snapshot").longValue(),
                    json.required("parentSequence").longValue(),
                    Map.copyOf(checkpoints),
                    value);
        } catch (JsonProcessingException | IllegalArgumentException | IllegalStateException e) {
            throw new UnreadableTableException(
                    table + ": property '" + key + "' cannot be read as a partition's state: " + e.getMessage(), e);
        }
    }

    /**
     * Checks that the table still stands on the snapshot this state was written with. It does if that snapshot is an
     * ancestor of the current one, or if the known ancestry ends above it because older snapshots expired. Else somebody
     * rolled the table back, and the offsets, being properties, were not rolled back with the rows.
     *
     * @param ancestors the current snapshot and its known ancestors, newest first
     */
    void checkLineage(String table, Iterable<Snapshot> ancestors) {
        Snapshot oldest = null;
        for (Snapshot ancestor : ancestors) {
            if (ancestor.snapshotId() == snapshotId) {
                return;
            }
            oldest = ancestor;
        }
        boolean mayHaveExpired =
                oldest != null && oldest.parentId() != null && oldest.sequenceNumber() > parentSequence + 1;
        if (!mayHaveExpired) {
            throw new TableRolledBackException(
                    table + ": the offsets of " + state.partition() + " (next "
                            + state.next().offset()
                            + ") were committed with snapshot " + snapshotId
                            + ", which is no longer part of the table's history: the table was rolled back or replaced. "
                            + "Either set the table's current snapshot to one that descends from " + snapshotId
                            + ", or remove the property '" + key(state.partition()) + "' to start anew",
                    null);
        }
    }

    static Optional<StoredState> find(String table, Map<String, String> properties, LogPartition partition) {
        String value = properties.get(key(partition));
        return value == null ? Optional.empty() : Optional.of(read(table, key(partition), value));
    }
}
