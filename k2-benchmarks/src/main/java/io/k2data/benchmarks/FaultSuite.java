package io.k2data.benchmarks;

import io.k2data.Ingest;
import io.k2data.K2;
import io.k2data.api.LostRangeException;
import io.k2data.api.event.EventTypes;
import io.k2data.benchmarks.FaultCheck.Found;
import io.k2data.benchmarks.FaultyCatalog.Fault;
import io.k2data.testkit.EmbeddedKafka;
import io.k2data.testkit.FeedSimulator;
import io.k2data.testkit.Feeds;
import io.k2data.testkit.SimulatedRecord;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Does everything go wrong that can, and is every trade in the table once all the same? A broker in a process of its own, a
 * group of two to three writers in theirs, a feed with duplicates, gaps and one broken record in a hundred; faults dealt from
 * a shuffled deck; then {@link FaultCheck}. All the while members ask themselves for doubled rows.
 *
 * <p>{@code k2-benchmarks/run FaultSuite [--quick | --slice | --only KIND:N,...] [--seed N]}
 */
public final class FaultSuite {
    private static final String USAGE = """
            usage: k2-benchmarks/run FaultSuite [--quick | --slice | --only KIND:N,...] [--seed N] [--rate N] [--keep]
              (neither)  the full suite: 164 faults, about half an hour
              --quick    66 faults, less than fifteen minutes
              --slice    one or two of each, about two minutes
              --only KIND:N[,KIND:N...]   these faults and no others, as kill:3,sleep_past_the_session:2
              --seed N   the order of faults and the feed (the time of day)
              --rate N   records a second (2000)
              --keep     leaves the directory with the table and the members' logs""";
    private static final String TOPIC = "trades";
    private static final int PARTITIONS = 6;
    /** How a process ends by SIGKILL, and by {@link FaultyCatalog}. */
    private static final int KILLED = 137;

    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int HOURS_OFF = 72;
    private static final long[] CLOCK_OFFSETS_HOURS = {0, 10, 20};

    /** The faults, and how many of each the full, the quick and the short suite deal. */
    private enum Kind {
        KILL(50, 20, 3),
        SLEEP_PAST_THE_SESSION(20, 5, 1),
        LEAVE(10, 4, 1),
        JOIN(10, 4, 1),
        BROKER_KILL(6, 2, 1),
        CATALOG_LOCKED(6, 3, 1),
        CATALOG_GONE(6, 3, 1),
        DISK_FULL(6, 3, 1),
        DIE_BEFORE_COMMIT(10, 4, 1),
        DIE_AFTER_COMMIT(10, 4, 1),
        UNKNOWN_COMMIT(8, 3, 1),
        LATE_COMMIT(8, 4, 1),
        LOG_CLOCK_JUMP(6, 3, 1),
        MACHINE_CLOCK_JUMP(8, 4, 1);

        private final int full;
        private final int quick;
        private final int slice;

        Kind(int full, int quick, int slice) {
            this.full = full;
            this.quick = quick;
            this.slice = slice;
        }

        int dealt(Size size) {
            return switch (size) {
                case FULL -> full;
                case QUICK -> quick;
                case SLICE -> slice;
            };
        }
    }

    private enum Size {
        FULL,
        QUICK,
        SLICE
    }

    private final Path directory;
    private final EmbeddedKafka kafka;
    private final Random random;
    private final List<Member> members = new ArrayList<>();
    private final AtomicLong answers = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong wrong = new AtomicLong();
    private final AtomicLong clockOffsetMillis = new AtomicLong();
    private final Map<Kind, Integer> done = new EnumMap<>(Kind.class);
    private int launched;
    private int crashes;

    private FaultSuite(Path directory, EmbeddedKafka kafka, Random random) {
        this.directory = directory;
        this.kafka = kafka;
        this.random = random;
    }

