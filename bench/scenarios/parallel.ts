// How does the service scale with clients that do not meet?

import type { Round, Scenario } from "../scenario.ts";

export const parallel: Scenario = {
  name: "parallel",
  question: "many clients, each with a lock of its own: how much, and how long does a call take then?",
  operation: "a call: acquire and release in turn, of a lock that nobody else wants",
  clients: [1, 4, 16, 64, 256, 1024],
  clientsQuick: [1, 16, 256],
};

export const ownLock: Round = async ({ client, number, record }) => {
  const lock = `own-${number}`;
  const start = process.hrtime.bigint();
  const grant = await client.acquire(lock);
  const granted = process.hrtime.bigint();
  record(Number(granted - start));
  if (grant === null) throw new Error(`${lock} is held by somebody else`);
  await client.release(lock, grant);
  record(Number(process.hrtime.bigint() - granted));
};

export const parallelRound: Round = ownLock;
