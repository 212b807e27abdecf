// The lock table that ships against the model, under thousands of drawn commands: everything that clients and the lease actor
// may ask, most of it about few locks and few leases, so that it meets.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../../../src/actors/messages.ts";
import type { AcquireAll, Demand, Write } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, logIndex, millis, requestId, term, wallTime } from "../../../src/actors/scalars.ts";
import { fc } from "../../fast-check.ts";
import { tableAlone } from "./table-alone.ts";
import { applyToBoth, createTwin, type Twin } from "./twin.ts";

const test = suite("sim/queues/model");

/** A command that may speak of what the table holds when its turn comes. */
type Draft = (twin: Twin) => Command;

const lockNames = ["a", "a/b", "b", "c"] as const;
/** The sizes of semaphores, mostly. */
const limits = { a: 3, "a/b": 2, b: 3, c: 5 } as const;

const demand = fc
  .record({
    lock: fc.constantFrom(...lockNames),
    mode: fc.constantFrom("exclusive", "exclusive", "shared", "semaphore"),
    permits: fc.integer({ min: 1, max: 2 }),
    other: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ lock, mode, permits, other }): Demand => {
    if (mode !== "semaphore") return { lock, mode, permits: 1, limit: 0 };
    return { lock, mode, permits, limit: other === 0 ? 4 : limits[lock] };
  });

const owners = ["o1", "o2", "o3", "o4"] as const;
/** Lease n belongs to owner n: the first commands open them. */
const ownerOf = (lease: number): string => owners[(lease - 1) % owners.length] ?? "o1";

const acquireAll = fc
  .record({
    demands: fc.uniqueArray(demand, { selector: ({ lock }) => lock, minLength: 1, maxLength: 3 }),
    lease: fc.integer({ min: 1, max: 6 }),
    ttl: fc.boolean(),
    context: fc.constantFrom("", "", "x"),
    wait: fc.constantFrom(0, 500, 500, 500),
    priority: fc.constantFrom(0, 0, 0, 1, 9),
    delay: fc.constantFrom(0, 0, 300),
    metadata: fc.constantFrom("", "m"),
    isWrong: fc.integer({ min: 0, max: 19 }),
  })
  .map(({ demands, lease, ttl, context, wait, priority, delay, metadata, isWrong }): AcquireAll => {
    const isOwn = ttl && wait === 0;
    return {
      type: "acquireAll",
      demands,
      owner: isWrong === 0 ? "somebody" : ownerOf(lease),
      under: isOwn ? { ttl: millis(1000) } : { lease: leaseId(lease) },
      context,
      wait: millis(wait),
      priority,
      delay: millis(delay),
      metadata,
      askedAt: wallTime(0),
    };
  });

const at = fc.integer({ min: 0, max: 20 });
const pick = <Item>(items: readonly Item[], place: number): Item | undefined =>
  items[place % Math.max(items.length, 1)];

/** Commands name requests that wait, are held or are over, more often than any other. */
const ids = at.map((place) => (twin: Twin) => {
  const { waiting, holds, past } = twin.model;
  const known = [...waiting, ...holds, ...past.slice(-5)].map((one) => one.requestId);
  // Or one that is still to come.
  if (place % 4 === 0) return requestId(`r${twin.model.index + 2 + (place % 3)}`);
  return pick(known, place) ?? requestId(`r${place}`);
});

const asWrite =
  (make: (twin: Twin) => Write): Draft =>
  (twin) => ({
    type: "write",
    requestId: requestId(`r${twin.model.index + 1}`),
    bornAt: logIndex(twin.model.index),
    write: make(twin),
  });

const lockName = fc.constantFrom(...lockNames);
const grantOf = (twin: Twin, place: number) => {
  const hold = pick(twin.model.holds, place);
  return {
    lock: hold?.lock ?? "a",
    token: fencingToken(hold?.token ?? place),
    lease: leaseId(hold?.lease ?? 1),
    owner: hold?.owner ?? "o1",
  };
};

