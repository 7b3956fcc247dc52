package io.k2data.examples;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Command-line arguments of an example: {@code --name value} pairs, flags, and what stands without a name. */
final class Arguments {
    private final Map<String, List<String>> named = new LinkedHashMap<>();
    private final Set<String> flags = new HashSet<>();
    private final List<String> rest = new ArrayList<>();

    private Arguments() {}

    /** Reads arguments; on {@code --help} prints the usage and exits with 0, on a bad one explains and exits with 2. */
    static Arguments parse(String usage, List<String> known, String... args) {
        return parse(usage, known, List.of(), args);
    }

    /** Reads arguments, among them flags, which have no value. */
    static Arguments parse(String usage, List<String> known, List<String> knownFlags, String... args) {
        Arguments arguments = new Arguments();
        for (int i = 0; i < args.length; i++) {
            String arg = args[i];
            if (arg.equals("--help") || arg.equals("-h")) {
                System.out.println(usage);
                System.exit(0);
            } else if (!arg.startsWith("--")) {
                arguments.rest.add(arg);
            } else if (knownFlags.contains(arg)) {
                arguments.flags.add(arg);
            } else if (!known.contains(arg)) {
                throw refuse(usage, "unknown option " + arg);
            } else if (i + 1 == args.length) {
                throw refuse(usage, arg + " needs a value");
            } else {
                arguments.named.computeIfAbsent(arg, name -> new ArrayList<>()).add(args[++i]);
            }
        }
        return arguments;
    }

    static RuntimeException refuse(String usage, String problem) {
        System.err.println(problem + "\n" + usage);
        System.exit(2);
        throw new IllegalStateException("exit returned");
    }

    /** Returns the value of an option; of one that was given several times the last. */
    @Nullable
    String text(String name) {
        List<String> values = texts(name);
        return values.isEmpty() ? null : values.get(values.size() - 1);
    }

    /** The value of an option that must be there. */
    String needed(String usage, String name) {
        String value = text(name);
        if (value == null) {
            throw refuse(usage, name + " is missing");
        }
        return value;
    }

    /** All values of an option that may be given several times, in their order. */
    List<String> texts(String name) {
        return named.getOrDefault(name, List.of());
    }

    String text(String name, String fallback) {
        String value = text(name);
        return value == null ? fallback : value;
    }

    boolean flag(String name) {
        return flags.contains(name);
    }

    int number(String usage, String name, int fallback) {
        String value = text(name);
        if (value == null) {
            return fallback;
        }
        try {
            int number = Integer.parseInt(value);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            throw refuse(usage, name + ": '" + value + "' is no whole number");
        }
        throw refuse(usage, name + ": '" + value + "' must be more than zero");
    }

    List<String> rest() {
        return rest;
    }
}
