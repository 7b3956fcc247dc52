package io.k2data.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Command-line arguments of an example: {@code --name value} pairs, and what stands without a name. */
final class Arguments {
    private final Map<String, List<String>> named = new LinkedHashMap<>();
    private final List<String> rest = new ArrayList<>();

    private Arguments() {}

    /** Reads arguments; on {@code --help} prints the usage and exits with 0, on a bad one explains and exits with 2. */
    static Arguments parse(String usage, List<String> known, String... args) {
        Arguments arguments = new Arguments();
        for (int i = 0; i < args.length; i++) {
            String arg = args[i];
            if (arg.equals("--help") || arg.equals("-h")) {
                System.out.println(usage);
                System.exit(0);
            } else if (!arg.startsWith("--")) {
                arguments.rest.add(arg);
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
        List<String> values = all(name);
        return values.isEmpty() ? null : values.get(values.size() - 1);
    }

    String text(String name, String fallback) {
        String value = text(name);
        return value == null ? fallback : value;
    }

    List<String> all(String name) {
        return named.getOrDefault(name, List.of());
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
