// Bugs in what regions decide together: acceptors, proposers, renewals, reads, repairs.

import type { Mutant } from "../mutants/mutant.ts";

const acceptor = "actors/lock/acceptor.ts";
const accepting = "actors/lock/accepting.ts";
const decide = "actors/region/decide.ts";
const proposer = "actors/region/proposer.ts";
const renewing = "actors/region/renewing.ts";

/** What is said to be broken when somebody else gets a lock too soon, or its holder too little. */
const lost = /one holder|is seen to hold|granted once|is lost|denied early|one request|tokens of one lock|broke down/;

export const regionMutants: readonly Mutant[] = [
  {
    name: "regions-locks-ignored",
    bug: "a renewal counts although the regions differ about the locks of the lease",
    breaks: "a lock has one holder",
    file: renewing,
    search: "renewed.filter((one) => one.locks === locks).length",
    replace: "renewed.length",
    hunt: { by: "rivalRegions", seeds: 400, says: lost },
  },
  {
    name: "regions-timer-not-restarted",
    bug: "an accept does not start the timer of its lease anew",
    breaks: "a lock has one holder",
    file: accepting,
    search: "  keepLease(place, termsOf(value));\n  const held",
    replace: "  if (!place.table.leases.has(value.lease)) keepLease(place, termsOf(value));\n  const held",
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-any-ballot-finished",
    bug: "a repeat is finished although another record stands above it",
    breaks: "a lock has one holder",
    file: decide,
    search:
      '  const newest = highest(promises);\n  const value = newest?.value ?? null;\n  if (newest !== null && value?.type === "grant" && value.requestId === claim.requestId) {',
    replace:
      '  const newest: any = promises.find((one: any) => one.value?.requestId === claim.requestId) ?? highest(promises);\n  const value = newest?.value ?? null;\n  if (newest !== null && value?.type === "grant" && value.requestId === claim.requestId) {',
    hunt: { by: "regions", seeds: 100, says: /./ },
  },
  {
    name: "regions-accept-below-promise",
    bug: "an acceptor accepts below its promise",
    breaks: "nothing is accepted below a promise",
    file: acceptor,
    search:
      "  if (compareBallots(ballot, promised) < 0 || isForgotten(acceptor, lock, ballot)) {\n    if (record?.accepted",
    replace: "  if (isForgotten(acceptor, lock, ballot)) {\n    if (record?.accepted",
    hunt: { by: "rivalRegions", seeds: 100, says: /below a promise/ },
    quick: true,
  },
  {
    name: "regions-promise-falls",
    bug: "an acceptor promises below its promise",
    breaks: "nothing is promised below a promise",
    file: acceptor,
    search:
      '  if (compareBallots(ballot, promised) < 0 || isForgotten(acceptor, lock, ballot)) {\n    return { type: "overtaken", promised };\n  }\n  const held',
    replace:
      '  if (isForgotten(acceptor, lock, ballot)) {\n    return { type: "overtaken", promised };\n  }\n  const held',
    hunt: { by: "rivalRegions", seeds: 100, says: /below a promise/ },
  },
  {
    name: "regions-accept-over-live",
    bug: "an acceptor lets another holder in while its own is live",
    breaks: "a lock has one holder",
    file: acceptor,
    search: "const isOccupied = held !== undefined && !mayFollow(held, value);",
    replace: "const isOccupied = false;",
    hunt: {
      by: "test/actors/lock/acceptor-accepting.test.ts",
      seeds: 1,
      says: /who holds a lock is followed by nobody else while his lease lives here/,
    },
  },
  {
    name: "regions-promise-over-live",
    bug: "an acceptor promises a lock to a rival while it is held",
    breaks: "a lock has one holder",
    file: acceptor,
    search: "if (held !== undefined && record?.accepted != null && !hasClaim(held, claim)) {",
    replace: "if (held !== undefined && record?.accepted == null) {",
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-held-forgotten",
    bug: "the record of a held lock is forgotten",
    breaks: "a lock has one holder",
    file: "actors/lock/acceptor-table.ts",
    search: "acceptor.records.get(record.lock) !== record || isHeld(record.lock)",
    replace: "acceptor.records.get(record.lock) !== record",
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-token-of-one",
    bug: "a token is counted from one promise, not from the highest counter",
    breaks: "tokens of one lock rise",
    file: decide,
    search: "Math.max(...promises.map(({ counter }) => counter))",
    replace: "(promises[0] as Promising).counter",
    hunt: { by: "rivalRegions", seeds: 100, says: /tokens of one lock|one request/ },
  },
  {
    name: "regions-token-not-noted",
    bug: "an acceptor does not note the token that it accepts",
    breaks: "tokens of one lock rise",
    file: accepting,
    search: "  if (value.token > table.fencingToken) table.fencingToken = value.token;\n",
    replace: "",
    hunt: { by: "rivalRegions", seeds: 100, says: /tokens of one lock|one request/ },
  },
  {
    name: "regions-renewal-by-one",
    bug: "a renewal counts when one region has it",
    breaks: "a renewal is acknowledged by a majority",
    file: renewing,
    search: "isMajority(renewed.filter((one) => one.locks === locks).length, regions)",
    replace: "renewed.filter((one) => one.locks === locks).length > 0",
    hunt: { by: "rivalRegions", seeds: 100, says: /a renewal is acknowledged by a majority/ },
    quick: true,
  },
  {
    name: "regions-grant-by-one",
    bug: "a grant is acknowledged when one region has accepted it",
    breaks: "a grant is acknowledged by a majority",
    file: proposer,
    search: "  if (isMajority(phase.accepted.size, state.regions.length)) return succeed(state, work, attempt, now);",
    replace: "  if (phase.accepted.size > 0) return succeed(state, work, attempt, now);",
    hunt: { by: "rivalRegions", seeds: 100, says: /acknowledged by a majority/ },
  },
  {
    name: "regions-release-by-one",
    bug: "a release is acknowledged when the own region has accepted it",
    breaks: "a release is acknowledged by a majority",
    file: proposer,
    search: "...(isMajority(accepted.size, state.regions.length) ? succeed",
    replace: '...((value.type === "free" && isOwnDone) || isMajority(accepted.size, state.regions.length) ? succeed',
    hunt: { by: "rivalRegions", seeds: 100, says: /a release is acknowledged by a majority/ },
  },
  {
    name: "regions-release-concluded-early",
    bug: "a repeated release is acknowledged when one region remembers it",
    breaks: "a release is acknowledged by a majority",
    file: decide,
    search:
      "  const past = releasedBefore(promises);\n  if (past !== null && isOverFor(asked, past.token)) return conclude(past);",
    replace: "  const past = releasedBefore(promises);\n  if (past !== null) return conclude(past);",
    hunt: { by: "rivalRegions", seeds: 100, says: /a release is acknowledged by a majority|released lock/ },
  },
  {
    name: "regions-read-of-one",
    bug: "a read shows what one region holds",
    breaks: "a read shows only what a majority has accepted",
    file: decide,
    search: "if (holder !== null && isMajority(same, regions))",
    replace: "if (holder !== null && same > 0)",
    hunt: { by: "rivalRegions", seeds: 100, says: /a read shows|not seen|seen to hold/ },
  },
  {
    name: "regions-read-free-of-one",
    bug: "a read says free when one region holds nothing",
    breaks: "whoever holds a lock is seen to hold it",
    file: decide,
    search: '  if (isMajority(views.length - live.length, regions)) return { type: "seen"',
    replace: '  if (views.length > live.length) return { type: "seen"',
    hunt: { by: "rivalRegions", seeds: 100, says: /seen to hold/ },
  },
  {
    name: "regions-known-anyhow",
    bug: "the next ballot is taken at once although another region was promised a higher one",
    breaks: "nothing is accepted below a promise",
    file: acceptor,
    search: "!sameBallot(record.accepted, known) || !sameBallot(record.promised, nextBallot(known))",
    replace: "!sameBallot(record.accepted, known)",
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-ballot-again",
    bug: "the log does not remember which ballots it has chosen",
    breaks: "a ballot is chosen once",
    file: acceptor,
    search: "const round = Math.max(acceptor.round, promisedFor(acceptor, lock).round, command.above) + 1;",
    replace: "const round = command.above + 1;",
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-renewals-not-counted",
    bug: "a lease that comes back has the count of renewals that it had before",
    breaks: "no lease ends early",
    file: accepting,
    search:
      '  putLease(table, { id, owner, ttl, renewals: index });\n  noteLease(acceptor, id);\n  changes.push(\n    isKnown ? { type: "renewed", lease: id, renewals: index } : { type: "opened", lease: id, ttl, renewals: index },\n  );',
    replace:
      '  putLease(table, { id, owner, ttl, renewals: index * 0 });\n  noteLease(acceptor, id);\n  changes.push(\n    isKnown ? { type: "renewed", lease: id, renewals: index * 0 } : { type: "opened", lease: id, ttl, renewals: index * 0 },\n  );' as string,
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-lease-of-one",
    bug: "a grant under a client's lease needs the lease in one region only",
    breaks: "a lock has one holder",
    file: decide,
    search: "first !== undefined && isMajority(live.length, regions)",
    replace: "first !== undefined",
    hunt: {
      by: "test/actors/region/decide.test.ts",
      seeds: 1,
      says: /a lock goes to a client's lease only if a majority holds that lease/,
    },
  },
  {
    name: "regions-taken-back-above",
    bug: "a grant is taken back under a higher ballot than its own",
    breaks: "no grant is lost",
    file: "actors/region/taking-back.ts",
    search: '{ type: "accept", lock, ballot, value, requestId: null }',
    replace: '{ type: "accept", lock, ballot: { ...ballot, round: ballot.round + 1 }, value, requestId: null }',
    hunt: { by: "rivalRegions", seeds: 100, says: /./ },
  },
  {
    name: "regions-word-of-one",
    bug: "one region's word on a holder is enough for an outcome",
    breaks: "no grant is lost",
    file: decide,
    search: "highestLive === null || isOvertakenSince || !isEnough",
    replace: "highestLive === null || isOvertakenSince",
    hunt: { by: "rivalRegions", seeds: 100, says: /is lost/ },
  },
];
