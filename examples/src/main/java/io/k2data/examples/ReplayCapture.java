package io.k2data.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.Freshness;
import io.k2data.api.K2Exception;
import io.k2data.api.StreamKey;
import io.k2data.api.View;
import io.k2data.api.event.EventTypes;
import io.k2data.api.event.Side;
import io.k2data.api.event.Trade;
import io.k2data.api.sequence.StreamLedger;
import io.k2data.kafka.JsonEventSerializer;
import io.k2data.pipeline.Tally;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.Feeds;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.zip.GZIPInputStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/** Replays real exchange recordings through Kafka, K2 and Iceberg, and says what became of every event. */
public final class ReplayCapture {
    private static final String USAGE = """
            usage: examples/run ReplayCapture --format binance-ws --venue NAME [--warehouse DIR] FILE...
              --format F       how the recording's lines read: binance-ws
              --venue NAME     the venue to store
              --warehouse DIR  keep the table there; by default it goes when the example ends
              FILE...          recordings, gzipped or not; several are merged by receive time
            The last line of the output is one JSON object.""";

    private static final String TOPIC = "trades";
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private ReplayCapture() {}

    /**
     * Runs it; exits with 0 only if every event is accounted for.
     *
     * @param args see {@code --help}
     * @throws Exception if something cannot be reached or written
     */
    public static void main(String[] args) throws Exception {
        Arguments arguments = Arguments.parse(USAGE, List.of("--format", "--venue", "--warehouse"), args);
        String venue = arguments.text("--venue");
        if (!"binance-ws".equals(arguments.text("--format"))) {
            throw Arguments.refuse(USAGE, "--format: expected binance-ws");
        }
        if (venue == null || venue.isEmpty() || arguments.rest().isEmpty()) {
            throw Arguments.refuse(USAGE, venue == null ? "--venue is missing" : "no FILE given");
        }
        List<Path> files = arguments.rest().stream().map(Path::of).toList();
        try {
            System.exit(replay(venue, files, arguments.text("--warehouse")) ? 0 : 1);
        } catch (NoSuchFileException e) {
            System.err.println("no such file: " + e.getFile());
        } catch (K2Exception e) {
            System.err.println(e.getMessage());
        }
        System.exit(1);
    }

    private static boolean replay(String venue, List<Path> files, @Nullable String kept) throws Exception {
        System.err.println("starting a Kafka broker in this process...");
        try (Workspace workspace = Workspace.create();
                EmbeddedKafka kafka = EmbeddedKafka.inProcess()) {
            kafka.createTopic(TOPIC, 4, Map.of("retention.ms", "-1"));
            Path warehouse =
                    kept != null ? Path.of(kept) : workspace.directory().resolve("warehouse");
            try (K2 k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(warehouse)
                    .commitInterval(Duration.ofSeconds(2))
                    .build()) {
                Ingest ingest = k2.ingest(EventTypes.TRADE, TOPIC).start();
                Sent sent = send(kafka, venue, files);
                System.err.println("sent " + sent.events() + " events, ignored " + sent.ignored() + " lines");
                Map<StreamKey, ObjectNode> streams;
                try (View view = k2.view(Freshness.now(Duration.ofMinutes(2)))) {
                    streams = streams(view);
                }
                addLedger(streams, ingest.streams());
                ingest.close();
                Tally tally = ingest.tally();
                System.out.println(summary(tally, sent.ignored(), streams));
                return tally.consumed() == sent.events()
                        && tally.consumed()
                                == tally.stored()
                                        + tally.duplicate()
                                        + tally.rejected()
                                        + tally.deferred()
                                        + tally.lost();
            }
        }
    }

    private static String summary(Tally tally, long ignored, Map<StreamKey, ObjectNode> streams) {
        ObjectNode json = JSON.createObjectNode();
        json.put("consumed", tally.consumed());
        json.put("stored", tally.stored());
        json.put("duplicate", tally.duplicate());
        json.put("deferred", tally.deferred());
        json.put("rejected", tally.rejected());
        json.put("lost", tally.lost());
        json.put("ignored", ignored);
        ArrayNode array = json.putArray("streams");
        streams.values().forEach(array::add);
        return json.toString();
    }

    private static Map<StreamKey, ObjectNode> streams(View view) throws SQLException {
        Map<StreamKey, ObjectNode> streams = new TreeMap<>();
        try (Statement statement = view.connection().createStatement();
                ResultSet row = statement.executeQuery("select venue, symbol, count(*), min(trade_id), max(trade_id),"
                        + " sum(quantity) from trades group by venue, symbol order by venue, symbol")) {
            while (row.next()) {
                ObjectNode stream = JSON.createObjectNode();
                stream.put("venue", row.getString(1));
                stream.put("symbol", row.getString(2));
                stream.put("rows", row.getLong(3));
                stream.put("firstId", Long.toString(row.getLong(4)));
                stream.put("lastId", Long.toString(row.getLong(5)));
                stream.put("gaps", 0);
                stream.put("missing", 0);
                stream.put("late", 0);
                stream.put("volume", row.getBigDecimal(6).stripTrailingZeros().toPlainString());
                streams.put(new StreamKey(row.getString(1), row.getString(2)), stream);
            }
        }
        return streams;
    }

