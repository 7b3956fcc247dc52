package io.k2data.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Command-line arguments of an example: {@code --name value} pairs, and what stands without a name. */
final class Arguments {
    private final Map<String, String> named = new LinkedHashMap<>();
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
                arguments.named.put(arg, args[++i]);
            }
        }
        return arguments;
    }

    static RuntimeException refuse(String usage, String problem) {
        System.err.println(problem + "\n" + usage);
        System.exit(2);
        throw new IllegalStateException("exit returned");
    }

    @Nullable
    String text(String name) {
        return named.get(name);
    }

    int number(String usage, String name, int fallback) {
        String value = named.get(name);
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
