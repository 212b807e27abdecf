// What one watcher is told, and how far he is then: events in portions, the leader of an election, and a limit for whoever does not read.

import { EventEmitter } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LockEvent } from "../../../src/actors/operations.ts";
import { fencingToken, logIndex } from "../../../src/actors/scalars.ts";
import { newOpenStreams } from "../../../src/transport/clients/grpc-calls.ts";
import { watch } from "../../../src/transport/clients/native-asking.ts";
import { keptUnitsMax, newEventQueue, portionUnitsMax } from "../../../src/transport/clients/native-events.ts";
import { newLeaderView } from "../../../src/transport/clients/native-observing.ts";
import { watchStream } from "../../../src/transport/clients/native-streams.ts";
import { toEvent } from "../../../src/transport/clients/native-telling.ts";
import type { WatchRequest, WatchResponse } from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import { event, openDesk } from "./native-desk.ts";

const test = suite("transport/clients/native-events");

const letter = (revision: number, ...events: LockEvent[]) => ({ revision: logIndex(revision), events });
/** Half of a portion. */
const large = (revision: number): LockEvent => event(revision, { text: "x".repeat(portionUnitsMax / 2) });

const revisions = (queue: ReturnType<typeof newEventQueue>): [bigint[], bigint][] => {
  const told: [bigint[], bigint][] = [];
  for (let portion = queue.take(); portion !== null; portion = queue.take())
    told.push([portion.events.map(({ revision }) => revision), portion.revision]);
  return told;
};

test("events are told in order, once, with how far that is", () => {
  const queue = newEventQueue(logIndex(4));
  queue.add(letter(7, event(5), event(7)));
  queue.add(letter(9, event(8)));
  assert.equal(revisions(queue), [[[5n, 7n, 8n], 9n]]);
  queue.add(letter(12));
  assert.equal([queue.take(), queue.told()], [null, 12n], "nothing happened, and it is known up to where");
  queue.add(letter(13, event(13)));
  assert.equal(revisions(queue), [[[13n], 13n]]);
});

test("a watcher is told at once that he watches, though there is nothing to tell", () => {
  for (const after of [null, logIndex(3)]) {
    const queue = newEventQueue(after);
    assert.is(queue.take(), null);
    queue.add(letter(5));
    assert.equal(revisions(queue), [[[], 5n]]);
  }
});

test("a portion that cuts a revision does not count it", () => {
  const queue = newEventQueue(logIndex(4));
  queue.add(letter(6, event(5), large(6), large(6), large(6), event(6)));
  queue.add(letter(8, event(8)));
  assert.equal(revisions(queue), [
    [[5n, 6n, 6n], 5n],
    [[6n, 6n, 8n], 8n],
  ]);
});

test("what was there at the beginning counts only when all of it is told, in however many letters it comes", () => {
  const present = (revision: number): LockEvent => ({ ...large(revision), kind: "present" });
  const queue = newEventQueue(null);
  queue.add(letter(0, present(9), present(9), present(9)));
  assert.equal(revisions(queue), [
    [[9n, 9n], 0n],
    [[9n], 0n],
  ]);
  queue.add(letter(9, present(9), present(9), present(9)));
  queue.add(letter(11, event(11)));
  assert.equal(revisions(queue), [
    [[9n, 9n], 0n],
    [[9n, 11n], 11n],
  ]);
});

test("whoever does not read is kept events for up to a limit, on which what was there at the beginning does not count", () => {
  const queue = newEventQueue(null);
  const some = Array.from({ length: 10 }, () => ({ ...large(3), kind: "present" as const }));
  assert.ok(queue.add(letter(3, ...some)));
  let kept = 0;
  while (queue.add(letter(4 + kept, large(4 + kept)))) kept++;
  assert.is(kept, Math.floor(keptUnitsMax / (portionUnitsMax / 2)));
  assert.is(revisions(queue).at(-1)?.[1], BigInt(3 + kept));
  assert.ok(queue.add(letter(99, event(99))), "whoever has read is kept events for again");
});

