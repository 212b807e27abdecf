// How long does one call take when nothing else is going on?

import type { Round, Scenario } from "../scenario.ts";
import { ownLock } from "./parallel.ts";

export const sequential: Scenario = {
  name: "sequential",
  question: "one client, one call at a time: how long does a call take?",
  operation: "a call: acquire and release in turn, of a lock that nobody else wants",
  clients: [1],
  clientsQuick: [1],
};

export const sequentialRound: Round = ownLock;
