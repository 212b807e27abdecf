// Deliberate bugs, each planted into one behaviour from outside: its letters or its effects are tampered with. A checker that
// does not find them is worth nothing.

import type { Config } from "../../src/actors/config.ts";
import type {
  ActorName,
  LockToLease,
  RaftToLock,
  RaftToStorage,
  StorageToLock,
  StorageToRaft,
} from "../../src/actors/messages.ts";
import { term } from "../../src/actors/scalars.ts";
import { type Behaviours, behaviours } from "./cluster.ts";
import type { AnyEffect, Hosted, Hosting } from "./node.ts";
import type { Fault } from "./plan.ts";

export interface Mutation {
  readonly bug: string;
  readonly behaviours: Partial<Behaviours>;
  /** What has to go wrong for the bug to show. */
  readonly faults: readonly Fault[];
  /** Part of the rule that the checkers must say is broken. */
  readonly found: RegExp;
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

/** An expiry counts in whatever term it is committed. */
const expireInAnyTerm = told(behaviours.lock, (letter) => {
  const message = letter as RaftToLock;
  if (message.type !== "apply") return message;
  const entries = message.entries.map((entry) =>
    entry.command.type === "expire" ? { ...entry, command: { ...entry.command, term: entry.term } } : entry,
  );
  return { ...message, entries };
});

/** A release needs no token. */
const releaseAnything = told(behaviours.lock, (letter) => {
  const message = letter as RaftToLock;
  if (message.type !== "apply") return message;
  const entries = message.entries.map((entry) => {
    const { command } = entry;
    if (command.type !== "write" || command.write.type !== "release") return entry;
    const { token: _, ...grant } = command.write.grant;
    return { ...entry, command: { ...command, write: { ...command.write, grant } } };
  });
  return { ...message, entries };
});

void expireInAnyTerm;
void releaseAnything;

export const mutations: readonly Mutation[] = [
  {
    bug: "answers leave before the flush",
    behaviours: { raft: answerBeforeFlush },
    faults: [],
    found: /durable before/,
  },
  {
    bug: "a vote is not kept over a restart",
    behaviours: { raft: forgetVote },
    faults: ["crash"],
    found: /one vote per term|one leader|durable before/,
  },
  {
    bug: "the term is not kept over a restart",
    behaviours: { raft: forgetTerm },
    faults: ["crash"],
    found: /stored term never falls/,
  },
  {
    bug: "reads are answered without a round",
    behaviours: { raft: readUnconfirmed },
    faults: ["partition", "pause"],
    found: /is seen to hold it|not seen held|not seen to fall/,
  },
  {
    bug: "renewals are acknowledged without a round",
    behaviours: { lease: renewUnconfirmed },
    faults: ["partition", "pause"],
    found: /ends early|one holder/,
  },
  { bug: "leases expire early", behaviours: { lease: expireEarly }, faults: [], found: /ends early/ },
  { bug: "a repeat renews nothing", behaviours: { lock: renewNothing }, faults: ["unreachable", "crash"], found: /./ },
  {
    bug: "a snapshot lacks the counters",
    behaviours: { lock: forgetCounters },
    faults: ["crash"],
    found: /equal state|given once|higher token/,
  },
];
