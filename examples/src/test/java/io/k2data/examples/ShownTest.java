package io.k2data.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.k2data.api.sequence.StreamLedger.Range;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShownTest {
    @Test
    void whatCouldMoveTheCursorOrHideAPartIsEscaped() {
        assertThat(Shown.text("a\tb\nc\r\u001b[2J\u007f\u009b1m\u200b\u202e\u2028\\", 200))
                .isEqualTo("a\\tb\\nc\\r\\u{1b}[2J\\u{7f}\\u{9b}1m\\u{200b}\\u{202e}\\u{2028}\\\\");
        assertThat(Shown.text("\ud800 \ud83d\ude00 é", 200)).isEqualTo("\\u{d800} \ud83d\ude00 é");
    }

    @Test
    void bytesThatAreNoTextAreShownOneByOne() {
        assertThat(Shown.bytes(new byte[] {0, 5, 'A', (byte) 0xff, (byte) 0xc3}, 200))
                .isEqualTo("\\u{0}\\u{5}A\\xff\\xc3");
        assertThat(Shown.bytes("é".getBytes(StandardCharsets.UTF_8), 200)).isEqualTo("é");
        assertThat(Shown.bytes(null, 200)).isEqualTo("(null)");
        assertThat(Shown.bytes(new byte[0], 200)).isEqualTo("(no bytes)");
    }

    @Test
    void longValuesAreCutAndSayHowLongTheyAre() {
        assertThat(Shown.text("x".repeat(5), 5)).isEqualTo("xxxxx");
        assertThat(Shown.text("x".repeat(600), 5)).isEqualTo("xxxxx... (600 characters)");
        assertThat(Shown.text("xxxx\ud83d\ude00yy", 5)).isEqualTo("xxxx... (8 characters)");
        byte[] bytes = "x".repeat(600).getBytes(StandardCharsets.UTF_8);
        bytes[0] = (byte) 0xff;
        assertThat(Shown.bytes(bytes, 5)).isEqualTo("\\xffx... (600 bytes)");
    }

    @Test
    void rangesOfOneNumberAreThatNumber() {
        assertThat(Shown.ranges(List.of(new Range(4, 4), new Range(17, 18)))).isEqualTo("4, 17-18");
    }
}
