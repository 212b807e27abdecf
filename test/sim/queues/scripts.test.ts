// What drawn commands bring about too seldom, or not so that it can be seen: told step by step to the table and to the model.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../../../src/actors/messages.ts";
import type { AcquireAll, Demand, Outcome, Write } from "../../../src/actors/operations.ts";
import { leaseId, logIndex, millis, requestId, term, wallTime } from "../../../src/actors/scalars.ts";
import { tableAlone } from "./table-alone.ts";
import { applyToBoth, createTwin, type Twin } from "./twin.ts";

const test = suite("sim/queues/scripts");

const remembered = 1000;

/** A table and its model, with a lease for each of these owners, numbered from 1. */
function begin(owners: number): Twin {
  const twin = createTwin(remembered, tableAlone(remembered));
  for (let lease = 1; lease <= owners; lease += 1) {
    tell(twin, `open ${lease}`, { type: "openLease", owner: `o${lease}`, ttl: millis(1000) });
  }
  return twin;
}

const step = (twin: Twin, command: Command) =>
  applyToBoth(twin, { index: logIndex(twin.model.index + 1), term: term(1), command });

/** Who is told what. */
function tell(twin: Twin, id: string, write: Write): ReadonlyMap<string, Outcome> {
  const bornAt = logIndex(twin.model.index);
  const { said } = step(twin, { type: "write", requestId: requestId(id), bornAt, write });
  return new Map(said.answers.map(({ requestId, answer }) => [requestId, answer]));
}

const exclusive = (lock: string): Demand => ({ lock, mode: "exclusive", permits: 1, limit: 0 });
const permits = (lock: string, count: number, limit: number): Demand => ({
  lock,
  mode: "semaphore",
  permits: count,
  limit,
});

const take = (lease: number, demands: readonly Demand[], changes: Partial<AcquireAll> = {}): AcquireAll => ({
  type: "acquireAll",
  demands,
  owner: `o${lease}`,
  under: { lease: leaseId(lease) },
  context: "",
  wait: millis(1000),
  priority: 0,
  delay: millis(0),
  metadata: "",
  askedAt: wallTime(0),
  ...changes,
});

const outcomeOf = (told: ReadonlyMap<string, Outcome>, id: string): string => told.get(id)?.type ?? "nothing";

test("who waits for a semaphore is not refused as long as one of its holders can go on", () => {
  const twin = begin(3);
  tell(twin, "a", take(1, [permits("s", 1, 2)]));
  tell(twin, "b", take(2, [permits("s", 1, 2)]));
  tell(twin, "c", take(3, [exclusive("x")]));
  assert.is(outcomeOf(tell(twin, "d", take(1, [exclusive("x")])), "d"), "queued");
  // One of the two permits is of somebody who waits for this very one; the other is not.
  assert.is(outcomeOf(tell(twin, "e", take(3, [permits("s", 1, 2)])), "e"), "queued");
});

test("who waits for all permits of a semaphore waits for each of its holders", () => {
  const twin = begin(3);
  tell(twin, "a", take(1, [permits("s", 1, 2)]));
  tell(twin, "b", take(2, [permits("s", 1, 2)]));
  tell(twin, "c", take(3, [exclusive("x")]));
  tell(twin, "d", take(1, [exclusive("x")]));
  const told = tell(twin, "e", take(3, [permits("s", 2, 2)]));
  assert.is(outcomeOf(told, "e"), "deadlock");
});

test("a higher priority comes first, but not before who has waited ten thousand entries longer", () => {
  const twin = begin(4);
  const pass = (entries: number): void => {
    for (let at = 0; at < entries; at += 1) step(twin, { type: "noop" });
  };
  tell(twin, "holder", take(1, [exclusive("x")]));
  tell(twin, "early", take(2, [exclusive("x")]));
  pass(5000);
  tell(twin, "high", take(3, [exclusive("x")], { priority: 1 }));
  pass(5000);
  tell(twin, "late", take(4, [exclusive("x")], { priority: 1 }));
  const order: string[] = [];
  for (let lease = 1; order.length < 3; ) {
    const told = tell(twin, `end ${lease}`, { type: "endLease", lease: leaseId(lease) });
    const [next] = [...told].filter(([, outcome]) => outcome.type === "granted");
    assert.ok(next !== undefined, [...told].join());
    const [id] = next;
    order.push(id);
    lease = { early: 2, high: 3, late: 4 }[id] ?? 0;
  }
  assert.equal(order, ["high", "early", "late"]);
});

test("a request that comes after it was cancelled does nothing", () => {
  const twin = begin(1);
  const cancel: Write = { type: "cancel", request: requestId("late"), lease: leaseId(1) };
  assert.is(outcomeOf(tell(twin, "cancel", cancel), "cancel"), "cancelled");
  assert.is(outcomeOf(tell(twin, "late", take(1, [exclusive("x")])), "late"), "requestCancelled");
});

test("a repeat with other content is answered as the first", () => {
  const twin = begin(2);
  const first = tell(twin, "one", take(1, [exclusive("x")])).get("one");
  assert.equal(tell(twin, "one", take(2, [exclusive("y")])).get("one"), first);
});

test("several who may hold a lock beside each other are granted by one entry", () => {
  const twin = begin(4);
  const shared: Demand = { lock: "x", mode: "shared", permits: 1, limit: 0 };
  tell(twin, "holder", take(1, [exclusive("x")]));
  tell(twin, "b", take(2, [shared]));
  tell(twin, "c", take(3, [shared, exclusive("y")]));
  tell(twin, "d", take(4, [exclusive("x")]));
  const told = tell(twin, "end", { type: "endLease", lease: leaseId(1) });
  assert.equal([outcomeOf(told, "b"), outcomeOf(told, "c"), outcomeOf(told, "d")], ["granted", "granted", "nothing"]);
});

test.run();
