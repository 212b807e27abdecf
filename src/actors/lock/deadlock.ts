// The wait-for graph. Its nodes are parties: a lease and a context within it. Whoever waits for a lock waits for those who hold
// it in a way that conflicts, and for those who stand before it in the queue. A request whose party could then never go on,
// whatever those do who do not wait, is refused. Of a semaphore enough permits must come free, not all: a cycle through one of
// its holders is none while another holder can go on.

import type { LockRecord, WaiterRecord } from "../messages.ts";
import type { Demand, Party, WaitEdge } from "../operations.ts";
import { blocking, demandOn, mustWaitFor, permitsHeld, permitsTaken } from "./granting.ts";
import { delaysOf, placeOf, queueOf } from "./queue-table.ts";
import { holdersOf, type PartyKey, partyKey, type Table } from "./table.ts";
import { termsOf } from "./turn.ts";

/** Of one who holds more locks than this it is not looked at for which of them others wait. */
const heldLookedAt = 64;
/** A cycle that is told has at most this many waits: the first of them, if it is longer. */
const cycleMax = 32;

const ofWaiter = ({ lease, context, owner }: WaiterRecord): Party => ({ lease, context, owner });

const ofHolder = (record: LockRecord): Party => ({
  lease: record.lease,
  context: termsOf(record).context,
  owner: record.owner,
});

/** The waits of one waiter: for all who hold, and for those in the queues whom nobody between already waits for. A lock-delay ends by
 *  itself: who waits for that alone waits for nobody. */
export function waitsOf(table: Table, waiter: WaiterRecord): WaitEdge[] {
  const edges: WaitEdge[] = [];
  for (const demand of waiter.demands) {
    const { lock } = demand;
    for (const record of holdersOf(table, lock).filter(blocking(table, demand, permitsHeld))) {
      edges.push({ waiter: ofWaiter(waiter), lock, blocker: ofHolder(record), isHolder: true });
    }
    for (const other of nearestBefore(table, demand, waiter)) {
      edges.push({ waiter: ofWaiter(waiter), lock, blocker: ofWaiter(other), isHolder: false });
    }
  }
  return edges;
}

/** Whoever stands further in front is waited for by these. */
function nearestBefore(table: Table, demand: Demand, waiter: WaiterRecord): WaiterRecord[] {
  const queue = queueOf(table, demand.lock);
  const nearest: WaiterRecord[] = [];
  for (let place = placeOf(queue, waiter) - 1; place >= 0; place -= 1) {
    const other = queue[place] as WaiterRecord;
    const earlier = demandOn(other, demand.lock);
    if (!mustWaitFor(demand, earlier)) continue;
    const last = nearest.at(-1);
    if (last !== undefined && mustWaitFor(demandOn(last, demand.lock), earlier)) break;
    nearest.push(other);
  }
  return nearest;
}

/** The cycle that this waiter, which is in its queues, has closed; null if it has closed none. */
export function cycleOf(table: Table, waiter: WaiterRecord): readonly WaitEdge[] | null {
  if (!mayBeWaitedFor(table, waiter)) return null;
  const self = partyKey(waiter);
  if (comesLast(table, waiter) && !leadsTo(table, waiter, self)) return null;
  const { edges, order } = reachable(table, waiter);
  const isReached = [...edges.values()].some((each) => each.some(({ blocker }) => partyKey(blocker) === self));
  if (!isReached) return null;
  const stuck = stuckAmong(table, order);
  if (!stuck.has(self)) return null;
  return walk(self, edges, stuck);
}

/** Nobody waits for whoever holds nothing that is waited for, waits for nothing else, and comes last: so it is with most. */
function mayBeWaitedFor(table: Table, waiter: WaiterRecord): boolean {
  if ((table.waitersBy.get(partyKey(waiter))?.size ?? 0) > 1) return true;
  if (!comesLast(table, waiter)) return true;
  let looked = 0;
  for (const { lock } of heldBy(table, waiter)) {
    looked += 1;
    if (table.queues.has(lock) || looked > heldLookedAt) return true;
  }
  return false;
}

const comesLast = (table: Table, waiter: WaiterRecord): boolean =>
  waiter.demands.every(({ lock }) => queueOf(table, lock).at(-1) === waiter);

/** Whether those whom this waiter waits for wait for `self` in turn. Who comes last in his queues makes nobody wait for him who did
 *  not before: what he closes goes through his own waits, however many others his party has. */
function leadsTo(table: Table, waiter: WaiterRecord, self: PartyKey): boolean {
  const seen = new Set<PartyKey>();
  const parties = waitsOf(table, waiter).map(({ blocker }) => partyKey(blocker));
  for (const party of parties) {
    if (party === self) return true;
    if (seen.has(party)) continue;
    seen.add(party);
    for (const other of table.waitersBy.get(party) ?? []) {
      for (const { blocker } of waitsOf(table, other)) parties.push(partyKey(blocker));
    }
  }
  return false;
}

