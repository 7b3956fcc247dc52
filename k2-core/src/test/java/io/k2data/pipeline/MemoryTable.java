package io.k2data.pipeline;

import io.k2data.api.LogPartition;
import io.k2data.api.StreamKey;
import io.k2data.api.dedup.DedupBatch;
import io.k2data.api.event.EventTypes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A table of trades of one partition, in memory: rows by commit, and the checkpoints that commits named. */
final class MemoryTable implements StoredRows {
    private final LogPartition partition;
    final List<Row> live = new ArrayList<>();
    private final List<List<Row>> commits = new ArrayList<>();
    private final Map<StateKind, StateSnapshot> named = new HashMap<>();
    private final Map<StateKind, Integer> namedBy = new HashMap<>();

    @Nullable
    PartitionState state;

    MemoryTable(LogPartition partition) {
        this.partition = partition;
    }

    void commit(PartitionState committed, List<StateSnapshot> kept) {
        commits.add(List.copyOf(live));
        live.clear();
        state = committed;
        kept.forEach(each -> {
            named.put(each.kind(), each);
            namedBy.put(each.kind(), commits.size());
        });
    }

    List<Long> offsets() {
        return committed(0).map(Row::offset).toList();
    }

    private Stream<Row> committed(int after) {
        return commits.subList(after, commits.size()).stream()
                .flatMap(List::stream)
                .sorted(Comparator.comparingLong(Row::offset));
    }

    @Override
    public StoredCheckpoint checkpoint(LogPartition of, StateKind kind) {
        StateSnapshot found = named.get(kind);
        return found == null ? new StoredCheckpoint.None() : new StoredCheckpoint.Found(found.content());
    }

    @Override
    public void replaySince(LogPartition of, StateKind kind, StoredRowVisitor visitor) {
        committed(namedBy.getOrDefault(kind, 0)).forEach(row -> visit(row, visitor));
    }

    @Override
    public void replay(LogPartition of, long horizonMillis, StoredRowVisitor visitor) {
        long highest = committed(0).mapToLong(Row::logTimeMillis).max().orElse(0);
        committed(0)
                .filter(row -> row.logTimeMillis() >= highest - horizonMillis)
                .forEach(row -> visit(row, visitor));
    }

    private static void visit(Row row, StoredRowVisitor visitor) {
        visitor.row(stream(row), id(row), (Long) value(row, "source_sequence"), row.offset(), row.logTimeMillis());
    }

    private static @Nullable Object value(Row row, String column) {
        return row.values()[EventTypes.TRADE.index(column)];
    }

    private static StreamKey stream(Row row) {
        return new StreamKey((String) value(row, "venue"), (String) value(row, "symbol"));
    }

    private static @Nullable Object id(Row row) {
        return value(row, "trade_id");
    }

    @Override
    public long[] sightings(LogPartition of, DedupBatch ids, int from, int to, long windowMillis) {
        return IntStream.range(from, to)
                .mapToLong(i -> Stream.concat(committed(0), live.stream())
                        .filter(row -> row.offset() != ids.offset(i)
                                && Objects.equals(
                                        id(row), ids.textId(i) != null ? ids.textId(i) : (Object) ids.longId(i))
                                && ids.stream(i).equals(stream(row))
                                && Math.abs(row.logTimeMillis() - ids.logTimeMillis(i)) <= windowMillis)
                        .mapToLong(Row::offset)
                        .min()
                        .orElse(NOT_SIGHTED))
                .toArray();
    }
}
