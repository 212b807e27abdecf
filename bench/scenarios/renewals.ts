// What does it cost to keep leases alive?

import type { Round, Scenario } from "../scenario.ts";

export const renewals: Scenario = {
  name: "renewals",
  question: "many leases, each on a heartbeat stream of its own: how many renewals, and how long does one take?",
  operation: "a heartbeat, from its sending to its answer; each stream has one under way",
  clients: [1, 16, 256, 1024],
  clientsQuick: [16, 256],
};

export const renewalRound: Round = async ({ client, record }) => {
  const start = process.hrtime.bigint();
  await client.renew();
  record(Number(process.hrtime.bigint() - start));
};
