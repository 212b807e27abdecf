// The rules of leases that can be read from the letters of the lease actor as it writes them: when an expiry is proposed, and
// what a renewal has waited for. Spans are judged by the node's own clock, as the actor judges them.

import type {
  ActorName,
  AlarmId,
  GatewayToLease,
  LockToLease,
  RaftToLease,
  RequestAnswer,
} from "../../src/actors/messages.ts";
import type { LeaseId, NodeId, RequestId } from "../../src/actors/scalars.ts";
import { check, type Witness } from "./witness.ts";

interface Known {
  ttl: number;
  renewals: number;
  /** When its span last began anew, by the clock of the node. */
  since: number;
}

/** What the lease actor of one process has been told, and what it has said. */
interface Life {
  clock: number;
  readonly leases: Map<LeaseId, Known>;
  /** The alarms that are set, and since when by the clock of the node. */
  readonly alarms: Map<AlarmId, { readonly span: number; readonly since: number }>;
  leading: number | null;
  begun: number;
  /** When the timers started, by the clock of the node. */
  timersSince: number;
  /** Expiries that were proposed, as `lease/renewals/term`, and alarms, as `alarm/since/term`. */
  readonly proposed: Set<string>;
  /** When each renewal came, and each ticket was asked for; by `clock`. */
  readonly renewals: Map<RequestId, number[]>;
  readonly tickets: Map<number, number>;
  confirmed: number;
  /** Renewals that the lock table has vouched for. */
  readonly vouched: Set<RequestId>;
}

const newLife = (): Life => ({
  clock: 0,
  leases: new Map(),
  alarms: new Map(),
  leading: null,
  begun: 0,
  timersSince: 0,
  proposed: new Set(),
  renewals: new Map(),
  tickets: new Map(),
  confirmed: 0,
  vouched: new Set(),
});

export interface LeaseWords {
  /** What the clock of a node shows. */
  readonly clockOf: (node: NodeId) => number;
  readonly rateError: number;
  readonly allowance: number;
}

export function leaseRulesOf(words: LeaseWords): Witness {
  const lives = new Map<NodeId, Life>();
  const lifeOf = (node: NodeId): Life => {
    let life = lives.get(node);
    if (life === undefined) {
      life = newLife();
      lives.set(node, life);
    }
    return life;
  };
  const handed = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (to !== "lease") return;
    const life = lifeOf(node);
    life.clock += 1;
    const now = words.clockOf(node);
    if (from === "gateway") noteRenewals(life, letter as GatewayToLease, now);
    else if (from === "raft") noteRaft(life, letter as RaftToLease, now);
    else if (from === "lock") noteTable(life, letter as LockToLease, now);
  };
  const said = (node: NodeId, from: ActorName, to: ActorName, letter: unknown): void => {
    if (from !== "lease") return;
    const life = lifeOf(node);
    if (to === "gateway") {
      const { answers } = letter as { answers: readonly RequestAnswer[] };
      for (const given of answers) judgeAnswer(life, node, given);
      return;
    }
    const asked = letter as Asked;
    if (asked.type === "confirm") life.tickets.set(asked.ticket, life.clock);
    if (asked.type !== "propose") return;
    for (const command of asked.commands) {
      if (command.type === "alarm") judgeAlarm(life, node, command, words);
      else judgeExpiry(life, node, command, words);
    }
  };
  return { handed, said, stopped: (node) => void lives.delete(node) };
}

interface Alarm {
  readonly type: "alarm";
  readonly alarm: AlarmId;
  readonly term: number;
}

interface Expiry {
  readonly type: "expire";
  readonly lease: LeaseId;
  readonly renewals: number;
  readonly term: number;
}

type Asked =
  | { readonly type: "confirm"; readonly ticket: number }
  | { readonly type: "read" }
  | { readonly type: "propose"; readonly commands: readonly (Expiry | Alarm)[] };

function noteRenewals(life: Life, { renewals }: GatewayToLease, now: number): void {
  for (const { requestId, lease } of renewals) {
    const former = life.renewals.get(requestId);
    if (former === undefined) life.renewals.set(requestId, [life.clock]);
    else former.push(life.clock);
    const known = life.leases.get(lease);
    if (known !== undefined) known.since = now;
  }
}

