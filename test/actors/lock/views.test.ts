// What is shown to whoever looks at locks: everything about one, or pages of them.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lock } from "../../../src/actors/lock/receive.ts";
import type { LockState } from "../../../src/actors/lock/state.ts";
import type { Look, Outcome } from "../../../src/actors/operations.ts";
import { fencingToken, instant, leaseId, wallTime } from "../../../src/actors/scalars.ts";
import { expire, implicit } from "./build.ts";
import { askYield, come, crowd, heldBy, join, permits, releaseAll, seen, shared, take, want } from "./queue-build.ts";

const test = suite("actors/lock: views of locks");

const list = (fields: Partial<Extract<Look, { type: "list" }>> = {}): Look => ({
  type: "list",
  prefix: "",
  owner: "",
  lease: null,
  grantedBefore: null,
  after: "",
  limit: 100,
  ...fields,
});

function namesOf(outcome: Outcome): { names: readonly string[]; next: string | null } {
  if (outcome.type !== "locksSeen") throw new Error(outcome.type);
  return { names: outcome.locks.map((each) => each.lock), next: outcome.next };
}

/** Every page from the first to the last. */
function allNames(state: LockState, limit: number, fields: Partial<Extract<Look, { type: "list" }>> = {}): string[][] {
  const pages: string[][] = [];
  for (let after: string | null = ""; after !== null; ) {
    const page = namesOf(seen(state, list({ ...fields, after, limit })));
    pages.push([...page.names]);
    after = page.next;
  }
  return pages;
}

test("of a lock everything is shown: who holds it and how, what is delayed, and how many wait", () => {
  const state = crowd();
  take(state, want(1, permits("x", 2, 3), { metadata: "host 7", context: "task", delay: 2_000 }));
  take(state, want(2, permits("x", 1, 3)));
  join(state, want(3, permits("x", 1, 3)), "q3");
  come(state, askYield("x", { token: 2, reason: "deploy", grace: 3_000, force: true }));
  come(state, expire(1));
  take(state, want(4, shared("y"), { metadata: "m", context: "c", delay: 7 }));
  assert.equal(seen(state, { type: "inspect", lock: "x", token: null }), {
    type: "lockSeen",
    lock: {
      lock: "x",
      grants: [
        {
          ...heldBy("x", 2, 2).holder,
          mode: "semaphore",
          permits: 1,
          limit: 3,
          context: "",
          delay: 0,
          metadata: "",
          yielding: { reason: "deploy", grace: 3_000, force: true },
        },
      ],
      delays: [{ token: 1, owner: "anna", how: "expired", delay: 2_000, remaining: 2_000 }],
      queue: 1,
    },
  });
  const { lock: shown } = seen(state, { type: "inspect", lock: "y", token: null }) as Extract<
    Outcome,
    { type: "lockSeen" }
  >;
  assert.equal(shown.grants, [
    {
      ...heldBy("y", 4, 3).holder,
      mode: "shared",
      permits: 1,
      limit: 0,
      context: "c",
      delay: 7,
      metadata: "m",
      yielding: null,
    },
  ]);
});

test("a lock that nobody has anything to do with is shown as that", () => {
  assert.equal(seen(crowd(), { type: "inspect", lock: "x", token: null }), {
    type: "lockSeen",
    lock: { lock: "x", grants: [], delays: [], queue: 0 },
  });
});

test("what names a holder goes by way of the lease actor, and what names nobody does not", () => {
  const state = crowd();
  take(state, want(1, "x"));
  const wayOf = (name: string) => {
    const [effect] = lock.receive(
      state,
      {
        type: "read",
        queries: [{ type: "look", requestId: "q" as never, look: { type: "inspect", lock: name, token: null } }],
      },
      instant(0),
    );
    return effect?.type === "send" ? effect.to : null;
  };
  assert.equal([wayOf("x"), wayOf("y")], ["lease", "gateway"]);
});

// Pages of locks.

test("locks are listed by name: those that are held, delayed or waited for, each once", () => {
  const state = crowd();
  take(state, want(1, "d", { delay: 5_000 }));
  come(state, expire(1));
  take(state, want(2, "b"));
  join(state, want(3, ["c", "b", "a"]), "q3");
  join(state, want(4, "d"), "q4");
  take(state, want(2, shared("e")));
  take(state, want(3, shared("e"), { context: "other" }));
  assert.equal(namesOf(seen(state, list())), { names: ["a", "b", "c", "d", "e"], next: null });
});

test("of very many holders the oldest are shown, and whoever is asked for by his token", () => {
  const state = crowd();
  for (let token = 1; token <= 1_010; token += 1) take(state, want(1, shared("x")));
  const tokensOf = (token: number | null) => {
    const look = { type: "inspect", lock: "x", token: token === null ? null : fencingToken(token) } as const;
    const { lock: shown } = seen(state, look) as Extract<Outcome, { type: "lockSeen" }>;
    return shown.grants.map((grant) => grant.token);
  };
  const all = tokensOf(null);
  assert.equal([all.length, all[0], all.at(-1)], [1_000, 1, 1_000]);
  assert.equal(tokensOf(1_010), [1_010]);
  assert.equal(tokensOf(1_011), []);
});

