package io.k2data.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PriceBookTest {
    private static final String PRICE = """
            {"key": "disk-gib-month", "price": 0.08, "service": "disks", "asOf": "2026-11-26", "source": "https://example.com"}""";

    @TempDir
    Path directory;

    private static String book(String prices) {
        return """
                {"format": 1, "name": "ours", "provider": "us", "currency": "EUR", "region": "here", "prices": [%s]}""".formatted(prices);
    }

    @Test
    void theBookThatComesWithK2HasADateAndASourceForEveryPrice() {
        PriceBook book = PriceBook.awsUsEast1();
        assertThat(book.currency().getCurrencyCode()).isEqualTo("USD");
        assertThat(book.tiers()).containsExactly("archive", "infrequent", "standard");
        assertThat(book.prices()).hasSizeGreaterThan(15).allSatisfy(price -> {
            assertThat(price.asOf()).isBetween(LocalDate.of(2026, 1, 1), LocalDate.of(2026, 11, 27));
            assertThat(price.source()).startsWith("https://");
        });
    }

    @Test
    void aBookIsReadFromAFile() throws Exception {
        Path file = Files.writeString(directory.resolve("prices.json"), book(PRICE));
        PriceBook book = PriceBook.read(file);
        assertThat(book.price("disk-gib-month").orElseThrow().amount()).isEqualByComparingTo("0.08");
        assertThat(book.price("disk-gib-month").orElseThrow().verified()).isTrue();
        assertThat(book.price("vcpu-hour")).isEmpty();
        assertThat(book.provider()).isEqualTo("us");
    }

    @Test
    void everythingThatIsWrongIsToldAtOnce() throws Exception {
        Path file = Files.writeString(directory.resolve("prices.json"), """
                {"format": 2, "name": "", "currency": "Taler", "region": "here", "colour": "red", "prices": [
                  {"key": "a", "price": -1, "service": "s", "asOf": "yesterday", "source": "x", "unit": "h"},
                  {"key": "b", "price": "0.5", "service": "s", "asOf": "2026-01-01", "verified": 1, "note": 7},
                  7, %s, %s]}""".formatted(PRICE, PRICE));
        assertThatThrownBy(() -> PriceBook.read(file))
                .isInstanceOf(InvalidSettingsException.class)
                .satisfies(e -> assertThat(((InvalidSettingsException) e).problems())
                        .allMatch(problem -> problem.startsWith(file + ": "))
                        .extracting(problem -> problem.substring((file + ": ").length()))
                        .containsExactlyInAnyOrder(
                                "the book: unknown field 'colour', known are currency, format, name, prices, provider,"
                                        + " region",
                                "format: 2 is none this version knows, expected 1",
                                "name is missing, expected text",
                                "provider is missing, expected text",
                                "currency: 'Taler' is none, expected an ISO 4217 code such as USD",
                                "price 'a': unknown field 'unit', known are asOf, key, note, price, service, source,"
                                        + " verified",
                                "price 'a': asOf 'yesterday' is no date, expected one such as 2026-11-26",
                                "price 'a': price -1, expected 0 to 1e12",
                                "price 'b': source is missing, expected text",
                                "price 'b': price is missing, expected a number",
                                "price 'b': verified is neither true nor false",
                                "price 'b': note is no text",
                                "prices[2]: expected an object",
                                "prices[4]: a second price 'disk-gib-month'"));
    }

    @Test
    void whatIsNoJsonObjectIsRefused() {
        assertThatThrownBy(() -> PriceBook.parse("[]")).hasMessageContaining("it is no JSON object");
        assertThatThrownBy(() -> PriceBook.parse("{\"format\": 1")).hasMessageContaining("it is no JSON");
        assertThatThrownBy(() -> PriceBook.parse(book(PRICE) + "7")).hasMessageContaining("something follows");
        assertThatThrownBy(() -> PriceBook.parse("{\"format\": 1, \"format\": 1}"))
                .hasMessageContaining("it is no JSON");
        assertThatThrownBy(() -> PriceBook.read(directory.resolve("nowhere")))
                .hasMessageContaining("prices cannot be read");
    }
}
