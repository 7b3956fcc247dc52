package io.k2data.api.event;

import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A column of an event type's table.
 *
 * @param fieldId the Iceberg field id, fixed for ever, 1 or more
 * @param name the column's name, lower case letters, digits and underscores
 * @param type its type
 * @param required whether every row must have a value
 */
public record Column(int fieldId, String name, ColumnType type, boolean required) {
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]{0,62}");

    /** Checks id and name. */
    public Column {
        Objects.requireNonNull(type, "type");
        if (fieldId < 1) {
            throw new IllegalArgumentException("fieldId must be 1 or more, got " + fieldId);
        }
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("column name '" + name + "' must match " + NAME);
        }
    }
}
