// Builders for tests of the lease actor: a replica, its letters, and a clock that the test turns.

import type { Effect, Inbox } from "../../../src/actors/actor.ts";
import type { Config } from "../../../src/actors/config.ts";
import { lease } from "../../../src/actors/lease/receive.ts";
import type { LeaseState } from "../../../src/actors/lease/state.ts";
import type { LeaseChange, LeaseOutcome } from "../../../src/actors/messages.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import {
  fencingToken,
  instant,
  leaseId,
  millis,
  nodeId,
  regionId,
  requestId,
  term,
  wallTime,
} from "../../../src/actors/scalars.ts";

export type Effects = Effect<"lease">[];
export type Letter = Inbox<"lease">;

/** ρ is 10 % and ε 100 ms, so that a ttl of 1 000 ms lasts 1 200 ms on the server. */
export const config: Config = {
  cluster: {
    clusterId: "test",
    regionId: regionId("default"),
    regions: [regionId("default")],
    voters: [nodeId("a")],
    clockRateErrorMax: 0.1,
    clockAllowanceMs: millis(100),
    requestsRemembered: 1000,
    digestEntries: 1000,
  },
  node: {
    nodeId: nodeId("a"),
    incarnation: "1",
    electionMsMin: millis(300),
    electionMsMax: millis(600),
    heartbeatMs: millis(50),
    confirmMs: millis(5),
    appendEntriesMax: 1000,
    appendsInflightMax: 8,
    snapshotEntries: 100_000,
    trailingEntries: 1000,
    sliceRecords: 1000,
    inflightMax: 1000,
    inflightBytesMax: 1_000_000,
    retryMs: millis(500),
  },
};

export interface Node {
  readonly state: LeaseState;
  now: number;
}

export const node = (): Node => ({ state: lease.start(config), now: 0 });

/** A node of one of three regions. */
export const regionalNode = (): Node => {
  const regions = ["default", "elsewhere", "nowhere"].map(regionId);
  return { state: lease.start({ ...config, cluster: { ...config.cluster, regions } }), now: 0 };
};

export const receive = ({ state, now }: Node, letter: Letter): Effects => lease.receive(state, letter, instant(now));

export const leading = (inTerm: number): Letter => ({ type: "leading", term: term(inTerm) });
export const following = (inTerm: number): Letter => ({ type: "following", term: term(inTerm) });
export const confirmed = (ticket: number): Letter => ({ type: "confirmed", ticket });
export const tick: Letter = { type: "timeout", timer: "tick" };

export const opened = (lease: number, { ttl = 1_000, renewals = 0 } = {}): LeaseChange => ({
  type: "opened",
  lease: leaseId(lease),
  ttl: millis(ttl),
  renewals,
});
export const renewedInLog = (lease: number, renewals: number): LeaseChange => ({
  type: "renewed",
  lease: leaseId(lease),
  renewals,
});
export const ended = (lease: number): LeaseChange => ({ type: "ended", lease: leaseId(lease) });
export const alarmSet = (alarm: string, span: number): LeaseChange => ({ type: "alarmSet", alarm, span: millis(span) });
export const alarmGone = (alarm: string): LeaseChange => ({ type: "alarmGone", alarm });
export const cleared: LeaseChange = { type: "cleared" };
export const termBegun = (begun: number): LeaseChange => ({ type: "termBegun", term: term(begun) });
export const changed = (...changes: LeaseChange[]): Letter => ({ type: "changed", changes });

/** Requests "r<lease>" unless named otherwise. */
export const renew = (...requests: (number | readonly [as: string, lease: number])[]): Letter => ({
  type: "renew",
  renewals: requests.map((request) => {
    const [as, lease] = typeof request === "number" ? [`r${request}`, request] : request;
    return { requestId: requestId(as), lease: leaseId(lease) };
  }),
});

export const leaseIs = (as: string, lease: number, outcome: LeaseOutcome): Letter => ({
  type: "leases",
  answers: [{ requestId: requestId(as), lease: leaseId(lease), outcome }],
});

/** A leader of term 1 whose timers run since 0, with these leases of 1 000 ms. */
export const leader = (...leases: number[]): Node => lead(node(), leases);
/** The same in one of three regions. */
export const regionalLeader = (...leases: number[]): Node => lead(regionalNode(), leases);

function lead(it: Node, leases: readonly number[]): Node {
  receive(it, leading(1));
  receive(it, changed(...leases.map((id) => opened(id)), termBegun(1)));
  return it;
}

/** Lets the tick run as a host would, exactly when it is set for, until `now`. Returns what else was sent. */
export function passTime(it: Node, now: number): Effects {
  const sent: Effects = [];
  for (;;) {
    const at = it.state.timing?.tickAt ?? null;
    if (at === null || at > now) break;
    it.now = at;
    sent.push(...receive(it, tick).filter(({ type }) => type === "send"));
  }
  it.now = now;
  return sent;
}

export const answers = (...told: (readonly [as: string, answer: Answer])[]) => ({
  type: "send",
  to: "gateway",
  letter: { type: "answers", answers: told.map(([as, answer]) => ({ requestId: as, answer })) },
});
export const isRenewed = (lease: number, ttl = 1_000): Answer => ({
  type: "leaseRenewed",
  lease: leaseId(lease),
  ttl: millis(ttl),
});
export const hasEnded = (lease: number): Answer => ({ type: "leaseEnded", lease: leaseId(lease) });
export const isUnknown = (lease: number): Answer => ({ type: "leaseUnknown", lease: leaseId(lease) });

export const confirm = (ticket: number) => ({ type: "send", to: "raft", letter: { type: "confirm", ticket } });
export const queried = (as: string, lease: number) => ({
  type: "send",
  to: "raft",
  letter: { type: "read", queries: [{ type: "lease", requestId: as, lease }] },
});
export const proposes = (...leases: (readonly [lease: number, renewals: number, term: number])[]) => ({
  type: "send",
  to: "raft",
  letter: {
    type: "propose",
    commands: leases.map(([lease, renewals, inTerm]) => ({ type: "expire", lease, renewals, term: inTerm })),
  },
});
export const rings = (inTerm: number, ...alarms: string[]) => ({
  type: "send",
  to: "raft",
  letter: { type: "propose", commands: alarms.map((alarm) => ({ type: "alarm", alarm, term: inTerm })) },
});
export const ticks = (span: number) => ({ type: "setTimer", timer: "tick", min: span, max: span });

/** An answer that names the holder of a lock under this lease. */
export const held = (lease: number, remaining = 0): Answer => ({
  type: "held",
  holder: {
    owner: "anna",
    lease: leaseId(lease),
    token: fencingToken(1),
    ttl: millis(1_000),
    grantedAt: wallTime(1_700_000_000_000),
    remaining: millis(remaining),
  },
});
