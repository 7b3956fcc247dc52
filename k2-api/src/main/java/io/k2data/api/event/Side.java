package io.k2data.api.event;

/** The aggressor's side of a trade. */
public enum Side {
    /** The aggressor bought. */
    BUY,
    /** The aggressor sold. */
    SELL,
    /** The aggressor sold short. */
    SELL_SHORT,
    /** The venue does not tell. */
    UNKNOWN
}
