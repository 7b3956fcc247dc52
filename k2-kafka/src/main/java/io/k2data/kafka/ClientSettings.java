package io.k2data.kafka;

import io.k2data.api.InvalidSettingsException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;
import org.jspecify.annotations.Nullable;

/**
 * The user's one map of client settings, checked, and split into those of the consumer, the admin client and the
 * producer. Immutable.
 *
 * <p>No message made here shows a setting's value, but for {@code bootstrap.servers}: a password may stand in any of
 * them, and Kafka's own messages repeat values.
 */
final class ClientSettings {
    static final Set<String> OWNED = Set.of(
            ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG,
            ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG,
            ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG,
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
            ProducerConfig.TRANSACTIONAL_ID_CONFIG);

    private static final int TIMEOUT_MILLIS = 10_000;
    private static final int DEAD_LETTER_BYTES = 64 << 20;

    /** Settings of one name that mean another class for each client. */
    private static final String INTERCEPTORS = ConsumerConfig.INTERCEPTOR_CLASSES_CONFIG;

    private static final Pattern JAAS_VALUE = Pattern.compile("=\\s*(?:\"([^\"]*)\"|([^\\s;\"]+))");

    private final Map<String, Object> settings;
    private final Set<String> secrets;

    private ClientSettings(Map<String, Object> settings) {
        this.settings = settings;
        this.secrets = secrets(settings);
    }

    static ClientSettings of(Map<String, ?> settings) {
        List<String> problems = new ArrayList<>();
        Object servers = settings.get(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG);
        if (servers == null || servers.toString().isBlank()) {
            problems.add("bootstrap.servers: missing, for example localhost:9092");
        }
        problems.addAll(problems(settings));
        if (!problems.isEmpty()) {
            throw new InvalidSettingsException(problems);
        }
        return new ClientSettings(new HashMap<>(settings));
    }

    static List<String> problems(Map<String, ?> settings) {
        List<String> problems = new ArrayList<>();
        new TreeMap<>(settings).forEach((key, value) -> {
            String problem = problem(key, value);
            if (problem != null) {
                problems.add(key + ": " + problem);
            }
        });
        return problems;
    }

    private static @Nullable String problem(String key, @Nullable Object value) {
        if (OWNED.contains(key)) {
            return "K2 sets it itself; leave it out";
        }
        if (value == null) {
            return "null, expected a value; leave it out for Kafka's default";
        }
        if (key.equals(ProducerConfig.ACKS_CONFIG)
                && !Set.of("all", "-1").contains(value.toString().trim())) {
            return "a dead letter counts once all replicas in sync have it; leave it out, or set all";
        }
        for (ConfigDef client : clients().toList()) {
            ConfigDef.ConfigKey known = client.configKeys().get(key);
            if (known != null && !accepts(known, value)) {
                // The validator's text describes what it accepts and does not have the value.
                return "Kafka does not accept the value; expected "
                        + known.type.name().toLowerCase(Locale.ROOT)
                        + (known.validator == null ? "" : " " + known.validator);
            }
        }
        return key.equals(INTERCEPTORS) ? interceptorProblem(value) : null;
    }

    private static boolean accepts(ConfigDef.ConfigKey key, Object value) {
        try {
            Object parsed = ConfigDef.parseType(key.name, value, key.type);
            if (key.validator != null) {
                key.validator.ensureValid(key.name, parsed);
            }
            return true;
        } catch (ConfigException e) {
            return false;
        }
    }

    private static Stream<ConfigDef> clients() {
        return Stream.of(ConsumerConfig.configDef(), AdminClientConfig.configDef(), ProducerConfig.configDef());
    }

    private static @Nullable String interceptorProblem(Object value) {
        for (Object entry : interceptors(value)) {
            Class<?> type = load(entry);
            if (type == null) {
                return "a class named there cannot be loaded";
            }
            if (!ConsumerInterceptor.class.isAssignableFrom(type)
                    && !ProducerInterceptor.class.isAssignableFrom(type)) {
                return type.getName() + " is neither a ConsumerInterceptor nor a ProducerInterceptor";
            }
        }
        return null;
    }

    private static List<?> interceptors(Object value) {
        return (List<?>) ConfigDef.parseType(INTERCEPTORS, value, ConfigDef.Type.LIST);
    }

    private static @Nullable Class<?> load(Object entry) {
        if (entry instanceof Class<?> type) {
            return type;
        }
        try {
            ClassLoader context = Thread.currentThread().getContextClassLoader();
            return Class.forName(
                    entry.toString(), false, context == null ? ClientSettings.class.getClassLoader() : context);
        } catch (ClassNotFoundException | LinkageError e) {
            return null;
        }
    }

