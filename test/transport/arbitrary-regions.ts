// What regions say to each other, and what their logs say of it, of every kind and with any content.

import type { AcceptorRecord, RegionCommand, RegionMessage } from "../../src/actors/ballots.ts";
import { fc } from "../fast-check.ts";
import { outcome } from "./arbitrary-outcomes.ts";
import { count, ending, holder, just, word } from "./arbitrary-words.ts";

const round = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const ballot = fc.record({ round, region: word });
/** A floor: lower than every ballot as long as nothing was forgotten. */
export const ballotOrNone = fc.oneof(ballot, fc.constant({ round: 0, region: "" }));
const value = fc.oneof(
  fc.record({
    type: just("grant"),
    owner: word,
    lease: count,
    ttl: count,
    token: count,
    grantedAt: count,
    requestId: word,
  }),
  fc.record({ type: just("free"), token: count, how: ending, requestId: fc.option(word) }),
);
const accepted = fc.oneof(fc.constant({ accepted: null, value: null }), fc.record({ accepted: ballot, value }));
const claim = fc.oneof(
  fc.record({ type: just("acquire"), requestId: word, owner: word, lease: fc.option(count) }),
  fc.record({
    type: just("release"),
    requestId: word,
    grant: fc.record({ lease: count, token: count, owner: word }, { requiredKeys: [] }),
  }),
  fc.record({ type: just("settle"), token: count }),
);
const terms = fc.record({ id: count, owner: word, ttl: count });
const prepare = { type: just("prepare"), lock: word, ballot, claim };
const accept = { type: just("accept"), lock: word, ballot, value, requestId: fc.option(word) };

export const regionCommand = fc.oneof(
  fc.record({
    type: just("begin"),
    ask: word,
    lock: word,
    claim,
    bornAt: count,
    ttl: count,
    askedAt: count,
    above: count,
    known: fc.option(ballot),
  }),
  fc.record({ ...prepare, ask: word }),
  fc.record({ ...accept, ask: word }),
  fc.record({ type: just("beginLease"), ask: word, requestId: word, bornAt: count, owner: word, ttl: count }),
  fc.record({ type: just("keepLease"), ask: word, lease: terms }),
  fc.record({ type: just("conclude"), ask: word, requestId: word, outcome }),
) as unknown as fc.Arbitrary<RegionCommand>;

export const acceptorRecord = fc
  .record({ lock: word, promised: ballotOrNone, index: count, last: accepted })
  .map(({ last, ...rest }) => ({ ...rest, ...last })) as unknown as fc.Arbitrary<AcceptorRecord>;

const leaseView = fc.option(
  fc.oneof(
    fc.record({ type: just("live"), owner: word, ttl: count }),
    fc.record({ type: fc.constantFrom("ended", "unknown") }),
  ),
);
const renewal = fc.record({
  lease: count,
  result: fc.constantFrom("renewed", "ended", "unknown"),
  ttl: count,
  locks: word,
});
const holding = fc.record({ lock: word, token: count });
const question = fc.oneof(
  fc.record(prepare),
  fc.record(accept),
  fc.record({ type: just("keepLease"), lease: terms }),
  fc.record({ type: just("view"), lock: word }),
  fc.record({ type: just("renew"), leases: fc.array(count, { maxLength: 5 }) }),
  fc.record({ type: just("holdings"), lease: count }),
);
const promise = fc
  .record({
    type: just("promise"),
    last: accepted,
    live: fc.boolean(),
    counter: count,
    floor: ballotOrNone,
    past: fc.option(outcome),
    lease: leaseView,
  })
  .map(({ last, ...rest }) => ({ ...rest, ...last }));
const view = fc
  .record({ type: just("view"), last: accepted, live: fc.boolean(), holder: fc.option(holder) })
  .map(({ last, ...rest }) => ({ ...rest, ...last }));
const reply = fc.oneof(
  promise,
  fc.record({ type: just("live"), accepted: ballot, holder, requestId: word, counter: count, lease: leaseView }),
  fc.record({ type: just("overtaken"), promised: ballotOrNone }),
  fc.record({ type: just("accepted"), counter: count }),
  fc.record({ type: fc.constantFrom("occupied", "leaseKept") }),
  view,
  fc.record({ type: just("renewals"), results: fc.array(renewal, { maxLength: 5 }) }),
  fc.record({ type: just("holdings"), lease: fc.option(terms), locks: fc.array(holding, { maxLength: 5 }) }),
);

export const regionMessage = fc.oneof(
  fc.record({ type: just("ask"), ask: word, question }),
  fc.record({ type: just("reply"), ask: word, reply }),
  fc.record({ type: just("ping"), ping: count }),
  fc.record({ type: just("pong"), ping: count, leads: fc.option(count) }),
  fc.record({ type: just("leads"), leads: fc.option(count) }),
) as unknown as fc.Arbitrary<RegionMessage>;
