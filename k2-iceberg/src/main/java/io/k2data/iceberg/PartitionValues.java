package io.k2data.iceberg;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.iceberg.PartitionData;
import org.apache.iceberg.PartitionField;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.transforms.Transforms;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.SerializableFunction;
import org.jspecify.annotations.Nullable;

/**
 * A table's partitioning as DuckDB can compute it. K2's own tables are partitioned by the day of event time; a table that
 * was there before may have none, or the identity of a column, or the year, month, day or hour of a time. DuckDB groups
 * the rows, by expressions that never tear a partition apart; the partition's value is then computed with Iceberg's own
 * transforms from one row of the group.
 */
final class PartitionValues {
    private static final long MICROS_PER_HOUR = 3_600_000_000L;
    private static final long MICROS_PER_DAY = 24 * MICROS_PER_HOUR;
    private final PartitionSpec spec;

    private final List<String> sources = new ArrayList<>();
    private final List<String> groups = new ArrayList<>();

    PartitionValues(PartitionSpec spec) {
        this.spec = spec;
        for (PartitionField field : spec.fields()) {
            String column = Sql.name(spec.schema().findColumnName(field.sourceId()));
            boolean isTime = spec.schema().findType(field.sourceId()).typeId() == Type.TypeID.TIMESTAMP;
            sources.add(isTime ? "epoch_us(" + column + ")" : column);
            groups.add(
                    field.transform().isIdentity()
                            ? sources.get(sources.size() - 1)
                            : group(field.transform().toString(), column));
        }
    }

    private static String group(String transform, String column) {
        return switch (transform) {
            case "year" -> "year(" + column + ")";
            case "month" -> "year(" + column + ") * 12 + month(" + column + ")";
            case "day" -> start("epoch_us(" + column + ")", MICROS_PER_DAY);
            case "hour" -> start("epoch_us(" + column + ")", MICROS_PER_HOUR);
            default -> throw new IllegalArgumentException("no way to group by " + transform);
        };
    }

    /** Where the period begins that a time lies in, also before 1970, where SQL's division would round up. */
    private static String start(String micros, long period) {
        return micros + " - ((" + micros + " % " + period + " + " + period + ") % " + period + ")";
    }

    /** What of a partitioning K2 cannot write, in words. */
    static List<String> problems(PartitionSpec spec) {
        List<String> problems = new ArrayList<>();
        for (PartitionField field : spec.fields()) {
            String name = spec.schema().findColumnName(field.sourceId());
            Type source = spec.schema().findType(field.sourceId());
            String transform = field.transform().toString();
            boolean isTime = source instanceof Types.TimestampType;
            boolean known = field.transform().isIdentity()
                    ? isTime
                            || source.typeId() == Type.TypeID.STRING
                            || source.typeId() == Type.TypeID.LONG
                            || source.typeId() == Type.TypeID.INTEGER
                    : isTime && List.of("year", "month", "day", "hour").contains(transform);
            if (!known) {
                problems.add("it is partitioned by " + transform + "(" + name
                        + "); K2 writes identity of text and integers, and year, month, day and hour of times");
            }
        }
        return problems;
    }

    /** Select expressions for one value of each partition column's source; nothing if there is no partitioning. */
    List<String> sources() {
        return sources;
    }

    /** Expressions that are equal for rows of one partition. */
    List<String> groups() {
        return groups;
    }

    /** A condition for the rows of one group, given the values of its expressions as SQL literals. */
    String condition(List<String> literals) {
        if (groups.isEmpty()) {
            return "true";
        }
        List<String> equal = new ArrayList<>();
        for (int i = 0; i < groups.size(); i++) {
            equal.add("(" + groups.get(i) + ") is not distinct from " + literals.get(i));
        }
        return equal.stream().collect(Collectors.joining(" and "));
    }

    /** The partition of a row, given the values of its sources: text, or a long for integers and for epoch micros. */
    PartitionData partition(List<@Nullable Object> values) {
        PartitionData partition = new PartitionData(spec.partitionType());
        for (int i = 0; i < spec.fields().size(); i++) {
            PartitionField field = spec.fields().get(i);
            partition.set(i, transformed(field, values.get(i)));
        }
        return partition;
    }

    private @Nullable Object transformed(PartitionField field, @Nullable Object value) {
        if (value == null) {
            return null;
        }
        Type source = spec.schema().findType(field.sourceId());
        if (field.transform().isIdentity()) {
            return source.typeId() == Type.TypeID.INTEGER && value instanceof Long number
                    ? (Object) number.intValue()
                    : value;
        }
        SerializableFunction<Long, Integer> transform =
                switch (field.transform().toString()) {
                    case "year" -> Transforms.<Long>year().bind(source);
                    case "month" -> Transforms.<Long>month().bind(source);
                    case "hour" -> Transforms.<Long>hour().bind(source);
                    default -> Transforms.<Long>day().bind(source);
                };
        return transform.apply((Long) value);
    }
}
