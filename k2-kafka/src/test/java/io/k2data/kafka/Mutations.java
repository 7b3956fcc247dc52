package io.k2data.kafka;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Inputs that are nearly good ones. */
final class Mutations {
    private final List<byte[]> corpus;
    private final List<byte[]> pieces;
    private final Random random;

    /**
     * Makes one.
     *
     * @param corpus good inputs, none of them empty
     * @param pieces what a decoder of the format may stumble over
     */
    Mutations(List<byte[]> corpus, List<byte[]> pieces, Random random) {
        this.corpus = List.copyOf(corpus);
        this.pieces = List.copyOf(pieces);
        this.random = random;
    }

    /** One to four changes of a good input: bits turned, bytes set, cut, doubled, or replaced by pieces and parts of other inputs. */
    byte[] next() {
        byte[] input = corpus.get(random.nextInt(corpus.size()));
        int changes = 1 + random.nextInt(4);
        for (int i = 0; i < changes; i++) {
            if (input.length > 0 && random.nextInt(3) == 0) {
                input = input.clone();
                input[random.nextInt(input.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
                continue;
            }
            int from = random.nextInt(input.length + 1);
            int to = Math.min(input.length, from + random.nextInt(random.nextInt(20) == 0 ? 400 : 6));
            byte[] other = corpus.get(random.nextInt(corpus.size()));
            byte[] piece =
                    switch (random.nextInt(6)) {
                        case 0 -> new byte[0];
                        case 1 -> new byte[] {(byte) random.nextInt(256)};
                        case 2 ->
                            Arrays.copyOfRange(other, random.nextInt(other.length), other.length + random.nextInt(2));
                        case 3 -> Arrays.copyOfRange(input, from, to + (to - from));
                        default -> pieces.get(random.nextInt(pieces.size()));
                    };
            ByteArrayOutputStream changed = new ByteArrayOutputStream();
            changed.write(input, 0, from);
            changed.writeBytes(piece);
            changed.write(input, to, input.length - to);
            input = random.nextInt(200) == 0 ? new byte[0] : changed.toByteArray();
        }
        return input;
    }
}