test("what is shown of a lock has to travel in one message, however much its holders say, and so do its lock-delays", () => {
  const state = crowd(2);
  for (let token = 1; token <= 200; token += 1) {
    take(state, want(1, shared("x"), { metadata: "m".repeat(4_000) }));
    for (let more = 0; more < 6; more += 1) take(state, want(2, shared("y"), { delay: 60_000 }));
  }
  const { lock: shown } = seen(state, { type: "inspect", lock: "x", token: null }) as Extract<
    Outcome,
    { type: "lockSeen" }
  >;
  assert.is(shown.grants.length, 124);
  come(state, expire(2));
  const { lock: delayed } = seen(state, { type: "inspect", lock: "y", token: null }) as Extract<
    Outcome,
    { type: "lockSeen" }
  >;
  assert.is(delayed.delays.length, 1_000);
});

test("pages follow each other without gaps or repeats, whatever their size", () => {
  const state = crowd();
  const names = Array.from({ length: 23 }, (_, at) => `lock ${String(at * 7).padStart(3, "0")}`);
  for (const name of [...names].reverse()) take(state, want(1, name));
  for (const limit of [1, 2, 5, 22, 23, 24]) {
    const pages = allNames(state, limit);
    assert.equal(pages.flat(), names, `pages of ${limit}`);
    assert.is(pages.length, Math.ceil(names.length / limit));
  }
});

test("a page goes on behind a name that is gone", () => {
  const state = crowd();
  for (const name of ["a", "b", "c"]) take(state, want(1, name));
  come(state, releaseAll(1, 2));
  assert.equal(namesOf(seen(state, list({ after: "b" }))).names, ["c"]);
});

test("names that are prefixes of one another are locks of their own", () => {
  const state = crowd();
  const names = ["a", "a/", "a/b", "a/b/c", "ab", "b"];
  for (const [at, name] of names.entries()) {
    assert.is(take(state, want(1 + (at % 4), name)), at + 1);
  }
  for (const [at, name] of names.entries()) {
    const { lock: shown } = seen(state, { type: "inspect", lock: name, token: null }) as Extract<
      Outcome,
      { type: "lockSeen" }
    >;
    assert.equal(
      shown.grants.map(({ token }) => token),
      [at + 1],
    );
  }
  assert.equal(namesOf(seen(state, list({ prefix: "a" }))).names, ["a", "a/", "a/b", "a/b/c", "ab"]);
  assert.equal(namesOf(seen(state, list({ prefix: "a/" }))).names, ["a/", "a/b", "a/b/c"]);
  assert.equal(namesOf(seen(state, list({ prefix: "a/b" }))).names, ["a/b", "a/b/c"]);
  come(state, releaseAll(1, 1));
  assert.is(state.table.locks.size, 5);
});

test("names of any characters are told apart, listed and paged", () => {
  const state = crowd();
  const names = [
    "é",
    "e\u0301",
    "日本/東京",
    "🔒",
    "🔓",
    "\u0000",
    "__proto__",
    "constructor",
    " ",
    "a:b:c",
    "x".repeat(512),
  ];
  for (const name of names) take(state, want(1, name, { delay: 1_000 }));
  const sorted = [...names].sort();
  assert.equal(allNames(state, 3).flat(), sorted);
  assert.equal(namesOf(seen(state, list({ prefix: "日本/" }))).names, ["日本/東京"]);
  come(state, expire(1));
  const alarms = [...state.table.delays.keys()];
  assert.equal(alarms.sort(), sorted);
});

test("locks are listed of one owner, of one lease, or granted before a moment; those that nobody holds are none of them", () => {
  const state = crowd();
  take(state, want(1, "a", { askedAt: 100 }));
  take(state, want(2, shared("b"), { askedAt: 200 }));
  take(state, want(3, shared("b"), { askedAt: 300 }));
  take(state, want(1, "c", { ttl: 5_000, askedAt: 400 }));
  join(state, want(1, ["d", "b"]), "q1");
  const listed = (fields: Partial<Extract<Look, { type: "list" }>>) => namesOf(seen(state, list(fields))).names;
  assert.equal(listed({ owner: "anna" }), ["a", "c"]);
  assert.equal(listed({ owner: "carl" }), ["b"]);
  assert.equal(listed({ lease: leaseId(1) }), ["a"]);
  assert.equal(listed({ lease: leaseId(implicit(4)) }), ["c"]);
  assert.equal(listed({ grantedBefore: wallTime(300) }), ["a", "b"]);
  assert.equal(listed({ owner: "carl", grantedBefore: wallTime(200) }), []);
  assert.equal(listed({ prefix: "c", owner: "anna" }), ["c"]);
  assert.equal(listed({ lease: leaseId(9) }), []);
});

test("a page ends when it says too much, and the next goes on behind it", () => {
  const state = crowd();
  const metadata = "m".repeat(4_096);
  const names = Array.from({ length: 300 }, (_, at) => `lock ${at + 100}`);
  for (const name of names) take(state, want(1, name, { metadata }));
  const pages = allNames(state, 1_000);
  assert.equal(pages.flat(), names);
  assert.ok(pages.length >= 3 && pages.every((page) => page.length < 125), `${pages.map((page) => page.length)}`);
});

test.run();
