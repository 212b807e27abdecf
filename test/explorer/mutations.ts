// Deliberate bugs for the explorer, each planted into one behaviour from outside. An explorer that does not find them shows
// nothing.

import { reachedByMajority } from "../../src/actors/electorate.ts";
import type { LeaseState } from "../../src/actors/lease/state.ts";
import type { LockState } from "../../src/actors/lock/state.ts";
import type { ActorName, Command, Entry, HardState, RaftToLock, RaftToStorage } from "../../src/actors/messages.ts";
import { handToLock } from "../../src/actors/raft/applying.ts";
import { termAt } from "../../src/actors/raft/log.ts";
import type { RaftState } from "../../src/actors/raft/state.ts";
import type { Instant } from "../../src/actors/scalars.ts";
import type { AnyEffect } from "../sim/node.ts";
import type { Actor, Actors } from "./node.ts";
import type { Bounds } from "./world.ts";

export interface Mutation {
  readonly name: string;
  readonly bug: string;
  /** The configuration in which it shows, and what else it needs. */
  readonly config: string;
  readonly bounds?: Partial<Bounds>;
  readonly rule: RegExp;
  readonly tamper: (actors: Actors) => Actors;
}

type Receive = Actor["receive"];

/** Puts another `receive` in the place of an actor's own. */
const replacing =
  (name: ActorName, broken: (receive: Receive) => Receive) =>
  (actors: Actors): Actors => {
    const actor = actors[name] as Actor;
    return { ...actors, [name]: { start: actor.start, receive: broken(actor.receive) } };
  };

const raft = (
  broken: (
    receive: (state: RaftState, letter: unknown, now: Instant) => readonly AnyEffect[],
  ) => (state: RaftState, letter: unknown, now: Instant) => readonly AnyEffect[],
) => replacing("raft", broken as (receive: Receive) => Receive);

const send = (to: ActorName, letter: unknown): AnyEffect => ({ type: "send", to, letter });

/** What rides through the disk leaves at once, if it is `wanted`. */
const unflushed = (wanted: (type: string) => boolean) =>
  raft(
    (receive) => (state, letter, now) =>
      receive(state, letter, now).flatMap((effect) => {
        if (effect.type !== "send" || effect.to !== "storage") return [effect];
        const write = effect.letter as Extract<RaftToStorage, { type: "append" }>;
        const early = write.release.filter(({ message }) => wanted(message.type));
        const release = write.release.filter(({ message }) => !wanted(message.type));
        return [send("storage", { ...write, release }), ...early.map((envelope) => send("peers", envelope))];
      }),
  );

const loaded = (tamper: (hardState: HardState) => HardState) =>
  raft((receive) => (state, letter, now) => {
    const message = letter as { type: string; hardState: HardState };
    return receive(
      state,
      message.type === "loaded" ? { ...message, hardState: tamper(message.hardState) } : letter,
      now,
    );
  });

/** Changes the messages of other nodes. */
const received = (tamper: (message: Record<string, unknown>, state: RaftState) => Record<string, unknown>) =>
  raft((receive) => (state, letter, now) => {
    const heard = letter as { type: string; message: Record<string, unknown> };
    return receive(
      state,
      heard.type === "received" ? { ...heard, message: tamper(heard.message, state) } : letter,
      now,
    );
  });

/** Changes the commands that the lock actor is told to apply. */
const applied = (tamper: (command: Command, entry: Entry, state: LockState) => Command) =>
  replacing("lock", (receive) => (state, letter, now) => {
    const message = letter as RaftToLock;
    if (message.type !== "apply") return receive(state, letter, now);
    const entries = message.entries.map((entry) => ({
      ...entry,
      command: tamper(entry.command, entry, state as LockState),
    }));
    return receive(state, { ...message, entries }, now);
  });

