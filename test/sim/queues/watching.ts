// Clients that watch, now at this node, now at that, each going on where it was; and what they are told, held against all that the
// log has done: every event once, in order, whole revisions at a time.

import type { Watched } from "../../../src/actors/messages.ts";
import type { LockEvent, WatchWish } from "../../../src/actors/operations.ts";
import type { LogIndex, NodeId } from "../../../src/actors/scalars.ts";
import type { Crowd } from "../clients.ts";
import { bring, post } from "../node.ts";
import type { Random } from "../random.ts";
import { scheduleIn } from "../schedule.ts";
import { check } from "../witness.ts";
import type { Reference } from "./reference.ts";

export interface Watching {
  readonly crowd: Crowd;
  readonly reference: Reference;
  readonly random: Random;
  readonly isOver: () => boolean;
  /** Counts what came of watches. */
  readonly count: (what: string) => void;
}

interface Watcher {
  readonly watching: Watching;
  readonly what: WatchWish["what"];
  /** What it was told last; null before that. */
  revision: LogIndex | null;
  /** The call of the present connection. */
  call: number;
  /** Whether this connection began with what was present. */
  isNew: boolean;
}

/** How long a watcher stays with one node at most, and how soon it is back. Milliseconds. */
const stayMax = 4000;
const awayMax = 300;

export function watch(watching: Watching, what: WatchWish["what"]): void {
  connect({ watching, what, revision: null, call: 0, isNew: true });
}

function connect(watcher: Watcher): void {
  const { crowd, random, isOver } = watcher.watching;
  if (isOver()) return;
  const node = random.pick([...crowd.nodes.keys()]);
  crowd.lastCall += 1;
  const call = crowd.lastCall;
  watcher.call = call;
  watcher.isNew = watcher.revision === null;
  crowd.watches.set(call, (letter) => hear(watcher, call, letter));
  const host = crowd.nodes.get(node);
  if (host?.isRunning && !crowd.unreachable.has(node)) {
    const wish: WatchWish = { what: watcher.what, after: watcher.revision };
    bring(host, "clients", "gateway", { type: "watch", call, wish });
  }
  scheduleIn(crowd.timetable, random.between(0, stayMax), () => leave(watcher, call, node));
}

/** Goes to another node, whether it has heard anything here or not. */
function leave(watcher: Watcher, call: number, node: NodeId): void {
  const { crowd } = watcher.watching;
  if (watcher.call !== call) return;
  const host = crowd.nodes.get(node);
  if (host?.isRunning) post(host, "clients", "gateway", { type: "cancelled", call });
  comeBack(watcher);
}

function comeBack(watcher: Watcher): void {
  const { crowd, random } = watcher.watching;
  crowd.watches.delete(watcher.call);
  watcher.call = 0;
  scheduleIn(crowd.timetable, random.between(0, awayMax), () => connect(watcher));
}

function hear(watcher: Watcher, call: number, letter: Watched | null): void {
  if (watcher.call !== call) return;
  const { count } = watcher.watching;
  if (letter === null) {
    count("broken");
    return comeBack(watcher);
  }
  if (letter.type === "watchGone") {
    const { revision } = watcher;
    check(
      revision !== null && letter.oldest > revision,
      "a watch is over only if what it wants is gone",
      () => `after ${revision}: ${JSON.stringify(letter)}`,
    );
    count("gone");
    watcher.revision = null;
    return comeBack(watcher);
  }
  if (watcher.revision === null) judgePresent(watcher, letter);
  else judgeNews(watcher, watcher.revision, letter);
  count(letter.events.length > 0 && watcher.revision !== null && !watcher.isNew ? "events" : "watched");
  watcher.revision = letter.revision;
}

type News = Extract<Watched, { type: "watched" }>;

const isMeant = (what: WatchWish["what"], { lock, lease }: Pick<LockEvent, "lock" | "lease">): boolean => {
  if ("prefix" in what) return lock.startsWith(what.prefix);
  return "lock" in what ? lock === what.lock : lease === what.lease;
};

/** What was held when the watch began: of the events so far, those grants that nothing has ended. */
function judgePresent({ watching, what }: Watcher, { revision, events }: News): void {
  const held = new Set<string>();
  for (const event of watching.reference.events) {
    if (event.revision > revision || !isMeant(what, event) || event.token === 0) continue;
    const key = `${event.lock} ${event.token}`;
    if (event.kind === "granted") held.add(key);
    else if (["released", "expired", "revoked", "forced"].includes(event.kind)) held.delete(key);
  }
  const told = events.map(({ lock, token }) => `${lock} ${token}`);
  check(
    told.length === held.size && told.every((key) => held.has(key)) && events.every(({ kind }) => kind === "present"),
    "a watch begins with what is held",
    () => `at ${revision}: ${JSON.stringify(events)} instead of ${[...held].join(", ")}`,
  );
}

function judgeNews({ watching, what }: Watcher, before: LogIndex, { revision, events }: News): void {
  check(revision >= before, "a watch goes on where it was", () => `${before}, then ${revision}`);
  const all = watching.reference.events;
  // The events of an index lie together, the newest last.
  let from = all.length;
  while (from > 0 && (all[from - 1] as LockEvent).revision > before) from -= 1;
  const due = all.slice(from).filter((event) => event.revision <= revision && isMeant(what, event));
  check(
    JSON.stringify(events) === JSON.stringify(due),
    "a watcher is told every event once, in order",
    () => `after ${before} up to ${revision}: ${JSON.stringify(events)} instead of ${JSON.stringify(due)}`,
  );
}
