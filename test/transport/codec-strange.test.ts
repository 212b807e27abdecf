// Bytes of requests, answers and snapshots that no actor could have meant: they say something that this version does not know, or
// lack a part, or say what cannot be. They are errors, never something similar.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeEntry, MalformedError, UnknownEntryError, UnknownKindError } from "../../src/transport/codec.ts";
import { decodeParcel } from "../../src/transport/codec-peer.ts";
import { decodeSlice } from "../../src/transport/codec-snapshot.ts";
import { Ending, type GrantTerms, Mode } from "../../src/transport/generated/lockmgr/log/v1/grant.ts";
import { type AcquireAll, Entry, type Write } from "../../src/transport/generated/lockmgr/log/v1/log.ts";
import type { Outcome } from "../../src/transport/generated/lockmgr/log/v1/outcome.ts";
import type { Look, Obstacle } from "../../src/transport/generated/lockmgr/log/v1/view.ts";
import { ExchangeRequest, type ForwardedRequest } from "../../src/transport/generated/lockmgr/peer/v1/peer.ts";
import {
  type DelayRecord,
  Slice,
  type WaiterRecord,
} from "../../src/transport/generated/lockmgr/snapshot/v1/snapshot.ts";

const test = suite("transport/codec, of strange bytes");

const isUnknown = (error: Error): boolean => error instanceof UnknownKindError;
const isUnknownEntry = (error: Error): boolean => error instanceof UnknownEntryError;
const isMalformed = (error: Error): boolean => error instanceof MalformedError && !isUnknown(error);

const nothing = { hello: undefined, raft: [], requests: [], answers: [], regional: [] };

/** Reads an entry that was written by somebody else. */
const logged = (operation: NonNullable<Write["operation"]>) => () => {
  const command = { $case: "write", value: { requestId: "r", bornAt: 0n, operation } } as const;
  decodeEntry(Entry.encode({ index: 1n, term: 1n, command }).finish());
};
const asked = (operation: NonNullable<ForwardedRequest["operation"]>) => () => {
  const request = { requestId: "r", bornAt: 0n, operation, bytes: 0n, budgetMs: 0, sending: 0n };
  decodeParcel(ExchangeRequest.encode({ ...nothing, requests: [request] }).finish());
};
const answered = (outcome: NonNullable<Outcome["outcome"]>) => () => {
  const answer = { $case: "outcome", value: { outcome } } as const;
  decodeParcel(ExchangeRequest.encode({ ...nothing, answers: [{ requestId: "r", answer, sending: 0n }] }).finish());
};

const strangeMode = 99 as Mode;
const strangeEnding = 99 as Ending;
const large = 2n ** 53n;

const demand = { lock: "a", mode: Mode.MODE_EXCLUSIVE, permits: 1n, limit: 0n };
const acquireAll: AcquireAll = {
  demands: [demand],
  owner: "o",
  under: { $case: "lease", value: 1n },
  askedAtMs: 0n,
  context: "",
  waitMs: 0n,
  priority: 0n,
  delayMs: 0n,
  metadata: "",
};
const acquiring = (changed: Partial<AcquireAll>) =>
  ({ $case: "acquireAll", value: { ...acquireAll, ...changed } }) as const;
const looking = (look: Look["look"]) => asked({ $case: "look", value: { look } });

const holder = { owner: "o", lease: 1n, token: 1n, ttlMs: 1n, grantedAtMs: 1n, remainingMs: 0 };
const terms: GrantTerms = {
  mode: Mode.MODE_SHARED,
  permits: 1n,
  limit: 0n,
  context: "",
  delayMs: 0n,
  metadata: "",
  yielding: undefined,
};
const obstacle: Obstacle = {
  lock: "a",
  holder: undefined,
  metadata: "",
  delayedMs: undefined,
  delayedBy: undefined,
  queue: 0n,
};
const delay = { token: 1n, owner: "o", how: Ending.ENDING_FORCED, delayMs: 1n, remainingMs: 0 };
const party = { lease: 1n, context: "", owner: "o" };
const edge = { waiter: party, lock: "a", blocker: party, isHolder: true };
const seen = (lock: object) =>
  answered({ $case: "lockSeen", value: { lock: "a", grants: [], delays: [], queue: 0n, ...lock } });

const waiter: WaiterRecord = {
  requestId: "r",
  owner: "o",
  lease: 1n,
  context: "",
  demands: [demand],
  waitMs: 1n,
  priority: 0n,
  delayMs: 0n,
  metadata: "",
  askedAtMs: 0n,
  index: 1n,
};
const delayed: DelayRecord = {
  lock: "a",
  token: 1n,
  owner: "o",
  lease: 1n,
  mode: Mode.MODE_SEMAPHORE,
  permits: 1n,
  limit: 1n,
  delayMs: 1n,
  how: Ending.ENDING_REVOKED,
};
const lock = { lock: "a", owner: "o", lease: 1n, token: 1n, grantedAtMs: 1n, requestId: "r", terms };

/** Reads a slice that was written by somebody else. */
const restored = (records: Partial<Slice>) => () =>
  decodeSlice(
    Slice.encode({
      position: { index: 1n, term: 1n },
      slice: 0,
      last: true,
      fencingToken: 1n,
      leaseId: 1n,
      leases: [],
      locks: [],
      outcomes: [],
      ended: [],
      round: 0n,
      floor: undefined,
      leaseNumbers: [],
      acceptors: [],
      waiters: [],
      delays: [],
      ...records,
    }).finish(),
  );