export const mutations: readonly Mutation[] = [
  {
    name: "vote-unflushed",
    bug: "a vote leaves before it is on disk",
    config: "restarts",
    rule: /vote is durable before/,
    tamper: unflushed((type) => type === "voteResponse"),
  },
  {
    name: "acknowledge-unflushed",
    bug: "entries are acknowledged before they are on disk",
    config: "elections",
    bounds: { crashes: 1, timeouts: 1, terms: 1 },
    rule: /entries are durable before/,
    tamper: unflushed((type) => type === "appendResponse"),
  },
  {
    name: "vote-forgotten",
    bug: "a vote is not kept over a restart",
    config: "restarts",
    rule: /one vote per term|one leader/,
    tamper: loaded((hardState) => ({ ...hardState, votedFor: null })),
  },
  {
    name: "vote-dropped",
    bug: "a vote is dropped when a node steps down within its term",
    config: "elections",
    bounds: { timeouts: 3 },
    rule: /one vote per term|one leader/,
    tamper: raft((receive) => (state, letter, now) => {
      const before = { role: state.role.type, term: state.term };
      const effects = receive(state, letter, now);
      if (before.role !== "follower" && state.role.type === "follower" && state.term === before.term) {
        state.votedFor = null;
      }
      return effects;
    }),
  },
  {
    name: "vote-twice",
    bug: "a voter does not look whom it has voted for",
    config: "elections",
    rule: /one vote per term|one leader/,
    tamper: received((message, state) => {
      if (message.type === "voteRequest" && message.term === state.term) state.votedFor = null;
      return message;
    }),
  },
  {
    name: "vote-for-any-log",
    bug: "a vote is granted to a log that lacks entries",
    config: "replication",
    rule: /a leader has every committed entry/,
    tamper: received((message) =>
      message.type === "voteRequest" ? { ...message, lastIndex: 1000, lastTerm: 1000 } : message,
    ),
  },
  {
    name: "count-old-terms",
    bug: "entries of an earlier term are committed by counting",
    config: "figure-8",
    rule: /a leader has every committed entry|durable on a majority/,
    tamper: raft((receive) => (state, letter, now) => {
      const effects = receive(state, letter, now);
      const { role } = state;
      if (role.type !== "leader") return effects;
      const reached = reachedByMajority([state.durableIndex, ...[...role.followers.values()].map((f) => f.matchIndex)]);
      if (reached <= state.commitIndex || termAt(state.log, reached) === state.term) return effects;
      state.commitIndex = reached;
      return [...effects, ...(handToLock(state) as unknown as readonly AnyEffect[])];
    }),
  },
  {
    name: "no-previous-entry",
    bug: "a follower takes entries without comparing the one before them",
    config: "figure-8",
    rule: /logs that agree|an actor broke down|every node applies/,
    tamper: received((message, state) =>
      message.type === "appendRequest" && (termAt(state.log, message.previousIndex as never) ?? null) !== null
        ? { ...message, previousTerm: termAt(state.log, message.previousIndex as never) }
        : message,
    ),
  },
  {
    name: "read-unconfirmed",
    bug: "a read is answered without a round",
    config: "reads",
    rule: /no read is answered by a leader that was deposed/,
    tamper: raft((receive) => (state, letter, now) => {
      const message = letter as { type: string };
      return message.type === "read" && state.role.type === "leader"
        ? [send("lock", message)]
        : receive(state, letter, now);
    }),
  },
  {
    name: "renewal-unconfirmed",
    bug: "a renewal is acknowledged without a round",
    config: "leases",
    rule: /no renewal is answered by a leader that was deposed|no lease ends early/,
    tamper: replacing(
      "lease",
      (receive) => (state, letter, now) =>
        receive(state, letter, now).flatMap((effect) => {
          const said = effect.type === "send" ? (effect.letter as { type: string; ticket: number }) : null;
          return said?.type === "confirm" ? receive(state, { type: "confirmed", ticket: said.ticket }, now) : [effect];
        }),
    ),
  },
  {
    name: "expiry-blind-to-renewals",
    bug: "an expiry counts although the lease was renewed through the log since",
    config: "repeats",
    rule: /no lease ends early|one holder/,
    tamper: applied((command, _entry, { table }) =>
      command.type === "expire"
        ? { ...command, renewals: table.leases.get(command.lease)?.renewals ?? command.renewals }
        : command,
    ),
  },
  {
    name: "new-leader-expires-at-once",
    bug: "a new leader counts every lease from the past",
    config: "fail-over",
    rule: /no lease ends early/,
    tamper: replacing("lease", (receive) => (state, letter, now) => {
      const { timing } = state as LeaseState;
      const effects = receive(state, letter, now);
      const begun = state as LeaseState;
      if (timing !== null || begun.timing === null) return effects;
      for (const lease of begun.leases.values()) lease.deadline = now;
      begun.timing.deadlines = { heap: begun.timing.deadlines.heap.map(({ key }) => ({ at: now, key })) };
      return effects.map((effect) =>
        effect.type === "setTimer" && effect.timer === "tick" ? { ...effect, min: 10, max: 10 } : effect,
      );
    }),
  },
  {
    name: "queue-left-behind",
    bug: "nobody looks who is next when a lock is released",
    config: "waiting",
    rule: /nobody waits who could be granted/,
    tamper: replacing("lock", (receive) => (state, letter, now) => {
      const { table } = state as LockState;
      const { type, entries = [] } = letter as { type: string; entries?: readonly Entry[] };
      const isRelease = entries.some(({ command }) => command.type === "write" && command.write.type === "release");
      if (type !== "apply" || !isRelease) return receive(state, letter, now);
      const queues = [...table.queues];
      table.queues.clear();
      const effects = receive(state, letter, now);
      for (const [lock, queue] of queues) table.queues.set(lock, queue);
      return effects;
    }),
  },
  {
    name: "request-forgotten",
    bug: "the lock table does not remember what came of a request",
    config: "locks",
    rule: /a request is granted once/,
    tamper: replacing("lock", (receive) => (state, letter, now) => {
      (state as LockState).table.outcomes.clear();
      return receive(state, letter, now);
    }),
  },
];
