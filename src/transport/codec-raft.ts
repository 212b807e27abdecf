// Messages of consensus ↔ bytes. What arrives is checked for its shape here; whether it is true is for the raft actor to say.

import type { Entry, RaftMessage } from "../actors/messages.ts";
import type { LogIndex, Term } from "../actors/scalars.ts";
import { entryFromWire, entryToWire } from "./codec.ts";
import { chunkFromWire, chunkToWire, positionFromWire, positionToWire } from "./codec-snapshot.ts";
import { fromWire, MalformedError, optionalFromWire, present, toWire, unknownKind } from "./codec-wire.ts";
import type * as wire from "./generated/lockmgr/peer/v1/peer.ts";

/** What a candidate says of itself, whether it asks for a vote or only whether it would get one. */
interface Candidacy {
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

const candidateToWire = ({ term, lastIndex, lastTerm }: Candidacy): wire.PreVoteRequest => ({
  term: toWire(term),
  lastIndex: toWire(lastIndex),
  lastTerm: toWire(lastTerm),
});

const candidateFromWire = ({ term, lastIndex, lastTerm }: wire.PreVoteRequest): Candidacy => ({
  term: fromWire(term),
  lastIndex: fromWire(lastIndex),
  lastTerm: fromWire(lastTerm),
});

type WireMessage = NonNullable<wire.RaftMessage["message"]>;

export function messageToWire(message: RaftMessage): WireMessage {
  switch (message.type) {
    case "preVoteRequest":
      return { $case: "preVoteRequest", value: candidateToWire(message) };
    case "voteRequest":
      return { $case: "voteRequest", value: { ...candidateToWire(message), transfer: message.transfer } };
    case "preVoteResponse":
    case "voteResponse":
      return { $case: message.type, value: { term: toWire(message.term), granted: message.granted } };
    case "appendRequest":
      return {
        $case: "appendRequest",
        value: {
          term: toWire(message.term),
          previousIndex: toWire(message.previousIndex),
          previousTerm: toWire(message.previousTerm),
          entries: message.entries.map(entryToWire),
          commitIndex: toWire(message.commitIndex),
          round: toWire(message.round),
          digestIndex: message.digest === null ? undefined : toWire(message.digest.index),
          digest: message.digest?.digest ?? "",
        },
      };
    case "appendResponse":
      return {
        $case: "appendResponse",
        value: {
          term: toWire(message.term),
          round: toWire(message.round),
          matchIndex: message.matchIndex === null ? undefined : toWire(message.matchIndex),
          conflictTerm: toWire(message.conflictTerm),
          conflictIndex: toWire(message.conflictIndex),
        },
      };
    case "snapshotRequest":
      return { $case: "snapshotRequest", value: { term: toWire(message.term), chunk: chunkToWire(message.chunk) } };
    case "snapshotResponse": {
      const { term, position, next, installed } = message;
      const value = { term: toWire(term), position: positionToWire(position), next, installed };
      return { $case: "snapshotResponse", value };
    }
    case "timeoutNow":
      return { $case: "timeoutNow", value: { term: toWire(message.term), lastIndex: toWire(message.lastIndex) } };
  }
}

/** The entries of one append request follow each other and `previousIndex`, and none is of a later term than the leader's. */
function checkEntries(
  entries: readonly Entry[],
  { previousIndex, term }: { previousIndex: number; term: number },
): void {
  let index = previousIndex;
  for (const entry of entries) {
    index++;
    if (entry.index !== index) throw new MalformedError(`entry ${entry.index} stands where ${index} must`);
    if (entry.term > term) throw new MalformedError(`entry ${entry.index} is of a later term than its leader`);
  }
}

function appendRequestFromWire(request: wire.AppendRequest): RaftMessage {
  const entries = request.entries.map(entryFromWire);
  const term = fromWire(request.term);
  const previousIndex = fromWire(request.previousIndex);
  checkEntries(entries, { previousIndex, term });
  return {
    type: "appendRequest",
    term: fromWire(request.term),
    previousIndex: fromWire(request.previousIndex),
    previousTerm: fromWire(request.previousTerm),
    entries,
    commitIndex: fromWire(request.commitIndex),
    round: fromWire(request.round),
    digest: request.digestIndex === undefined ? null : { index: fromWire(request.digestIndex), digest: request.digest },
  };
}

export function messageFromWire({ message }: wire.RaftMessage): RaftMessage {
  if (message === undefined) return unknownKind("message");
  switch (message.$case) {
    case "preVoteRequest":
      return { type: "preVoteRequest", ...candidateFromWire(message.value) };
    case "voteRequest":
      return { type: "voteRequest", ...candidateFromWire(message.value), transfer: message.value.transfer };
    case "preVoteResponse":
    case "voteResponse":
      return { type: message.$case, term: fromWire(message.value.term), granted: message.value.granted };
    case "appendRequest":
      return appendRequestFromWire(message.value);
    case "appendResponse": {
      const { term, round, matchIndex, conflictTerm, conflictIndex } = message.value;
      return {
        type: "appendResponse",
        term: fromWire(term),
        round: fromWire(round),
        matchIndex: optionalFromWire<LogIndex>(matchIndex) ?? null,
        conflictTerm: fromWire(conflictTerm),
        conflictIndex: fromWire(conflictIndex),
      };
    }
    case "snapshotRequest": {
      const { term, chunk } = message.value;
      return { type: "snapshotRequest", term: fromWire(term), chunk: chunkFromWire(present(chunk, "the chunk")) };
    }
    case "snapshotResponse": {
      const { term, position, next, installed } = message.value;
      return { type: "snapshotResponse", term: fromWire(term), position: positionFromWire(position), next, installed };
    }
    case "timeoutNow":
      return {
        type: "timeoutNow",
        term: fromWire(message.value.term),
        lastIndex: fromWire(message.value.lastIndex),
      };
  }
}
