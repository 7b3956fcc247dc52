package io.k2data.pipeline;

import io.k2data.api.PartitionContext.Role;
import io.k2data.api.StartPosition;
import io.k2data.api.event.EventType;
import io.k2data.degradation.Degradation;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * What one ingest does with its topic. Immutable.
 *
 * @param role whether it commits, or only follows a writer
 * @param start where a new table begins to take the topic
 * @param unknownFields what becomes of fields without a column
 * @param select says which records hold events of the ingest's type; the others are counted as foreign. It must say the
 *     same of the same record again. Called by the ingest thread; if it throws, the record goes to the dead letters
 * @param group the group of writers that the topic's partitions are divided among; empty for a writer that takes all
 * @param degradation what is done under load; empty for nothing but to fall behind
 * @param enrichment adds to rows what their records do not say
 */
public record IngestPlan(
        Role role,
        StartPosition start,
        UnknownFields unknownFields,
        Predicate<? super LogRecord> select,
        Optional<String> group,
        Optional<Degradation> degradation,
        Optional<Enrichment> enrichment) {
    /** The header that names a record's event type on a topic that mixes them. */
    public static final String TYPE_HEADER = "k2.type";

    /** Checks that all parts are there. */
    public IngestPlan {
        Objects.requireNonNull(role, "role");
        Objects.requireNonNull(start, "start");
        Objects.requireNonNull(unknownFields, "unknownFields");
        Objects.requireNonNull(select, "select");
        if (group.isPresent() && (group.get().isBlank() || role == Role.FOLLOWER)) {
            throw new IllegalArgumentException(
                    role == Role.FOLLOWER ? "a follower joins no group" : "a group's id is not blank");
        }
    }

    /**
     * The usual plan: write, from the earliest record on, reject unknown fields, and take every record but those whose
     * header {@value #TYPE_HEADER} names another event type.
     *
     * @param type the event type
     * @return the plan
     */
    public static IngestPlan writing(EventType<?> type) {
        return new IngestPlan(
                Role.WRITER,
                StartPosition.earliest(),
                UnknownFields.REJECT,
                byHeader(type.name()),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }

    private static Predicate<LogRecord> byHeader(String type) {
        byte[] expected = type.getBytes(StandardCharsets.UTF_8);
        return record -> {
            for (LogRecord.Header header : record.headers()) {
                if (header.key().equals(TYPE_HEADER)) {
                    return Arrays.equals(header.value(), expected);
                }
            }
            return true;
        };
    }

    /**
     * Returns the plan with another role; a follower's has no group.
     *
     * @param newRole the role
     * @return the plan
     */
    public IngestPlan role(Role newRole) {
        return new IngestPlan(
                newRole,
                start,
                unknownFields,
                select,
                newRole == Role.FOLLOWER ? Optional.empty() : group,
                degradation,
                enrichment);
    }

    /**
     * Returns the plan with another start.
     *
     * @param newStart the start
     * @return the plan
     */
    public IngestPlan start(StartPosition newStart) {
        return new IngestPlan(role, newStart, unknownFields, select, group, degradation, enrichment);
    }

    /**
     * Returns the plan with another way with unknown fields.
     *
     * @param newUnknownFields the way
     * @return the plan
     */
    public IngestPlan unknownFields(UnknownFields newUnknownFields) {
        return new IngestPlan(role, start, newUnknownFields, select, group, degradation, enrichment);
    }

    /**
     * Returns the plan with another selection.
     *
     * @param newSelect says which records are of the ingest's type
     * @return the plan
     */
    public IngestPlan select(Predicate<? super LogRecord> newSelect) {
        return new IngestPlan(role, start, unknownFields, newSelect, group, degradation, enrichment);
    }

    /**
     * Returns the plan for a member of a group.
     *
     * @param newGroup the group's id
     * @return the plan
     */
    public IngestPlan group(String newGroup) {
        return new IngestPlan(role, start, unknownFields, select, Optional.of(newGroup), degradation, enrichment);
    }

    /**
     * Returns the plan with a way to go on under load; a follower takes everything all the same.
     *
     * @param newDegradation what is done
     * @return the plan
     */
    public IngestPlan degradation(Degradation newDegradation) {
        return new IngestPlan(role, start, unknownFields, select, group, Optional.of(newDegradation), enrichment);
    }

    /**
     * Returns the plan with an enrichment.
     *
     * @param newEnrichment adds to rows
     * @return the plan
     */
    public IngestPlan enrichment(Enrichment newEnrichment) {
        return new IngestPlan(role, start, unknownFields, select, group, degradation, Optional.of(newEnrichment));
    }
}
