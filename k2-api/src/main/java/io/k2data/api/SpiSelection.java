package io.k2data.api;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Chooses one implementation of a service interface by one rule: an object given explicitly beats a name from the
 * settings, which beats the only one discovered, which beats the default. Two discovered and no choice is an error that
 * names both; those that are taken {@linkplain SpiFactory#onlyByName() only by name} do not count there.
 */
public final class SpiSelection {
    private SpiSelection() {}

    /**
     * Finds the factories of a kind on the class path or module path, by {@link ServiceLoader}. Factories are cheap;
     * nothing is opened.
     *
     * @param spi the factory interface
     * @param <F> the factory interface
     * @return those found, in the loader's order
     */
    public static <F extends SpiFactory> List<F> discover(Class<F> spi) {
        List<F> found = new ArrayList<>();
        ServiceLoader.load(spi).forEach(found::add);
        return found;
    }

    /**
     * Chooses a factory.
     *
     * @param spi the factory interface, for messages
     * @param explicit the object the user gave, if any
     * @param configuredName the name the settings give, if any
     * @param discovered what discovery found; empty where nobody asked for discovery
     * @param fallback the default; can also be chosen by its name
     * @param <F> the factory interface
     * @return the chosen factory
     * @throws InvalidSettingsException if the name is unknown, or if there are several and no choice was made
     */
    public static <F extends SpiFactory> F choose(
            Class<F> spi, @Nullable F explicit, @Nullable String configuredName, List<F> discovered, F fallback) {
        if (explicit != null) {
            return explicit;
        }
        if (configuredName != null) {
            List<F> candidates = new ArrayList<>(discovered);
            candidates.add(fallback);
            return candidates.stream()
                    .filter(factory -> factory.name().equals(configuredName))
                    .findFirst()
                    .orElseThrow(() -> new InvalidSettingsException(List.of(spi.getSimpleName()
                            + ": no implementation named '" + configuredName + "'; there are: " + names(candidates))));
        }
        List<F> unasked =
                discovered.stream().filter(factory -> !factory.onlyByName()).toList();
        if (unasked.size() > 1) {
            throw new InvalidSettingsException(List.of(spi.getSimpleName() + ": found " + unasked.size()
                    + " implementations (" + names(unasked) + ") and no choice; name one in the settings or pass one"));
        }
        return unasked.isEmpty() ? fallback : unasked.get(0);
    }

    private static String names(List<? extends SpiFactory> factories) {
        return factories.stream()
                .map(factory -> factory.name() + " [" + factory.getClass().getName() + "]")
                .collect(Collectors.joining(", "));
    }
}
