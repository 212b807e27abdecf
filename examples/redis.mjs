// A job in Redis is finished by whoever holds its lock. The first holder is paused just before it writes and loses the lock; its
// write comes too late, and a script in Redis refuses it.
//
//   REDIS_URL=redis://localhost:6379 node redis.mjs

import { connect } from "lockmgr";
import { fencedRedisCommands } from "lockmgr/guards";
import { createClient } from "redis";
import { endpoints, play } from "./play.mjs";

// The braces keep all keys of one job on one machine of a Redis Cluster.
const job = "{job:7}";

await play(import.meta.filename, {
  holder: ({ who, say, pause }) =>
    withRedis(async (redis) => {
      const client = await connect(endpoints, { owner: who });
      try {
        await client.withLock("job:7", async ({ token, signal }) => {
          say(`holds job:7 with token ${token}`);
          // All that a holder can know: it is held in this moment.
          signal.throwIfAborted();
          await pause();
          await fencedRedisCommands(redis, {
            fenceKey: `${job}:fence`,
            token,
            commands: [
              ["SET", `${job}:state`, `done by ${who}`],
              ["INCR", `${job}:runs`],
            ],
          });
          say("has written");
        });
      } catch (error) {
        if (error.code !== "STALE_TOKEN") throw error;
        say(`is refused: ${error.message}`);
      } finally {
        await client.close();
      }
    }),

  after: () => withRedis(async (redis) => console.log(`the job was ${await redis.get(`${job}:state`)}`)),
});

async function withRedis(use) {
  const redis = createClient({ url: process.env.REDIS_URL ?? "redis://localhost:6379" });
  redis.on("error", (error) => console.error(`redis: ${error.message}`));
  await redis.connect();
  try {
    return await use(redis);
  } finally {
    await redis.close();
  }
}
