package io.k2data.cost;

/**
 * Where data of an age is kept.
 *
 * @param name the tier's name, for which the price book has prices {@code storage.<name>....}
 * @param fromDays the age in days from which on data is there; 0 for the first tier
 */
public record StorageTier(String name, int fromDays) {}
