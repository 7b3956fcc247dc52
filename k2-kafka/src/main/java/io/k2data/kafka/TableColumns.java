package io.k2data.kafka;

import io.k2data.api.event.Column;
import io.k2data.api.event.EventType;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import io.k2data.pipeline.Rejection.NewColumn;
import io.k2data.pipeline.Rejection.Reason;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The columns that a decoder gives values for, and what holds for a record's fields as a whole in every format. */
final class TableColumns {
    private static final int MAX_NEW_COLUMNS = 50;
    private static final Pattern COLUMN_NAME = Pattern.compile("[a-z][a-z0-9_]{0,62}");

    private final EventType<?> type;
    private final List<Column> columns;
    private final Map<String, Integer> places = new HashMap<>();
    private final Set<String> reserved;
    private final boolean[] needsContent;
    private final int[] required;
    private final int[] idPlaces;

    TableColumns(EventType<?> type, List<Column> columns) {
        this.type = type;
        this.columns = List.copyOf(columns);
        this.reserved = type.provenance().stream().map(Column::name).collect(Collectors.toSet());
        this.needsContent = new boolean[columns.size()];
        this.required = IntStream.range(0, columns.size())
                .filter(i -> columns.get(i).required())
                .toArray();
        this.idPlaces = type.idColumns().stream()
                .mapToInt(column -> type.index(column.name()))
                .toArray();
        for (int i = 0; i < columns.size(); i++) {
            places.put(columns.get(i).name(), i);
            needsContent[i] = columns.get(i).required() || type.idColumns().contains(columns.get(i));
        }
    }

    int size() {
        return columns.size();
    }

    Column get(int place) {
        return columns.get(place);
    }

    /** The place of the column that a field belongs to, or null if there is none. */
    @Nullable
    Integer place(String field) {
        return places.get(field);
    }

    boolean isId(int place) {
        return type.idColumns().contains(columns.get(place));
    }

    /** Makes no value of a text without a character where one would be needed. */
    @Nullable
    String content(int place, String text) {
        return needsContent[place] && text.isEmpty() ? null : text;
    }

    static byte[] bytes(LogRecord record) throws Rejection {
        byte[] data = record.value();
        if (data == null || data.length == 0) {
            throw new Rejection(Reason.EMPTY_VALUE, data == null ? "the value is null" : "the value has no bytes");
        }
        return data;
    }

    boolean canHaveColumn(String field) {
        return COLUMN_NAME.matcher(field).matches() && !reserved.contains(field);
    }

    Rejection noColumnFor(String field) {
        return new Rejection(
                Reason.UNKNOWN_FIELD,
                "no column of " + type + " can have the name of field " + FieldRules.excerpt(field));
    }

    static void bound(int newColumns) throws Rejection {
        if (newColumns > MAX_NEW_COLUMNS) {
            throw new Rejection(Reason.UNKNOWN_FIELD, "more than " + MAX_NEW_COLUMNS + " unknown fields");
        }
    }

    /** Refuses a record with fields that have no column, if there are any. */
    static void requireNone(List<NewColumn> needed) throws Rejection {
        if (!needed.isEmpty()) {
            throw new Rejection(needed);
        }
    }

    /** Names everything that is missing at once; the pipeline's own check would tell of the first only. */
    void requireAll(@Nullable Object[] values) throws Rejection {
        boolean complete = true;
        for (int place : required) {
            complete &= values[place] != null;
        }
        int ids = 0;
        for (int place : idPlaces) {
            ids += values[place] != null ? 1 : 0;
        }
        if (!complete || ids > 1 || (ids == 0 && type.idRequired())) {
            refuse(values);
        }
    }

    private void refuse(@Nullable Object[] values) throws Rejection {
        List<String> missing = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            if (values[i] == null && columns.get(i).required()) {
                missing.add(columns.get(i).name());
            }
        }
        List<String> ids = type.idColumns().stream().map(Column::name).toList();
        long found = ids.stream().filter(id -> values[type.index(id)] != null).count();
        if (found == 0 && type.idRequired()) {
            missing.add(String.join(" or ", ids));
        }
        if (!missing.isEmpty()) {
            throw new Rejection(Reason.MISSING_FIELD, "missing: " + String.join(", ", missing));
        }
        if (found > 1) {
            throw new Rejection(
                    Reason.MISSING_FIELD, String.join(" and ", ids) + " are both there, expected one of them");
        }
    }
}
