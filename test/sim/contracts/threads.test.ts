// Threads, mailboxes and timers, held against what the simulator takes them for: the letters of one arrow come in their order, each
// once, however many there are and however turns cut them; a timer runs out once, not before it is due, and not at all if it
// was set anew or cancelled before.

import { MessageChannel } from "node:worker_threads";
import { pino } from "pino";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { send, setTimer } from "../../../src/actors/actor.ts";
import { type Instant, instant, type Millis, millis } from "../../../src/actors/scalars.ts";
import { openPostOffice, type Post, takeLetters } from "../../../src/transport/mailbox.ts";
import { acts, type Cast, decides, type Failure, hostThread } from "../../../src/transport/thread.ts";
import { type Clockwork, createTimers } from "../../../src/transport/timers.ts";
import { toySettings } from "../../transport/toy-settings.ts";
import { createRandom, type Random } from "../random.ts";

const test = suite("sim/contracts/threads");

const seeds = Array.from({ length: 20 }, (_, at) => at + 1);
const names = ["election", "heartbeat", "append"] as const;
type Name = (typeof names)[number];

/** A clock that is moved by hand. Alarms ring late now and then, and too early beyond what a machine can count. */
function handClock(random: Random) {
  let time = 0;
  const alarms = new Map<object, { at: number; ring: () => void }>();
  const clockwork: Clockwork = {
    now: (): Instant => instant(time),
    random: () => random.next(),
    alarm: (span: Millis, ring) => {
      const key = {};
      const jitter = random.chance(0.2) ? -random.below(span + 1) : random.below(3);
      alarms.set(key, { at: time + Math.max(0, span + jitter), ring });
      return () => alarms.delete(key);
    },
  };
  const moveTo = (target: number): void => {
    for (;;) {
      const [next] = [...alarms].filter(([, { at }]) => at <= target).sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      alarms.delete(next[0]);
      time = Math.max(time, next[1].at);
      next[1].ring();
    }
    time = target;
  };
  return { clockwork, moveTo, now: () => time, open: () => alarms.size };
}

