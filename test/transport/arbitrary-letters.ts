// Letters as they travel and are stored, of every kind and with any content.

import type { RegionCommand } from "../../src/actors/ballots.ts";
import type {
  Command,
  Entry,
  ForwardedRequest,
  RaftMessage,
  SendingReply,
  SnapshotSlice,
} from "../../src/actors/messages.ts";
import type { Operation, Refusal, Write } from "../../src/actors/operations.ts";
import { fc } from "../fast-check.ts";
import { outcome } from "./arbitrary-outcomes.ts";
import { acceptorRecord, ballotOrNone, regionCommand } from "./arbitrary-regions.ts";
import {
  anyOf,
  count,
  demands,
  eachOf,
  ending,
  just,
  type Kinds,
  mode,
  saying,
  silent,
  span,
  terms,
  word,
} from "./arbitrary-words.ts";

const under = fc.oneof(fc.record({ lease: count }), fc.record({ ttl: count }));
const writes = {
  openLease: fc.record({ owner: word, ttl: count, metadata: saying }, { requiredKeys: ["owner", "ttl"] }),
  endLease: fc.record({ lease: count }),
  acquire: fc.record({ lock: word, owner: word, under, askedAt: count }),
  release: fc.record({
    lock: word,
    grant: fc.record({ lease: count, token: count, owner: word }, { requiredKeys: [] }),
  }),
  acquireAll: fc.record({
    demands,
    owner: word,
    under,
    context: word,
    wait: count,
    priority: count,
    delay: count,
    metadata: word,
    askedAt: count,
  }),
  releaseAll: fc.record({ lease: count, token: count }),
  cancel: fc.record(
    { request: word, lease: fc.option(count), lock: word, owner: word, onlyWaiting: fc.constant(true as const) },
    { requiredKeys: ["request", "lease"] },
  ),
  proclaim: fc.record({ lock: word, lease: count, token: count, metadata: word }),
  askYield: fc.record({
    lock: word,
    token: fc.option(count),
    reason: word,
    grace: count,
    force: fc.boolean(),
  }),
  forceRelease: fc.record({ lock: word, token: fc.option(count), reason: word }),
} satisfies Kinds<Write["type"]>;
const commands = {
  noop: silent,
  write: fc.record({ requestId: word, bornAt: count, write: anyOf(writes) }),
  expire: fc.record({ lease: count, renewals: count, term: count }),
  alarm: fc.record({ alarm: word, term: count }),
} satisfies Kinds<Exclude<Command, RegionCommand>["type"]>;
const command = fc.oneof(anyOf(commands), regionCommand);
export const entry = fc.record({ index: count, term: count, command }) as unknown as fc.Arbitrary<Entry>;
const refusals = {
  "no-leader": null,
  "unknown-outcome": null,
  overloaded: null,
  "disk-full": null,
  "no-quorum": null,
  stopping: null,
  unserved: null,
} satisfies Record<Refusal, null>;
const refused = fc.record({ type: just("refused"), refusal: fc.constantFrom(...Object.keys(refusals)) });
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
const operations = {
  ...writes,
  renewLease: fc.record({ lease: count }),
  check: fc.record({ lock: word }),
  inspect: fc.record({ lock: word, token: fc.option(count) }),
  list: fc.record({
    prefix: word,
    owner: word,
    lease: fc.option(count),
    grantedBefore: fc.option(count),
    after: word,
    limit: count,
  }),
  waiters: fc.record({ lock: word, after: count, limit: count }),
  leases: fc.record({ owner: word, after: count, limit: count }),
  waits: fc.record({ limit: count }),
} satisfies Kinds<Operation["type"]>;
export const operationsOfEachKind = eachOf(operations) as fc.Arbitrary<Operation>[];
export const writesOfEachKind = eachOf(writes) as fc.Arbitrary<Write>[];
export const request = fc.record({
  requestId: word,
  bornAt: count,
  operation: anyOf(operations),
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
  leases: fc.array(
    fc.record(
      { id: count, owner: word, ttl: count, renewals: count, metadata: saying },
      { requiredKeys: ["id", "owner", "ttl", "renewals"] },
    ),
    { maxLength: 5 },
  ),
  locks: fc.array(
    fc.record(
      {
        lock: word,
        owner: word,
        lease: count,
        token: count,
        grantedAt: count,
        requestId: word,
        terms: fc.record(terms),
      },
      { requiredKeys: ["lock", "owner", "lease", "token", "grantedAt", "requestId"] },
    ),
    { maxLength: 5 },
  ),
  outcomes: fc.array(fc.record({ requestId: word, index: count, outcome }), { maxLength: 5 }),
  ended: fc.array(fc.record({ lock: word, owner: word, lease: count, token: count, how: ending, index: count }), {
    maxLength: 5,
  }),
  acceptors: fc.array(acceptorRecord, { maxLength: 5 }),
  waiters: fc.array(
    fc.record({
      requestId: word,
      owner: word,
      lease: count,
      context: word,
      demands,
      wait: count,
      priority: count,
      delay: count,
      metadata: word,
      askedAt: count,
      index: count,
    }),
    { maxLength: 5 },
  ),
  delays: fc.array(
    fc.record({
      lock: word,
      token: count,
      owner: word,
      lease: count,
      mode,
      permits: count,
      limit: count,
      delay: count,
      how: ending,
    }),
    { maxLength: 5 },
  ),
}) as unknown as fc.Arbitrary<SnapshotSlice>;
