// A report in PostgreSQL is written by whoever holds its lock. The first holder is paused just before it writes and loses the lock;
// its write comes too late, and PostgreSQL refuses it.
//
//   PGHOST=localhost PGUSER=… PGDATABASE=… node postgres.mjs

import { connect } from "lockmgr";
import { fencedPostgresTransaction, postgresFenceTable } from "lockmgr/guards";
import pg from "pg";
import { endpoints, play } from "./play.mjs";

const resource = "report:7";

await play(import.meta.filename, {
  before: () =>
    withDatabase(async (database) => {
      await database.query(postgresFenceTable);
      await database.query("CREATE TABLE IF NOT EXISTS reports (id int PRIMARY KEY, author text)");
    }),

  holder: ({ who, say, pause }) =>
    withDatabase(async (database) => {
      const client = await connect(endpoints, { owner: who });
      try {
        await client.withLock(resource, async ({ token, signal }) => {
          say(`holds ${resource} with token ${token}`);
          // All that a holder can know: it is held in this moment.
          signal.throwIfAborted();
          await pause();
          await fencedPostgresTransaction(database, { resource, token, idleMsMax: 10_000 }, () =>
            database.query(
              "INSERT INTO reports (id, author) VALUES (7, $1) ON CONFLICT (id) DO UPDATE SET author = EXCLUDED.author",
              [who],
            ),
          );
          say("has written");
        });
      } catch (error) {
        if (error.code !== "STALE_TOKEN") throw error;
        say(`is refused: ${error.message}`);
      } finally {
        await client.close();
      }
    }),

  after: () =>
    withDatabase(async (database) => {
      const { rows } = await database.query("SELECT author FROM reports WHERE id = 7");
      console.log(`the report was written by ${rows[0].author}`);
    }),
});

async function withDatabase(use) {
  const database = new pg.Client();
  await database.connect();
  try {
    return await use(database);
  } finally {
    await database.end();
  }
}