function noteRaft(life: Life, letter: RaftToLease, now: number): void {
  if (letter.type === "confirmed") {
    life.confirmed = Math.max(life.confirmed, life.tickets.get(letter.ticket) ?? 0);
    life.tickets.delete(letter.ticket);
    return;
  }
  life.leading = letter.type === "leading" ? letter.term : null;
  life.timersSince = now;
}

function noteTable(life: Life, letter: LockToLease, now: number): void {
  if (letter.type === "leases") for (const { requestId } of letter.answers) life.vouched.add(requestId);
  if (letter.type !== "changed") return;
  for (const change of letter.changes) {
    switch (change.type) {
      case "opened":
        life.leases.set(change.lease, { ttl: change.ttl, renewals: change.renewals, since: now });
        break;
      case "renewed": {
        const known = life.leases.get(change.lease);
        if (known !== undefined) Object.assign(known, { renewals: change.renewals, since: now });
        break;
      }
      case "ended":
        life.leases.delete(change.lease);
        break;
      case "termBegun":
        life.begun = change.term;
        // Another's term restarts no timer here: what was overdue in this node's own may be proposed late, and counts for nothing.
        if (life.leading === change.term) life.timersSince = now;
        break;
      case "alarmSet":
        life.alarms.set(change.alarm, { span: change.span, since: now });
        break;
      case "alarmGone":
        life.alarms.delete(change.alarm);
        break;
      case "cleared":
        life.leases.clear();
        life.alarms.clear();
    }
  }
}

function judgeExpiry(life: Life, node: NodeId, { lease, renewals, term }: Expiry, words: LeaseWords): void {
  const key = `${lease}/${renewals}/${term}`;
  // Proposed again in its own term, because the first proposal may have been dropped.
  if (life.proposed.has(key)) return;
  life.proposed.add(key);
  check(
    life.leading === term && life.begun >= term,
    "only a leader that has applied an entry of its term proposes an expiry",
    () => `${node}: ${JSON.stringify({ lease, term, leading: life.leading, begun: life.begun })}`,
  );
  const known = life.leases.get(lease);
  if (known === undefined) return;
  const span = known.ttl * (1 + words.rateError) + words.allowance;
  const since = Math.max(known.since, life.timersSince);
  const now = words.clockOf(node);
  check(
    now - since > span - 0.01,
    "an expiry waits for the whole span ttl·(1+ρ) + ε, so that no lease ends early",
    () => `${node}: ${JSON.stringify({ lease, term, span, since, now })}`,
  );
}

/** What its span is over for may have gone meanwhile; then the alarm counts for nothing. */
function judgeAlarm(life: Life, node: NodeId, { alarm, term }: Alarm, words: LeaseWords): void {
  check(
    life.leading === term && life.begun >= term,
    "only a leader that has applied an entry of its term proposes an alarm",
    () => `${node}: ${JSON.stringify({ alarm, term, leading: life.leading, begun: life.begun })}`,
  );
  const known = life.alarms.get(alarm);
  const key = `${alarm}/${known?.since}/${term}`;
  // Proposed again in its own term, because the first proposal may have been dropped.
  if (known === undefined || life.proposed.has(key)) return;
  life.proposed.add(key);
  const since = Math.max(known.since, life.timersSince);
  const now = words.clockOf(node);
  check(
    now - since > known.span - 0.01,
    "an alarm waits for its whole span",
    () => `${node}: ${JSON.stringify({ alarm, term, span: known.span, since, now })}`,
  );
}

function judgeAnswer(life: Life, node: NodeId, { requestId, answer }: RequestAnswer): void {
  // Sent several times, it is answered as often, in order.
  const came = life.renewals.get(requestId)?.shift();
  if (came === undefined) return;
  const isVouched = life.vouched.delete(requestId);
  check(
    isVouched || came <= life.confirmed,
    "a renewal waits for a round that began after it came, so that no lease ends early",
    () => `${node}: ${requestId} came at ${came}, what came before ${life.confirmed} is confirmed`,
  );
  if (answer.type !== "leaseRenewed") return;
  const known = life.leases.get(answer.lease);
  check(
    known !== undefined && !life.proposed.has(`${answer.lease}/${known.renewals}/${life.leading}`),
    "no renewal is acknowledged while an expiry is proposed, so that no lease ends early",
    () => `${node} in term ${life.leading}: ${JSON.stringify({ answer, known })}`,
  );
}
