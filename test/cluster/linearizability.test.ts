// The checker itself: it must accept every history that one lock could have produced, and refuse those that it could not.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Action, Operation, Result } from "./history.ts";
import { checkLinearizable } from "./linearizability.ts";
import { lockModel } from "./lock-model.ts";

const test = suite("cluster/linearizability");
const model = lockModel({ rho: 0, epsMs: 0, regions: 1 });

/** An operation from `from` to `to`; a grant lasts for 1000 from its beginning. */
const did = (action: Action, result: Result, { from, to, token }: { from: number; to: number; token?: number }) =>
  ({
    id: from,
    proc: from,
    action,
    lock: "a",
    req: `${from}`,
    invokedAt: from,
    sentAt: from,
    endedAt: result === "unknown" ? Number.POSITIVE_INFINITY : to,
    result,
    token: token ?? null,
    ttlMs: 1_000,
  }) satisfies Operation;

const verdict = (...operations: Operation[]) => checkLinearizable(operations, model).type;

test("no operations are linearizable", () => {
  assert.is(verdict(), "linearizable");
});

test("one after the other is linearizable", () => {
  assert.is(
    verdict(
      did("acquire", "granted", { from: 0, to: 1, token: 1 }),
      did("check", "locked", { from: 2, to: 3, token: 1 }),
      did("acquire", "held", { from: 4, to: 5 }),
      did("release", "released", { from: 6, to: 7, token: 1 }),
      did("release", "notHeld", { from: 8, to: 9, token: 1 }),
      did("check", "free", { from: 10, to: 11 }),
      did("acquire", "granted", { from: 12, to: 13, token: 2 }),
    ),
    "linearizable",
  );
});

test("operations that overlap may take effect in either order", () => {
  const release = did("release", "released", { from: 10, to: 20, token: 1 });
  const first = did("acquire", "granted", { from: 0, to: 1, token: 1 });
  assert.is(verdict(first, release, did("acquire", "granted", { from: 11, to: 19, token: 2 })), "linearizable");
  assert.is(verdict(first, release, did("acquire", "held", { from: 11, to: 19 })), "linearizable");
});

test("a second grant before the first has ended is refused", () => {
  assert.is(
    verdict(
      did("acquire", "granted", { from: 0, to: 1, token: 1 }),
      did("acquire", "granted", { from: 2, to: 3, token: 2 }),
      did("release", "released", { from: 4, to: 5, token: 1 }),
    ),
    "refused",
  );
});

test("two overlapping grants without a release between them are refused", () => {
  assert.is(
    verdict(
      did("acquire", "granted", { from: 0, to: 10, token: 1 }),
      did("acquire", "granted", { from: 0, to: 10, token: 2 }),
    ),
    "refused",
  );
});

test("a token that falls is refused", () => {
  assert.is(
    verdict(
      did("acquire", "granted", { from: 0, to: 1, token: 2 }),
      did("release", "released", { from: 2, to: 3, token: 2 }),
      did("acquire", "granted", { from: 4, to: 5, token: 1 }),
    ),
    "refused",
  );
});

test("a check that shows a grant after its release was acknowledged is refused", () => {
  const held = did("acquire", "granted", { from: 0, to: 1, token: 1 });
  const release = did("release", "released", { from: 2, to: 4, token: 1 });
  assert.is(verdict(held, release, did("check", "locked", { from: 3, to: 6, token: 1 })), "linearizable");
  assert.is(verdict(held, release, did("check", "locked", { from: 5, to: 6, token: 1 })), "refused");
});

test("two checks that disagree about the order of events are refused", () => {
  assert.is(
    verdict(
      did("acquire", "granted", { from: 0, to: 1, token: 1 }),
      did("release", "released", { from: 2, to: 20, token: 1 }),
      did("check", "free", { from: 3, to: 4 }),
      did("check", "locked", { from: 5, to: 6, token: 1 }),
    ),
    "refused",
  );
});

test("a release that comes too late may say no more than that the lock is lost", () => {
  const held = did("acquire", "granted", { from: 0, to: 1, token: 1 });
  const next = did("acquire", "granted", { from: 1_002, to: 1_003, token: 2 });
  assert.is(verdict(held, next, did("release", "lost", { from: 1_004, to: 1_005, token: 1 })), "linearizable");
  assert.is(verdict(held, did("release", "lost", { from: 1_004, to: 1_005, token: 1 })), "linearizable");
  assert.is(verdict(held, did("release", "lost", { from: 4, to: 5, token: 1 })), "refused");
});

