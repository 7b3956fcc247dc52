package io.k2data.examples;

import io.k2data.CostProbe;
import io.k2data.api.InvalidSettingsException;
import io.k2data.api.K2Exception;
import io.k2data.cost.CostAnalysis;
import io.k2data.cost.CostFormat;
import io.k2data.cost.CostInput;
import io.k2data.cost.CostInputs;
import io.k2data.cost.CostModel;
import io.k2data.cost.CostRules;
import io.k2data.cost.CostScenario;
import io.k2data.cost.PriceBook;
import io.k2data.iceberg.Warehouses;
import java.io.IOException;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.iceberg.catalog.Catalog;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/** What a feed costs a month, line by line, from a scenario or from what is measured on a table and a topic of yours. */
public final class CostReport {
    private static final String USAGE = """
            usage: examples/run CostReport [--scenario small|medium|large] [--rate N] [--set INPUT=VALUE]...
                       [--prices FILE] [--measure WAREHOUSE [--table NAME]] [--bootstrap-servers HOST:PORT --topic NAME]
                       [--format FORMAT] [--out FILE] [--date DATE] [--rules --budget AMOUNT]
              --scenario NAME          10,000 (small, the default), 1,000,000 (medium) or 10,000,000 (large) records/s
              --rate N                 records a second instead
              --set INPUT=VALUE        any input of docs/cost-model.md, such as commit-interval-seconds=60; again and again
              --prices FILE            a price book in JSON, instead of AWS's list prices in us-east-1
              --measure WAREHOUSE      takes bytes a row, files and metadata of a commit and so on from a table there
              --table NAME             which one (trades)
              --bootstrap-servers ...  with --topic: takes bytes a record, partitions, copies and so on from a topic
              --topic NAME             which one
              --format FORMAT          %s; the last line of json is all of it
              --out FILE               writes there, and only the total to standard output
              --date DATE              the day to compute for, such as 2026-11-27 (today)
              --rules                  instead of a report: Prometheus rules for the run rate and a budget
              --budget AMOUNT          what a month may cost, for --rules
            A rate that is measured counts unless --rate is given; --set beats everything.
            Exits with 2 and all problems if an argument, an input or a price is wrong, 1 if nothing can be measured.""".formatted(
                    Arrays.stream(CostFormat.values()).map(CostFormat::key).collect(Collectors.joining(", ")));

    private CostReport() {}

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     */
    public static void main(String[] args) {
        Arguments arguments = Arguments.parse(
                USAGE,
                List.of(
                        "--scenario",
                        "--rate",
                        "--set",
                        "--prices",
                        "--measure",
                        "--table",
                        "--bootstrap-servers",
                        "--topic",
                        "--format",
                        "--out",
                        "--date",
                        "--budget"),
                List.of("--rules"),
                args);
        if (!arguments.rest().isEmpty()) {
            throw Arguments.refuse(USAGE, "unknown argument " + arguments.rest().get(0));
        }
        try {
            report(arguments);
        } catch (InvalidSettingsException e) {
            System.err.println(
                    Shown.text(String.join("; ", e.problems()), 8_000).replace("; ", "\n"));
            System.exit(2);
        } catch (K2Exception | KafkaException | IOException e) {
            System.err.println(Shown.text(String.valueOf(e.getMessage()), 2_000));
            System.exit(1);
        }
    }

    private static void report(Arguments arguments) throws IOException {
        CostFormat format = CostFormat.of(arguments.text("--format", "table"))
                .orElseThrow(
                        () -> Arguments.refuse(USAGE, "--format: there is no '" + arguments.text("--format") + "'"));
        LocalDate date = date(arguments.text("--date"));
        String prices = arguments.text("--prices");
        PriceBook book = prices == null ? PriceBook.awsUsEast1() : PriceBook.read(Path.of(prices));
        CostModel model = CostModel.of(book, date);
        CostInputs inputs = inputs(arguments);
        if (arguments.flag("--rules")) {
            BigDecimal budget = BigDecimal.valueOf(number("--budget", arguments.needed(USAGE, "--budget")));
            write(arguments, CostRules.prometheus(model.estimate(inputs), budget), "rules for a budget of " + budget);
            return;
        }
        CostAnalysis analysis = model.analyse(title(arguments), inputs);
        write(
                arguments,
                format.render(analysis),
                String.format(
                        Locale.ROOT,
                        "%,.2f %s a month, %s a million messages",
                        analysis.estimate().monthlyTotal(),
                        book.currency(),
                        analysis.estimate().costPerMillionMessages().toPlainString()));
    }

    private static void write(Arguments arguments, String text, String summary) throws IOException {
        String out = arguments.text("--out");
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        if (out == null) {
            output.print(text);
        } else {
            Files.writeString(Path.of(out), text);
            output.println(summary + ", in " + out);
        }
        output.flush();
    }

    private static String title(Arguments arguments) {
        String rate = arguments.text("--rate");
        String measured = arguments.text("--measure") == null ? "" : ", measured on " + arguments.text("--measure");
        return (rate == null ? arguments.text("--scenario", "small") : rate + " records/s") + measured;
    }

    private static CostInputs inputs(Arguments arguments) {
        CostInputs.Builder inputs =
                scenario(arguments.text("--scenario", "small")).inputs();
        String warehouse = arguments.text("--measure");
        if (warehouse != null) {
            measure(inputs, warehouse, arguments.text("--table", "trades"));
        }
        String brokers = arguments.text("--bootstrap-servers");
        if (brokers != null) {
            CostProbe.topic(Map.of("bootstrap.servers", brokers), arguments.needed(USAGE, "--topic"))
                    .applyTo(inputs);
        }
        String rate = arguments.text("--rate");
        if (rate != null) {
            inputs.set(CostInput.RECORDS_PER_SECOND, number("--rate", rate), "--rate");
        }
        arguments.texts("--set").forEach(inputs::set);
        return inputs.build();
    }

    private static CostScenario scenario(String name) {
        return Arrays.stream(CostScenario.values())
                .filter(scenario -> scenario.key().equals(name))
                .findFirst()
                .orElseThrow(() -> Arguments.refuse(USAGE, "--scenario: there is no '" + name + "'"));
    }

    private static void measure(CostInputs.Builder inputs, String warehouse, String table) {
        if (!Files.isDirectory(Path.of(warehouse))) {
            throw Arguments.refuse(USAGE, "--measure: " + warehouse + " is no directory");
        }
        Catalog catalog = Warehouses.local(Path.of(warehouse));
        try {
            CostProbe.table(catalog, table).applyTo(inputs);
        } finally {
            close(catalog);
        }
    }

    private static void close(Catalog catalog) {
        if (catalog instanceof AutoCloseable closeable) {
            try {
                closeable.close();
            } catch (Exception e) {
                throw new K2Exception.Retry("cannot close the catalog: " + e, e);
            }
        }
    }

    private static double number(String name, String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw Arguments.refuse(USAGE, name + ": '" + text + "' is no number");
        }
    }

    private static LocalDate date(@Nullable String text) {
        try {
            return text == null ? LocalDate.now(java.time.ZoneOffset.UTC) : LocalDate.parse(text);
        } catch (DateTimeParseException e) {
            throw Arguments.refuse(USAGE, "--date: '" + text + "' is no date, expected one such as 2026-11-27");
        }
    }
}
