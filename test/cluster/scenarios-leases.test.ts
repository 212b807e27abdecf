// What other lock services test of sessions that end, leases that run out and delays: whoever is gone holds nothing, is granted
// nothing, and frees nothing that is another's.

import * as assert from "uvu/assert";
import { at, until } from "./cluster.ts";
import { acquire, openLease, under, wanting } from "./native-calls.ts";
import { aborted, codeOf, failure, listen, mortal, onStage, ownersOf, untilQueued, waitFor } from "./scenarios.ts";

const test = onStage("scenarios: leases and delays", 1);

test("nobody who died while he waited is granted the lock", async ({ join, stubs }) => {
  const [holder, next] = [await join("holder"), await join("next")];
  const held = await holder.acquire("dead waiter");
  const stub = at(stubs, 0);
  // Long enough to come into the queue, whatever keeps him waiting.
  const lease = await openLease(stub, "dying", 5_000n);
  const dying = acquire(stub, wanting(["dead waiter"], { owner: "dying", under: under(lease), waitMs: 600_000n }));
  await untilQueued(holder, "dead waiter", 1);
  const behind = await waitFor(next, "dead waiter");
  assert.is((await dying).result?.$case, "waitEnded");
  await held.release();
  const lock = await behind.granted;
  assert.is(lock.token, held.token + 1, "there was no grant between");
});

test("a lease that is revoked while its client waits is replaced, and the wait goes on", async ({ join }) => {
  const [holder, waiter, admin] = [await join("holder"), await join("waiter"), await join("admin")];
  const held = await holder.acquire("revoked waiter");
  const waiting = await waitFor(waiter, "revoked waiter");
  const before = waiter.leaseId;
  assert.is(await admin.revokeLease(before), 0);
  await until("it waits under another lease", async () => {
    const [first] = await admin.waiters("revoked waiter");
    return first !== undefined && first.leaseId !== before;
  });
  await held.release();
  const lock = await waiting.granted;
  assert.equal([lock.leaseId === before, lock.state], [false, "held"]);
});

test("the release of one who was overtaken frees nothing", async ({ join, stubs }) => {
  const next = await join("next");
  const stale = await mortal(at(stubs, 0), "stale", ["overtaken"]);
  const lock = await next.acquire("overtaken");
  assert.ok(lock.token > stale.token);
  assert.is(await next.releaseGrant(stale), "expired");
  assert.is(await codeOf(next.releaseGrant({ leaseId: stale.leaseId, token: lock.token })), "NOT_HELD");
  assert.equal([lock.state, await ownersOf(next, "overtaken")], ["held", ["next"]]);
  assert.equal((await next.verify("overtaken", stale.token)).current, false);
  assert.equal((await next.verify("overtaken", lock.token)).current, true);
});

test("a lock is kept past its ttl by its client's renewals, and no other is", async ({ join, stubs }) => {
  // A renewal may come a few seconds late.
  const client = await join("renewing", { ttlMs: 8_000 });
  const lock = await client.acquire("renewed");
  // Two who are not renewed, one after the other, are the clock.
  for (const turn of [1, 2]) {
    const { token } = await mortal(at(stubs, 0), `dead ${turn}`, ["clock"], { ttlMs: 4_500 });
    const next = await client.acquire("clock");
    assert.is(next.token, token + 1);
    await next.release();
  }
  assert.equal([lock.state, await ownersOf(client, "renewed")], ["held", ["renewing"]]);
  assert.is(await lock.release(), "released");
});

test("a detached grant outlives its client, and ends with its ttl or its release", async ({ join }) => {
  const [script, other] = [await join("script"), await join("other")];
  const short = await script.acquireDetached(["short"], { ttlMs: 1_000 });
  const long = await script.acquireDetached(["long"], { ttlMs: 300_000 });
  await script.close();
  await using lock = await other.acquire("short");
  assert.is(await other.releaseGrant(short), "expired");
  assert.is(lock.state, "held");
  const waiting = await waitFor(other, "long");
  assert.is(await other.releaseGrant(long), "released");
  assert.ok((await waiting.granted).token > long.token);
});

test("a lock-delay keeps a lock that was lost, not one that was given back", async ({ join, stubs }) => {
  const [client, admin] = [await join("client"), await join("admin")];
  const held = await client.acquire("delay", { lockDelayMs: 600_000 });
  const told = await listen(admin, { lock: "delay" });
  await held.release();
  const dead = await mortal(at(stubs, 0), "dead", ["delay"], { lockDelayMs: 200 });
  const { token } = await client.acquire("delay");
  await until("the grant is told", () => told.some((event) => event.token === token));
  assert.equal(
    told.filter(({ kind }) => kind !== "queued").map((event) => [event.kind, event.owner, event.token]),
    [
      ["present", "client", held.token],
      ["released", "client", held.token],
      ["granted", "dead", dead.token],
      ["expired", "dead", dead.token],
      ["delayed", "dead", dead.token],
      ["available", "dead", dead.token],
      ["granted", "client", token],
    ],
  );
});

test("a lock that is delayed is refused with its delay, and waited for in line", async ({ join }) => {
  const [client, admin] = [await join("client"), await join("admin")];
  const lost = await client.acquire("delayed", { lockDelayMs: 600_000 });
  await admin.revokeLease(lost.leaseId);
  const refused = await failure(admin.acquire("delayed", { waitMs: 0 }));
  assert.equal([refused.code, refused.details.delay?.token], ["LOCK_DELAYED", lost.token]);
  const attempt = await admin.tryAcquire("delayed");
  assert.equal(attempt.acquired ? null : [attempt.holder, attempt.delay?.token], [null, lost.token]);
  assert.is(await codeOf(admin.acquire("delayed", { waitMs: 20 })), "WAIT_TIMEOUT");
});

test("a holder whose lease is revoked is told, and the next in line has the lock", async ({ join }) => {
  const [holder, next, admin] = [await join("holder"), await join("next"), await join("admin")];
  const lock = await holder.acquire("invalidated");
  const waiting = await waitFor(next, "invalidated");
  assert.is(await admin.revokeLease(lock.leaseId), 1);
  await aborted(lock.signal);
  const error = lock.signal.reason;
  assert.equal([error.code, error.details.reason, lock.state], ["LOST", "revoked", "lost"]);
  assert.is((await waiting.granted).state, "held");
  assert.is(await lock.release(), "revoked");
  assert.is(await codeOf(Promise.resolve().then(() => lock.throwIfLost())), "LOST");
  assert.equal(await ownersOf(admin, "invalidated"), ["next"]);
});

test.run();
