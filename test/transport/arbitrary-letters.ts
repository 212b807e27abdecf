// Letters as they travel and are stored, of every kind and with any content.

import type { Entry, ForwardedRequest, RaftMessage, SendingReply, SnapshotSlice } from "../../src/actors/messages.ts";
import { fc } from "../fast-check.ts";
import { acceptorRecord, ballotOrNone, regionCommand } from "./arbitrary-regions.ts";
import { count, ending, just, outcome, span, word } from "./arbitrary-words.ts";

const write = fc.oneof(
  fc.record({ type: just("openLease"), owner: word, ttl: count }),
  fc.record({
    type: just("acquire"),
    lock: word,
    owner: word,
    under: fc.oneof(fc.record({ lease: count }), fc.record({ ttl: count })),
    askedAt: count,
  }),
  fc.record({
    type: just("release"),
    lock: word,
    grant: fc.record({ lease: count, token: count, owner: word }, { requiredKeys: [] }),
  }),
);
const command = fc.oneof(
  fc.record({ type: just("noop") }),
  fc.record({ type: just("write"), requestId: word, bornAt: count, write }),
  fc.record({ type: just("expire"), lease: count, renewals: count, term: count }),
  regionCommand,
);
export const entry = fc.record({ index: count, term: count, command }) as unknown as fc.Arbitrary<Entry>;
const refused = fc.record({
  type: just("refused"),
  refusal: fc.constantFrom("no-leader", "unknown-outcome", "overloaded", "disk-full", "stopping", "no-quorum"),
});
const position = fc.record({ index: count, term: count });
const chunk = fc
  .record({
    position,
    chunk: fc.nat(1000),
    bytes: fc.uint8Array({ maxLength: 200 }),
    checksum: fc.nat(0xffffffff),
  })
  .map((part) => ({ ...part, chunks: part.chunk + 1 }));
const append = fc
  .record({
    type: just("appendRequest"),
    term: fc.constant(Number.MAX_SAFE_INTEGER),
    previousIndex: fc.nat(),
    previousTerm: count,
    entries: fc.array(entry, { maxLength: 5 }),
    commitIndex: count,
    round: count,
    digest: fc.option(fc.record({ index: count, digest: word })),
  })
  .map((request) => ({
    ...request,
    entries: request.entries.map((each, offset) => ({ ...each, index: request.previousIndex + 1 + offset })),
  }));
export const raftMessage = fc.oneof(
  fc.record({ type: just("preVoteRequest"), term: count, lastIndex: count, lastTerm: count }),
  fc.record({ type: fc.constantFrom("preVoteResponse", "voteResponse"), term: count, granted: fc.boolean() }),
  fc.record({ type: just("voteRequest"), term: count, lastIndex: count, lastTerm: count, transfer: fc.boolean() }),
  append,
  fc.record({
    type: just("appendResponse"),
    term: count,
    round: count,
    matchIndex: fc.option(count),
    conflictTerm: count,
    conflictIndex: count,
  }),
  fc.record({ type: just("snapshotRequest"), term: count, chunk }),
  fc.record({ type: just("snapshotResponse"), term: count, position, next: fc.nat(), installed: fc.boolean() }),
  fc.record({ type: just("timeoutNow"), term: count, lastIndex: count }),
) as unknown as fc.Arbitrary<RaftMessage>;
export const request = fc.record({
  requestId: word,
  bornAt: count,
  operation: fc.oneof(
    write,
    fc.record({ type: just("renewLease"), lease: count }),
    fc.record({ type: just("check"), lock: word }),
  ),
  bytes: count,
  budget: span,
  sending: count,
}) as unknown as fc.Arbitrary<ForwardedRequest>;
export const answer = fc.record({
  requestId: word,
  answer: fc.oneof(outcome, refused),
  sending: count,
}) as unknown as fc.Arbitrary<SendingReply>;
export const slice = fc.record({
  position,
  slice: fc.nat(),
  last: fc.boolean(),
  counters: fc.record({
    fencingToken: count,
    leaseId: count,
    round: count,
    floor: ballotOrNone,
    leaseNumbers: fc.array(count, { maxLength: 16 }),
  }),
  leases: fc.array(fc.record({ id: count, owner: word, ttl: count, renewals: count }), { maxLength: 5 }),
  locks: fc.array(
    fc.record({ lock: word, owner: word, lease: count, token: count, grantedAt: count, requestId: word }),
    { maxLength: 5 },
  ),
  outcomes: fc.array(fc.record({ requestId: word, index: count, outcome }), { maxLength: 5 }),
  ended: fc.array(fc.record({ lock: word, owner: word, lease: count, token: count, how: ending, index: count }), {
    maxLength: 5,
  }),
  acceptors: fc.array(acceptorRecord, { maxLength: 5 }),
}) as unknown as fc.Arbitrary<SnapshotSlice>;
