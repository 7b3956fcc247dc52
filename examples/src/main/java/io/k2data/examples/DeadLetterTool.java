package io.k2data.examples;

import io.k2data.DeadLetters;
import io.k2data.K2;
import io.k2data.api.K2Exception;
import io.k2data.api.event.EventType;
import io.k2data.api.event.EventTypes;
import io.k2data.kafka.KafkaDeadLetters;
import io.k2data.pipeline.DeadLetter;
import io.k2data.pipeline.DeadLetterRepair.Outcome;
import io.k2data.pipeline.LogRecord;
import io.k2data.pipeline.Rejection;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Lists what a table could not take, and replays it, repaired by a class of yours, at its original position. */
public final class DeadLetterTool {
    private static final List<EventType<?>> TYPES = List.of(EventTypes.TRADE, EventTypes.QUOTE, EventTypes.REFERENCE);
    private static final String TABLES = TYPES.stream().map(EventType::name).collect(Collectors.joining("|"));
    private static final int SHOWN_VALUE = 240;
    private static final int SHOWN_NAME = 80;

    private static final String USAGE = """
            usage: examples/run DeadLetterTool list   --bootstrap-servers HOST:PORT --topic NAME [--table NAME]
                   examples/run DeadLetterTool replay --bootstrap-servers HOST:PORT --topic NAME --table NAME
                                                      --warehouse DIR --repair CLASS [--dry-run]
            list prints every dead letter of the topic, replay repairs and stores them at the position they had.
              --topic NAME      the topic the records came from; their dead letters are in NAME.k2-dlq
              --table NAME      the table that could not take them: %s
              --warehouse DIR   where the table is; a running ingest need not be stopped
              --repair CLASS    a Function<DeadLetter, Optional<byte[]>> with a public constructor without parameters:
                                gives the repaired value, or nothing to leave a letter alone. Put it on the class path
                                with K2_CLASSPATH. io.k2data.examples.DecimalCommas is one: "101,25" becomes "101.25"
              --dry-run         prints the repaired values next to the old ones and stores nothing
              --config FILE     properties as K2.fromProperties takes them (k2.kafka.* for every client setting,
                                k2.warehouse); options given here come before it
            A replay done twice stores nothing twice. Exits with 0 if it was done, whatever came of it, 1 if it could not
            be done, 2 if the arguments are wrong.""".formatted(TABLES);

