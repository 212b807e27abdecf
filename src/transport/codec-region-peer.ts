// What nodes of different regions say to each other ↔ bytes. What arrives is checked for its shape here; whether it is true is
// for the region actor to say.

import {
  type Holding,
  type LeaseView,
  noBallot,
  type Question,
  type RegionMessage,
  type RenewalResult,
  type Reply,
} from "../actors/ballots.ts";
import { invariant } from "../actors/invariant.ts";
import type { LeaseId, Term } from "../actors/scalars.ts";
import { requestId } from "../actors/scalars.ts";
import { holderFromWire, holderToWire } from "./codec-grant.ts";
import { outcomeFromWire, outcomeToWire } from "./codec-outcome.ts";
import {
  acceptedFromWire,
  acceptedToWire,
  acceptFromWire,
  acceptToWire,
  ballotFromWire,
  ballotToWire,
  optionalBallotFromWire,
  prepareFromWire,
  prepareToWire,
  termsFromWire,
  termsToWire,
} from "./codec-region.ts";
import { fromWire, optionalFromWire, present, toWire, unknownKind } from "./codec-wire.ts";
import * as wire from "./generated/lockmgr/peer/v1/region.ts";

type WireQuestion = NonNullable<wire.Ask["question"]>;

function questionToWire(question: Question): WireQuestion {
  switch (question.type) {
    case "prepare":
      return { $case: "prepare", value: prepareToWire(question) };
    case "accept":
      return { $case: "accept", value: acceptToWire(question) };
    case "keepLease":
      return { $case: "keepLease", value: termsToWire(question.lease) };
    case "view":
      return { $case: "view", value: question.lock };
    case "renew":
      return { $case: "renew", value: { leases: question.leases.map(toWire) } };
    case "holdings":
      return { $case: "holdings", value: toWire(question.lease) };
  }
}

function questionFromWire(question: wire.Ask["question"]): Question {
  if (question === undefined) return unknownKind("question");
  switch (question.$case) {
    case "prepare":
      return prepareFromWire(question.value);
    case "accept":
      return acceptFromWire(question.value);
    case "keepLease":
      return { type: "keepLease", lease: termsFromWire(question.value) };
    case "view":
      return { type: "view", lock: question.value };
    case "renew":
      return { type: "renew", leases: question.value.leases.map((lease) => fromWire<LeaseId>(lease)) };
    case "holdings":
      return { type: "holdings", lease: fromWire(question.value) };
  }
}

function leaseViewToWire(view: LeaseView | null): wire.LeaseView | undefined {
  if (view === null) return undefined;
  if (view.type !== "live") return { view: { $case: view.type, value: {} } };
  return { view: { $case: "live", value: { owner: view.owner, ttlMs: toWire(view.ttl) } } };
}

function leaseViewFromWire(lease: wire.LeaseView | undefined): LeaseView | null {
  if (lease === undefined) return null;
  if (lease.view === undefined) return unknownKind("view of a lease");
  if (lease.view.$case !== "live") return { type: lease.view.$case };
  return { type: "live", owner: lease.view.value.owner, ttl: fromWire(lease.view.value.ttlMs) };
}

const results = {
  renewed: wire.RenewalResult.RENEWAL_RESULT_RENEWED,
  ended: wire.RenewalResult.RENEWAL_RESULT_ENDED,
  unknown: wire.RenewalResult.RENEWAL_RESULT_UNKNOWN,
} as const satisfies Record<RenewalResult["result"], wire.RenewalResult>;

const resultByNumber = new Map(
  (Object.keys(results) as RenewalResult["result"][]).map((result) => [results[result] as wire.RenewalResult, result]),
);

const renewalToWire = ({ lease, result, ttl, locks }: RenewalResult): wire.Renewal => ({
  lease: toWire(lease),
  result: results[result],
  ttlMs: toWire(ttl),
  locks,
});

const renewalFromWire = ({ lease, result, ttlMs, locks }: wire.Renewal): RenewalResult => ({
  lease: fromWire(lease),
  result: resultByNumber.get(result) ?? unknownKind("result of a renewal"),
  ttl: fromWire(ttlMs),
  locks,
});

const holdingFromWire = ({ lock, token }: wire.Holding): Holding => ({ lock, token: fromWire(token) });

type WireReply = NonNullable<wire.Reply["reply"]>;
type ReplyOf<Type extends Reply["type"]> = Extract<Reply, { type: Type }>;

const promiseToWire = (reply: ReplyOf<"promise">): wire.Promise => ({
  ...acceptedToWire(reply),
  live: reply.live,
  counter: toWire(reply.counter),
  floor: reply.floor.round === 0 ? undefined : ballotToWire(reply.floor),
  past: reply.past === null ? undefined : outcomeToWire(reply.past),
  lease: leaseViewToWire(reply.lease),
});

const promiseFromWire = (reply: wire.Promise): ReplyOf<"promise"> => ({
  type: "promise",
  ...acceptedFromWire(reply),
  live: reply.live,
  counter: fromWire(reply.counter),
  floor: optionalBallotFromWire(reply.floor) ?? noBallot,
  past: reply.past === undefined ? null : outcomeFromWire(reply.past),
  lease: leaseViewFromWire(reply.lease),
});

