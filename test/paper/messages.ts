// What nodes of a group say to each other and what clients ask of them, in the order in which the thesis lists the arguments.

import type { Command, RaftMessage } from "../../src/actors/messages.ts";
import { logIndex, millis, requestId, term, wallTime } from "../../src/actors/scalars.ts";
import { entries } from "../actors/raft/build.ts";

export type Message<Type extends RaftMessage["type"] = RaftMessage["type"]> = Extract<RaftMessage, { type: Type }>;

export const acquire = (name: string, request = name): Command => ({
  type: "write",
  requestId: requestId(request),
  bornAt: logIndex(0),
  write: {
    type: "acquire",
    lock: name,
    owner: request,
    under: { ttl: millis(30_000) },
    askedAt: wallTime(0),
  },
});

type Position = readonly [index: number, term: number];

export const append = (
  at: number,
  fields: {
    readonly after?: Position;
    readonly entries?: readonly number[];
    readonly commit?: number;
    readonly round?: number;
  } = {},
): Message<"appendRequest"> => {
  const [index, before] = fields.after ?? [0, 0];
  return {
    type: "appendRequest",
    term: term(at),
    previousIndex: logIndex(index),
    previousTerm: term(before),
    entries: entries(fields.entries ?? [], index + 1),
    commitIndex: logIndex(fields.commit ?? 0),
    round: fields.round ?? 0,
    digest: null,
  };
};

export const vote = (
  at: number,
  [index, last]: Position,
  { transfer = false }: { readonly transfer?: boolean } = {},
): Message<"voteRequest"> => ({
  type: "voteRequest",
  term: term(at),
  lastIndex: logIndex(index),
  lastTerm: term(last),
  transfer,
});

export const preVote = (at: number, [index, last]: Position): Message<"preVoteRequest"> => ({
  type: "preVoteRequest",
  term: term(at),
  lastIndex: logIndex(index),
  lastTerm: term(last),
});

export const voted = (at: number, granted: boolean): Message<"voteResponse"> => ({
  type: "voteResponse",
  term: term(at),
  granted,
});

export const preVoted = (at: number, granted: boolean): Message<"preVoteResponse"> => ({
  type: "preVoteResponse",
  term: term(at),
  granted,
});

/** A follower's answer that agrees with nothing. */
export const refused = (at: number, round = 0): Message<"appendResponse"> => ({
  type: "appendResponse",
  term: term(at),
  round,
  matchIndex: null,
  conflictTerm: term(0),
  conflictIndex: logIndex(1),
});
