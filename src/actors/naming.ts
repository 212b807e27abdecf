// Which answers name a holder, a lock-delay or a lease, and so say how much time is left of it. Only the leader's lease actor
// knows that: such answers go by way of it.

import type { Answer, LockView } from "./operations.ts";

const isTimed = ({ grants, delays }: LockView): boolean => grants.length > 0 || delays.length > 0;

/** Whether something in the answer has a time that is left, to be filled in by the lease actor. */
export function namesHolder(answer: Answer): boolean {
  switch (answer.type) {
    case "queued":
    case "busy":
      return answer.obstacle.holder !== null || answer.obstacle.delayedBy !== null;
    case "lockSeen":
      return isTimed(answer.lock);
    case "locksSeen":
      return answer.locks.some(isTimed);
    case "leasesSeen":
      return answer.leases.length > 0;
    default:
      return "holder" in answer;
  }
}
