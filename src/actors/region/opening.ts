// Leases that clients open, and reads. A lease begins in the own region's log, which numbers it, and is open once a majority of
// regions holds it. A read asks all regions and shows what a majority has accepted; where that cannot be seen it looks again.

import { send } from "../actor.ts";
import type { Reply } from "../ballots.ts";
import { isMajority } from "../electorate.ts";
import type { Command } from "../messages.ts";
import type { Answer, Outcome } from "../operations.ts";
import { between, type Instant, type RegionId, type RequestId } from "../scalars.ts";
import { coming, inquire } from "./asking.ts";
import { see } from "./decide.ts";
import { confirmLease } from "./standings.ts";
import { type Effects, nextAsk, type Opening, type Reading, type RegionState, type Task } from "./state.ts";
import { trail } from "./taking-back.ts";

export function open(state: RegionState, task: Task): Effects {
  const { operation, requestId, bornAt } = task;
  if (operation.type !== "openLease") return [];
  const ask = nextAsk(state);
  state.awaited.set(ask, { type: "opening", requestId });
  state.openings.set(requestId, { task, ask, inquiry: null, lease: null });
  const { owner, ttl } = operation;
  const command: Command = { type: "beginLease", ask, requestId, bornAt, owner, ttl };
  return [send("raft", { type: "propose", commands: [command] })];
}

export function onOpeningReply(
  state: RegionState,
  { requestId, from, reply }: { readonly requestId: RequestId; readonly from: RegionId; readonly reply: Reply },
  now: Instant,
): Effects {
  const opening = state.openings.get(requestId);
  if (opening === undefined) return [];
  switch (reply.type) {
    case "concluded":
      return closeOpening(state, opening, reply.outcome);
    case "leaseBegun": {
      if (opening.task.operation.type !== "openLease") return [];
      const { owner, ttl } = opening.task.operation;
      const lease = { id: reply.lease, owner, ttl };
      state.awaited.delete(opening.ask);
      const question = { type: "keepLease", lease } as const;
      const { inquiry, effects } = inquire(
        state,
        { question, awaited: { type: "opening", requestId }, own: false },
        now,
      );
      opening.ask = inquiry.ask;
      opening.inquiry = inquiry;
      opening.lease = lease;
      inquiry.answered.add(state.region);
      return effects;
    }
    case "leaseKept": {
      const { inquiry, lease, task } = opening;
      if (inquiry === null || lease === null) return [];
      inquiry.answered.add(from);
      if (!isMajority(inquiry.answered.size, state.regions.length)) return [];
      confirmLease(state, { lease: lease.id, ttl: lease.ttl, at: inquiry.sentAt });
      const closed = closeOpening(state, opening, { type: "leaseOpened", lease: lease.id, ttl: lease.ttl });
      return [...closed, ...trail(state, inquiry, task.deadline)];
    }
    default:
      return [];
  }
}

function closeOpening(state: RegionState, { task, ask }: Opening, answer: Answer): Effects {
  state.openings.delete(task.requestId);
  state.awaited.delete(ask);
  return answerTask(state, task, answer);
}

export function answerTask(state: RegionState, { requestId }: Task, answer: Answer): Effects {
  state.requests.delete(requestId);
  return [send("gateway", { type: "answers", answers: [{ requestId, answer }] })];
}

export function read(state: RegionState, task: Task, now: Instant): Effects {
  if (task.operation.type !== "check") return [];
  const question = { type: "view", lock: task.operation.lock } as const;
  const awaited = { type: "reading", requestId: task.requestId } as const;
  const { inquiry, effects } = inquire(state, { question, awaited, own: true }, now);
  state.readings.set(task.requestId, { task, inquiry, views: new Map() });
  return effects;
}

export function onReadingReply(
  state: RegionState,
  { requestId, from, reply }: { readonly requestId: RequestId; readonly from: RegionId; readonly reply: Reply },
  now: Instant,
): Effects {
  const reading = state.readings.get(requestId);
  if (reading === undefined || reply.type !== "view") return [];
  reading.inquiry.answered.add(from);
  reading.views.set(from, { accepted: reply.accepted, live: reply.live, holder: reply.holder });
  return lookAt(state, reading, now);
}

function lookAt(state: RegionState, reading: Reading, now: Instant): Effects {
  const { inquiry, views, task } = reading;
  const expected = coming(state, inquiry, now, views.has(state.region));
  const sight = see([...views.values()], { regions: state.regions.length, coming: expected });
  if (sight.type !== "seen") return [];
  closeReading(state, reading);
  return answerTask(state, task, sight.outcome satisfies Outcome);
}

function closeReading(state: RegionState, { inquiry, task }: Reading): void {
  state.awaited.delete(inquiry.ask);
  state.readings.delete(task.requestId);
}

/** What is still unclear when nothing more is to be expected is looked at anew: views of two moments do not fit together. */
export function lookAgain(state: RegionState, now: Instant): Effects {
  const effects: Effects = [];
  for (const reading of [...state.readings.values()]) {
    const { task, inquiry, views } = reading;
    if (between(now, task.deadline) <= 0) {
      closeReading(state, reading);
      const refusal = isMajority(views.size, state.regions.length) ? "unknown-outcome" : "no-quorum";
      effects.push(...answerTask(state, task, { type: "refused", refusal }));
    } else if (views.size > 0 && coming(state, inquiry, now, views.has(state.region)) === 0) {
      closeReading(state, reading);
      effects.push(...read(state, task, now));
    }
  }
  for (const opening of [...state.openings.values()]) {
    if (between(now, opening.task.deadline) > 0) continue;
    const refusal = opening.lease === null ? "no-quorum" : "unknown-outcome";
    effects.push(...closeOpening(state, opening, { type: "refused", refusal }));
  }
  return effects;
}
