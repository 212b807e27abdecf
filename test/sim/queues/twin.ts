// The lock table that ships beside the model: both are given every entry of the log, and must come to the same. Where the model
// leaves something open (who of several in the way is named) what the table says is checked for being true.

import type { Entry, LeaseChange } from "../../../src/actors/messages.ts";
import type { LockEvent, Outcome } from "../../../src/actors/operations.ts";
import type { RequestId } from "../../../src/actors/scalars.ts";
import { check } from "../witness.ts";
import { applyEntry } from "./model.ts";
import { judgeTable } from "./rules.ts";
import { createModel, type Effected, type Graph, type Model, nodeOf } from "./table.ts";

/** Hands a letter to the lock actor, and tells what it sends. */
export type Receive = (letter: unknown) => readonly { readonly type: string }[];

export interface Twin {
  readonly model: Model;
  readonly receive: Receive;
}

export interface Told {
  readonly requestId: RequestId;
  readonly answer: Outcome;
}

/** What the table said to an entry. */
export interface Said {
  readonly answers: Told[];
  readonly changes: LeaseChange[];
  readonly events: LockEvent[];
}

/** Watches everything from the beginning. */
export function createTwin(requestsRemembered: number, receive: Receive): Twin {
  receive({ type: "watch", call: 0, wish: { what: { prefix: "" }, after: null } });
  return { model: createModel(requestsRemembered), receive };
}

type Sent = { readonly type: "send"; readonly letter: { readonly type: string } };
type Answering = { readonly answers: readonly Told[] };

export function heard(effects: ReturnType<Receive>): Said {
  const said: Said = { answers: [], changes: [], events: [] };
  for (const effect of effects) {
    if (effect.type !== "send") continue;
    const { letter } = effect as Sent;
    if (letter.type === "answers" || letter.type === "complete") {
      said.answers.push(...(letter as unknown as Answering).answers);
    } else if (letter.type === "changed") {
      said.changes.push(...(letter as unknown as { changes: readonly LeaseChange[] }).changes);
    } else if (letter.type === "watched") {
      said.events.push(...(letter as unknown as { events: readonly LockEvent[] }).events);
    }
  }
  return said;
}

/** Applies the next entry to both. Fails if they differ, or if a rule is broken. */
export function applyToBoth({ model, receive }: Twin, entry: Entry): { readonly did: Effected; readonly said: Said } {
  const said = heard(receive({ type: "apply", entries: [entry], answer: true }));
  const did = applyEntry(model, entry);
  const seen = (): string => `${entry.index}: ${JSON.stringify(entry.command)}: ${JSON.stringify({ said, did })}`;
  same(
    said.answers.map(({ requestId, answer }) => `${requestId}: ${plain(answer)}`),
    did.answers.map(({ requestId, outcome }) => `${requestId}: ${plain(outcome)}`),
    { rule: "what comes of an entry is what the model says", seen },
  );
  same(
    alarmsOf(said.changes),
    did.alarms.map((alarm) => JSON.stringify(alarm)),
    {
      rule: "the alarms are those that the model sets",
      seen,
    },
  );
  same(
    said.events.map((event) => JSON.stringify(eventKey(event))),
    did.events.map((event) => JSON.stringify(eventKey(event))),
    { rule: "the events are those that the model tells of", seen },
  );
  // A repeat is told what was true then.
  const { refusing } = did;
  for (const { answer } of said.answers) {
    if (answer.type === "deadlock" && refusing !== null) judgeCycle(answer, refusing, seen);
  }
  judgeTable(model, did);
  return { did, said };
}

/** Each as often, in whatever order. */
function same(
  said: readonly string[],
  expected: readonly string[],
  { rule, seen }: { rule: string; seen: () => string },
): void {
  const [one, other] = [[...said].sort(), [...expected].sort()];
  check(
    one.length === other.length && one.every((line, at) => line === other[at]),
    rule,
    () => `${one.join(" | ")} instead of ${other.join(" | ")} at ${seen()}`,
  );
}

/** Which of what is named does not fit is said of one holder, of however many. */
const notThisOne = ["staleToken", "heldByAnotherLease", "heldByAnotherOwner"];

/** An outcome without what the model leaves open. */
function plain(outcome: Outcome): string {
  const { holder: _holder, obstacle: _obstacle, cycle: _cycle, ...rest } = outcome as Record<string, unknown>;
  if (notThisOne.includes(rest.type as string)) rest.type = "another holds it";
  const keys = Object.keys(rest).sort();
  return JSON.stringify(keys.map((key) => [key, Array.isArray(rest[key]) ? [...rest[key]].sort() : rest[key]]));
}

const alarmsOf = (changes: readonly LeaseChange[]): string[] =>
  changes.flatMap((change) => {
    if (change.type === "alarmSet") return [JSON.stringify({ set: change.alarm, span: change.span })];
    return change.type === "alarmGone" ? [JSON.stringify({ gone: change.alarm })] : [];
  });

/** What a loss says of itself the model leaves open. */
const speaking = ["granted", "forced", "proclaimed", "yieldAsked"];

type Key = Omit<LockEvent, "revision" | "queue">;

const eventKey = ({ kind, lock, owner, lease, token, text, span }: Key): unknown[] => [
  kind,
  lock,
  owner,
  lease,
  token,
  speaking.includes(kind) ? text : "",
  span,
];

/** Each waits for the next, and the last for the first. */
function judgeCycle({ cycle }: Extract<Outcome, { type: "deadlock" }>, graph: Graph, seen: () => string): void {
  check(cycle.length > 0, "who is refused because of a deadlock is told the circle", seen);
  for (const [at, { waiter, blocker }] of cycle.entries()) {
    const next = cycle[(at + 1) % cycle.length]?.waiter;
    const isEdge = graph.get(nodeOf(waiter))?.has(nodeOf(blocker)) === true;
    const leadsOn = next !== undefined && nodeOf(blocker) === nodeOf(next);
    check(isEdge && leadsOn, "the circle that is told of is one", () => `${at}: ${seen()}`);
  }
}
