// The clients of a configuration: each follows a script, one call at a time, and believes what it is told for as long as a
// careful client may. What they believe must be true.

import type { Answer, Operation } from "../../src/actors/operations.ts";
import {
  type FencingToken,
  leaseId,
  logIndex,
  millis,
  type NodeId,
  requestId,
  wallTime,
} from "../../src/actors/scalars.ts";
import { check } from "../sim/witness.ts";
import { type ClientState, type History, type Hold, highestTerm, withClient } from "./history.ts";
import type { NodeEvent } from "./node.ts";

/** A line of a script. `propose` and `read` go to raft itself, in configurations without a gateway. */
export type Wish =
  | { readonly type: "propose" }
  | { readonly type: "read" }
  | { readonly type: "acquire"; readonly lock: string; readonly request: string }
  /** Waits for a lock in its queue, under the lease that was opened. */
  | { readonly type: "wait"; readonly lock: string; readonly request: string }
  | { readonly type: "open" }
  | { readonly type: "renew" }
  | { readonly type: "release"; readonly lock: string }
  | { readonly type: "check"; readonly lock: string };

export interface Script {
  readonly name: string;
  /** The nodes that it may call. */
  readonly at: readonly NodeId[];
  readonly wishes: readonly Wish[];
}

/** The life of every lease, and by how much a client stops counting on it sooner. Milliseconds. */
export interface Spans {
  readonly ttl: number;
  readonly allowance: number;
}

/** What a client asks next, or null if it has nothing to ask. */
export function nextWish(script: Script, client: ClientState): Wish | null {
  return client.waiting === null ? (script.wishes[client.next] ?? null) : null;
}

/** Whether the wish makes sense yet: who holds nothing has nothing to release. */
export function canAsk(wish: Wish, client: ClientState): boolean {
  if (wish.type === "wait") return client.lease !== null;
  if (wish.type === "renew") return client.lease !== null || client.holds.length > 0;
  if (wish.type === "release") return client.holds.some(({ lock, releasing }) => lock === wish.lock && !releasing);
  return true;
}

const budget = millis(1_000_000);
/** Longer than anything that is explored. */
const wait = millis(100_000);

function operationOf(wish: Wish, { name }: Script, client: ClientState, { ttl }: Spans): Operation | null {
  switch (wish.type) {
    case "propose":
    case "read":
      return null;
    case "acquire": {
      const under = client.lease === null ? { ttl: millis(ttl) } : { lease: leaseId(client.lease.id) };
      return { type: "acquire", lock: wish.lock, owner: name, under, askedAt: wallTime(0) };
    }
    case "wait":
      return {
        type: "acquireAll",
        demands: [{ lock: wish.lock, mode: "exclusive", permits: 1, limit: 0 }],
        owner: name,
        under: { lease: leaseId(client.lease?.id ?? 0) },
        context: "",
        wait,
        priority: 0,
        delay: millis(0),
        metadata: "",
        askedAt: wallTime(0),
      };
    case "open":
      return { type: "openLease", owner: name, ttl: millis(ttl) };
    case "renew":
      return { type: "renewLease", lease: leaseId(client.lease?.id ?? client.holds[0]?.lease ?? 0) };
    case "release": {
      const held = client.holds.find(({ lock }) => lock === wish.lock);
      return { type: "release", lock: wish.lock, grant: { token: (held?.token ?? 0) as FencingToken, owner: name } };
    }
    case "check":
      return { type: "check", lock: wish.lock };
  }
}

export interface Asking {
  readonly script: Script;
  readonly at: number;
  readonly node: NodeId;
  readonly spans: Spans;
  readonly now: number;
}

/** A client makes its next call: what it remembers of that, and what the node is told. */
export function ask(
  history: History,
  { script, at, node, spans, now }: Asking,
): { history: History; event: NodeEvent } {
  const client = history.clients[at] as ClientState;
  const wish = script.wishes[client.next] as Wish;
  const call = at * 100 + client.next;
  const id = requestId("request" in wish ? `${script.name}-${wish.request}` : `${script.name}:${client.next}`);
  const waiting = {
    call,
    node,
    requestId: id,
    sentAt: now,
    floor: highestTerm(history),
    tokenFloor: history.tokenSeen,
  };
  // Nobody answers a proposal that was put to raft itself.
  const asked = wish.type === "propose" ? { next: client.next + 1 } : { waiting };
  const holds = client.holds.map((hold) =>
    wish.type === "release" && hold.lock === wish.lock ? { ...hold, releasing: true } : hold,
  );
  const operation = operationOf(wish, script, client, spans);
  return { history: withClient(history, at, { ...asked, holds }), event: letterOf(wish, { id, call, operation }) };
}

function letterOf(
  wish: Wish,
  { id, call, operation }: { id: ReturnType<typeof requestId>; call: number; operation: Operation | null },
): NodeEvent {
  if (operation !== null) {
    const letter = { type: "request", call, requestId: id, operation, bytes: 1, budget };
    return { type: "letter", from: "clients", to: "gateway", letter };
  }
  if (wish.type === "read") {
    const letter = { type: "read", queries: [{ type: "check", requestId: id, lock: "l" }] };
    return { type: "letter", from: "gateway", to: "raft", letter };
  }
  const write = { type: "openLease", owner: id, ttl: millis(1) };
  const letter = { type: "propose", commands: [{ type: "write", requestId: id, bornAt: logIndex(0), write }] };
  return { type: "letter", from: "gateway", to: "raft", letter };
}

