// What a client may be told, of every kind and with any content.

import type { Outcome } from "../../src/actors/operations.ts";
import { fc } from "../fast-check.ts";
import {
  anyOf,
  count,
  demands,
  eachOf,
  ending,
  grantView,
  holder,
  type Kinds,
  silent,
  span,
  word,
} from "./arbitrary-words.ts";

const few = <Value>(value: fc.Arbitrary<Value>) => fc.array(value, { maxLength: 3 });

const delayView = fc.record({ token: count, owner: word, how: ending, delay: count, remaining: span });
const lockView = fc.record({ lock: word, grants: few(grantView), delays: few(delayView), queue: count });
const waiterView = fc.record({
  requestId: word,
  owner: word,
  lease: count,
  context: word,
  demands,
  priority: count,
  metadata: word,
  askedAt: count,
  position: count,
  estimate: fc.option(span),
});
const leaseView = fc.record({
  lease: count,
  owner: word,
  ttl: count,
  remaining: span,
  metadata: word,
  locks: count,
  waiting: count,
});
const party = fc.record({ lease: count, context: word, owner: word });
const edge = fc.record({ waiter: party, lock: word, blocker: party, isHolder: fc.boolean() });
const obstacle = fc.record({
  lock: word,
  holder: fc.option(holder),
  metadata: word,
  delayed: fc.option(span),
  delayedBy: fc.option(count),
  queue: count,
});

const leaseSpan = fc.record({ lease: count, ttl: count });
const withHolder = fc.record({ holder });
const withLease = fc.record({ lease: count });
const withToken = fc.record({ token: count });
const withTokens = fc.record({ tokens: few(count) });

const kinds = {
  leaseOpened: leaseSpan,
  leaseRenewed: leaseSpan,
  granted: fc.record({ lease: count, token: count, ttl: count }),
  released: withToken,
  locked: withHolder,
  free: silent,
  held: withHolder,
  grantOver: fc.record({ token: count, how: ending }),
  leaseUnknown: withLease,
  leaseEnded: withLease,
  leaseOfAnother: fc.record({ owner: word }),
  notHeld: silent,
  grantExpired: silent,
  staleToken: withHolder,
  heldByAnotherLease: withHolder,
  heldByAnotherOwner: withHolder,
  forgotten: silent,
  queued: fc.record({ position: count, obstacle }),
  busy: fc.record({ obstacle }),
  waitOver: silent,
  requestCancelled: silent,
  deadlock: fc.record({ cycle: few(edge) }),
  limitDiffers: fc.record({ lock: word, limit: count }),
  queueFull: fc.record({ limit: count }),
  cancelled: fc.record({ token: fc.option(count) }),
  leaseClosed: fc.record({ locks: count }),
  proclaimed: withToken,
  yieldAsked: withTokens,
  forced: withTokens,
  lockSeen: fc.record({ lock: lockView }),
  locksSeen: fc.record({ locks: few(lockView), next: fc.option(word) }),
  waitersSeen: fc.record({ waiters: few(waiterView), total: count }),
  leasesSeen: fc.record({ leases: few(leaseView), next: fc.option(count) }),
  waitsSeen: fc.record({ waits: few(edge), isWhole: fc.boolean() }),
} satisfies Kinds<Outcome["type"]>;

export const outcome = anyOf(kinds) as fc.Arbitrary<Outcome>;
export const outcomesOfEachKind = eachOf(kinds) as fc.Arbitrary<Outcome>[];
