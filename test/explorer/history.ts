// What has happened so far, as far as a rule may turn on it: who led, who voted for whom, what was committed, which leases
// have ended, and what each client was told. It is part of the state, so that two ways to the same nodes are told apart if
// they differ in something that was promised.

import type { NodeId } from "../../src/actors/scalars.ts";

/** A lock as its client sees it. */
export interface Hold {
  readonly lock: string;
  readonly token: number;
  readonly lease: number;
  /** Held at least since then, and counted on until then. */
  readonly since: number;
  readonly until: number;
  readonly releasing: boolean;
}

/** A call that is not answered yet. */
export interface Waiting {
  readonly call: number;
  readonly node: NodeId;
  readonly requestId: string | null;
  readonly sentAt: number;
  /** The highest term that had a leader when the call was made. */
  readonly floor: number;
  /** The highest token that anybody had been told of. */
  readonly tokenFloor: number;
}

export interface ClientState {
  /** Which line of its script is next, or under way. */
  readonly next: number;
  readonly waiting: Waiting | null;
  readonly holds: readonly Hold[];
  readonly lease: { readonly id: number; readonly until: number } | null;
}

export interface History {
  readonly leaders: Readonly<Record<number, NodeId>>;
  /** As `voter/term`. */
  readonly votes: Readonly<Record<string, NodeId>>;
  readonly committed: readonly { readonly term: number; readonly says: string }[];
  /** When a replica first saw a lease end. */
  readonly ended: Readonly<Record<number, number>>;
  /** The token of each request that was granted, by request id. */
  readonly granted: Readonly<Record<string, number>>;
  readonly tokenSeen: number;
  readonly clients: readonly ClientState[];
}

export const emptyHistory = (clients: number): History => ({
  leaders: {},
  votes: {},
  committed: [],
  ended: {},
  granted: {},
  tokenSeen: 0,
  clients: Array.from({ length: clients }, () => ({ next: 0, waiting: null, holds: [], lease: null })),
});

export const highestTerm = ({ leaders }: History): number => Math.max(0, ...Object.keys(leaders).map(Number));

export const withClient = (history: History, at: number, client: Partial<ClientState>): History => ({
  ...history,
  clients: history.clients.map((former, place) => (place === at ? { ...former, ...client } : former)),
});

/** Beliefs that have run out are all alike. */
export function forgetBeliefs(history: History, now: number): History {
  const isStale = history.clients.some(
    ({ holds, lease }) =>
      holds.some(({ until }) => until <= now) || (lease !== null && lease.until !== 0 && lease.until <= now),
  );
  if (!isStale) return history;
  return {
    ...history,
    clients: history.clients.map((client) => ({
      ...client,
      holds: client.holds.map((hold) => (hold.until > now ? hold : { ...hold, since: 0, until: 0 })),
      lease: client.lease === null || client.lease.until > now ? client.lease : { ...client.lease, until: 0 },
    })),
  };
}