function* heldBy(table: Table, waiter: WaiterRecord): Iterable<LockRecord> {
  if (waiter.context !== "") yield* table.locksBy.get(partyKey(waiter)) ?? [];
  else for (const record of table.locksOf.get(waiter.lease) ?? []) if (termsOf(record).context === "") yield record;
}

interface Graph {
  /** The waits of every party that can be reached. */
  readonly edges: ReadonlyMap<PartyKey, readonly WaitEdge[]>;
  /** These parties, those that are waited for before those that wait for them as far as that is possible. */
  readonly order: readonly Pick<Party, "lease" | "context">[];
}

/** Depth first, without recursion: a queue may be longer than the stack. */
function reachable(table: Table, from: WaiterRecord): Graph {
  const edges = new Map<PartyKey, readonly WaitEdge[]>();
  const order: Pick<Party, "lease" | "context">[] = [];
  const path: { readonly party: Pick<Party, "lease" | "context">; readonly waits: readonly WaitEdge[]; at: number }[] =
    [];
  const enter = (party: Pick<Party, "lease" | "context">): void => {
    const key = partyKey(party);
    if (edges.has(key)) return;
    const waits = waitersOfParty(table, party).flatMap((waiter) => waitsOf(table, waiter));
    edges.set(key, waits);
    path.push({ party, waits, at: 0 });
  };
  enter(from);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const edge = top.waits[top.at];
    top.at += 1;
    if (edge !== undefined) {
      enter(edge.blocker);
    } else {
      order.push(top.party);
      path.pop();
    }
  }
  return { edges, order };
}

const waitersOfParty = (table: Table, party: Pick<Party, "lease" | "context">): readonly WaiterRecord[] => [
  ...(table.waitersBy.get(partyKey(party)) ?? []),
];

/** Lets everybody go on who can, and give back what he holds, until nobody can any more: those who are left. */
function stuckAmong(table: Table, order: Graph["order"]): ReadonlySet<PartyKey> {
  const stuck = new Set(order.map(partyKey));
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const party of order) {
      const key = partyKey(party);
      if (!stuck.has(key) || !waitersOfParty(table, party).every((waiter) => canGoOn(table, waiter, stuck))) continue;
      stuck.delete(key);
      isChanged = true;
    }
  }
  return stuck;
}

/** Whether nobody who is stuck is in the way for good. */
function canGoOn(table: Table, waiter: WaiterRecord, stuck: ReadonlySet<PartyKey>): boolean {
  return waiter.demands.every((demand) => {
    const isInTheWay = blocking(table, demand);
    const staying = holdersOf(table, demand.lock).filter((record) => stuck.has(partyKey(ofHolder(record))));
    const isBlocked = staying.some((record) => isInTheWay(record) && !fitsBeside(table, demand, record, staying));
    return !isBlocked && nearestBefore(table, demand, waiter).every((other) => !stuck.has(partyKey(other)));
  });
}

/** Whether the permits suffice once those who can go on have given theirs back. */
function fitsBeside(table: Table, demand: Demand, record: LockRecord, staying: readonly LockRecord[]): boolean {
  if (demand.mode !== "semaphore" || termsOf(record).mode !== "semaphore") return false;
  const leaving = holdersOf(table, demand.lock).filter((other) => !staying.includes(other));
  const freed = leaving.reduce((sum, other) => sum + termsOf(other).permits, 0);
  // Delays end by themselves.
  const delayed = delaysOf(table, demand.lock).reduce((sum, { permits }) => sum + permits, 0);
  return permitsTaken(table, demand.lock) - freed - delayed + demand.permits <= demand.limit;
}

/** From one who is stuck to another, the shortest way back to where it began. */
function walk(self: PartyKey, edges: Graph["edges"], stuck: ReadonlySet<PartyKey>): readonly WaitEdge[] | null {
  const cycle: WaitEdge[] = [];
  const cameFrom = new Map<PartyKey, WaitEdge | null>([[self, null]]);
  const queue = [self];
  for (const key of queue) {
    for (const edge of edges.get(key) ?? []) {
      const next = partyKey(edge.blocker);
      if (next === self) {
        let back: WaitEdge | null = edge;
        while (back !== null) {
          cycle.unshift(back);
          back = cameFrom.get(partyKey(back.waiter)) ?? null;
        }
        return cycle.slice(0, cycleMax);
      }
      if (!stuck.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, edge);
      queue.push(next);
    }
  }
  return null;
}
