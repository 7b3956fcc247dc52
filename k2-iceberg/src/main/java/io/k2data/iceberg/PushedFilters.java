package io.k2data.iceberg;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.iceberg.Schema;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.jspecify.annotations.Nullable;

/**
 * What a query asks of its tables' rows, read from DuckDB's own plan of it.
 *
 * <p>The query is planned, with {@code EXPLAIN (FORMAT json)}, over relations whose files are empty and more than one, of
 * which DuckDB therefore knows no statistics: so no step of its optimiser can have used what the relations hold, and the
 * plan gives the right answer whatever that is. In such a plan each scan states the filters that DuckDB pushed into it,
 * through views, common table expressions and joins, with constants such as {@code now() - interval 15 minutes} computed.
 * A row that fails the filters of every scan of its table does not matter to the answer, and neither does a file that holds
 * only such rows. A scan that states nothing, or nothing that is understood here, needs all rows: what is not understood
 * costs time, never rows.
 *
 * <p>Only what a scan itself states counts. The steps above it name columns by whatever alias the query gave them.
 *
 * <p>The filters are text, made for people. It is read strictly. One trap: DuckDB separates filters by line ends, which a
 * constant may hold too; what comes apart that way has a text constant that does not end, and then nothing that is said of
 * that scan is believed.
 */
final class PushedFilters {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern OWN_COLUMN = Pattern.compile("k2_(\\d+)_(\\w+)");
    private static final String OPTIONAL = "optional: ";

    /** How DuckDB prints a TIMESTAMPTZ in UTC, but for years before the first and after the 9999th. */
    private static final DateTimeFormatter TIME = new DateTimeFormatterBuilder()
            .appendPattern("uuuu-MM-dd HH:mm:ss")
            .appendFraction(ChronoField.MICRO_OF_SECOND, 0, 6, true)
            .appendLiteral("+00")
            .toFormatter(Locale.ROOT);

    private PushedFilters() {}

    /** What begins the names of the columns of a view's relation of that number in its scans of files. */
    static String prefix(int relation) {
        return "k2_" + relation + "_";
    }

    /**
     * Reads a plan.
     *
     * @param plan as DuckDB explains it in JSON
     * @param schemas the relations' schemas, by their number
     * @return by number, the condition for rows that the query needs; relations that no scan names are missing. Null if
     *     nothing can be said, for a scan that may be of any of them needs all rows or the plan cannot be read
     */
    static @Nullable Map<Integer, Expression> read(String plan, List<Schema> schemas) {
        Map<Integer, Expression> needed = new HashMap<>();
        try {
            return walk(JSON.readTree(plan), schemas, needed) ? needed : null;
        } catch (JsonProcessingException e) {
            return null;
        }
    }

    /** False if there is a scan that may be of any relation. */
    private static boolean walk(JsonNode node, List<Schema> schemas, Map<Integer, Expression> needed) {
        if (node.isArray()) {
            for (JsonNode each : node) {
                if (!walk(each, schemas, needed)) {
                    return false;
                }
            }
            return true;
        }
        JsonNode info = node.path("extra_info");
        if (info.path("Function").asText("").contains("PARQUET")) {
            List<String> filters = texts(info.path("Filters"));
            Set<Integer> owners = new HashSet<>();
            List<String> named = new ArrayList<>(texts(info.path("Projections")));
            named.addAll(filters);
            for (String text : named) {
                Matcher own = OWN_COLUMN.matcher(text);
                while (own.find()) {
                    owners.add(Integer.valueOf(own.group(1)));
                }
            }
            if (owners.isEmpty() && named.stream().allMatch(String::isEmpty)) {
                // Such as count(*): it needs no column, and so names none.
                return false;
            }
            for (int owner : owners) {
                if (owner >= schemas.size()) {
                    return false;
                }
                Expression condition =
                        owners.size() == 1 ? condition(filters, schemas.get(owner)) : Expressions.alwaysTrue();
                needed.merge(owner, condition, Expressions::or);
            }
        }
        return walk(node.path("children"), schemas, needed);
    }

    private static List<String> texts(JsonNode node) {
        List<String> texts = new ArrayList<>();
        if (node.isTextual()) {
            texts.add(node.textValue());
        }
        node.forEach(each -> texts.add(each.asText()));
        return texts;
    }

