// Letters as people read them: one line each. What is told often has a wording of its own; everything else is its fields in
// their order, so that a new letter is readable before anybody has thought of it.

import type {
  Command,
  Entry,
  RaftMessage,
  RaftToStorage,
  SnapshotChunk,
  SnapshotSlice,
} from "../../src/actors/messages.ts";
import type { Operation } from "../../src/actors/operations.ts";
import { implicitLeaseToken, type LeaseId } from "../../src/actors/scalars.ts";

type Fields = Readonly<Record<string, unknown>>;

const spans: ReadonlySet<string> = new Set(["ttl", "remaining", "budget"]);
/** For people, or for machines only. */
const left: ReadonlySet<string> = new Set(["type", "askedAt", "grantedAt", "bytes", "checksum"]);

const spanText = (ms: number): string => (ms > 0 && ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`);

/** Leases that a grant opens for itself have numbers that nobody wants to read. */
const leaseText = (lease: LeaseId): string => {
  const token = implicitLeaseToken(lease);
  return token === null ? `${lease}` : `of token ${token}`;
};

function plain(value: unknown, key: string): string {
  if (value === null || value === undefined) return "none";
  if (typeof value === "number") {
    if (key === "lease") return leaseText(value as LeaseId);
    return spans.has(key) ? spanText(value) : `${value}`;
  }
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => (isFields(each) ? fieldsText(each) : each)).join("; ")}]`;
  const known = value as Fields;
  if (Object.keys(known).length === 2 && "index" in known && "term" in known) return `${known.index}/${known.term}`;
  return `(${fieldsText(known)})`;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The type first, then the fields in their order. A list needs no name, nor does what is named like its type. */
function fieldsText(value: Fields): string {
  const type = typeof value.type === "string" ? value.type : "";
  const rest = Object.entries(value)
    .filter(([key]) => !left.has(key))
    .map(([key, field]) => (Array.isArray(field) || key === type ? plain(field, key) : `${key} ${plain(field, key)}`))
    .join(", ");
  return type === "" || rest === "" ? type + rest : `${type} ${rest}`;
}

function operationText(operation: Operation): string {
  switch (operation.type) {
    case "openLease":
      return `open a lease of ${spanText(operation.ttl)} for ${operation.owner}`;
    case "acquire": {
      const { lock, owner, under } = operation;
      return `acquire ${lock} for ${owner} ${"lease" in under ? `under lease ${under.lease}` : `for ${spanText(under.ttl)}`}`;
    }
    case "release":
      return `release ${operation.lock}, token ${operation.grant.token ?? "none"}`;
    case "renewLease":
      return `renew lease ${operation.lease}`;
    case "check":
      return `check ${operation.lock}`;
    default:
      return fieldsText({ ...operation });
  }
}

function commandText(command: Command): string {
  switch (command.type) {
    case "noop":
      return "noop";
    case "expire":
      return `expire lease ${leaseText(command.lease)} if in term ${command.term} and renewed ${command.renewals} times`;
    case "write":
      return `${operationText(command.write)} [${command.requestId}]`;
    case "alarm":
    case "begin":
    case "prepare":
    case "accept":
    case "beginLease":
    case "keepLease":
    case "conclude":
      return fieldsText({ ...command });
  }
}

/** An entry as index/term and what it says. */
const entriesText = (entries: readonly Entry[]): string =>
  entries.map(({ index, term, command }) => `${index}/${term} ${commandText(command)}`).join("; ");

const chunkText = ({ position, chunk, chunks }: SnapshotChunk): string =>
  `chunk ${chunk + 1} of ${chunks} of snapshot ${position.index}/${position.term}`;

/** A message between nodes. */
export function messageText(message: RaftMessage): string {
  switch (message.type) {
    case "preVoteRequest":
    case "voteRequest": {
      const asked = "transfer" in message && message.transfer ? ", asked for by the leader" : "";
      return `${message.type} for term ${message.term}, log ends at ${message.lastIndex}/${message.lastTerm}${asked}`;
    }
    case "preVoteResponse":
    case "voteResponse":
      return `${message.type} ${message.granted ? "yes" : "no"}, term ${message.term}`;
    case "appendRequest": {
      const { term, previousIndex, previousTerm, entries, commitIndex, round } = message;
      const sent = entries.length === 0 ? "nothing" : entriesText(entries);
      const after = `after ${previousIndex}/${previousTerm}: ${sent}`;
      return `appendRequest of term ${term}, ${after}; committed ${commitIndex}, round ${round}`;
    }
    case "appendResponse": {
      const { term, round, matchIndex, conflictTerm, conflictIndex } = message;
      const conflict =
        conflictTerm === 0
          ? `log ends before ${conflictIndex}`
          : `at odds: term ${conflictTerm} from ${conflictIndex} on`;
      return `appendResponse of term ${term}, ${matchIndex === null ? conflict : `agrees up to ${matchIndex}`}, round ${round}`;
    }
    case "snapshotRequest":
      return `snapshotRequest of term ${message.term}, ${chunkText(message.chunk)}`;
    case "snapshotResponse":
    case "timeoutNow":
      return fieldsText({ ...message });
  }
}

function appendText({ hardState, entries, release }: Extract<RaftToStorage, { type: "append" }>): string {
  const kept: string[] = [];
  if (hardState !== null) kept.push(`term ${hardState.term}, vote ${hardState.votedFor ?? "none"}`);
  if (entries.length > 0) kept.push(entriesText(entries));
  const first = kept.length === 0 ? "flush" : `keep ${kept.join("; ")}`;
  return [first, ...release.map(({ to, message }) => `then tell ${to} ${messageText(message)}`)].join("; ");
}

/** Tells of a part of a lock table who holds what, and how much there is beside. */
function sliceText({ position, slice, last, counters, leases, locks, outcomes, ended }: SnapshotSlice): string {
  const held = locks.map(({ lock, owner, token }) => `${lock} held by ${owner} with token ${token}`).join(", ");
  const rest = `${leases.length} leases, ${outcomes.length} outcomes, ${ended.length} ended grants`;
  const place = `part ${slice + 1}${last ? ", the last," : ""} of snapshot ${plain(position, "")}`;
  const { fencingToken, leaseId } = counters;
  return `${place} with counters ${plain({ fencingToken, leaseId }, "")}: ${held || "no locks"}; ${rest}`;
}

/** Wordings of letters inside a node and between gateways; all others are told by their fields. */
const wordings: Readonly<Record<string, (letter: Fields) => string>> = {
  append: (letter) => appendText(letter as never),
  propose: ({ commands }) => `propose ${(commands as Command[]).map(commandText).join("; ")}`,
  apply: ({ entries, answer }) =>
    `apply ${entriesText(entries as Entry[])}${answer === true ? "; answers are wanted" : ""}`,
  loaded: ({ hardState, snapshot, entries }) =>
    `loaded ${plain(hardState, "")}, snapshot ${plain(snapshot, "")}, entries ${entriesText(entries as Entry[]) || "none"}`,
  persisted: ({ hardState, lastIndex, lastTerm }) =>
    `persisted ${plain(hardState, "")}, log up to ${lastIndex}/${lastTerm}`,
  receiveChunk: ({ chunk }) => `receiveChunk: ${chunkText(chunk as SnapshotChunk)}`,
  chunkRead: ({ to, chunk }) => `chunkRead for ${to}: ${chunk === null ? "gone" : chunkText(chunk as SnapshotChunk)}`,
  restore: ({ slice }) => `restore ${sliceText(slice as SnapshotSlice)}`,
  snapshotTaken: ({ slice }) => `snapshotTaken ${sliceText(slice as SnapshotSlice)}`,
  request: ({ operation }) => `request: ${operationText(operation as Operation)}`,
  forwarded: ({ requests }) =>
    (requests as { requestId: string; operation: Operation }[])
      .map(({ requestId, operation }) => `forwarded: ${operationText(operation)} [${requestId}]`)
      .join("; "),
};

/** A letter inside a node, or between gateways. */
export const letterText = (letter: { readonly type: string }): string =>
  (wordings[letter.type] ?? fieldsText)({ ...letter });

/** What a client is told. */
export const answerText = (answer: { readonly type: string }): string => fieldsText({ ...answer });
