// The region actor: makes a lock global. On the leader of a region it is a proposer, who asks a majority of regions for every
// lock, lease and read; and it puts the questions of proposers elsewhere to its own region's log. There is no leader above the
// regions: any of them grants, and a minority of them may be lost. With one region it stands aside.

import { type Behaviour, type Inbox, send, setTimer } from "../actor.ts";
import type { Claim, RegionMessage, RemoteNode } from "../ballots.ts";
import type { AskReply, ForwardedRequest, Leadership } from "../messages.ts";
import { after, type Instant, instant, millis, type RegionId } from "../scalars.ts";
import { askAgain, leaderOf, openInquiries, tell } from "./asking.ts";
import { cancel } from "./cancelling.ts";
import { announce, heard, keepInTouch, onLeads, onLink, onPong } from "./contacts.ts";
import { lookAgain, onOpeningReply, onReadingReply, open, read } from "./opening.ts";
import { enqueue, giveUpOverdue, judge, onAttemptReply, onRetry, reconsider } from "./proposer.ts";
import { gather, giveUpRenewals, onGathered, onRenewals } from "./renewing.ts";
import { goOnRepairing, onHoldings } from "./repairing.ts";
import { groupRenewals, passOn, passRenewals, serve } from "./serving.ts";
import { dropOldStandings } from "./standings.ts";
import { dropWork, type Effects, patience, type RegionState, startRegion, type Task } from "./state.ts";
import { answerErrand } from "./telling.ts";
import { tellPlaces } from "./waiting.ts";

/** How often deadlines, silence and what is unanswered are looked at. */
const tickMs = millis(50);
/** A request is given up so much before whoever waits for it would: he is to be told why. */
const marginMs = 200;

function receive(state: RegionState, message: Inbox<"region">, now: Instant): Effects {
  if (state.others.length === 0) return onlyFollow(state, message);
  switch (message.type) {
    case "leading":
    case "following":
      return onLeadership(state, message, now);
    case "requests":
      return message.requests.flatMap((request) => onRequest(state, request, now));
    case "replies":
      return message.replies.flatMap(({ ask, reply }) => onReply(state, { ask, reply, from: state.region }, now));
    case "renewals": {
      const groups = [...groupRenewals(state, message.results)];
      return groups.flatMap(([ask, results]) => {
        const own = { ask, reply: { type: "renewals", results } as const, from: state.region };
        return passRenewals(state, ask, results) ?? onOwnReply(state, own, now);
      });
    }
    case "told":
      heard(state, message.from, now);
      return onTold(state, message.from, message.message, now);
    case "regionLink":
      return [...startTick(state), ...onLink(state, message.node, message.up, now)];
    case "timeout":
      switch (message.timer) {
        case "tick":
          return onTick(state, now);
        case "retry":
          return onRetry(state, now);
        case "renew":
          return onGathered(state, now);
      }
  }
}

function onlyFollow(state: RegionState, message: Inbox<"region">): Effects {
  if (message.type === "leading" || message.type === "following") {
    state.leading = message.type === "leading";
    state.term = message.term;
  }
  return [];
}

/** Whatever was under way in an earlier leadership is dropped; the gateway sends it again to whoever leads. */
function onLeadership(state: RegionState, { type, term }: Leadership, now: Instant): Effects {
  const early = state.early;
  dropWork(state);
  state.leading = type === "leading";
  state.term = term;
  const begun = state.leading ? early.flatMap((task) => begin(state, task, now)) : [];
  return [...startTick(state), ...announce(state), ...begun];
}

function startTick(state: RegionState): Effects {
  if (state.ticking) return [];
  state.ticking = true;
  return [setTimer("tick", tickMs)];
}

function onRequest(state: RegionState, request: ForwardedRequest, now: Instant): Effects {
  const { requestId, operation, bornAt, budget } = request;
  const span = budget - Math.min(marginMs, budget / 5);
  const task: Task = { requestId, operation, bornAt, deadline: after(now, millis(span)) };
  if (state.leading) return begin(state, task, now);
  // The gateway has heard that this node leads, and this actor has not yet.
  state.early = state.early.filter((other) => other.requestId !== requestId && other.deadline > now);
  state.early.push(task);
  return [];
}

function begin(state: RegionState, task: Task, now: Instant): Effects {
  const { requestId, operation, deadline } = task;
  if (state.requests.has(requestId)) return remind(state, task);
  state.requests.add(requestId);
  switch (operation.type) {
    case "openLease":
      return open(state, task);
    case "check":
      return read(state, task, now);
    case "renewLease":
      return gather(state, task);
    case "acquire": {
      const lease = "lease" in operation.under ? operation.under.lease : null;
      const claim: Claim = { type: "acquire", requestId, owner: operation.owner, lease };
      return enqueue(state, operation.lock, { claim, task, deadline }, now);
    }
    case "release": {
      const claim: Claim = { type: "release", requestId, grant: operation.grant };
      return enqueue(state, operation.lock, { claim, task, deadline }, now);
    }
    case "acquireAll":
      return acquireSole(state, task, now) ?? unserved(state, task);
    case "cancel":
      return cancel(state, task, now) ?? unserved(state, task);
    default:
      return unserved(state, task);
  }
}

/** It is being dealt with. Whoever comes back for a request that waits is told where it stands. */
function remind(state: RegionState, { requestId, operation }: Task): Effects {
  const lock = operation.type === "acquireAll" ? operation.demands[0]?.lock : undefined;
  const work = lock === undefined ? undefined : state.locks.get(lock);
  const waiting = work?.parked.filter(({ task }) => task?.requestId === requestId) ?? [];
  return work === undefined || waiting.length === 0 ? [] : tellPlaces(work, waiting);
}

