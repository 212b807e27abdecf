// How fast does one lock go from hand to hand?

import { setTimeout as pause } from "node:timers/promises";
import type { Round, Scenario } from "../scenario.ts";

const holdMs = 1;
const retryMs = 1;

export const contention: Scenario = {
  name: "contention",
  question: "many clients, one lock, held for 1 ms: how fast does it go from hand to hand?",
  operation: "a turn: from the first try until the lock is granted; a refused client tries again after 1 ms",
  clients: [2, 8, 32],
  clientsQuick: [8],
};

export const contentionRound: Round = async ({ client, record, isOver }) => {
  const lock = "contended";
  const start = process.hrtime.bigint();
  let grant = await client.acquire(lock);
  while (grant === null && !isOver()) {
    await pause(retryMs);
    grant = await client.acquire(lock);
  }
  if (grant === null) return;
  record(Number(process.hrtime.bigint() - start));
  await pause(holdMs);
  await client.release(lock, grant);
};