const writes: readonly fc.WeightedArbitrary<Draft>[] = [
  { weight: 12, arbitrary: acquireAll.map((asked) => asWrite(() => asked)) },
  {
    weight: 2,
    arbitrary: fc.record({ asked: acquireAll, id: ids }).map(
      ({ asked, id }): Draft =>
        (twin) => ({
          type: "write",
          requestId: id(twin),
          bornAt: logIndex(Math.max(twin.model.index - 20, 0)),
          write: asked,
        }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ lock: lockName, lease: fc.integer({ min: 1, max: 6 }), ttl: fc.boolean() }).map((asked) =>
      asWrite(() => ({
        type: "acquire",
        lock: asked.lock,
        owner: ownerOf(asked.lease),
        under: asked.ttl ? { ttl: millis(1000) } : { lease: leaseId(asked.lease) },
        askedAt: wallTime(0),
      })),
    ),
  },
  {
    weight: 5,
    arbitrary: at.map((place) =>
      asWrite((twin) => {
        const { lease, token } = grantOf(twin, place);
        return { type: "releaseAll", lease, token };
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ place: at, how: fc.integer({ min: 0, max: 5 }) }).map(({ place, how }) =>
      asWrite((twin) => {
        const { lock, token, lease, owner } = grantOf(twin, place);
        const grant =
          how === 0 ? { lease } : how === 1 ? { token, owner: "else" } : how === 2 ? { token, lease } : { token };
        return { type: "release", lock: how === 5 ? "b" : lock, grant: how === 3 ? { token, owner } : grant };
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ id: ids, isOwn: fc.boolean(), isAnyones: fc.boolean() }).map(({ id, isOwn, isAnyones }) =>
      asWrite((twin) => {
        const request = id(twin);
        const { waiting, holds } = twin.model;
        const known = [...waiting, ...holds].find(({ requestId }) => requestId === request);
        const lease = isOwn ? (known?.lease ?? leaseId(1)) : null;
        return { type: "cancel", request, lease, ...(isAnyones && { onlyWaiting: true }) };
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ place: at, isWrong: fc.boolean() }).map(({ place, isWrong }) =>
      asWrite((twin) => {
        const { lock, token, lease } = grantOf(twin, place);
        return { type: "proclaim", lock, lease, token: isWrong ? fencingToken(1) : token, metadata: `p${place}` };
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ place: at, force: fc.boolean(), all: fc.boolean() }).map(({ place, force, all }) =>
      asWrite((twin) => {
        const { lock, token } = grantOf(twin, place);
        return { type: "askYield", lock, token: all ? null : token, reason: "why", grace: millis(100), force };
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ place: at, all: fc.boolean() }).map(({ place, all }) =>
      asWrite((twin) => {
        const { lock, token } = grantOf(twin, place);
        return { type: "forceRelease", lock, token: all ? null : token, reason: "why" };
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(...owners)
      .map((owner) => asWrite(() => ({ type: "openLease", owner, ttl: millis(5000) }))),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 8 })
      .map((lease) => asWrite(() => ({ type: "endLease", lease: leaseId(lease) }))),
  },
];

const others: readonly fc.WeightedArbitrary<Draft>[] = [
  {
    weight: 1,
    arbitrary: fc.record({ place: at, isLate: fc.integer({ min: 0, max: 4 }) }).map(
      ({ place, isLate }): Draft =>
        (twin) => {
          const lease = pick(twin.model.leases, place);
          const renewals = (lease?.renewals ?? 0) + (isLate === 0 ? 1 : 0);
          return { type: "expire", lease: lease?.id ?? leaseId(1), renewals, term: term(isLate === 1 ? 1 : 2) };
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record({ place: at, isLate: fc.integer({ min: 0, max: 4 }) }).map(
      ({ place, isLate }): Draft =>
        (twin) => ({
          type: "alarm",
          alarm: pick(twin.model.alarms, place) ?? "w:nobody",
          term: term(isLate === 1 ? 1 : 2),
        }),
    ),
  },
  { weight: 1, arbitrary: fc.constant((): Command => ({ type: "noop" })) },
];

function run(drafts: readonly Draft[], requestsRemembered: number, entriesBetween = 1000): Twin {
  const twin = createTwin(requestsRemembered, tableAlone(requestsRemembered, entriesBetween));
  const openings = owners.map((owner) => asWrite(() => ({ type: "openLease", owner, ttl: millis(5000) })));
  const commands: string[] = [];
  for (const draft of [...openings, ...drafts]) {
    const command = draft(twin);
    commands.push(JSON.stringify(command));
    try {
      applyToBoth(twin, { index: logIndex(twin.model.index + 1), term: term(2), command });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${commands.join("\n")}`, { cause: error });
    }
  }
  return twin;
}

const drafts = fc.array(fc.oneof(...writes, ...others), { minLength: 1, maxLength: 120, size: "max" });

test("whatever is asked, the table does what the model does", () => {
  try {
    fc.assert(
      fc.property(drafts, fc.constantFrom(10, 1000), fc.constantFrom(7, 1000), (drawn, remembered, between) => {
        run(drawn, remembered, between);
      }),
      { numRuns: 300 },
    );
  } catch (error) {
    // It names the commands, which fast-check cannot print.
    throw (error as Error).cause;
  }
});

test("the commands that are drawn bring about what they are for", () => {
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const drawn of fc.sample(drafts, 60)) {
    const { past, waiting, delays } = run(drawn, 1000).model;
    for (const { outcome } of past) count(outcome.type);
    for (const _ of waiting) count("waiting");
    for (const _ of delays) count("delay");
  }
  const wanted = [
    "granted",
    "busy",
    "deadlock",
    "limitDiffers",
    "waitOver",
    "requestCancelled",
    "leaseEnded",
    "forced",
  ];
  for (const what of [...wanted, "waiting", "delay", "grantOver", "proclaimed", "yieldAsked", "leaseClosed"]) {
    assert.ok((counts.get(what) ?? 0) > 3, `${what}: ${JSON.stringify([...counts])}`);
  }
});

test.run();