    private DeadLetterTool() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        Arguments arguments = Arguments.parse(
                USAGE,
                List.of("--bootstrap-servers", "--topic", "--table", "--warehouse", "--repair", "--config"),
                List.of("--dry-run"),
                args);
        String command = arguments.rest().isEmpty() ? "" : arguments.rest().get(0);
        if (arguments.rest().size() != 1 || !List.of("list", "replay").contains(command)) {
            throw Arguments.refuse(USAGE, "expected one command, list or replay, found " + arguments.rest());
        }
        String topic = arguments.needed(USAGE, "--topic");
        Map<String, String> properties = properties(arguments);
        try {
            if (command.equals("list")) {
                String table = arguments.text("--table");
                list(properties, topic, table == null ? "" : type(table).name());
                return;
            }
            EventType<?> type = type(arguments.needed(USAGE, "--table"));
            Function<DeadLetter, Optional<byte[]>> repair = repair(arguments.needed(USAGE, "--repair"));
            if (arguments.flag("--dry-run")) {
                dryRun(properties, topic, type.name(), repair);
            } else {
                replay(properties, topic, type, repair);
            }
        } catch (K2Exception | RepairFailed e) {
            String.valueOf(e.getMessage()).lines().forEach(line -> System.err.println(Shown.text(line, 2_000)));
            System.exit(1);
        }
    }

    private static Map<String, String> properties(Arguments arguments) {
        Map<String, String> all = new TreeMap<>();
        String config = arguments.text("--config");
        if (config != null) {
            Properties file = new Properties();
            try (Reader reader = Files.newBufferedReader(Path.of(config))) {
                file.load(reader);
            } catch (IOException | IllegalArgumentException e) {
                throw Arguments.refuse(USAGE, "--config: cannot read " + config + ": " + e);
            }
            file.stringPropertyNames().forEach(name -> all.put(name, file.getProperty(name)));
        }
        Map.of("--bootstrap-servers", "k2.kafka.bootstrap.servers", "--warehouse", "k2.warehouse")
                .forEach((option, property) -> {
                    String given = arguments.text(option);
                    if (given != null) {
                        all.put(property, given);
                    }
                });
        if (!all.containsKey("k2.kafka.bootstrap.servers")) {
            throw Arguments.refuse(USAGE, "--bootstrap-servers is missing");
        }
        return all;
    }

    private static EventType<?> type(String table) {
        return TYPES.stream()
                .filter(type -> type.name().equals(table))
                .findFirst()
                .orElseThrow(() -> Arguments.refuse(USAGE, "--table: '" + table + "' is none of " + TABLES));
    }

    @SuppressWarnings("unchecked") // what a Function takes and gives is not known at run time
    private static Function<DeadLetter, Optional<byte[]>> repair(String name) {
        try {
            Object made = Class.forName(name).getConstructor().newInstance();
            if (made instanceof Function<?, ?> function) {
                return checked(name, (Function<DeadLetter, Optional<byte[]>>) function);
            }
            throw Arguments.refuse(USAGE, "--repair: " + name + " is no java.util.function.Function");
        } catch (ClassNotFoundException e) {
            throw Arguments.refuse(USAGE, "--repair: there is no class " + name + " on the class path");
        } catch (ReflectiveOperationException | LinkageError e) {
            throw Arguments.refuse(
                    USAGE, "--repair: " + name + " cannot be made by a public constructor without parameters: " + e);
        }
    }

    private static Function<DeadLetter, Optional<byte[]>> checked(
            String name, Function<DeadLetter, Optional<byte[]>> repair) {
        return letter -> {
            try {
                return Objects.requireNonNull(repair.apply(letter), "it gave null instead of an Optional");
            } catch (RuntimeException e) {
                throw new RepairFailed(name + " failed on " + position(letter) + ", nothing was stored: " + e, e);
            }
        };
    }

    private static List<DeadLetter> letters(Map<String, String> properties, String topic, String table) {
        Map<String, String> client = properties.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith("k2.kafka."))
                .collect(
                        Collectors.toMap(entry -> entry.getKey().substring("k2.kafka.".length()), Map.Entry::getValue));
        try (KafkaDeadLetters letters = KafkaDeadLetters.open(client, topic)) {
            return letters.list().stream()
                    .filter(letter -> table.isEmpty()
                            || letter.table().isEmpty()
                            || letter.table().equals(table))
                    .toList();
        }
    }

    private static void list(Map<String, String> properties, String topic, String table) {
        List<DeadLetter> letters = letters(properties, topic, table);
        letters.forEach(DeadLetterTool::print);
        printSummary(letters);
    }

    /** Prints a letter: position, reason, and the value that was rejected. */
    static void print(DeadLetter letter) {
        LogRecord record = letter.record();
        System.out.printf(
                Locale.ROOT,
                "%s  %s  %s  key %s%s%n    %s%n    %s%n",
                position(letter),
                Shown.text(letter.reason(), SHOWN_NAME),
                Instant.ofEpochMilli(record.timestampMillis()),
                Shown.bytes(record.key(), SHOWN_NAME),
                letter.copies() > 1 ? "  (there " + letter.copies() + " times)" : "",
                Shown.text(letter.error(), SHOWN_VALUE),
                Shown.bytes(record.value(), SHOWN_VALUE));
    }

    /** Prints how many letters there are, by reason. */
    static void printSummary(List<DeadLetter> letters) {
        System.out.println(letters.size() + " dead letters"
                + letters.stream()
                        .collect(Collectors.groupingBy(
                                letter -> Shown.text(letter.reason(), SHOWN_NAME), TreeMap::new, Collectors.counting()))
                        .entrySet()
                        .stream()
                        .map(reason -> reason.getValue() + " " + reason.getKey())
                        .collect(Collectors.joining(", ", ": ", ""))
                        .replaceAll("^: $", ""));
    }

    private static String position(DeadLetter letter) {
        return Shown.text(
                letter.record().partition() + " @ " + letter.record().offset()
                        + (letter.table().isEmpty() ? "" : " -> " + letter.table()),
                SHOWN_NAME);
    }

    private static void dryRun(
            Map<String, String> properties, String topic, String table, Function<DeadLetter, Optional<byte[]>> repair) {
        List<DeadLetter> letters = letters(properties, topic, table);
        int repaired = 0;
        for (DeadLetter letter : letters) {
            Optional<byte[]> value = repair.apply(letter);
            repaired += value.isPresent() ? 1 : 0;
            System.out.printf(
                    "%s  %s%n    old  %s%n    new  %s%n",
                    position(letter),
                    Shown.text(letter.reason(), SHOWN_NAME),
                    Shown.bytes(letter.record().value(), SHOWN_VALUE),
                    value.map(bytes -> Shown.bytes(bytes, SHOWN_VALUE)).orElse("(left alone)"));
        }
        System.out.printf("%d repaired, %d left alone; nothing was stored%n", repaired, letters.size() - repaired);
    }

    private static void replay(
            Map<String, String> properties,
            String topic,
            EventType<?> type,
            Function<DeadLetter, Optional<byte[]>> repair) {
        String warehouse = properties.get("k2.warehouse");
        if (warehouse == null || !Files.isDirectory(Path.of(warehouse))) {
            // Building a K2 would make one, and an empty warehouse is no use here.
            throw Arguments.refuse(
                    USAGE, warehouse == null ? "--warehouse is missing" : "--warehouse: no directory " + warehouse);
        }
        try (K2 k2 = K2.fromProperties(properties).build();
                DeadLetters letters = k2.deadLetters(type, topic)) {
            print(letters.replay(repair));
        }
    }

    /** Prints what became of letters. */
    static void print(Outcome outcome) {
        System.out.printf(
                Locale.ROOT,
                "stored          %,8d  at the positions they had%n"
                        + "stored before   %,8d  a row stands at their position already%n"
                        + "duplicate       %,8d  their id stands at another position%n"
                        + "left alone      %,8d  the repair gave nothing%n"
                        + "not reached     %,8d  beyond the table's offsets, the ingest has yet to come there%n"
                        + "still rejected  %,8d%n",
                outcome.stored(),
                outcome.storedBefore(),
                outcome.duplicate(),
                outcome.left(),
                outcome.notPassed(),
                outcome.stillRejected().size());
        outcome.stillRejected().entrySet().stream()
                .sorted(Comparator.comparing((Map.Entry<DeadLetter, Rejection> entry) ->
                                entry.getKey().record().partition())
                        .thenComparing(entry -> entry.getKey().record().offset()))
                .forEach(entry -> System.out.println("    " + position(entry.getKey()) + "  "
                        + entry.getValue().reason().code() + ": "
                        + Shown.text(entry.getValue().getMessage(), SHOWN_VALUE)));
    }

    /** A repair of the user's that threw. */
    private static final class RepairFailed extends RuntimeException {
        private static final long serialVersionUID = 1L;

        RepairFailed(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
