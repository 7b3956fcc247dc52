package io.k2data.iceberg;

import io.k2data.api.event.EventType;
import java.util.Locale;
import java.util.Set;

/** The relations that every view has besides one for each event type. */
final class ReservedRelations {
    static final Set<String> NAMES = Set.of(CutsRelation.NAME, DeferredRelation.NAME, GapsRelation.NAME);

    private ReservedRelations() {}

    static boolean isReserved(String name) {
        return NAMES.contains(name.toLowerCase(Locale.ROOT));
    }

    static void requireFree(EventType<?> type) {
        if (isReserved(type.name())) {
            throw new IllegalArgumentException(
                    "an event type cannot be named '" + type.name() + "': views have a relation of that name");
        }
    }
}