test("a grant may end by itself after its client had to stop, and not before", () => {
  const held = did("acquire", "granted", { from: 0, to: 1, token: 1 });
  assert.is(verdict(held, did("acquire", "granted", { from: 990, to: 1_001, token: 2 })), "linearizable");
  assert.is(verdict(held, did("acquire", "granted", { from: 990, to: 999, token: 2 })), "refused");
  assert.is(verdict(held, did("check", "free", { from: 10, to: 999 })), "refused");
  assert.is(verdict(held, did("release", "expired", { from: 10, to: 1_001, token: 1 })), "linearizable");
});

test("an operation whose outcome is unknown may have taken effect, late or never", () => {
  const lost = did("acquire", "unknown", { from: 0, to: 0 });
  assert.is(verdict(lost, did("check", "free", { from: 2, to: 3 })), "linearizable");
  assert.is(verdict(lost, did("check", "locked", { from: 2, to: 3, token: 1 })), "linearizable");
  assert.is(
    verdict(lost, did("check", "free", { from: 2, to: 3 }), did("acquire", "held", { from: 4, to: 5 })),
    "linearizable",
  );
  const free = did("check", "free", { from: 6, to: 7 });
  assert.is(verdict(lost, did("check", "locked", { from: 2, to: 3, token: 1 }), free), "refused");
});

test("whichever of two lost grants was given back, the other may have been the one that ended by itself", () => {
  const seen = [
    did("acquire", "unknown", { from: 0, to: 0 }),
    did("acquire", "unknown", { from: 10, to: 0 }),
    did("check", "locked", { from: 12, to: 13, token: 1 }),
    did("release", "released", { from: 14, to: 15, token: 1 }),
    did("check", "locked", { from: 16, to: 17, token: 2 }),
  ];
  assert.is(verdict(...seen, did("check", "free", { from: 990, to: 1_005 })), "linearizable");
  assert.is(verdict(...seen, did("check", "free", { from: 990, to: 999 })), "refused");
});

test("a lost grant has one token", () => {
  const lost = did("acquire", "unknown", { from: 0, to: 0 });
  assert.is(
    verdict(
      lost,
      did("check", "locked", { from: 2, to: 3, token: 1 }),
      did("check", "locked", { from: 4, to: 5, token: 2 }),
    ),
    "refused",
  );
});

test("a release whose outcome is unknown frees its own grant only", () => {
  const held = did("acquire", "granted", { from: 0, to: 1, token: 2 });
  const check = did("check", "free", { from: 4, to: 5 });
  assert.is(verdict(held, did("release", "unknown", { from: 2, to: 0, token: 2 }), check), "linearizable");
  assert.is(verdict(held, did("release", "unknown", { from: 2, to: 0, token: 1 }), check), "refused");
});

test("the refusal names the operation that has no place", () => {
  const wrong = did("check", "free", { from: 4, to: 5 });
  const found = checkLinearizable(
    [
      did("acquire", "granted", { from: 0, to: 1, token: 1 }),
      did("check", "locked", { from: 2, to: 3, token: 1 }),
      wrong,
    ],
    model,
  );
  assert.equal(found, { type: "refused", stuckAt: wrong });
});

test("a renewal moves the end of its grant, and one that was answered shows that the grant was there", () => {
  const held = did("acquire", "granted", { from: 0, to: 1, token: 1 });
  const renewed = did("renew", "renewed", { from: 900, to: 901, token: 1 });
  assert.is(verdict(held, renewed, did("check", "free", { from: 1_890, to: 1_901 })), "linearizable");
  assert.is(verdict(held, renewed, did("check", "free", { from: 1_000, to: 1_899 })), "refused");
  const next = did("acquire", "granted", { from: 1_002, to: 1_003, token: 2 });
  assert.is(verdict(held, next), "linearizable");
  assert.is(verdict(held, next, did("renew", "lost", { from: 1_004, to: 1_005, token: 1 })), "linearizable");
  assert.is(verdict(held, next, did("renew", "renewed", { from: 1_004, to: 1_005, token: 1 })), "refused");
  assert.is(verdict(held, did("renew", "lost", { from: 10, to: 11, token: 1 })), "refused");
});

test("a search that takes too long says so", () => {
  const rounds = Array.from({ length: 12 }, (_, n) => [
    did("acquire", "granted", { from: 10 * n, to: 10 * n + 1, token: n + 1 }),
    did("release", "released", { from: 10 * n + 2, to: 10 * n + 3, token: n + 1 }),
  ]);
  assert.is(checkLinearizable(rounds.flat(), model, 3).type, "undecided");
});

test.run();