    private static void addLedger(Map<StreamKey, ObjectNode> streams, List<StreamLedger> ledgers) {
        for (StreamLedger ledger : ledgers) {
            ObjectNode stream = streams.get(ledger.stream());
            if (stream != null) {
                stream.put("gaps", ledger.gaps().size());
                stream.put("missing", ledger.missing());
                stream.put("late", ledger.late());
            }
        }
    }

    /** Sends every event of the recordings, in order of receive time. */
    private static Sent send(EmbeddedKafka kafka, String venue, List<Path> files) throws IOException {
        PriorityQueue<Recording> next = new PriorityQueue<>(Comparator.comparingLong(Recording::receivedNanos));
        long events = 0;
        long ignored = 0;
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                        Feeds.producerSettings(kafka.bootstrapServers()),
                        new ByteArraySerializer(),
                        new ByteArraySerializer());
                JsonEventSerializer<Trade> serializer = new JsonEventSerializer<>(EventTypes.TRADE)) {
            for (Path file : files) {
                Recording recording = new Recording(file);
                if (recording.advance()) {
                    next.add(recording);
                }
            }
            List<Future<?>> sends = new ArrayList<>();
            while (!next.isEmpty()) {
                Recording recording = next.remove();
                Event event = Event.of(venue, recording.message(), serializer);
                if (event == null) {
                    ignored++;
                } else {
                    events++;
                    sends.add(producer.send(new ProducerRecord<>(
                            TOPIC, null, recording.receivedNanos() / 1_000_000, event.key(), event.value())));
                }
                if (recording.advance()) {
                    next.add(recording);
                }
            }
            producer.flush();
            for (Future<?> each : sends) {
                each.get();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while sending", e);
        } catch (ExecutionException e) {
            throw new IOException("Kafka did not take an event", e.getCause());
        }
        return new Sent(events, ignored);
    }

    private record Sent(long events, long ignored) {}

    /** What goes to Kafka for a line. */
    @SuppressWarnings("ArrayRecordComponent")
    private record Event(byte @Nullable [] key, byte @Nullable [] value) {
        /** Returns the event of a message; null if it is of a kind that is not taken. A broken one is sent as it is. */
        static @Nullable Event of(String venue, String message, JsonEventSerializer<Trade> serializer) {
            JsonNode data;
            try {
                JsonNode json = JSON.readTree(message);
                data = json.has("data") ? json.get("data") : json;
            } catch (JsonProcessingException e) {
                return raw(message);
            }
            if (!data.path("e").asText().equals("trade")) {
                return null;
            }
            try {
                long id = data.required("t").longValue();
                Trade trade = Trade.of(venue, data.required("s").textValue(), id)
                        .at(Instant.ofEpochMilli(data.required("T").longValue()))
                        .priced(
                                new BigDecimal(data.required("p").textValue()),
                                new BigDecimal(data.required("q").textValue()))
                        .side(data.required("m").booleanValue() ? Side.SELL : Side.BUY)
                        // Binance numbers the trades of a symbol without holes: the id is a dense sequence.
                        .sequence(id)
                        .build();
                String key = venue + "/" + trade.symbol();
                return new Event(key.getBytes(StandardCharsets.UTF_8), serializer.serialize(TOPIC, trade));
            } catch (IllegalArgumentException | NullPointerException | SerializationException e) {
                return raw(message);
            }
        }

        private static Event raw(String message) {
            return new Event(null, message.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A recording, line by line: receive time in epoch nanoseconds, a space, the message. */
    private static final class Recording {
        private final BufferedReader reader;
        private long receivedNanos;
        private String message = "";

        Recording(Path file) throws IOException {
            PushbackInputStream in = new PushbackInputStream(Files.newInputStream(file), 2);
            byte[] magic = in.readNBytes(2);
            in.unread(magic);
            boolean gzipped = magic.length == 2 && (magic[0] & 0xff) == 0x1f && (magic[1] & 0xff) == 0x8b;
            InputStream plain = gzipped ? new GZIPInputStream(in, 1 << 16) : in;
            this.reader = new BufferedReader(new InputStreamReader(plain, StandardCharsets.UTF_8));
        }

        /** Moves to the next line; at the end closes the file and says so. */
        boolean advance() throws IOException {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (!line.isBlank()) {
                    read(line);
                    return true;
                }
            }
            reader.close();
            return false;
        }

        private void read(String line) {
            int space = line.indexOf(' ');
            if (space > 0) {
                try {
                    receivedNanos = Long.parseLong(line, 0, space, 10);
                    message = line.substring(space + 1);
                    return;
                } catch (NumberFormatException e) {
                    System.err.println("a line without a receive time takes that of the line before it");
                }
            }
            message = line;
        }

        long receivedNanos() {
            return receivedNanos;
        }

        String message() {
            return message;
        }
    }
}
