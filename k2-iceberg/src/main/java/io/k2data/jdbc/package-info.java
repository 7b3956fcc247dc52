/** JDBC over views: a data source for the tools that expect one. */
@NullMarked
package io.k2data.jdbc;

import org.jspecify.annotations.NullMarked;
