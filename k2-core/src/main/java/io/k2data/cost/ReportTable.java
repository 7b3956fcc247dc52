package io.k2data.cost;

import java.util.ArrayList;
import java.util.List;

/** A table of texts, as a report's formats lay it out in their own ways. */
final class ReportTable {
    private final String title;
    private final List<String> header;
    private final List<Boolean> numbers;
    private final List<List<String>> rows = new ArrayList<>();

    /** Makes an empty one; a heading that begins with {@code >} is of a column of numbers. */
    ReportTable(String title, String... headings) {
        this.title = title;
        List<String> names = new ArrayList<>();
        List<Boolean> right = new ArrayList<>();
        for (String heading : headings) {
            right.add(heading.startsWith(">"));
            names.add(heading.startsWith(">") ? heading.substring(1) : heading);
        }
        this.header = names;
        this.numbers = right;
    }

    ReportTable row(String... cells) {
        rows.add(List.of(cells));
        return this;
    }

    String title() {
        return title;
    }

    List<String> header() {
        return header;
    }

    boolean isNumber(int column) {
        return numbers.get(column);
    }

    List<List<String>> rows() {
        return rows;
    }

    String markdown() {
        StringBuilder text = new StringBuilder("|");
        header.forEach(cell -> text.append(' ').append(cell(cell)).append(" |"));
        text.append("\n|");
        for (int i = 0; i < header.size(); i++) {
            text.append(numbers.get(i) ? "---:|" : "---|");
        }
        text.append('\n');
        for (List<String> row : rows) {
            text.append('|');
            row.forEach(cell -> text.append(' ').append(cell(cell)).append(" |"));
            text.append('\n');
        }
        return text.toString();
    }

    private static String cell(String text) {
        return text.replace("|", "\\|").replace("\n", " ");
    }

    String text(String indent) {
        StringBuilder text = new StringBuilder();
        List<List<String>> all = new ArrayList<>();
        all.add(header);
        all.addAll(rows);
        for (List<String> row : all) {
            StringBuilder line = new StringBuilder(indent);
            for (int i = 0; i < row.size(); i++) {
                int column = i;
                int width = all.stream()
                        .mapToInt(each -> each.get(column).length())
                        .max()
                        .orElse(0);
                String padding = " ".repeat(width - row.get(i).length());
                line.append(i == 0 ? "" : "  ").append(numbers.get(i) ? padding + row.get(i) : row.get(i) + padding);
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }
}
