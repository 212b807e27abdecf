// Fills in how much time is left, wherever an answer or a reply names a holder, a lock-delay or a lease. The lock table knows
// no time; whoever calls this says how much is left of what.

import { delayAlarm } from "../alarms.ts";
import type { Reply } from "../ballots.ts";
import type { AlarmId } from "../messages.ts";
import { namesHolder } from "../naming.ts";
import type { Answer, Holder, LockView, Obstacle } from "../operations.ts";
import type { LeaseId, Millis } from "../scalars.ts";

/** What is left. */
export interface TimeLeft {
  readonly ofLease: (lease: LeaseId) => Millis;
  readonly ofAlarm: (alarm: AlarmId) => Millis;
}

const timed = <Held extends Holder>(holder: Held, left: TimeLeft): Held => ({
  ...holder,
  remaining: left.ofLease(holder.lease),
});

const obstacleWith = (obstacle: Obstacle, left: TimeLeft): Obstacle => ({
  ...obstacle,
  holder: obstacle.holder === null ? null : timed(obstacle.holder, left),
  delayed: obstacle.delayedBy === null ? null : left.ofAlarm(delayAlarm(obstacle.lock, obstacle.delayedBy)),
});

const lockWith = (view: LockView, left: TimeLeft): LockView => ({
  ...view,
  grants: view.grants.map((grant) => timed(grant, left)),
  delays: view.delays.map((delay) => ({ ...delay, remaining: left.ofAlarm(delayAlarm(view.lock, delay.token)) })),
});

export function fillAnswer(answer: Answer, left: TimeLeft): Answer {
  if (!namesHolder(answer)) return answer;
  switch (answer.type) {
    case "queued":
    case "busy":
      return { ...answer, obstacle: obstacleWith(answer.obstacle, left) };
    case "lockSeen":
      return { ...answer, lock: lockWith(answer.lock, left) };
    case "locksSeen":
      return { ...answer, locks: answer.locks.map((lock) => lockWith(lock, left)) };
    case "leasesSeen":
      return {
        ...answer,
        leases: answer.leases.map((lease) => ({ ...lease, remaining: left.ofLease(lease.lease) })),
      };
    default:
      return "holder" in answer ? { ...answer, holder: timed(answer.holder, left) } : answer;
  }
}

/** The same for what a proposer asked. */
export function fillReply(reply: Reply, left: TimeLeft): Reply {
  switch (reply.type) {
    case "live":
      return { ...reply, holder: timed(reply.holder, left) };
    case "view":
      return reply.holder === null ? reply : { ...reply, holder: timed(reply.holder, left) };
    case "begun":
      return reply.own.type === "live"
        ? { ...reply, own: { ...reply.own, holder: timed(reply.own.holder, left) } }
        : reply;
    default:
      return reply;
  }
}