    private static Expression condition(List<String> filters, Schema schema) {
        Expression all = Expressions.alwaysTrue();
        for (String filter : filters) {
            String text = filter.startsWith(OPTIONAL) ? filter.substring(OPTIONAL.length()) : filter;
            List<String> tokens = tokens(text);
            if (tokens == null) {
                return Expressions.alwaysTrue();
            }
            all = Expressions.and(all, new Reader(tokens, schema).whole().expression());
        }
        return all;
    }

    private static final Pattern TOKEN = Pattern.compile(
            "\\s*(?:('(?:[^']|'')*')" // a text
                    + "|(\\w+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)" // a word or a number
                    + "|(<=|>=|!=|<>|::|[<>=(),]|[^\\s\\w']))"); // what is neither

    private static final Pattern KEYWORD =
            Pattern.compile("(?!(?:CAST|AS|NOT|IN|IS|NULL|TIMESTAMP|WITH|TIME|ZONE)$)[A-Z]+");

    /** The words of an expression; null if a text in it does not end. */
    private static @Nullable List<String> tokens(String text) {
        List<String> tokens = new ArrayList<>();
        Matcher matcher = TOKEN.matcher(text);
        int end = 0;
        while (matcher.lookingAt()) {
            tokens.add(matcher.group().strip());
            end = matcher.end();
            matcher.region(end, text.length());
        }
        return text.substring(end).isBlank() ? tokens : null;
    }

    /**
     * A condition that is true for all rows for which the text it was read from is; where it is exact, for no others.
     */
    private record Read(Expression expression, boolean exact) {
        static final Read UNKNOWN = new Read(Expressions.alwaysTrue(), false);

        Read and(Read other) {
            return new Read(Expressions.and(expression, other.expression), exact && other.exact);
        }

        Read or(Read other) {
            return new Read(Expressions.or(expression, other.expression), exact && other.exact);
        }

        Read not() {
            return exact ? new Read(Expressions.not(expression), true) : UNKNOWN;
        }
    }

    /** Says that a text is not of the form that is known. */
    private static final class NotUnderstood extends Exception {
        private static final long serialVersionUID = 1L;

        NotUnderstood() {
            super(null, null, false, false);
        }
    }

    /** Reads one expression by descent. What it cannot read inside of parentheses it passes over. */
    private static final class Reader {
        private final List<String> tokens;
        private final Schema schema;
        private int at;

        Reader(List<String> tokens, Schema schema) {
            this.tokens = tokens;
            this.schema = schema;
        }

        Read whole() {
            try {
                Read read = expression();
                return at == tokens.size() ? read : Read.UNKNOWN;
            } catch (NotUnderstood e) {
                return Read.UNKNOWN;
            }
        }

        private String peek() {
            return at < tokens.size() ? tokens.get(at) : "";
        }

        private String next() throws NotUnderstood {
            if (at == tokens.size()) {
                throw new NotUnderstood();
            }
            return tokens.get(at++);
        }

        private void expect(String token) throws NotUnderstood {
            if (!next().equals(token)) {
                throw new NotUnderstood();
            }
        }

        private Read expression() throws NotUnderstood {
            Read read = conjunction();
            while (peek().equals("OR")) {
                at++;
                read = read.or(conjunction());
            }
            return read;
        }

        private Read conjunction() throws NotUnderstood {
            Read read = term();
            while (peek().equals("AND")) {
                at++;
                read = read.and(term());
            }
            return read;
        }

        private Read term() throws NotUnderstood {
            int start = at;
            try {
                if (peek().equals("NOT")) {
                    at++;
                    return term().not();
                }
                if (peek().equals("optional")
                        && tokens.size() > at + 1
                        && tokens.get(at + 1).equals(":")) {
                    // Within a conjunction, as at its beginning: a filter that follows from the query.
                    at += 2;
                    return new Read(term().expression(), false);
                }
                if (peek().equals("(")) {
                    at++;
                    Read inner = expression();
                    expect(")");
                    requireEnd();
                    return inner;
                }
                Read comparison = comparison();
                requireEnd();
                return comparison;
            } catch (NotUnderstood e) {
                at = start;
                skip();
                return Read.UNKNOWN;
            }
        }

        /** A term ends where the text does, or where the next begins; otherwise it was part of something else. */
        private void requireEnd() throws NotUnderstood {
            String next = peek();
            if (!next.isEmpty() && !next.equals("AND") && !next.equals("OR") && !next.equals(")")) {
                throw new NotUnderstood();
            }
        }

