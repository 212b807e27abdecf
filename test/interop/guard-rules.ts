// What fencing guards refuse, by the servers that they are for.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  checkFencedPostgresUpdate,
  checkS3Conditions,
  fencedPostgresTransaction,
  fencedRedisCommands,
  fencedS3Update,
  type PostgresConnection,
  postgresFenceTable,
  type RedisClient,
  raisePostgresFence,
  readFencedS3,
  type S3Store,
} from "../../src/client/guards/index.cts";
import { until } from "../cluster/cluster.ts";
import { patienceMs } from "../patience.ts";
import type { Report } from "./report.ts";

/** The drivers are the examples', as far as they are used here. */
export interface Drivers {
  readonly pg: { readonly Client: new (options: { connectionString: string }) => Postgres };
  readonly redis: {
    readonly createClient: (options: { url: string; socket: { connectTimeout: number } }) => Redis;
  };
  readonly s3: {
    readonly S3: new (options: {
      endpoint: string;
      region: string;
      forcePathStyle: boolean;
      credentials: { accessKeyId: string; secretAccessKey: string };
    }) => S3Store;
  };
}

interface Postgres extends PostgresConnection {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
}

interface Redis extends RedisClient {
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  get(key: string): Promise<string | null>;
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "it did not fail";
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

export async function postgresRules(
  report: Report,
  { pg }: Drivers,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const connectionString = `postgres://${env.PGUSER}@${env.PGHOST}:${env.PGPORT}/${env.PGDATABASE}`;
  const open = async () => {
    const client = new pg.Client({ connectionString });
    // Told when PostgreSQL ends a connection that idles in a transaction.
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const [one, other, idle] = [await open(), await open(), await open()];
  await one.query(postgresFenceTable);
  await one.query("CREATE TABLE told (who text, fence bigint)");
  const tell = (connection: Postgres, resource: string, token: number) =>
    fencedPostgresTransaction(connection, { resource, token }, () =>
      connection.query("INSERT INTO told VALUES ($1, $2)", [resource, token]),
    );
  const told = async (resource: string) =>
    (await other.query("SELECT fence::int AS fence FROM told WHERE who = $1", [resource])).rows.map(
      (row) => (row as { fence: number }).fence,
    );

  await report.rule("postgres: a token that is smaller than one that was seen writes nothing", async () => {
    for (const token of [9, 9, 10]) await tell(one, "order", token);
    equal(await codeOf(tell(other, "order", 9)), "STALE_TOKEN");
    await tell(other, "order", 10);
    deepEqual(await told("order"), [9, 9, 10, 10]);
  });

  await report.rule("postgres: a later holder waits for a transaction that is under way, and goes second", async () => {
    let later: Promise<unknown> = Promise.resolve();
    await fencedPostgresTransaction(one, { resource: "turns", token: 1 }, async () => {
      later = tell(other, "turns", 2);
      await blocked(one);
      await one.query("INSERT INTO told VALUES ('turns', 1)");
    });
    await later;
    deepEqual(await told("turns"), [1, 2]);
  });

  await report.rule(
    "postgres: of two that begin at once, the one with the smaller token is refused if it comes second",
    async () => {
      let earlier: Promise<string> = Promise.resolve("");
      await fencedPostgresTransaction(one, { resource: "race", token: 2 }, async () => {
        earlier = codeOf(tell(other, "race", 1));
        await blocked(one);
      });
      equal(await earlier, "STALE_TOKEN");
      deepEqual(await told("race"), []);
    },
  );

  await report.rule("postgres: a fence outside a transaction is refused", async () => {
    match(await codeOf(raisePostgresFence(one, { resource: "alone", token: 1 })), /BEGIN first/);
  });

  await report.rule("postgres: a transaction in which a statement has failed is not taken for committed", async () => {
    const call = fencedPostgresTransaction(one, { resource: "failed", token: 1 }, () =>
      one.query("SELECT 1 / 0").catch(() => undefined),
    );
    match(await codeOf(call), /was rolled back/);
  });

  await report.rule("postgres: a fence in the row itself refuses a smaller token", async () => {
    const resource = "row";
    await one.query("INSERT INTO told VALUES ('row', 5)");
    const update = (token: number) =>
      one.query("UPDATE told SET fence = $1 WHERE who = $2 AND fence <= $1", [token, resource]);
    checkFencedPostgresUpdate(await update(6), { resource, token: 6 });
    const late = await update(5);
    equal(await codeOf((async () => checkFencedPostgresUpdate(late, { resource, token: 5 }))()), "STALE_TOKEN");
  });

  await report.rule(
    "postgres: a holder that idles in its transaction does not hold up the next one for ever",
    async () => {
      let later: Promise<unknown> = Promise.resolve();
      // Between its statements the transaction is idle as well: a machine that stands still for a moment must not end it there.
      const idleMsMax = 6_000;
      const early = fencedPostgresTransaction(idle, { resource: "idle", token: 1, idleMsMax }, async () => {
        later = tell(other, "idle", 2);
        // Says nothing to its database until the next holder is through.
        await later;
        await idle.query("INSERT INTO told VALUES ('idle', 1)");
      });
      ok((await codeOf(early)) !== "it did not fail");
      deepEqual(await told("idle"), [2]);
    },
  );
  for (const client of [one, other]) await client.end();

  /** Waits until somebody waits for a lock of the database. */
  function blocked(connection: Postgres): Promise<void> {
    return until("a transaction waits for another", async () => {
      const { rows } = await connection.query("SELECT 1 FROM pg_locks WHERE NOT granted");
      return rows.length > 0;
    });
  }
}

export async function redisRules(
  report: Report,
  drivers: Drivers,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const client = drivers.redis.createClient({ url: env.REDIS_URL ?? "", socket: { connectTimeout: patienceMs } });
  await client.connect();

  await report.rule("redis: tokens are compared as numbers, of any length", async () => {
    const fenceKey = "order:fence";
    for (const token of [9, 10, 10, 2n ** 60n, 2n ** 60n + 1n]) {
      await fencedRedisCommands(client, { fenceKey, token, commands: [["SET", "order", String(token)]] });
    }
    for (const token of [9, 2n ** 60n]) {
      const commands = [["SET", "order", "stale"] as const];
      equal(await codeOf(fencedRedisCommands(client, { fenceKey, token, commands })), "STALE_TOKEN");
    }
    equal(await client.get("order"), String(2n ** 60n + 1n));
  });

  await report.rule("redis: all replies come, in order, nothing among them", async () => {
    const replies = await fencedRedisCommands(client, {
      fenceKey: "replies:fence",
      token: 1,
      commands: [
        ["GET", "replies:none"],
        ["RPUSH", "replies:list", "a b", "ü"],
        ["LRANGE", "replies:list", "0", "-1"],
        ["SET", "replies:text", ""],
      ],
    });
    deepEqual(replies, [null, 2, ["a b", "ü"], "OK"]);
  });

  await report.rule("redis: without commands the fence alone is raised", async () => {
    deepEqual(await fencedRedisCommands(client, { fenceKey: "raised:fence", token: 2, commands: [] }), []);
    const commands = [["SET", "raised", "stale"] as const];
    equal(await codeOf(fencedRedisCommands(client, { fenceKey: "raised:fence", token: 1, commands })), "STALE_TOKEN");
    equal(await client.get("raised"), null);
  });

  await report.rule("redis: the error of a command is the caller's", async () => {
    const commands = [["INCR", "replies:list"] as const];
    match(await codeOf(fencedRedisCommands(client, { fenceKey: "wrong:fence", token: 1, commands })), /WRONGTYPE/);
  });
  await client.close();
}

export async function s3Rules(report: Report, drivers: Drivers, env: Readonly<Record<string, string>>): Promise<void> {
  const store = new drivers.s3.S3({
    endpoint: env.AWS_ENDPOINT_URL ?? "",
    region: env.AWS_REGION ?? "",
    forcePathStyle: true,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? "", secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "" },
  });
  const at = (key: string) => ({ bucket: env.BUCKET ?? "", key });
  const append =
    (word: string) =>
    (words: readonly string[] = []) => [...words, word];

  await report.rule("s3: the server refuses a PUT whose condition does not hold", () =>
    checkS3Conditions(store, at("conditions")),
  );

  await report.rule("s3: a token that is smaller than the document's writes nothing", async () => {
    for (const token of [9, 10]) await fencedS3Update(store, { ...at("order"), token }, append(`by ${token}`));
    equal(await codeOf(fencedS3Update(store, { ...at("order"), token: 9 }, append("stale"))), "STALE_TOKEN");
    deepEqual(await readFencedS3(store, at("order")), { value: ["by 9", "by 10"], token: 10n });
  });

  await report.rule("s3: a holder that is paused between reading and writing is refused", async () => {
    await fencedS3Update(store, { ...at("pause"), token: 1 }, append("first"));
    const late = fencedS3Update(store, { ...at("pause"), token: 1 }, async (words: readonly string[] = []) => {
      // The next holder writes what stands there already: its ETag must differ all the same.
      await fencedS3Update(store, { ...at("pause"), token: 2 }, () => words);
      return [...words, "stale"];
    });
    equal(await codeOf(late), "STALE_TOKEN");
    deepEqual(await readFencedS3(store, at("pause")), { value: ["first"], token: 2n });
  });

  await report.rule("s3: of changes at once none is lost", async () => {
    const words = ["a", "b", "c", "d"];
    await Promise.all(words.map((word) => fencedS3Update(store, { ...at("crowd"), token: 1 }, append(word))));
    const found = await readFencedS3<string[]>(store, at("crowd"));
    deepEqual(found?.value.sort(), words);
  });

  await report.rule("s3: a bucket that is not there is an error, and no empty document", async () => {
    const nowhere = { bucket: "no-such-bucket", key: "a", token: 1 };
    match(await codeOf(fencedS3Update(store, nowhere, append("a"))), /NoSuchBucket/);
  });
}
