package io.k2data.degradation;

import static io.k2data.api.degradation.PriorityTier.CRITICAL;
import static io.k2data.api.degradation.PriorityTier.HIGH;
import static io.k2data.api.degradation.PriorityTier.LOW;
import static io.k2data.api.degradation.PriorityTier.NORMAL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.k2data.api.InvalidSettingsException;
import io.k2data.api.StreamKey;
import io.k2data.api.degradation.DegradationLevel;
import io.k2data.api.degradation.PriorityTier;
import io.k2data.testkit.Allocations;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PriorityTiersTest {
    private static final String TEXT = """
            # the most important

            critical binance/BTCUSDT
              Critical\tbinance/ETHUSDT\s\s
            HIGH nyse/BRK B
            high kraken/XBT/USD
            high münchen/Ü
            low refdata/*
            normal refdata/calendar
            """;

    @Test
    void aStreamBeatsItsVenueAndAVenueBeatsTheRest() {
        PriorityTiers tiers = PriorityTiers.parse(TEXT + "low *\n");

        assertThat(tier(tiers, "binance/BTCUSDT")).isEqualTo(CRITICAL);
        assertThat(tier(tiers, "binance/ETHUSDT")).isEqualTo(CRITICAL);
        assertThat(tier(tiers, "nyse/BRK B")).isEqualTo(HIGH);
        assertThat(tier(tiers, "kraken/XBT/USD")).isEqualTo(HIGH);
        assertThat(tier(tiers, "münchen/Ü")).isEqualTo(HIGH);
        assertThat(tier(tiers, "refdata/calendar")).isEqualTo(NORMAL);
        assertThat(tier(tiers, "refdata/anything/else")).isEqualTo(LOW);
        assertThat(tier(tiers, "binance/LTCUSDT")).isEqualTo(LOW);
    }

    @Test
    void theRestIsNormalUnlessSaidOtherwise() {
        PriorityTiers tiers = PriorityTiers.parse(TEXT);

        for (String key : List.of("binance/LTCUSDT", "", "/", "binance", "refdata", "binance/", "binance/BTCUSD")) {
            assertThat(tier(tiers, key)).as(key).isEqualTo(NORMAL);
            assertThat(tier(PriorityTiers.none(), key)).as(key).isEqualTo(NORMAL);
        }
        assertThat(tier(tiers, "refdata/")).isEqualTo(LOW);
    }

    @Test
    void aKeyNeedNotBeText() {
        assertThat(PriorityTiers.parse(TEXT).tierOf(new byte[] {-1, '/', -2})).isEqualTo(NORMAL);
    }

    @Test
    void aStreamWithoutAKeyIsFoundByItsName() {
        PriorityTiers tiers = PriorityTiers.parse(TEXT);

        assertThat(tiers.tierOf(new StreamKey("binance", "BTCUSDT"))).isEqualTo(CRITICAL);
        assertThat(tiers.tierOf(new StreamKey("refdata", "x"))).isEqualTo(LOW);
        assertThat(tiers.tierOf(new StreamKey("other", "x"))).isEqualTo(NORMAL);
    }

    @Test
    void theVersionIsTheContentsWhateverTheTextLooksLike() {
        PriorityTiers tiers = PriorityTiers.parse(TEXT);
        PriorityTiers same = PriorityTiers.builder()
                .put(NORMAL, "*")
                .put(NORMAL, "refdata/calendar")
                .put(LOW, "refdata/*")
                .put(HIGH, "münchen/Ü", "kraken/XBT/USD", "nyse/BRK B")
                .put(CRITICAL, "binance/ETHUSDT", "binance/BTCUSDT")
                .build();
        PriorityTiers other = PriorityTiers.parse(TEXT + "low *\n");

        assertThat(same).isEqualTo(tiers).hasSameHashCodeAs(tiers);
        assertThat(same.version()).isEqualTo(tiers.version()).matches("[0-9a-f]{64}");
        assertThat(other).isNotEqualTo(tiers).isNotEqualTo(null);
        assertThat(other.version()).isNotEqualTo(tiers.version());
        assertThat(tiers)
                .hasToString("PriorityTiers[6 streams, 1 venues, others normal, version "
                        + tiers.version().substring(0, 12) + "]");
    }

    @Test
    void theCanonicalTextReadsBackAndNeverChangesItsForm() {
        PriorityTiers tiers = PriorityTiers.parse(TEXT);

        assertThat(tiers.canonical()).isEqualTo("""
                        k2-tiers 1
                        critical binance/BTCUSDT
                        critical binance/ETHUSDT
                        high kraken/XBT/USD
                        high münchen/Ü
                        high nyse/BRK B
                        normal *
                        normal refdata/calendar
                        low refdata/*
                        """);
        assertThat(PriorityTiers.parse(tiers.canonical())).isEqualTo(tiers);
        assertThat(PriorityTiers.none().version())
                .as("SHA-256 of 'k2-tiers 1\\nnormal *\\n'; ledgers that were written depend on it")
                .isEqualTo("36f5ac20cf34d8803530e1147881f2588f7d032c6b5ba42fc172d9fba74a54e9");
    }

    @Test
    void allThatIsWrongIsReportedTogether() {
        assertThatThrownBy(() -> PriorityTiers.parse("""
                                k2-tiers 2
                                critical binance/BTCUSDT
                                urgent binance/ETHUSDT
                                high binance/BTCUSDT
                                critical binance/BTCUSDT
                                low
                                low binance
                                low /BTCUSDT
                                low binance/
                                low binance/BTC*
                                low */BTCUSDT
                                low a*/*
                                vital nothing
                                low refdata/*
                                high refdata/*
                                normal *
                                low *
                                k2-tiers 1
                                low a/b\u0007
                                """))
                .isInstanceOf(InvalidSettingsException.class)
                .extracting(
                        e -> ((InvalidSettingsException) e).problems(), InstanceOfAssertFactories.list(String.class))
                .containsExactly(
                        "tiers, line 1: format '2', expected 1, the newest this K2 reads",
                        "tiers, line 3: tier 'urgent', expected critical, high, normal or low",
                        "tiers, line 4: 'binance/BTCUSDT' is high here and critical in line 2, expected one tier",
                        "tiers, line 5: 'binance/BTCUSDT' is there already, in line 2, expected once",
                        "tiers, line 6: 'low', expected a tier, a blank, and venue/symbol, venue/* or *",
                        "tiers, line 7: 'binance', expected venue/symbol, venue/* or *",
                        "tiers, line 8: '/BTCUSDT', expected venue/symbol, venue/* or *",
                        "tiers, line 9: 'binance/', expected venue/symbol, venue/* or *",
                        "tiers, line 10: 'binance/BTC*', expected a star only for all symbols of a venue, venue/*, or alone",
                        "tiers, line 11: '*/BTCUSDT', expected a star only for all symbols of a venue, venue/*, or alone",
                        "tiers, line 12: 'a*/*', expected a star only for all symbols of a venue, venue/*, or alone",
                        "tiers, line 13: tier 'vital', expected critical, high, normal or low",
                        "tiers, line 13: 'nothing', expected venue/symbol, venue/* or *",
                        "tiers, line 15: 'refdata/*' is high here and low in line 14, expected one tier",
                        "tiers, line 17: '*' is low here and normal in line 16, expected one tier",
                        "tiers, line 18: tier 'k2-tiers', expected critical, high, normal or low",
                        "tiers, line 18: '1', expected venue/symbol, venue/* or *",
                        "tiers, line 19: 'a/b\u0007', expected no blanks around it and no control characters");
    }

    @Test
    void aBuilderRefusesWhatAFileCouldNotSay() {
        assertThatThrownBy(() -> PriorityTiers.builder()
                        .put(LOW, "a/b ", "a/b\nhigh c/d")
                        .put(HIGH, "a/\ud800", "a/b", "a/b")
                        .build())
                .isInstanceOf(InvalidSettingsException.class)
                .extracting(
                        e -> ((InvalidSettingsException) e).problems(), InstanceOfAssertFactories.list(String.class))
                .containsExactly(
                        "tiers, entry 1: 'a/b ', expected no blanks around it and no control characters",
                        "tiers, entry 2: 'a/b\nhigh c/d', expected no blanks around it and no control characters",
                        "tiers, entry 3: 'a/\ud800', expected text that UTF-8 can hold",
                        "tiers, entry 5: 'a/b' is there already, in entry 4, expected once");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void manyStreamsAreFoundAsInAMap(long seed) {
        Random random = new Random(seed);
        Map<String, PriorityTier> naive = new HashMap<>();
        PriorityTiers.Builder builder = PriorityTiers.builder();
        int entries = 1 << random.nextInt(13);
        for (int i = 0; i < entries; i++) {
            // Few letters, so that keys are one another's beginnings and ends, of 3 bytes and of 30.
            String pattern = word(random, 3) + "/" + (random.nextInt(20) == 0 ? "*" : word(random, 26));
            PriorityTier tier = List.of(PriorityTier.values()).get(random.nextInt(4));
            if (naive.putIfAbsent(pattern, tier) == null) {
                builder.put(tier, pattern);
            }
        }
        PriorityTiers tiers = builder.build();

        naive.forEach((pattern, tier) -> assertThat(tier(tiers, pattern))
                .as("seed %d, %s", seed, pattern)
                .isEqualTo(tier));
        for (int i = 0; i < 10_000; i++) {
            String venue = word(random, 3);
            String key = venue + "/" + word(random, 5);
            PriorityTier expected = naive.getOrDefault(key, naive.getOrDefault(venue + "/*", NORMAL));
            assertThat(tier(tiers, key)).as("seed %d, %s", seed, key).isEqualTo(expected);
        }
    }

    @Test
    void admissionAllocatesNothing() {
        PriorityTiers tiers = PriorityTiers.parse(TEXT);
        byte[][] keys = {
            "binance/BTCUSDT".getBytes(StandardCharsets.UTF_8),
            "refdata/anything".getBytes(StandardCharsets.UTF_8),
            "x/y".getBytes(StandardCharsets.UTF_8),
            new byte[0]
        };
        int[] admitted = new int[1];
        long allocated = Allocations.leastBytes(4, () -> {
            for (int i = 0; i < 10_000; i++) {
                PriorityTier tier = tiers.tierOf(keys[i % keys.length]);
                if (Admission.of(DegradationLevel.GRACEFUL, tier) == Admission.ADMIT) {
                    admitted[0]++;
                }
            }
        });
        assertThat(admitted[0]).isEqualTo(30_000);
        assertThat(allocated).as("bytes allocated for 10,000 records").isZero();
    }

    private static String word(Random random, int longest) {
        return random.ints(1 + random.nextInt(longest), 'a', 'd')
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    private static PriorityTier tier(PriorityTiers tiers, String key) {
        return tiers.tierOf(key.getBytes(StandardCharsets.UTF_8));
    }
}