    /**
     * Runs it.
     *
     * @param args see {@code --help}
     * @throws Exception if the surroundings cannot be made
     */
    public static void main(String[] args) throws Exception {
        Map<Kind, Integer> deck = deck(Size.FULL);
        long seed = System.currentTimeMillis();
        int rate = 2_000;
        boolean keep = false;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--help", "-h" -> {
                    System.out.println(USAGE);
                    return;
                }
                case "--quick" -> deck = deck(Size.QUICK);
                case "--slice" -> deck = deck(Size.SLICE);
                case "--only" -> deck = only(++i < args.length ? args[i] : "");
                case "--keep" -> keep = true;
                case "--seed" -> seed = number(args, ++i);
                case "--rate" -> rate = (int) number(args, ++i);
                default -> refuse("unknown option " + args[i]);
            }
        }
        Path directory = Files.createTempDirectory("k2-fault-suite");
        boolean right;
        try {
            right = run(directory, deck, seed, rate);
        } finally {
            if (keep) {
                System.err.println("kept " + directory);
            } else {
                new Scratch(directory).close();
            }
        }
        if (!right) {
            System.exit(1);
        }
    }

    private static long number(String[] args, int i) {
        try {
            return Long.parseLong(i < args.length ? args[i] : "");
        } catch (NumberFormatException e) {
            refuse(args[i - 1] + " needs a whole number");
            return 0;
        }
    }

    private static void refuse(String problem) {
        System.err.println(problem + "\n" + USAGE);
        System.exit(2);
    }

    private static boolean run(Path directory, Map<Kind, Integer> deck, long seed, int rate) throws Exception {
        long began = System.nanoTime();
        System.err.println("seed " + seed + ", directory " + directory);
        try (EmbeddedKafka kafka = EmbeddedKafka.childProcess(directory.resolve("kafka"))) {
            kafka.createTopic(TOPIC, PARTITIONS);
            FaultSuite suite = new FaultSuite(directory, kafka, new Random(seed));
            AtomicBoolean stop = new AtomicBoolean();
            Feed feed = suite.new Feed(seed, rate, stop);
            feed.start();
            boolean left;
            try {
                suite.members.add(suite.launch());
                suite.members.add(suite.launch());
                suite.awaitAnswers();
                suite.deal(deck);
            } finally {
                stop.set(true);
                feed.join();
                left = suite.leave();
            }
            feed.requireWell();
            Found found = FaultCheck.compare(kafka.bootstrapServers(), TOPIC, directory.resolve("warehouse"));
            boolean expiry = suite.expiredOffsetsAreRefusedByName();
            int faults =
                    suite.done.values().stream().mapToInt(Integer::intValue).sum() + 1;
            boolean conserved =
                    found.conserved() && found.elsewhere() == 0 && found.changed() == 0 && found.undelivered() == 0;
            System.out.printf(
                    Locale.ROOT,
                    "{\"faults\":%d,\"records\":%d,\"rows\":%d,\"lost\":%d,\"doubled\":%d,\"elsewhere\":%d,\"changed\":%d,"
                            + "\"undelivered\":%d,\"conserved\":%b,\"expiredRefused\":%b,\"answers\":%d,\"refused\":%d,\"wrongAnswers\":%d,"
                            + "\"crashes\":%d,\"leftInOrder\":%b,\"byKind\":{%s},\"seconds\":%d,\"seed\":%d}%n",
                    faults,
                    found.records(),
                    found.rows(),
                    found.lost(),
                    found.doubled(),
                    found.elsewhere(),
                    found.changed(),
                    found.undelivered(),
                    conserved,
                    expiry,
                    suite.answers.get(),
                    suite.refused.get(),
                    suite.wrong.get(),
                    suite.crashes,
                    left,
                    suite.done.entrySet().stream()
                            .map(entry ->
                                    "\"" + entry.getKey().name().toLowerCase(Locale.ROOT) + "\":" + entry.getValue())
                            .collect(Collectors.joining(",")),
                    Duration.ofNanos(System.nanoTime() - began).toSeconds(),
                    seed);
            return found.lost() == 0
                    && found.doubled() == 0
                    && conserved
                    && expiry
                    && left
                    && suite.wrong.get() == 0
                    && suite.crashes == 0
                    && found.trades() == found.rows();
        }
    }

    private void awaitAnswers() {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (answers.get() == 0) {
            if (System.nanoTime() > deadline || !members.get(0).process.isAlive()) {
                throw new IllegalStateException("the first member did not come up; see " + members.get(0).own);
            }
            pause(100);
        }
    }

    private static Map<Kind, Integer> deck(Size size) {
        Map<Kind, Integer> deck = new EnumMap<>(Kind.class);
        for (Kind kind : Kind.values()) {
            deck.put(kind, kind.dealt(size));
        }
        return deck;
    }

    private static Map<Kind, Integer> only(String faults) {
        Map<Kind, Integer> deck = new EnumMap<>(Kind.class);
        for (String fault : faults.split(",", -1)) {
            String[] parts = fault.split(":", -1);
            try {
                deck.put(Kind.valueOf(parts[0].toUpperCase(Locale.ROOT)), Integer.parseInt(parts[1]));
            } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
                refuse("--only needs KIND:N, and the kinds are "
                        + Arrays.toString(Kind.values()).toLowerCase(Locale.ROOT) + "; not '" + fault + "'");
            }
        }
        return deck;
    }

    private void deal(Map<Kind, Integer> faults) throws Exception {
        List<Kind> deck = new ArrayList<>();
        faults.forEach((kind, count) -> deck.addAll(Collections.nCopies(count, kind)));
        Collections.shuffle(deck, random);
        for (int i = 0; i < deck.size(); i++) {
            Kind kind = deck.get(i);
            System.err.printf(Locale.ROOT, "%d of %d: %s%n", i + 1, deck.size(), kind);
            fault(kind);
            done.merge(kind, 1, Integer::sum);
            pause(200 + random.nextInt(1_500));
            revive();
        }
    }

    private void fault(Kind kind) throws Exception {
        Member one = members.get(random.nextInt(members.size()));
        switch (kind) {
            case KILL -> one.process.destroyForcibly().waitFor();
            case SLEEP_PAST_THE_SESSION -> {
                one.signal("STOP");
                pause(7_500 + random.nextInt(2_000));
                one.signal("CONT");
                pause(2_000);
            }
            case LEAVE -> {
                one.leave();
                members.remove(one);
                if (members.isEmpty()) {
                    members.add(launch());
                }
            }
            case JOIN -> {
                if (members.size() < 3) {
                    members.add(launch());
                }
            }
            case BROKER_KILL -> {
                kafka.kill();
                pause(1_000 + random.nextInt(3_000));
                kafka.start();
            }
            case CATALOG_LOCKED -> lockCatalog(Duration.ofMillis(4_000 + random.nextInt(4_000)));
            case CATALOG_GONE -> during(Fault.CATALOG_GONE);
            case DISK_FULL -> during(Fault.DISK_FULL);
            case DIE_BEFORE_COMMIT -> take(one, Fault.DIE_BEFORE_COMMIT);
            case DIE_AFTER_COMMIT -> take(one, Fault.DIE_AFTER_COMMIT);
            case UNKNOWN_COMMIT -> take(one, Fault.UNKNOWN_COMMIT);
            case LATE_COMMIT -> take(one, Fault.LATE_COMMIT);
            case LOG_CLOCK_JUMP ->
                clockOffsetMillis.set(Duration.ofHours(CLOCK_OFFSETS_HOURS[random.nextInt(CLOCK_OFFSETS_HOURS.length)])
                        .toMillis());
            case MACHINE_CLOCK_JUMP -> {
                // Moved into place, so that no half of a number is read.
                Path next = Files.writeString(
                        one.own.resolve("next-clock-offset"),
                        Long.toString(Duration.ofHours(random.nextInt(2 * HOURS_OFF) - HOURS_OFF)
                                .toMillis()));
                Files.move(
                        next,
                        FaultSuiteMember.clock(one.own),
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private void during(Fault fault) throws IOException {
        Files.createFile(fault.file(directory));
        pause(3_000 + random.nextInt(5_000));
        Files.delete(fault.file(directory));
    }

    /** Waits until the member's next commit takes the fault, or the member is gone without it. */
    private void take(Member member, Fault fault) throws IOException {
        Path file = fault.file(member.own);
        if (!Files.exists(file)) {
            Files.createFile(file);
        }
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (Files.exists(file) && member.process.isAlive() && System.nanoTime() < deadline) {
            pause(50);
        }
    }

    private void lockCatalog(Duration held) throws IOException, SQLException {
        Path database;
        try (var files = Files.list(directory.resolve("warehouse"))) {
            database = files.filter(file -> file.toString().endsWith(".db"))
                    .findFirst()
                    .orElseThrow(() -> new IllegalStateException("no catalog in the warehouse yet"));
        }
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database);
                Statement statement = connection.createStatement()) {
            statement.execute("pragma busy_timeout = 20000");
            statement.execute("begin exclusive");
            pause(held.toMillis());
            statement.execute("rollback");
        }
    }

    private void revive() throws IOException {
        for (int i = 0; i < members.size(); i++) {
            if (!members.get(i).process.isAlive()) {
                if (members.get(i).process.exitValue() != KILLED) {
                    crashes++;
                    System.err.println("a member ended by itself; see " + members.get(i).own);
                }
                members.set(i, launch());
            }
        }
        while (members.size() < 2) {
            members.add(launch());
        }
    }

    /** Every other one reads all partitions and answers questions. */
    private Member launch() throws IOException {
        int number = launched++;
        Path own = Files.createDirectories(directory.resolve("member-" + number));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx320m",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                FaultSuiteMember.class.getName()));
        command.addAll(List.of(FaultSuiteMember.arguments(
                kafka.bootstrapServers(),
                TOPIC,
                directory,
                own,
                number % 2 == 0 ? Ingest.Reading.ALL : Ingest.Reading.OWN)));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectError(own.resolve("log").toFile());
        builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        return new Member(builder.start(), own);
    }

    /** Has all leave in order, the last one after it has caught up with the topic's end. */
    private boolean leave() throws Exception {
        for (Member member : List.copyOf(members)) {
            member.leave();
        }
        Member last = launched % 2 == 0 ? launch() : skipOne();
        boolean inOrder = last.leave();
        if (!inOrder) {
            System.err.println("the last member did not leave in order; see " + last.own);
        }
        return inOrder;
    }

    /** The last one has to read all, so that it waits for the topic's end before it leaves. */
    private Member skipOne() throws IOException {
        launched++;
        return launch();
    }

    private boolean expiredOffsetsAreRefusedByName() throws IOException, ExecutionException, InterruptedException {
        String topic = "expired";
        kafka.createTopic(topic, 1);
        FeedSimulator feed = FeedSimulator.builder().seed(7).symbols(5).build();
        Path own = directory.resolve("expired");
        for (int round = 0; round < 2; round++) {
            Feeds.send(kafka.bootstrapServers(), topic, feed, 3_000);
            if (round == 1) {
                kafka.admin()
                        .deleteRecords(Map.of(new TopicPartition(topic, 0), RecordsToDelete.beforeOffset(4_000)))
                        .all()
                        .get();
            }
            try (K2 k2 = K2.builder()
                    .kafka(Map.of("bootstrap.servers", kafka.bootstrapServers()))
                    .warehouse(own.resolve("warehouse"))
                    .spool(own.resolve("spool"))
                    .build()) {
                k2.ingest(EventTypes.TRADE, topic).start();
                k2.view(io.k2data.api.Freshness.now(PATIENCE)).close();
            } catch (LostRangeException e) {
                System.err.println("expired offsets: " + e.getMessage());
                return round == 1 && String.valueOf(e.getMessage()).contains("[3000, 4000)");
            }
        }
        return false;
    }

    private static void pause(long millis) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
    }

    /** Sends records at a rate until it is told to stop. */
    private final class Feed extends Thread {
        private static final int STEP_MILLIS = 50;

        private final FeedSimulator feed;
        private final int perStep;
        private final AtomicBoolean stop;
        private volatile String failure = "";

        Feed(long seed, int rate, AtomicBoolean stop) {
            super("feed");
            this.feed = FeedSimulator.builder()
                    .seed(seed)
                    .symbols(60)
                    .gapRate(0.001)
                    .lateRate(0.002)
                    .duplicateRate(0.02)
                    .malformedRate(0.01)
                    .build();
            this.perStep = Math.max(1, rate * STEP_MILLIS / 1_000);
            this.stop = stop;
        }

        @Override
        public void run() {
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                    Feeds.producerSettings(kafka.bootstrapServers()),
                    new ByteArraySerializer(),
                    new ByteArraySerializer())) {
                while (!stop.get()) {
                    for (int i = 0; i < perStep; i++) {
                        SimulatedRecord record = feed.next();
                        var unused = producer.send(
                                new ProducerRecord<>(
                                        TOPIC,
                                        null,
                                        record.timestampMillis() + clockOffsetMillis.get(),
                                        record.key(),
                                        record.value()),
                                (metadata, error) -> {
                                    if (error != null) {
                                        failure = error.toString();
                                    }
                                });
                    }
                    pause(STEP_MILLIS);
                }
            }
        }

        void requireWell() {
            if (!failure.isEmpty()) {
                System.err.println("the feed lost acknowledgements, which proves nothing about K2: " + failure);
            }
        }
    }

    /** One member's process. */
    private final class Member {
        private final Process process;
        private final Path own;
        private final Thread lines;
        private volatile String last = "";

        Member(Process process, Path own) {
            this.process = process;
            this.own = own;
            this.lines = new Thread(this::read, "member-lines");
            lines.setDaemon(true);
            lines.start();
        }

        private void read() {
            try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    last = line;
                    if (line.equals("answer")) {
                        answers.incrementAndGet();
                    } else if (line.equals("refused")) {
                        refused.incrementAndGet();
                    } else if (line.startsWith("WRONG")) {
                        wrong.incrementAndGet();
                        System.err.println(own + ": " + line);
                    }
                }
            } catch (IOException e) {
                // Its output ends when the process is killed.
                last = "";
            }
        }

        void signal(String name) throws IOException, InterruptedException {
            if (new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                            .inheritIO()
                            .start()
                            .waitFor()
                    != 0) {
                System.err.println("could not send " + name + " to " + own + ", it is gone already");
            }
        }

        /** Has it catch up and leave; says whether it did. */
        boolean leave() throws InterruptedException {
            try {
                process.getOutputStream().close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
            lines.join();
            return last.startsWith("left");
        }
    }
}