const refused = (reads: readonly (() => void)[], how: (error: Error) => boolean): void => {
  for (const [place, read] of reads.entries()) assert.throws(read, how, `read ${place}`);
};

test("all of it is read as long as nothing in it is strange", () => {
  logged(acquiring({}))();
  asked(acquiring({}))();
  looking({ $case: "waits", value: 1n })();
  answered({ $case: "busy", value: { ...obstacle, holder, delayedMs: 1, delayedBy: 1n } })();
  answered({ $case: "deadlock", value: { edges: [edge] } })();
  seen({ grants: [{ holder, terms }], delays: [delay] })();
  restored({ locks: [lock], waiters: [waiter], delays: [delayed] })();
});

test("a mode that this version does not know stops a replica, and so does one that is not said", () => {
  for (const mode of [strangeMode, Mode.MODE_UNSPECIFIED]) {
    assert.throws(logged(acquiring({ demands: [{ ...demand, mode }] })), isUnknownEntry);
    assert.throws(asked(acquiring({ demands: [{ ...demand, mode }] })), isUnknown);
    assert.throws(seen({ grants: [{ holder, terms: { ...terms, mode } }] }), isUnknown);
    const records: Partial<Slice>[] = [
      { locks: [{ ...lock, terms: { ...terms, mode } }] },
      { waiters: [{ ...waiter, demands: [{ ...demand, mode }] }] },
      { delays: [{ ...delayed, mode }] },
    ];
    refused(records.map(restored), isUnknown);
  }
});

test("an end of a grant, or a look, that this version does not know is an error", () => {
  for (const how of [strangeEnding, Ending.ENDING_UNSPECIFIED]) {
    assert.throws(seen({ delays: [{ ...delay, how }] }), isUnknown);
    assert.throws(answered({ $case: "grantOver", value: { token: 1n, how } }), isUnknown);
    assert.throws(restored({ delays: [{ ...delayed, how }] }), isUnknown);
  }
  assert.throws(looking(undefined), isUnknown);
});

test("a request for locks that says not under which lease stops a replica", () => {
  assert.throws(logged(acquiring({ under: undefined })), isUnknownEntry);
  assert.throws(asked(acquiring({ under: undefined })), isUnknown);
});

test("a request for no lock, or twice for one, is malformed", () => {
  const other = { ...demand, mode: Mode.MODE_SHARED };
  const third = { ...demand, lock: "b" };
  for (const demands of [[], [demand, other], [demand, third, other]]) {
    refused([logged(acquiring({ demands })), asked(acquiring({ demands }))], isMalformed);
    assert.throws(restored({ waiters: [{ ...waiter, demands }] }), isMalformed);
  }
  logged(acquiring({ demands: [demand, third] }))();
});

test("an answer that lacks a part is malformed", () => {
  const reads = [
    answered({ $case: "queued", value: { position: 1n, obstacle: undefined } }),
    answered({ $case: "deadlock", value: { edges: [{ ...edge, waiter: undefined }] } }),
    answered({ $case: "waitsSeen", value: { waits: [{ ...edge, blocker: undefined }], isWhole: true } }),
    seen({ grants: [{ holder: undefined, terms }] }),
    seen({ grants: [{ holder, terms: undefined }] }),
  ];
  refused(reads, isMalformed);
});

test("a number that a double cannot hold exactly is malformed, wherever it stands", () => {
  const requests = [{ permits: large }, { limit: large }].map((changed) =>
    acquiring({ demands: [{ ...demand, ...changed }] }),
  );
  const numbers: Partial<AcquireAll>[] = [{ waitMs: large }, { priority: large }, { delayMs: large }];
  refused([...requests, ...numbers.map(acquiring)].map(logged), isMalformed);
  const others: NonNullable<Write["operation"]>[] = [
    { $case: "endLease", value: { lease: large } },
    { $case: "releaseAll", value: { lease: 1n, token: large } },
    { $case: "cancel", value: { request: "r", lease: large, onlyWaiting: false } },
    { $case: "proclaim", value: { lock: "a", lease: 1n, token: large, metadata: "" } },
    { $case: "askYield", value: { lock: "a", token: undefined, reason: "", graceMs: large, force: false } },
    { $case: "forceRelease", value: { lock: "a", token: large, reason: "" } },
  ];
  refused(others.map(logged), isMalformed);
  refused(
    [
      answered({ $case: "busy", value: { ...obstacle, queue: large } }),
      answered({ $case: "busy", value: { ...obstacle, delayedBy: large } }),
      answered({ $case: "forced", value: { tokens: [1n, large] } }),
      looking({ $case: "leases", value: { owner: "", after: large, limit: 1n } }),
      restored({ waiters: [{ ...waiter, index: large }] }),
      restored({ delays: [{ ...delayed, delayMs: large }] }),
    ],
    isMalformed,
  );
});

test("a span that is no number is malformed, wherever it stands", () => {
  for (const strange of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const reads = [
      answered({ $case: "busy", value: { ...obstacle, delayedMs: strange } }),
      answered({ $case: "busy", value: { ...obstacle, holder: { ...holder, remainingMs: strange } } }),
      seen({ delays: [{ ...delay, remainingMs: strange }] }),
      answered({
        $case: "waitersSeen",
        value: { waiters: [{ ...waiter, position: 1n, estimateMs: strange }], total: 1n },
      }),
      answered({
        $case: "leasesSeen",
        value: {
          leases: [{ lease: 1n, owner: "", ttlMs: 1n, remainingMs: strange, metadata: "", locks: 0n, waiting: 0n }],
          next: undefined,
        },
      }),
    ];
    refused(reads, isMalformed);
  }
});

test.run();