/** A client is answered. */
export function answered(history: History, scripts: readonly Script[], told: Told): History {
  const at = history.clients.findIndex(({ waiting }) => waiting?.call === told.call);
  const client = history.clients[at];
  const wish = scripts[at]?.wishes[client?.next ?? 0];
  if (client?.waiting == null || wish === undefined) return history;
  const done = withClient(history, at, { next: client.next + 1, waiting: null });
  return believe(done, { ...told, at, client, wish });
}

export interface Told {
  readonly call: number;
  readonly answer: Answer;
  readonly spans: Spans;
  readonly now: number;
}

type Heard = Told & { readonly at: number; readonly client: ClientState; readonly wish: Wish };

function believe(history: History, heard: Heard): History {
  const { answer, at, client, spans, now } = heard;
  const sentAt = client.waiting?.sentAt ?? 0;
  const until = sentAt + spans.ttl - spans.allowance;
  switch (answer.type) {
    case "granted":
      return granted(history, heard, { token: answer.token, lease: answer.lease, until });
    case "leaseOpened":
      judgeAlive(history, answer.lease, until);
      return withClient(history, at, { lease: { id: answer.lease, until } });
    case "leaseRenewed":
      return renewed(history, at, { lease: answer.lease, until, now });
    case "released":
      return withClient(history, at, { holds: client.holds.filter(({ token }) => token !== answer.token) });
    case "locked":
    case "held":
      judgeSeen(history, heard, answer.holder.token);
      return { ...history, tokenSeen: Math.max(history.tokenSeen, answer.holder.token) };
    case "free":
      judgeSeen(history, heard, null);
      return history;
    default:
      return history;
  }
}

function judgeAlive(history: History, lease: number, until: number): void {
  const ended = history.ended[lease];
  check(
    ended === undefined || ended >= until,
    "no lease ends early",
    () => `lease ${lease} is acknowledged until ${until} and ended at ${ended}`,
  );
}

function renewed(
  history: History,
  at: number,
  { lease, until, now }: { lease: number; until: number; now: number },
): History {
  judgeAlive(history, lease, until);
  const client = history.clients[at] as ClientState;
  // An answer that comes too late revives nothing.
  const extended = (former: number): number => (former > now ? Math.max(former, until) : former);
  return withClient(history, at, {
    lease: client.lease?.id === lease ? { id: lease, until: extended(client.lease.until) } : client.lease,
    holds: client.holds.map((hold) => (hold.lease === lease ? { ...hold, until: extended(hold.until) } : hold)),
  });
}

function granted(history: History, heard: Heard, grant: { token: number; lease: number; until: number }): History {
  const { at, client, wish, now } = heard;
  const { waiting } = client;
  if ((wish.type !== "acquire" && wish.type !== "wait") || waiting?.requestId == null) return history;
  const { token, lease } = grant;
  const former = history.granted[waiting.requestId];
  check(
    former === undefined || former === token,
    "a request is granted once",
    () => `${waiting.requestId}: ${former}, then ${token}`,
  );
  check(
    former !== undefined || token > waiting.tokenFloor,
    "tokens rise",
    () => `${token} was granted to a request that came when ${waiting.tokenFloor} had been told`,
  );
  // Who holds under a lease of its own counts on the lock for as long as on the lease.
  const until = client.lease?.id === lease ? client.lease.until : grant.until;
  const isImplicit = client.lease?.id !== lease;
  if (isImplicit) judgeAlive(history, lease, until);
  for (const [other, { holds }] of history.clients.entries()) {
    const rival = holds.find((hold) => hold.lock === wish.lock && !hold.releasing && hold.until > now);
    check(
      other === at || rival === undefined || until <= now,
      "a lock has one holder",
      () =>
        `${wish.lock}: client ${at + 1} with ${token} until ${until}, client ${other + 1} with ${rival?.token} until ${rival?.until}`,
    );
  }
  const hold: Hold = { lock: wish.lock, token, lease, since: now, until, releasing: false };
  return {
    ...withClient(history, at, { holds: [...client.holds.filter(({ lock }) => lock !== wish.lock), hold] }),
    granted: { ...history.granted, [waiting.requestId]: token },
    tokenSeen: Math.max(history.tokenSeen, token),
  };
}

/** Whoever held the lock all the while must have been seen. */
function judgeSeen(history: History, { client, wish, now }: Heard, token: number | null): void {
  const { waiting } = client;
  if (waiting === null || !("lock" in wish)) return;
  for (const hold of history.clients.flatMap(({ holds }) => holds)) {
    const covers = hold.lock === wish.lock && !hold.releasing && hold.since <= waiting.sentAt && hold.until > now;
    check(
      !covers || hold.token === token,
      "whoever holds a lock is seen to hold it",
      () => `${hold.lock} is held with ${hold.token} until ${hold.until}, and ${token ?? "nobody"} was seen at ${now}`,
    );
  }
}
