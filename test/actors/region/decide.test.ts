import { test } from "uvu";
import * as assert from "uvu/assert";
import { see } from "../../../src/actors/region/decide.ts";
import { fencingToken, leaseId, millis, requestId } from "../../../src/actors/scalars.ts";
import {
  acquire,
  acquireUnder,
  again,
  ballot,
  concluded,
  freeOf,
  granted,
  grantOf,
  holderOf,
  judged,
  live,
  overtaken,
  promise,
  release,
  waits,
} from "./build.ts";

const counted = (counter: number) => promise({ counter: fencingToken(counter) });

// Acquire.

test("a majority of promises is enough, and the token is one more than the highest counter among them", () => {
  assert.equal(judged(acquire(), [counted(4), counted(7)], 1), granted(8));
});

test("less than a majority of promises waits for those that may still answer", () => {
  assert.equal(judged(acquire(), [counted(4)], 2), waits);
  assert.equal(judged(acquire(), [counted(4), overtaken(ballot(9))], 1), waits);
});

test("what a minority calls live does not stop a majority of promises", () => {
  const other = grantOf("other", 3);
  assert.equal(judged(acquire(), [counted(3), live(ballot(5), other), counted(2)]), granted(4));
});

test("a lock that is live where no majority can be had without is held", () => {
  const other = grantOf("other", 3);
  const answers = [live(ballot(5), other), live(ballot(5), other)];
  assert.equal(judged(acquire(), answers, 1), concluded({ type: "held", holder: holderOf(other) }));
});

test("one live record alone names no holder: it may be on its way to a majority, or stale", () => {
  const other = grantOf("other", 3);
  assert.equal(judged(acquire(), [counted(3), live(ballot(5), other)], 1), waits);
  assert.equal(judged(acquire(), [counted(3), live(ballot(5), other)]), again());
});

test("what a majority holds live is held, whatever stands above it elsewhere", () => {
  const other = grantOf("other", 3);
  const left = promise({ accepted: ballot(9), value: freeOf(2) });
  const answers = [left, live(ballot(5), other), live(ballot(5), other)];
  assert.equal(judged(acquire(), answers), concluded({ type: "held", holder: holderOf(other) }));
});

test("a grant that is live under two ballots is asked for again: it may not come to be one", () => {
  const other = grantOf("other", 3);
  assert.equal(judged(acquire(), [live(ballot(5), other), live(ballot(7), other)]), again());
});

test("a live record below what has been accepted elsewhere names no holder", () => {
  const released = promise({ accepted: ballot(6), value: freeOf(3) });
  assert.equal(judged(acquire(), [released, live(ballot(5), grantOf("other", 3))]), again());
});

test("rivals with higher ballots are gone above", () => {
  assert.equal(judged(acquire(), [overtaken(ballot(9, "west")), overtaken(ballot(12)), counted(1)]), again(12));
});

test("with two regions both must promise", () => {
  assert.equal(judged(acquire(), [counted(1)], 1, 2), waits);
  assert.equal(judged(acquire(), [counted(1), counted(1)], 0, 2), granted(2));
  const other = grantOf("other", 3);
  assert.equal(judged(acquire(), [live(ballot(5), other)], 1, 2), waits);
  const answers = [live(ballot(5), other), live(ballot(5), other)];
  assert.equal(judged(acquire(), answers, 0, 2), concluded({ type: "held", holder: holderOf(other) }));
});

// A repeat of a request.

const mine = grantOf("me", 5);
const has = (isLive: boolean) => promise({ accepted: ballot(4), value: mine, live: isLive, counter: fencingToken(5) });

test("a repeat whose record is the highest is finished with the same token", () => {
  assert.equal(judged(acquire(), [has(true), counted(9)]), { type: "accept", value: mine, over: null });
});

/** The end of his grant, written before he is told. */
const closed = (how: "released" | "expired") => ({
  type: "accept" as const,
  value: { type: "free", token: fencingToken(5), how, requestId: null } as const,
  over: { type: "grantOver", token: fencingToken(5), how } as const,
});