    /** The consumer's settings; deserializers are passed to its constructor. */
    Map<String, Object> consumer() {
        Map<String, Object> all = of(ConsumerConfig.configNames(), ConsumerInterceptor.class);
        all.putIfAbsent(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        all.putIfAbsent(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        // Much at once: judging and appending cost less per record in large batches.
        all.putIfAbsent(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 20_480);
        all.putIfAbsent(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
        // As much as the system allows: while a batch is judged the next one arrives, which 64 KB have no room for.
        all.putIfAbsent(ConsumerConfig.RECEIVE_BUFFER_CONFIG, -1);
        // A partition whose buffer ran dry waits for the fetch under way to its broker, and that one waits this long
        // where its own partitions are quiet. So it bounds how stale a busy partition beside quiet ones gets.
        all.putIfAbsent(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 100);
        all.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        all.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        // It reads by assignment. Where there is a group, another client is its member.
        all.remove(ConsumerConfig.GROUP_ID_CONFIG);
        all.remove(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
        return all;
    }

    /** The settings of a group's member, which fetches nothing. */
    Map<String, Object> member(String group) {
        Map<String, Object> all = of(ConsumerConfig.configNames(), null);
        all.put(ConsumerConfig.GROUP_ID_CONFIG, group);
        all.putIfAbsent(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        Object protocol = all.getOrDefault(ConsumerConfig.GROUP_PROTOCOL_CONFIG, "classic");
        if (protocol.toString().equalsIgnoreCase("classic")) {
            // Only what moves is taken away.
            all.putIfAbsent(
                    ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
                    List.of(CooperativeStickyAssignor.class.getName()));
        }
        all.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        all.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        return all;
    }

    /** The admin client's settings. */
    Map<String, Object> admin() {
        return of(AdminClientConfig.configNames(), null);
    }

    /** The settings of the producer of dead letters; serializers are passed to its constructor. */
    Map<String, Object> producer() {
        Map<String, Object> all = of(ProducerConfig.configNames(), ProducerInterceptor.class);
        all.put(ProducerConfig.ACKS_CONFIG, "all");
        // What a source topic took in a compressed batch may be large when it stands alone.
        all.putIfAbsent(ProducerConfig.COMPRESSION_TYPE_CONFIG, "gzip");
        all.putIfAbsent(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, DEAD_LETTER_BYTES);
        all.putIfAbsent(ProducerConfig.BUFFER_MEMORY_CONFIG, (long) DEAD_LETTER_BYTES);
        return all;
    }

    /** What a client knows, and what none knows: that is for classes of the user's that the clients load. */
    private Map<String, Object> of(Set<String> names, @Nullable Class<?> interceptor) {
        Map<String, Object> some = new HashMap<>();
        settings.forEach((key, value) -> {
            if (names.contains(key)
                    || clients().noneMatch(client -> client.names().contains(key))) {
                some.put(key, value);
            }
        });
        Object all = some.remove(INTERCEPTORS);
        if (all != null && interceptor != null) {
            // One name for the interceptors of consumer and producer, and each refuses the other's.
            List<?> own = interceptors(all).stream()
                    .filter(entry -> {
                        Class<?> type = load(entry);
                        return type != null && interceptor.isAssignableFrom(type);
                    })
                    .toList();
            if (!own.isEmpty()) {
                some.put(INTERCEPTORS, own);
            }
        }
        return some;
    }

    IsolationLevel isolation() {
        Object level = settings.getOrDefault(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        return IsolationLevel.valueOf(level.toString().trim().toUpperCase(Locale.ROOT));
    }

    /** How long a question to the cluster may take. */
    int timeoutMillis() {
        for (String key :
                List.of(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG)) {
            Object value = settings.get(key);
            if (value != null) {
                return (Integer) ConfigDef.parseType(key, value, ConfigDef.Type.INT);
            }
        }
        return TIMEOUT_MILLIS;
    }

    String bootstrapServers() {
        Object servers = settings.get(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG);
        return servers instanceof List<?> list
                ? String.join(",", list.stream().map(String::valueOf).toList())
                : String.valueOf(servers);
    }

    /** Tells whether an error, or anything it hangs on to, repeats a secret. */
    boolean isRevealedBy(Throwable error) {
        Set<Throwable> seen = new LinkedHashSet<>();
        collect(error, seen);
        return seen.stream()
                .map(Throwable::getMessage)
                .anyMatch(message -> message != null && secrets.stream().anyMatch(message::contains));
    }

    private static void collect(@Nullable Throwable error, Set<Throwable> into) {
        if (error != null && into.add(error)) {
            collect(error.getCause(), into);
            for (Throwable suppressed : error.getSuppressed()) {
                collect(suppressed, into);
            }
        }
    }

    private static Set<String> secrets(Map<String, Object> settings) {
        Map<String, ConfigDef.ConfigKey> known = new HashMap<>();
        clients().forEach(client -> known.putAll(client.configKeys()));
        Set<String> secrets = new LinkedHashSet<>();
        settings.forEach((key, value) -> {
            ConfigDef.ConfigKey config = known.get(key);
            String text = value instanceof Password password ? password.value() : value.toString();
            if (config != null && config.type == ConfigDef.Type.PASSWORD) {
                secrets.add(text);
                JAAS_VALUE
                        .matcher(text)
                        .results()
                        .map(match -> match.group(1) == null ? match.group(2) : match.group(1))
                        .forEach(secrets::add);
            } else if (config == null && text.length() >= 8) {
                // A setting of the user's own classes; it may be anything.
                secrets.add(text);
            }
        });
        secrets.removeIf(text -> text.isBlank() || text.equals("true") || text.equals("false"));
        return secrets;
    }
}
