/**
 * The package of the database: an optional peer in package.json, so that an application's build does not download it.
 */

/** With its whole version, because each DuckDB release counts as a prerelease to npm and fits no range but its own number. */
export const DUCKDB_PACKAGE = '@duckdb/node-api@1.5.6-r.1';