test("a repeat whose record is not the highest is over, and that is written before it is told", () => {
  const past = { type: "grantOver", token: fencingToken(5), how: "released" } as const;
  const newer = promise({ accepted: ballot(8), value: freeOf(5), past });
  assert.equal(judged(acquire(), [has(true), newer]), closed("released"));
});

test("a repeat of a grant that is remembered and stands nowhere any more is over", () => {
  const past = { type: "granted", token: fencingToken(5), lease: mine.lease, ttl: millis(5000) } as const;
  const newer = promise({ accepted: ballot(8), value: freeOf(6), past });
  assert.equal(judged(acquire(), [newer, counted(2)]), closed("expired"));
});

test("what a ballot left behind that a majority refused is no grant, and is not over", () => {
  const past = { type: "granted", token: fencingToken(5), lease: mine.lease, ttl: millis(5000) } as const;
  const left = promise({ accepted: ballot(4), value: mine, live: true, past, counter: fencingToken(5) });
  const newer = promise({ accepted: ballot(8), value: freeOf(6), counter: fencingToken(6) });
  assert.equal(judged(acquire(), [left, newer], 0, 3, [ballot(4)]), granted(7));
  assert.equal(judged(acquire(), [left, newer], 0, 3, [ballot(3)]), closed("expired"));
});

test("a repeat whose record has expired in a majority is closed for good, under its own token", () => {
  assert.equal(judged(acquire(), [has(false), has(false)], 1), closed("expired"));
  assert.equal(judged(acquire(), [has(false), counted(1)], 1), closed("expired"));
});

test("a repeat whose record has expired in one place and is live in another waits for the third", () => {
  assert.equal(judged(acquire(), [has(false), has(true)], 1), waits);
  assert.equal(judged(acquire(), [has(false), has(true)]), again());
  assert.equal(judged(acquire(), [has(false), has(true), has(true)]), { type: "accept", value: mine, over: null });
});

test("a repeat is not finished over what may have been forgotten", () => {
  const forgetful = promise({ floor: ballot(6) });
  assert.equal(judged(acquire(), [has(true), forgetful], 1), waits);
  assert.equal(judged(acquire(), [has(true), forgetful]), again());
  assert.equal(judged(acquire(), [has(true), forgetful, has(true)]), { type: "accept", value: mine, over: null });
});

// A client's own lease.

const leaseLive = { type: "live", owner: "me", ttl: millis(8000) } as const;

test("a lock goes to a client's lease only if a majority holds that lease", () => {
  const with2 = (view: ReturnType<typeof promise>["lease"]) => promise({ lease: view });
  const verdict = judged(acquireUnder(17), [with2(leaseLive), with2(leaseLive)]);
  assert.equal(verdict.type === "accept" && verdict.value.type === "grant" && verdict.value.lease, leaseId(17));
  assert.equal(verdict.type === "accept" && verdict.value.type === "grant" && verdict.value.ttl, millis(8000));
  assert.equal(judged(acquireUnder(17), [with2(leaseLive), with2({ type: "ended" })], 1), waits);
  assert.equal(
    judged(acquireUnder(17), [with2({ type: "unknown" }), with2({ type: "ended" })], 1),
    concluded({ type: "leaseEnded", lease: leaseId(17) }),
  );
  assert.equal(
    judged(acquireUnder(17), [with2({ type: "unknown" }), with2({ type: "unknown" })], 1),
    concluded({ type: "leaseUnknown", lease: leaseId(17) }),
  );
  assert.equal(
    judged(acquireUnder(17, "you"), [with2(leaseLive), with2(leaseLive)]),
    concluded({ type: "leaseOfAnother", owner: "me" }),
  );
});

test("a lease that holds the lock already gets the same token, once a majority is seen to hold it live", () => {
  const held = grantOf("earlier", 3, { owner: "me", lease: leaseId(17) });
  const answers = [live(ballot(5), held), live(ballot(5), held)];
  assert.equal(
    judged(acquireUnder(17), answers),
    concluded({ type: "granted", lease: leaseId(17), token: fencingToken(3), ttl: millis(5000) }),
  );
  assert.equal(judged(acquireUnder(17), [live(ballot(5), held), promise({ lease: leaseLive })]), again());
});