test("many small events are let go of as they are told", () => {
  const queue = newEventQueue(null);
  const many = Array.from({ length: 30_000 }, (_, n) => event(9, { kind: "present", token: fencingToken(n) }));
  queue.add(letter(0, ...many));
  queue.add(letter(9, ...many));
  queue.add(letter(10, event(10)));
  const told = revisions(queue);
  assert.is(
    told.reduce((sum, [events]) => sum + events.length, 0),
    60_001,
  );
  assert.equal([told.at(-2)?.[1], told.at(-1)?.[1]], [0n, 10n]);
});

const portion = (revision: number, ...events: LockEvent[]) => ({
  events: events.map(toEvent),
  revision: BigInt(revision),
});
const leaders = (told: readonly { leader?: { owner: string; value: string } | undefined; revision: bigint }[]) =>
  told.map(({ leader, revision }) => [leader?.owner, leader?.value, Number(revision)]);

test("an observer is told who leads, then every change, and what happened at once at once", () => {
  const view = newLeaderView({ goesOn: false });
  assert.equal(leaders(view.see(portion(3))), [[undefined, undefined, 3]], "nobody leads");
  const queued = event(4, { kind: "queued", owner: "b", token: fencingToken(0) });
  assert.equal(view.see(portion(5, event(4, { owner: "a", text: "at a" }), queued)).length, 1);
  assert.equal(view.see(portion(6, { ...queued, revision: logIndex(6) })), [], "that is no change");
  const told = view.see(
    portion(
      9,
      event(7, { kind: "proclaimed", owner: "a", token: fencingToken(4), text: "moved" }),
      event(8, { kind: "released", owner: "a", token: fencingToken(4) }),
      event(8, { owner: "b", text: "at b" }),
    ),
  );
  assert.equal(leaders(told), [
    ["a", "moved", 7],
    ["b", "at b", 9],
  ]);
  const stale = event(10, { kind: "expired", owner: "a", token: fencingToken(4) });
  assert.equal(view.see(portion(10, stale)), []);
  assert.equal(leaders(view.see(portion(11))), [["b", "at b", 11]], "after a silence the leader is told again");
  const lost = event(12, { kind: "forced", owner: "b", token: fencingToken(8) });
  assert.equal(leaders(view.see(portion(12, lost))), [[undefined, undefined, 12]]);
});

test("a watch on which nothing is said is told how far it is, until its client goes", async () => {
  const { desk, letters } = openDesk();
  const told: WatchResponse[] = [];
  const stream = Object.assign(new EventEmitter(), {
    request: { message: { what: { $case: "prefix", value: "" }, afterRevision: 4n }, bytes: Buffer.alloc(0) },
    getPath: () => "",
    write: (response: WatchResponse): boolean => {
      told.push(response);
      return true;
    },
  });
  const serve = watchStream<WatchRequest, WatchResponse>(
    { toWish: watch, newTelling: () => (response) => [response] },
    { desk, meter: { count: () => {} }, streams: newOpenStreams(), silenceMs: 5 },
  );
  serve(stream as unknown as Parameters<typeof serve>[0]);
  const { call } = letters[0] as { call: number };
  desk.calls.watched({ type: "watched", call, ...letter(6, event(5)) });
  while (told.length < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told.map(({ events, revision }) => [events.length, revision]).slice(0, 3), [
    [1, 6n],
    [0, 6n],
    [0, 6n],
  ]);
  stream.emit("cancelled");
  assert.equal(letters.at(-1), { type: "cancelled", call });
});

test("an observer who goes on is told of changes alone", () => {
  const view = newLeaderView({ goesOn: true });
  assert.equal(view.see(portion(3)), []);
  const lost = event(5, { kind: "revoked", token: fencingToken(2) });
  assert.equal(leaders(view.see(portion(5, lost))), [[undefined, undefined, 5]]);
});

test.run();