        /** Passes over a term, up to what may follow one. An AND after such as BETWEEN or WHEN may be another's. */
        private void skip() throws NotUnderstood {
            int depth = 0;
            while (at < tokens.size()) {
                String token = tokens.get(at);
                if (depth == 0 && (token.equals("AND") || token.equals("OR") || token.equals(")"))) {
                    return;
                }
                if (depth == 0 && KEYWORD.matcher(token).matches()) {
                    throw new NotUnderstood();
                }
                depth += token.equals("(") ? 1 : token.equals(")") ? -1 : 0;
                at++;
            }
            if (depth != 0) {
                throw new NotUnderstood();
            }
        }

        private Read comparison() throws NotUnderstood {
            Types.NestedField field = field(next());
            String name = field.name();
            String operator = next();
            switch (operator) {
                case "IS" -> {
                    boolean not = peek().equals("NOT");
                    at += not ? 1 : 0;
                    expect("NULL");
                    return new Read(not ? Expressions.notNull(name) : Expressions.isNull(name), true);
                }
                case "IN" -> {
                    expect("(");
                    List<Object> values = new ArrayList<>();
                    do {
                        values.add(literal(field.type()));
                    } while (peek().equals(",") && next().equals(","));
                    expect(")");
                    return new Read(Expressions.in(name, values), true);
                }
                case "BETWEEN" -> {
                    Object from = literal(field.type());
                    expect("AND");
                    // DuckDB prints the same where an end does not count.
                    return new Read(
                            Expressions.and(
                                    Expressions.greaterThanOrEqual(name, from),
                                    Expressions.lessThanOrEqual(name, literal(field.type()))),
                            false);
                }
                default -> {
                    Object value = literal(field.type());
                    return new Read(
                            switch (operator) {
                                case "=" -> Expressions.equal(name, value);
                                case "!=", "<>" -> Expressions.notEqual(name, value);
                                case "<" -> Expressions.lessThan(name, value);
                                case "<=" -> Expressions.lessThanOrEqual(name, value);
                                case ">" -> Expressions.greaterThan(name, value);
                                case ">=" -> Expressions.greaterThanOrEqual(name, value);
                                default -> throw new NotUnderstood();
                            },
                            true);
                }
            }
        }

        private Types.NestedField field(String token) throws NotUnderstood {
            Matcher own = OWN_COLUMN.matcher(token);
            Types.NestedField field = own.matches() ? schema.findField(own.group(2)) : null;
            if (field == null) {
                throw new NotUnderstood();
            }
            return field;
        }

        /** A constant of a column's own type; of any other there may be a rule that Iceberg does not know. */
        private Object literal(Type type) throws NotUnderstood {
            boolean negative = peek().equals("-");
            at += negative ? 1 : 0;
            String token = next();
            String cast = "";
            if (peek().equals("::")) {
                at++;
                StringBuilder words = new StringBuilder(next());
                while (peek().matches("WITH|TIME|ZONE")) {
                    words.append(' ').append(next());
                }
                cast = words.toString();
            }
            boolean isText = token.startsWith("'");
            String text = isText ? token.substring(1, token.length() - 1).replace("''", "'") : token;
            try {
                switch (type.typeId()) {
                    case STRING -> {
                        if (isText && cast.isEmpty() && !negative) {
                            return text;
                        }
                    }
                    case TIMESTAMP -> {
                        if (isText && cast.equals("TIMESTAMP WITH TIME ZONE") && !negative) {
                            return ChronoUnit.MICROS.between(
                                    LocalDateTime.ofEpochSecond(0, 0, ZoneOffset.UTC), LocalDateTime.parse(text, TIME));
                        }
                    }
                    case INTEGER, LONG -> {
                        if (!isText && cast.isEmpty()) {
                            return Long.valueOf((negative ? "-" : "") + text);
                        }
                    }
                    case DECIMAL -> {
                        if (!isText && cast.isEmpty()) {
                            BigDecimal number = new BigDecimal((negative ? "-" : "") + text);
                            return number.setScale(((Types.DecimalType) type).scale());
                        }
                    }
                    default -> throw new NotUnderstood();
                }
            } catch (NumberFormatException e) {
                throw new NotUnderstood();
            } catch (DateTimeException | ArithmeticException e) {
                throw new NotUnderstood();
            }
            throw new NotUnderstood();
        }
    }
}