// Release.

const held = grantOf("grant", 5, { owner: "holder" });
const holds = (isLive: boolean) => promise({ accepted: ballot(4), value: held, live: isLive });

test("the holder's release is accepted above his grant", () => {
  assert.equal(judged(release(5), [holds(true), counted(2)]), {
    type: "accept",
    over: null,
    value: { type: "free", token: fencingToken(5), how: "released", requestId: requestId("release") },
  });
});

test("a release of what has expired or ended says so", () => {
  assert.equal(judged(release(5), [holds(false), holds(false)]), concluded({ type: "grantExpired" }));
  const ended = promise({ accepted: ballot(6), value: freeOf(5) });
  assert.equal(judged(release(5), [ended, holds(false)]), concluded({ type: "notHeld" }));
  assert.equal(judged(release(5), [counted(0), counted(0)]), concluded({ type: "notHeld" }));
});

test("an end that stands above a live grant and has not come to a majority is finished", () => {
  const ended = promise({ accepted: ballot(6), value: freeOf(5) });
  assert.equal(judged(release(5), [ended, holds(true)]), { type: "accept", value: freeOf(5), over: null });
});

test("a repeated release is told what the first did once a majority knows it, and has it accepted before", () => {
  const past = { type: "released", token: fencingToken(5) } as const;
  const ended = promise({ accepted: ballot(6), value: freeOf(5), past });
  assert.equal(judged(release(5), [ended, ended]), concluded(past));
  const value = { type: "free", token: fencingToken(5), how: "released", requestId: requestId("release") } as const;
  assert.equal(judged(release(5), [ended, counted(0)]), { type: "accept", value, over: null });
});

test("a stale token and another owner are named by the holder who is live", () => {
  const answers = [live(ballot(4), held), live(ballot(4), held)];
  assert.equal(judged(release(4), answers), concluded({ type: "staleToken", holder: holderOf(held) }));
  assert.equal(judged(release(5, "you"), answers), concluded({ type: "heldByAnotherOwner", holder: holderOf(held) }));
});

// Settling.

test("a grant that a majority holds is brought to all; one that is seen to be in a minority is dropped", () => {
  const settle = { type: "settle", token: fencingToken(5) } as const;
  assert.equal(judged(settle, [holds(true), holds(true)], 1), { type: "accept", value: held, over: null });
  assert.equal(judged(settle, [holds(true), counted(0)], 1), waits);
  // Together with a region that cannot be asked it may be a majority's.
  assert.equal(judged(settle, [holds(true), counted(0)]), { type: "accept", value: held, over: null });
  const value = { type: "free", token: fencingToken(5), how: "expired", requestId: null } as const;
  assert.equal(judged(settle, [holds(true), counted(0), counted(0)]), { type: "accept", value, over: null });
});

// Reads.

const seen = (token: number | null, round = 1) => ({
  accepted: token === null ? null : ballot(round),
  live: token !== null,
  holder: token === null ? null : holderOf(grantOf("grant", token)),
});

test("a record is shown only when a majority holds it live, and a lock is free when a majority holds none", () => {
  const three = (coming: number) => ({ regions: 3, coming });
  assert.equal(see([seen(5), seen(5)], three(1)), {
    type: "seen",
    outcome: { type: "locked", holder: holderOf(grantOf("grant", 5)) },
  });
  assert.equal(see([seen(null), seen(null)], three(1)), { type: "seen", outcome: { type: "free" } });
  assert.equal(see([seen(5), seen(null)], three(1)), { type: "wait" });
  assert.equal(see([seen(5), seen(null)], three(0)), { type: "contended" });
  assert.equal(see([seen(5), seen(6, 2), seen(null)], three(0)), { type: "contended" });
  assert.equal(see([seen(5, 1), seen(5, 2)], three(0)), { type: "contended" });
  assert.equal(see([seen(5), seen(null), seen(null)], three(0)), { type: "seen", outcome: { type: "free" } });
});

test.run();
