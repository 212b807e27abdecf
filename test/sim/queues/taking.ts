// How locks are taken in the model: at once or after a wait, one or several, and whose turn it is when something has changed.

import { waitAlarm } from "../../../src/actors/alarms.ts";
import type { AcquireAll, Demand, Outcome, Write } from "../../../src/actors/operations.ts";
import { fencingToken, implicitLease, type LeaseId, logIndex, type RequestId } from "../../../src/actors/scalars.ts";
import { first, graphOf, type Hold, type Model, mayBeGranted, nodeOf, stuck, type Waiting } from "./table.ts";
import { granted, nobody, none, quiet, remember, setAlarm, type Turn, tell, withoutLease } from "./turn.ts";

type Asked<Type extends Write["type"]> = Extract<Write, { type: Type }>;

/** As a request for one lock that does not wait; but a lease that has the lock has it still. */
export function acquire(turn: Turn, { lock, owner, under }: Asked<"acquire">): Outcome {
  const { model } = turn;
  if ("lease" in under) {
    const refused = withoutLease(model, under.lease) ?? ofAnother(model, under.lease, owner);
    if (refused !== null) return refused;
    const held = model.holds.find((one) => one.lock === lock && one.lease === under.lease);
    if (held !== undefined && held.mode === "exclusive") return granted(model, held);
  }
  const demands: readonly Demand[] = [{ lock, mode: "exclusive", permits: 1, limit: 0 }];
  const place = { index: logIndex(turn.index), priority: 0 };
  const wish = { demands, owner, under, context: "", delay: none, metadata: "", place };
  if (!mayBeGranted(model, { demands, ...place })) return { type: "held", holder: nobody };
  return grant(turn, { ...wish, requestId: turn.requestId });
}

function ofAnother({ leases }: Model, lease: LeaseId, owner: string): Outcome | null {
  const found = leases.find(({ id }) => id === lease);
  return found === undefined || found.owner === owner ? null : { type: "leaseOfAnother", owner: found.owner };
}

export function acquireAll(turn: Turn, asked: AcquireAll): Outcome {
  const { model, requestId } = turn;
  const { demands, under, owner, wait, priority } = asked;
  if ("lease" in under) {
    const refused = withoutLease(model, under.lease) ?? ofAnother(model, under.lease, owner);
    if (refused !== null) return refused;
  }
  const other = demands.flatMap((demand) => differing(model, demand))[0];
  if (other !== undefined) return { type: "limitDiffers", lock: other.lock, limit: other.limit };
  const place = { index: logIndex(turn.index), priority };
  const isFree = mayBeGranted(model, { demands, ...place });
  if ("ttl" in under) return isFree ? grant(turn, { ...asked, requestId, place }) : { type: "busy", obstacle };
  if (!isFree && wait === 0) return { type: "busy", obstacle };
  const { context, delay, metadata } = asked;
  const waiting = { requestId, lease: under.lease, owner, context, demands, wait, delay, metadata, ...place };
  model.waiting.push(waiting);
  const graph = graphOf(model);
  const isStuck = stuck(model).has(nodeOf(waiting));
  if (isFree || isStuck) model.waiting.pop();
  // Who could be granted at once makes those wait whom he overtakes: not if he waits for one of them.
  if (isStuck) {
    turn.did.refusing = graph;
    return { type: "deadlock", cycle: [] };
  }
  if (isFree) return grant(turn, { ...asked, requestId, place });
  setAlarm(turn, waitAlarm(requestId), wait);
  for (const { lock } of demands) tell(turn, { ...waiting, lock, kind: "queued", text: "" });
  return queued(model, waiting);
}

/** Which obstacle is named the model leaves open, too. */
const obstacle: Extract<Outcome, { type: "busy" }>["obstacle"] = {
  lock: "",
  holder: null,
  metadata: "",
  delayed: null,
  delayedBy: null,
  queue: 0,
};

/** Who has the lock, or waits for it, as a semaphore of another size. */
const differing = ({ holds, delays, waiting }: Model, demand: Demand): Demand[] =>
  [...holds, ...delays, ...waiting.flatMap(({ demands }) => demands)].filter(
    ({ lock, mode, limit }) =>
      lock === demand.lock && mode === "semaphore" && demand.mode === "semaphore" && limit !== demand.limit,
  );

export const queued = (model: Model, waiting: Waiting): Outcome => ({
  type: "queued",
  position: position(model, waiting),
  obstacle,
});

/** From 1, in the queue of the lock in which most are before it. */
function position({ waiting }: Model, who: Waiting): number {
  const places = who.demands.map(
    ({ lock }) =>
      waiting.filter((one) => one.demands.some((demand) => demand.lock === lock) && first([one, who]) === one).length,
  );
  return Math.max(...places);
}

type Wish = Pick<AcquireAll, "demands" | "owner" | "under" | "context" | "delay" | "metadata"> & {
  readonly requestId: RequestId;
  readonly place: Hold["place"];
};

function grant(turn: Turn, wish: Wish): Outcome {
  const { model, did } = turn;
  model.fencingToken += 1;
  const token = fencingToken(model.fencingToken);
  const { under, owner, demands, context, delay, metadata, requestId, place } = wish;
  const lease = "lease" in under ? under.lease : implicitLease(token);
  if ("ttl" in under) model.leases.push({ id: lease, owner, ttl: under.ttl, renewals: 0 });
  for (const demand of demands) {
    const hold: Hold = { ...demand, token, lease, owner, requestId, context, delay, metadata, place, yielding: null };
    model.holds.push(hold);
    tell(turn, { ...hold, kind: "granted", text: metadata });
  }
  did.granted.push(token);
  return granted(model, { lease, token });
}

/** The one who came first of those who may is granted; again, until none may. */
export function grantAllWhoMay(turn: Turn): void {
  const { model } = turn;
  for (;;) {
    const next = first(model.waiting.filter((one) => mayBeGranted(model, one)));
    if (next === undefined) return;
    model.waiting = model.waiting.filter((one) => one !== next);
    quiet(turn, waitAlarm(next.requestId));
    const outcome = grant(turn, { ...next, under: { lease: next.lease }, place: next });
    remember(turn, next.requestId, outcome);
    turn.did.answers.push({ requestId: next.requestId, outcome });
  }
}