for (const seed of seeds) {
  test(`timers run out once, never early, and not after they were cancelled (seed ${seed})`, () => {
    const random = createRandom(seed, "timers");
    const { clockwork, moveTo, now, open } = handClock(random);
    /** When each timer is due at the earliest and at the latest; null: not set. */
    const due = new Map<Name, { min: number; max: number } | null>();
    /** Letters that say that a timer has run out, and have not been read. */
    const unread: Name[] = [];
    const timers = createTimers<Name>(clockwork, (name) => unread.push(name));
    const readAll = (): void => {
      for (const name of unread.splice(0)) {
        const set = due.get(name) ?? null;
        const counts = timers.take(name);
        if (!counts) {
          assert.ok(set === null || now() < set.max, `${name} is due and does not run out`);
          continue;
        }
        assert.ok(set !== null, `${name} runs out though it is not set`);
        assert.ok(set !== null && now() >= set.min, `${name} runs out at ${now()}, before ${set?.min}`);
        due.set(name, null);
      }
    };
    for (let step = 0; step < 400; step += 1) {
      const name = random.pick(names);
      switch (random.below(5)) {
        case 0:
        case 1: {
          const min = random.pick([0, 1, 50, 500, 2 ** 31 + 5]);
          const max = min + random.pick([0, 0, 40]);
          timers.set(name, { min: millis(min), max: millis(max) });
          due.set(name, { min: now() + min, max: now() + max });
          break;
        }
        case 2:
          timers.cancel(name);
          due.set(name, null);
          break;
        case 3:
          readAll();
          break;
        default:
          moveTo(now() + random.pick([1, 10, 49, 50, 1000]));
      }
    }
    // Alarms may ring too early any number of times; what is set runs out in the end.
    for (let span = 0; span < 100; span += 1) {
      moveTo(now() + 100);
      readAll();
    }
    moveTo(now() + 2 ** 33);
    readAll();
    for (const [name, set] of due) assert.is(set, null, `${name} never runs out`);
    timers.set("append", { min: millis(5), max: millis(5) });
    timers.close();
    assert.is(open(), 0, "timers that are closed leave no alarm behind");
  });

  test(`letters from thread to thread come once and in their order, however turns cut them (seed ${seed})`, async () => {
    const random = createRandom(seed, "mailboxes");
    const channels = [0, 1, 2].map(() => new MessageChannel());
    const office = openPostOffice();
    const heard: number[][] = channels.map(() => []);
    const posts: Post<number>[] = channels.map(({ port1 }, at) => office.open<number>(`arrow ${at}`, port1));
    for (const [at, { port2 }] of channels.entries()) {
      takeLetters<number>(port2, (letters) => heard[at]?.push(...letters));
    }
    const written = channels.map(() => 0);
    for (let turn = 0; turn < 20; turn += 1) {
      const letters = random.pick([0, 1, 5, 50, 3000]);
      for (let letter = 0; letter < letters; letter += 1) {
        const at = random.below(channels.length);
        posts[at]?.(written[at] as number);
        (written[at] as number) += 1;
      }
      if (random.chance(0.2)) office.flush();
      if (random.chance(0.5)) await new Promise(setImmediate);
    }
    while (heard.some((letters, at) => letters.length < (written[at] as number))) await new Promise(setImmediate);
    await new Promise(setImmediate);
    for (const [at, letters] of heard.entries()) assert.ok(isCounting(letters, written[at] as number));
    for (const { port1 } of channels) port1.close();
  });

  test(`an actor reads what it is sent once and in order, from here and from elsewhere (seed ${seed})`, async () => {
    const random = createRandom(seed, "threads");
    const here = 2000 + random.below(9000);
    const elsewhere = 2000 + random.below(9000);
    const heard: { here: number[]; elsewhere: number[] } = { here: [], elsewhere: [] };
    const failures: Failure[] = [];
    const toStorage = new MessageChannel();
    const toLock = new MessageChannel();
    let opened: () => void = () => undefined;
    const opening = new Promise<void>((resolve) => {
      opened = resolve;
    });
    /** What lock says to it comes from here, what raft says comes from another thread. */
    const storage = acts<"storage">(async () => {
      await opening;
      return {
        receive: (letter) => {
          if (letter.type === "compact") heard.elsewhere.push(letter.through);
          if (letter.type === "snapshotTaken") heard.here.push(letter.slice.slice);
        },
        inspect: () => ({}),
        stop: async () => undefined,
      };
    });
    const slice = (at: number) => ({ type: "snapshotTaken", slice: { slice: at } }) as never;
    let said = 0;
    const lock = decides<"lock", null>({
      start: () => null,
      receive: () => {
        const letters = Math.min(random.pick([0, 1, 7, 700]), here - said);
        return Array.from({ length: letters }, () => send("storage", slice(said++)));
      },
      inspect: () => ({}),
    });
    const idle = async () => decides<"region", null>({ start: () => null, receive: () => [], inspect: () => ({}) });
    const others = Object.fromEntries(
      ["clients", "gateway", "peers", "raft", "lease", "region"].map((name) => [name, idle]),
    );
    const thread = hostThread({
      cast: { ...others, storage: async () => storage, lock: async () => lock } as unknown as Cast,
      settings: toySettings(),
      actors: ["lock", "storage"],
      arrows: [
        { from: "raft", to: "storage", port: toStorage.port2 },
        { from: "raft", to: "lock", port: toLock.port2 },
      ],
      clockwork: { now: () => instant(0), random: () => 0, alarm: () => () => undefined },
      log: pino({ enabled: false }),
      fail: (failure) => failures.push(failure),
      inspectNode: async () => ({}),
    });
    const started = thread.start();
    await new Promise(setImmediate);
    const office = openPostOffice();
    const tellStorage = office.open<unknown>("elsewhere → storage", toStorage.port1);
    const tellLock = office.open<unknown>("elsewhere → lock", toLock.port1);
    for (let at = 0; at < elsewhere; at += 1) tellStorage({ type: "compact", through: at });
    for (let at = 0; at < 3000; at += 1) tellLock({ type: "takeSnapshot" });
    await new Promise(setImmediate);
    opened();
    await started;
    while ((heard.elsewhere.length < elsewhere || heard.here.length < here) && failures.length === 0) {
      await new Promise(setImmediate);
    }
    assert.equal(failures, []);
    assert.ok(isCounting(heard.elsewhere, elsewhere), "letters from another thread");
    assert.ok(isCounting(heard.here, here), "letters of this thread");
    toStorage.port1.close();
    toLock.port1.close();
  });
}

test("an actor that has ended reads no timeout that was on its way", async () => {
  const { clockwork, moveTo, open } = handClock(createRandom(1, "ended"));
  const heard: string[] = [];
  const raft = decides<"raft", null>({
    start: () => null,
    receive: (_, { type }) => {
      heard.push(type);
      return [setTimer("election", millis(100))];
    },
    inspect: () => ({}),
  });
  const channel = new MessageChannel();
  const thread = hostThread({
    cast: { raft: async () => raft } as unknown as Cast,
    settings: toySettings(),
    actors: ["raft"],
    arrows: [{ from: "storage", to: "raft", port: channel.port2 }],
    clockwork,
    log: pino({ enabled: false }),
    fail: ({ error }) => assert.unreachable(String(error)),
    inspectNode: async () => ({}),
  });
  await thread.start();
  const office = openPostOffice();
  office.open<unknown>("storage → raft", channel.port1)({ type: "loaded" });
  while (heard.length === 0) await new Promise(setImmediate);
  assert.is(open(), 1);
  await thread.stop("raft");
  assert.is(open(), 0);
  moveTo(1000);
  assert.equal(heard, ["loaded"]);
  channel.port1.close();
});

const isCounting = (letters: readonly number[], count: number): boolean =>
  letters.length === count && letters.every((letter, at) => letter === at);

test.run();
