// The entry of the workers of a toy node. Its `clients` asks one question, which travels clients → gateway → lock → gateway
// → clients, and writes down the answer; its `storage` has something to tell, which travels storage → raft → gateway →
// clients, who then asks all actors how they are. TOY says what shall go wrong, or what shall take its time.

import { spawnSync } from "node:child_process";
import { existsSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { send } from "../../src/actors/actor.ts";
import { InvariantError } from "../../src/actors/invariant.ts";
import type { ActorName } from "../../src/actors/messages.ts";
import type { Standing } from "../../src/actors/operations.ts";
import { fencingToken, logIndex, term } from "../../src/actors/scalars.ts";
import { exitCodes, type Resident, StartError } from "../../src/transport/resident.ts";
import { serveThread } from "../../src/transport/serve-thread.ts";
import { acts, decides } from "../../src/transport/thread.ts";

const toy = process.env.TOY;

const standing: Standing = {
  role: "leader",
  term: term(1),
  leader: null,
  leaderAddress: null,
  leaderReachable: false,
};

function block(): never {
  for (;;) {}
}

const say = (line: string): void => void writeSync(1, `${line}\n`);

const resident = <Self extends ActorName>(name: string): Resident<Self> => ({
  receive: () => undefined,
  inspect: () => ({ thread: threadId }),
  stop: async () => {
    say(`${name} stops`);
    while (toy === `${name} never stops`) {
      await sleep(500);
      say(`${name} still stops`);
    }
  },
  cut: () => say(`${name} cuts`),
});

const pause = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

serveThread({
  clients: async () =>
    acts<"clients">(async ({ post, inspectNode }) => {
      if (toy === "port in use") throw new StartError("port 9090 is in use", exitCodes.unavailable);
      post("gateway", { type: "count", call: 1 });
      return {
        ...resident<"clients">("clients"),
        receive: (letter) => {
          if (letter.type === "counted") say(`counted ${letter.counts.fencingCounter}`);
          else inspectNode().then((node) => say(`inspected ${Object.keys(node).sort().join(" ")}`));
        },
      };
    }),
  gateway: async () =>
    decides<"gateway", { inflight: number }>({
      start: () => ({ inflight: 1 }),
      receive: (state, message) => {
        if (message.type === "drain") {
          say("gateway drains");
          state.inflight = 0;
        }
        if (message.type === "count") return [send("lock", { type: "count", call: message.call })];
        if (message.type === "counted") return [send("clients", message)];
        if (message.type === "standing") return [send("clients", { type: "standing", standing })];
        return [];
      },
      inspect: ({ inflight }) => ({ inflight }),
    }),
  peers: async () =>
    acts<"peers">(async () => {
      if (toy === "unexpected error") setImmediate(() => Promise.reject(new Error("a socket broke")));
      if (toy === "thread exits") setImmediate(() => process.exit(3));
      return resident("peers");
    }),
  raft: async () =>
    decides<"raft", { role: string }>({
      start: () => ({ role: "leader" }),
      receive: (state, message) => {
        if (message.type === "handOver") {
          say("raft hands over");
          state.role = "follower";
        }
        if (message.type === "loaded") {
          return [
            send("gateway", { type: "standing", role: "leader", term: term(1), leader: null, committed: logIndex(0) }),
          ];
        }
        return [];
      },
      inspect: ({ role }) => ({ role }),
    }),
  storage: async () =>
    acts<"storage">(async ({ fail, post }) => {
      say("storage starts");
      post("raft", { type: "loaded", hardState: { term: term(1), votedFor: null }, snapshot: null, entries: [] });
      if (toy === "failed flush") setImmediate(() => fail(new Error("the flush failed")));
      return resident("storage");
    }),
  lock: async () =>
    decides<"lock", null>({
      start: () => null,
      receive: (_, message) => {
        // Not before the other thread hangs, or it would be ended before it does.
        while (toy === "broken while others hang" && !existsSync(process.env.TOY_HANGS ?? "")) pause(10);
        if (toy?.startsWith("broken")) throw new InvariantError("entries are applied once, in order");
        if (message.type !== "count") return [];
        const counts = { leases: 0, locks: 0, fencingCounter: fencingToken(42) };
        return [send("gateway", { type: "counted", call: message.call, counts })];
      },
      inspect: () => ({}),
    }),
  lease: async () => {
    if (toy === "broken while others block") setTimeout(block, 0);
    // Standard input is a pipe that nobody writes to, and waiting for a child cannot be interrupted.
    if (toy === "broken while others hang")
      setTimeout(
        () => spawnSync("sh", ["-c", 'touch "$TOY_HANGS" && exec cat'], { stdio: ["inherit", "ignore", "ignore"] }),
        0,
      );
    return decides<"lease", null>({ start: () => null, receive: () => [], inspect: () => ({}) });
  },
  region: async () => decides<"region", null>({ start: () => null, receive: () => [], inspect: () => ({}) }),
});
