// Deliberate bugs, each planted into one behaviour from outside: its letters or its effects are tampered with. A checker that
// does not find them is worth nothing.

import type { Config } from "../../src/actors/config.ts";
import type { ActorName, LockToLease, RaftToStorage, StorageToLock, StorageToRaft } from "../../src/actors/messages.ts";
import { term } from "../../src/actors/scalars.ts";
import { type Behaviours, behaviours, type Watching } from "./cluster.ts";
import type { AnyEffect, Hosted, Hosting } from "./node.ts";
import { calmPlan, type Fault, type Plan, planOf, stormyPlan } from "./plan.ts";
import { leaderCutOff } from "./scenarios.ts";
import { simulate } from "./simulation.ts";

export interface Mutation {
  readonly bug: string;
  readonly behaviours: Partial<Behaviours>;
  /** Where the bug shows. */
  readonly hunt: Hunt;
  /** What the checkers must say is broken. */
  readonly rule: RegExp;
}

type Tamper<Thing> = (thing: Thing) => Thing;

/** Changes what an actor is told. */
const told =
  (start: Hosting, tamper: Tamper<unknown>): Hosting =>
  (config) => {
    const actor = start(config);
    return { receive: (letter, now) => actor.receive(tamper(letter), now) };
  };

/** Changes what an actor does. */
const doing =
  (
    start: Hosting,
    tamper: (effect: AnyEffect, actor: Hosted, now: Parameters<Hosted["receive"]>[1]) => readonly AnyEffect[],
  ): Hosting =>
  (config) => {
    const actor = start(config);
    return {
      receive: (letter, now) => actor.receive(letter, now).flatMap((effect) => [...tamper(effect, actor, now)]),
    };
  };

/** Changes what an actor is configured to. */
const configured =
  (start: Hosting, tamper: Tamper<Config>): Hosting =>
  (config) =>
    start(tamper(config));

const letterTo = <Letter>(effect: AnyEffect, to: ActorName): Letter | null =>
  effect.type === "send" && effect.to === to ? (effect.letter as Letter) : null;

const send = (to: ActorName, letter: unknown): AnyEffect => ({ type: "send", to, letter });

/** What rides through the disk leaves at once. */
const answerBeforeFlush = doing(behaviours.raft, (effect) => {
  const letter = letterTo<RaftToStorage>(effect, "storage");
  if (letter?.type !== "append") return [effect];
  return [send("storage", { ...letter, release: [] }), ...letter.release.map((envelope) => send("peers", envelope))];
});

const forgetVote = told(behaviours.raft, (letter) => {
  const message = letter as StorageToRaft;
  return message.type === "loaded" ? { ...message, hardState: { ...message.hardState, votedFor: null } } : message;
});

const forgetTerm = told(behaviours.raft, (letter) => {
  const message = letter as StorageToRaft;
  return message.type === "loaded" ? { ...message, hardState: { term: term(0), votedFor: null } } : message;
});

/** A read is handed to the lock table without a round. */
const readUnconfirmed = ((): Hosting => (config) => {
  const actor = behaviours.raft(config);
  return {
    receive: (letter, now) => {
      const message = letter as { type: string; queries?: unknown };
      return message.type === "read" ? [send("lock", message)] : actor.receive(letter, now);
    },
  };
})();

/** A renewal is acknowledged without a round. */
const renewUnconfirmed = doing(behaviours.lease, (effect, actor, now) => {
  const letter = letterTo<{ type: string; ticket: number }>(effect, "raft");
  if (letter?.type !== "confirm") return [effect];
  return actor.receive({ type: "confirmed", ticket: letter.ticket }, now);
});

const expireEarly = configured(behaviours.lease, (config) => ({
  ...config,
  cluster: { ...config.cluster, clockRateErrorMax: -0.2 },
}));

/** A repeat of an acquire is answered, but the leader's timer is not started anew. */
const renewNothing = doing(behaviours.lock, (effect) => {
  const letter = letterTo<LockToLease>(effect, "lease");
  if (letter?.type !== "changed") return [effect];
  return [send("lease", { ...letter, changes: letter.changes.filter(({ type }) => type !== "renewed") })];
});

/** A snapshot lacks the counters. */
const forgetCounters = told(behaviours.lock, (letter) => {
  const message = letter as StorageToLock;
  if (message.type !== "restore") return message;
  return { ...message, slice: { ...message.slice, counters: { fencingToken: 0, leaseId: 0 } } };
});

/** Runs until a rule is broken, and says which. */
type Hunt = (behaviours: Partial<Behaviours>) => string | null;

const overSeeds =
  (seedsMax: number, planOfSeed: (seed: number) => Plan): Hunt =>
  (broken) => {
    for (let seed = 1; seed <= seedsMax; seed += 1) {
      const { violation } = simulate(seed, { plan: planOfSeed(seed), behaviours: broken });
      if (violation !== null) return violation.message;
    }
    return null;
  };

const inScenario =
  (tell: (seed: number, watching: Watching) => unknown): Hunt =>
  (broken) => {
    try {
      tell(1, { behaviours: broken });
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };

const withFaults = (faults: readonly Fault[]): Hunt =>
  overSeeds(40, (seed) => ({ ...planOf(seed), faults, faultEveryMs: 2000 }));

export const mutations: readonly Mutation[] = [
  {
    bug: "votes and acknowledgements leave before the flush",
    behaviours: { raft: answerBeforeFlush },
    hunt: withFaults([]),
    rule: /durable before/,
  },
  {
    bug: "a vote is not kept over a restart",
    behaviours: { raft: forgetVote },
    hunt: overSeeds(40, stormyPlan),
    rule: /a voter grants one vote per term|a term has one leader/,
  },
  {
    bug: "the term is not kept over a restart",
    behaviours: { raft: forgetTerm },
    hunt: withFaults(["crash"]),
    rule: /stored term never falls|one vote per term|entries of one index and term are equal/,
  },
  {
    bug: "reads are answered without a round",
    behaviours: { raft: readUnconfirmed },
    hunt: overSeeds(60, (seed) => ({ ...planOf(seed), nodes: 3, faults: ["partition", "pause"], faultEveryMs: 1000 })),
    rule: /is seen to hold it|is not seen held|are not seen to fall/,
  },
  {
    bug: "renewals are acknowledged without a round",
    behaviours: { lease: renewUnconfirmed },
    hunt: inScenario(leaderCutOff),
    rule: /no lease ends early/,
  },
  {
    bug: "leases expire early",
    behaviours: { lease: expireEarly },
    hunt: withFaults([]),
    rule: /no lease ends early/,
  },
  {
    bug: "a repeat of an acquire renews nothing",
    behaviours: { lock: renewNothing },
    hunt: withFaults(["unreachable", "crash"]),
    rule: /no lease ends early|in the end every lock is free/,
  },
  {
    bug: "a snapshot lacks the counters",
    behaviours: { lock: forgetCounters },
    hunt: withFaults(["crash"]),
    rule: /equal state|a token is given once|a lease number is given once/,
  },
];

/** Clocks that are wrong by more than the assumption allows: not a bug of the service, and to be noticed all the same. */
export const wildClocks: Hunt = overSeeds(40, (seed) => ({ ...calmPlan(seed), clockError: 0.08 }));
