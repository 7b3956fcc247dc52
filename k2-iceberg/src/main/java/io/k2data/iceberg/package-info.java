/** The event store on Iceberg and DuckDB: segments, Parquet, commits, history and hybrid SQL. */
@NullMarked
package io.k2data.iceberg;

import org.jspecify.annotations.NullMarked;