const liveToWire = (reply: ReplyOf<"live">): wire.Live => ({
  accepted: ballotToWire(reply.accepted),
  holder: holderToWire(reply.holder),
  requestId: reply.requestId,
  counter: toWire(reply.counter),
  lease: leaseViewToWire(reply.lease),
});

const liveFromWire = (reply: wire.Live): ReplyOf<"live"> => ({
  type: "live",
  accepted: ballotFromWire(reply.accepted),
  holder: holderFromWire(present(reply.holder, "the holder")),
  requestId: requestId(reply.requestId),
  counter: fromWire(reply.counter),
  lease: leaseViewFromWire(reply.lease),
});

const viewToWire = (reply: ReplyOf<"view">): wire.View => ({
  ...acceptedToWire(reply),
  live: reply.live,
  holder: reply.holder === null ? undefined : holderToWire(reply.holder),
});

const viewFromWire = (reply: wire.View): ReplyOf<"view"> => ({
  type: "view",
  ...acceptedFromWire(reply),
  live: reply.live,
  holder: reply.holder === undefined ? null : holderFromWire(reply.holder),
});

const holdingsToWire = ({ lease, locks }: ReplyOf<"holdings">): wire.Holdings => ({
  lease: lease === null ? undefined : termsToWire(lease),
  locks: locks.map(({ lock, token }) => ({ lock, token: toWire(token) })),
});

const holdingsFromWire = ({ lease, locks }: wire.Holdings): ReplyOf<"holdings"> => ({
  type: "holdings",
  lease: lease === undefined ? null : termsFromWire(lease),
  locks: locks.map(holdingFromWire),
});

function replyToWire(reply: Reply): WireReply {
  switch (reply.type) {
    case "promise":
      return { $case: "promise", value: promiseToWire(reply) };
    case "live":
      return { $case: "live", value: liveToWire(reply) };
    case "overtaken":
      return { $case: "overtaken", value: ballotToWire(reply.promised) };
    case "accepted":
      return { $case: "accepted", value: toWire(reply.counter) };
    case "occupied":
    case "leaseKept":
      return { $case: reply.type, value: {} };
    case "view":
      return { $case: "view", value: viewToWire(reply) };
    case "renewals":
      return { $case: "renewals", value: { results: reply.results.map(renewalToWire) } };
    case "holdings":
      return { $case: "holdings", value: holdingsToWire(reply) };
    case "begun":
    case "begunAccepted":
    case "concluded":
    case "leaseBegun":
      invariant(false, "what a region answers its own proposer stays in the region");
  }
}

function replyFromWire(reply: wire.Reply["reply"]): Reply {
  if (reply === undefined) return unknownKind("reply");
  switch (reply.$case) {
    case "promise":
      return promiseFromWire(reply.value);
    case "live":
      return liveFromWire(reply.value);
    case "overtaken":
      return { type: "overtaken", promised: ballotFromWire(reply.value) };
    case "accepted":
      return { type: "accepted", counter: fromWire(reply.value) };
    case "occupied":
    case "leaseKept":
      return { type: reply.$case };
    case "view":
      return viewFromWire(reply.value);
    case "renewals":
      return { type: "renewals", results: reply.value.results.map(renewalFromWire) };
    case "holdings":
      return holdingsFromWire(reply.value);
  }
}

const leadsToWire = (leads: Term | null): bigint | undefined => (leads === null ? undefined : toWire(leads));

const leadsFromWire = (leads: bigint | undefined): Term | null => optionalFromWire<Term>(leads) ?? null;

function caseOf(message: RegionMessage): NonNullable<wire.RegionMessage["message"]> {
  switch (message.type) {
    case "ask":
      return { $case: "ask", value: { ask: message.ask, question: questionToWire(message.question) } };
    case "reply":
      return { $case: "reply", value: { ask: message.ask, reply: replyToWire(message.reply) } };
    case "ping":
      return { $case: "ping", value: { ping: toWire(message.ping) } };
    case "pong":
      return { $case: "pong", value: { ping: toWire(message.ping), leads: leadsToWire(message.leads) } };
    case "leads":
      return { $case: "leads", value: { leads: leadsToWire(message.leads) } };
  }
}

export const regionMessageToWire = (message: RegionMessage): wire.RegionMessage => ({ message: caseOf(message) });

export function regionMessageFromWire({ message }: wire.RegionMessage): RegionMessage {
  if (message === undefined) return unknownKind("message between regions");
  switch (message.$case) {
    case "ask":
      return { type: "ask", ask: message.value.ask, question: questionFromWire(message.value.question) };
    case "reply":
      return { type: "reply", ask: message.value.ask, reply: replyFromWire(message.value.reply) };
    case "ping":
      return { type: "ping", ping: fromWire(message.value.ping) };
    case "pong":
      return { type: "pong", ping: fromWire(message.value.ping), leads: leadsFromWire(message.value.leads) };
    case "leads":
      return { type: "leads", leads: leadsFromWire(message.value.leads) };
  }
}
