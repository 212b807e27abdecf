import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  checkFencedPostgresUpdate,
  fencedPostgresTransaction,
  type PostgresResult,
  raisePostgresFence,
} from "../../../src/client/guards/index.cts";
import { errorOf } from "./refusals.ts";

const fence = { resource: "report:7", token: 34 };
const rows = (...found: unknown[]): PostgresResult => ({ rows: found, rowCount: found.length });
const raised = rows({ token: "34" });
const inside = rows({ inside: true });
const done = rows();

/** A connection that answers statements by how they begin, and remembers them. */
function scripted(answers: Readonly<Record<string, PostgresResult | Error>>) {
  const said: string[] = [];
  return {
    said,
    query: async (text: string, values: unknown[] = []): Promise<PostgresResult> => {
      const beginning = Object.keys(answers).find((start) => text.startsWith(start));
      said.push([beginning ?? text, ...values].join(" "));
      const answer = beginning === undefined ? done : answers[beginning];
      if (answer instanceof Error) throw answer;
      return answer ?? done;
    },
  };
}

const test = suite("client/guards/postgres");

test("the fence is raised before anything else in the transaction, and the change is committed", async () => {
  const connection = scripted({ "INSERT INTO lock_fences": raised, "SELECT txid": inside });
  const result = await fencedPostgresTransaction(connection, fence, async () => {
    await connection.query("UPDATE reports");
    return "written";
  });
  assert.is(result, "written");
  assert.equal(connection.said, [
    "BEGIN",
    "INSERT INTO lock_fences report:7 34",
    "SELECT txid",
    "UPDATE reports",
    "COMMIT",
  ]);
});

test("a stale token rolls back before the change, and says which token has been seen", async () => {
  const connection = scripted({ "INSERT INTO lock_fences": rows(), "SELECT token": rows({ token: "35" }) });
  let hasRun = false;
  const error = await errorOf(
    fencedPostgresTransaction(connection, fence, async () => {
      hasRun = true;
    }),
  );
  assert.equal(
    [error.code, error.message],
    ["STALE_TOKEN", 'the fencing token 34 of "report:7" is stale: 35 has been seen'],
  );
  assert.is(hasRun, false);
  assert.is(connection.said.at(-1), "ROLLBACK");
});

test("an error of the change rolls back and wins over one of the rollback", async () => {
  const connection = scripted({
    "INSERT INTO lock_fences": raised,
    "SELECT txid": inside,
    ROLLBACK: new Error("the connection is gone"),
  });
  const error = await errorOf(
    fencedPostgresTransaction(connection, fence, async () => {
      throw new Error("no room");
    }),
  );
  assert.is(error.message, "no room");
  assert.is(connection.said.at(-1), "ROLLBACK");
});

test("a COMMIT that PostgreSQL answers with ROLLBACK is an error", async () => {
  const connection = scripted({
    "INSERT INTO lock_fences": raised,
    "SELECT txid": inside,
    COMMIT: { ...done, command: "ROLLBACK" },
  });
  const error = await errorOf(fencedPostgresTransaction(connection, fence, async () => 1));
  assert.match(error.message, /was rolled back/);
});

test("a limit on idling is set in the transaction alone", async () => {
  const connection = scripted({ "INSERT INTO lock_fences": raised, "SELECT txid": inside, "SELECT set_config": done });
  await fencedPostgresTransaction(connection, { ...fence, idleMsMax: 2_500 }, async () => undefined);
  assert.equal(connection.said.slice(0, 2), ["BEGIN", "SELECT set_config 2500"]);
});

test("a fence outside a transaction is refused: it would not hold until the write", async () => {
  const connection = scripted({ "INSERT INTO lock_fences": raised, "SELECT txid": rows({ inside: false }) });
  const error = await errorOf(raisePostgresFence(connection, fence));
  assert.match(error.message, /BEGIN first/);
});

test("a pool is refused: its statements may run on any of its connections", async () => {
  const pool = { ...scripted({}), totalCount: 3 };
  const error = await errorOf(fencedPostgresTransaction(pool, fence, async () => undefined));
  assert.equal([error.code, pool.said], ["INVALID", []]);
});

test("an UPDATE that met no row is stale", () => {
  checkFencedPostgresUpdate({ rowCount: 1 }, fence);
  for (const rowCount of [0, null]) {
    assert.throws(
      () => checkFencedPostgresUpdate({ rowCount }, fence),
      (error: { code?: string }) => error.code === "STALE_TOKEN",
    );
  }
});

for (const token of [0, -1, 1.5, Number.NaN, 2 ** 53, 0n, -1n]) {
  test(`${token} is no fencing token`, async () => {
    const connection = scripted({});
    const error = await errorOf(fencedPostgresTransaction(connection, { ...fence, token }, async () => undefined));
    assert.is(error.code, "INVALID");
    assert.not(connection.said.some((statement) => statement.startsWith("INSERT")));
  });
}

test.run();
