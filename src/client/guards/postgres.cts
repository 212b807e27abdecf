// Fencing for PostgreSQL: a write by somebody whose lock has passed on is refused in the very transaction that would have made it.
// Needs no driver of its own: whatever has node-postgres' `query` will do.

import { LockError } from "../errors.cts";
import { type FencedBy, staleToken, tokenText } from "./fence.cts";

/** One connection, as node-postgres' `Client` and `PoolClient` are. A `Pool` is none: each of its queries may take another one. */
export interface PostgresConnection {
  query(text: string, values?: unknown[]): Promise<PostgresResult>;
}

/** What a query came to, as far as the guards look. */
export interface PostgresResult {
  readonly rows: readonly unknown[];
  readonly rowCount: number | null;
  readonly command?: string;
}

/**
 * The table with the highest token that each resource has seen: run it once. Never delete its rows: whatever token came next
 * would be believed.
 */
export const postgresFenceTable =
  "CREATE TABLE IF NOT EXISTS lock_fences (resource text PRIMARY KEY, token bigint NOT NULL)";

export interface FencedTransactionOptions extends FencedBy {
  /**
   * How long the transaction may sit idle before PostgreSQL undoes it (`idle_in_transaction_session_timeout`), in milliseconds.
   * Without it a holder that is paused in the middle of its transaction keeps the next holder waiting for as long as it is paused.
   */
  readonly idleMsMax?: number;
}

/**
 * Runs `change` in a transaction of its own that only the current holder, or a later one, can commit.
 *
 * Protects: whatever `change` reads and writes on this connection. Fenced transactions of one resource run one after the other, in
 * the order of their tokens; after the first with a greater token, none with a smaller one writes.
 *
 * Does not protect: what is written by others without a fence, on other connections, or outside this database (letters sent,
 * files written); what was read before the transaction. The resource must always be guarded by the same lock, for tokens of
 * different locks say nothing about each other.
 *
 * A client that no longer knows whether its COMMIT arrived asks the database, not the lock.
 *
 * @throws LockError `STALE_TOKEN` when a greater token has been seen; nothing has been written then.
 */
export async function fencedPostgresTransaction<Result>(
  connection: PostgresConnection,
  options: FencedTransactionOptions,
  change: () => Promise<Result>,
): Promise<Result> {
  refusePool(connection);
  await connection.query("BEGIN");
  let result: Result;
  try {
    if (options.idleMsMax !== undefined) {
      const milliseconds = String(Math.ceil(options.idleMsMax));
      await connection.query("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", [milliseconds]);
    }
    await raisePostgresFence(connection, options);
    result = await change();
  } catch (error) {
    // If this fails too, the connection is gone, and the transaction with it.
    await connection.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
  const { command } = await connection.query("COMMIT");
  // PostgreSQL answers the COMMIT of a transaction in which a statement has failed with a ROLLBACK, and no error.
  if (command === "ROLLBACK") throw new Error("the transaction was rolled back, because a statement in it had failed");
  return result;
}

/**
 * Raises the fence in a transaction that the caller has begun, and so keeps earlier holders out from its commit on.
 *
 * Call it before the transaction's first read: what was read before may be an earlier holder's next victim.
 *
 * @throws LockError `STALE_TOKEN` when a greater token has been seen: roll back.
 * @throws Error when there is no transaction, for then fence and write could be torn apart by a pause.
 */
export async function raisePostgresFence(connection: PostgresConnection, { resource, token }: FencedBy): Promise<void> {
  refusePool(connection);
  const mine = tokenText(token);
  // The row stays locked until the transaction ends: a holder with another token waits here.
  const { rows } = await connection.query(
    `INSERT INTO lock_fences AS fence (resource, token) VALUES ($1, $2)
     ON CONFLICT (resource) DO UPDATE SET token = EXCLUDED.token WHERE fence.token <= EXCLUDED.token
     RETURNING token`,
    [resource, mine],
  );
  if (rows.length === 0) {
    const seen = await connection.query("SELECT token::text AS token FROM lock_fences WHERE resource = $1", [resource]);
    throw staleToken({ resource, token }, (seen.rows[0] as { token: string } | undefined)?.token);
  }
  // A statement that is a transaction of its own leaves no number behind.
  const { rows: state } = await connection.query("SELECT txid_current_if_assigned() IS NOT NULL AS inside");
  if ((state[0] as { inside: boolean }).inside !== true) {
    throw new Error("a fence is raised inside the transaction of the write that it protects: BEGIN first");
  }
}

/**
 * Judges an UPDATE that carries the fence in the row that it changes, without a table or a transaction more:
 *
 * ```sql
 * UPDATE jobs SET state = $1, fence = $2 WHERE id = $3 AND fence <= $2
 * ```
 *
 * Protects: that row alone, and only from statements that are written like this one. A row that does not exist looks like a stale
 * token: both change nothing.
 *
 * @throws LockError `STALE_TOKEN` when no row was changed.
 */
export function checkFencedPostgresUpdate(result: Pick<PostgresResult, "rowCount">, fence: FencedBy): void {
  tokenText(fence.token);
  if (result.rowCount === null || result.rowCount === 0) throw staleToken(fence);
}

/** A pool gives each query any of its connections, so its transactions are none. */
function refusePool(connection: PostgresConnection): void {
  if ("totalCount" in connection)
    throw new LockError("INVALID", "a pool is no connection: pass what pool.connect() gives");
}