/** One lock, exclusively; null if it is anything else. */
function acquireSole(state: RegionState, task: Task, now: Instant): Effects | null {
  const { requestId, operation, deadline } = task;
  if (operation.type !== "acquireAll") return null;
  const { demands, owner, under, wait } = operation;
  const [demand] = demands;
  if (demand === undefined || demands.length > 1 || demand.mode !== "exclusive") return null;
  const lease = "lease" in under ? under.lease : null;
  const claim: Claim = { type: "acquire", requestId, owner, lease };
  if (wait === 0) return enqueue(state, demand.lock, { claim, task, deadline, isSole: true }, now);
  // It is tried for as long as it waits, whether or not somebody listens.
  const waitsUntil = after(now, wait);
  const last = instant(Math.max(deadline, waitsUntil));
  return enqueue(state, demand.lock, { claim, task, deadline: last, isSole: true, waitsUntil }, now);
}

/** The transport refuses it before; a node of another version may not. */
function unserved(state: RegionState, { requestId }: Task): Effects {
  state.requests.delete(requestId);
  const answer = { type: "refused", refusal: "unserved" } as const;
  return [send("gateway", { type: "answers", answers: [{ requestId, answer }] })];
}

interface Answered extends AskReply {
  readonly from: RegionId;
}

function onReply(state: RegionState, answered: Answered, now: Instant): Effects {
  const { ask, reply, from } = answered;
  const passed = from === state.region ? passOn(state, ask, reply, now) : null;
  return passed ?? onOwnReply(state, answered, now);
}

/** An answer to a question of this proposer's own. */
function onOwnReply(state: RegionState, { ask, reply, from }: Answered, now: Instant): Effects {
  const awaited = state.awaited.get(ask);
  if (awaited === undefined) return [];
  switch (awaited.type) {
    case "attempt":
      return onAttemptReply(state, { lock: awaited.lock, ask, from, reply }, now);
    case "opening":
      return onOpeningReply(state, { requestId: awaited.requestId, from, reply }, now);
    case "reading":
      return onReadingReply(state, { requestId: awaited.requestId, from, reply }, now);
    case "renewal":
      return reply.type === "renewals" ? onRenewals(state, { ask, from, results: reply.results }, now) : [];
    case "repair":
      return onHoldings(state, { lease: awaited.lease, from, reply }, now);
    case "concluding": {
      state.awaited.delete(ask);
      if (reply.type !== "concluded") return [];
      state.counts.refused += 1;
      return [send("gateway", { type: "answers", answers: answerErrand(state, awaited.errand, reply.outcome) })];
    }
    case "trailing": {
      const trailing = state.trailing.get(ask);
      trailing?.inquiry.answered.add(from);
      if (trailing !== undefined && state.others.every((region) => trailing.inquiry.answered.has(region))) {
        state.trailing.delete(ask);
        state.awaited.delete(ask);
      }
      return [];
    }
  }
}

function onTold(state: RegionState, from: RemoteNode, message: RegionMessage, now: Instant): Effects {
  switch (message.type) {
    case "ask":
      return serve(state, from, message.ask, message.question);
    case "reply":
      state.counts.roundTrips += 1;
      return onOwnReply(state, { ask: message.ask, reply: message.reply, from: from.region }, now);
    case "ping":
      return [tell(state, from, { type: "pong", ping: message.ping, leads: state.leading ? state.term : null })];
    case "pong":
      return onPong(state, from, message, now);
    case "leads":
      return onLeads(state, from, message.leads, now);
  }
}

function onTick(state: RegionState, now: Instant): Effects {
  const effects: Effects = [setTimer("tick", tickMs), ...keepInTouch(state, now)];
  if (!state.leading) {
    state.early = state.early.filter(({ deadline }) => deadline > now);
    return effects;
  }
  effects.push(...giveUpOverdue(state, now), ...lookAgain(state, now), ...giveUpRenewals(state, now));
  effects.push(...goOnRepairing(state, now));
  dropOldStandings(state, now);
  for (const [ask, { until }] of state.trailing) {
    if (until > now) continue;
    state.trailing.delete(ask);
    state.awaited.delete(ask);
  }
  for (const inquiry of openInquiries(state)) effects.push(...askAgain(state, inquiry, now));
  // Where no more answers are to be expected, those that have come must do.
  const span = patience(state);
  for (const work of [...state.locks.values()]) {
    const { attempt } = work;
    if (attempt === null) continue;
    const { phase } = attempt;
    if (phase.type !== "prepare" && phase.type !== "accept") continue;
    if (after(phase.inquiry.sentAt, span) > now) continue;
    effects.push(...judge(state, work, attempt, now), ...reconsider(state, attempt, now));
  }
  return effects;
}

export const region: Behaviour<"region", RegionState> = {
  start: startRegion,
  receive,
  inspect: (state) => ({
    leading: state.leading ? 1 : 0,
    term: state.term,
    regions: state.regions.length,
    regionsReachable: [...state.contacts.values()].filter((contact) => leaderOf(contact) !== null).length,
    requests: state.requests.size,
    locksUnderWay: state.locks.size,
    waiting: [...state.locks.values()].reduce((sum, { parked }) => sum + parked.length, 0),
    ...state.counts,
  }),
};
