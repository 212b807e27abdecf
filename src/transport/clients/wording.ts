// What is told to people: one sentence for every way in which a request can fail, equal on every interface.

import type { Answer, Ending, Holder, Obstacle, Refusal, Standing } from "../../actors/operations.ts";

/** In quotes, on one line, whatever it is made of. */
const quote = (text: string): string => JSON.stringify(text);

/** A lock by its name; what is known by its token alone has none. */
const named = (lock: string): string => (lock === "" ? "that grant" : `lock ${quote(lock)}`);

/** Who holds the lock, since when, and for how long still. */
const heldBy = (lock: string, holder: Holder): string =>
  `${named(lock)} is held by ${quote(holder.owner)} since ${new Date(holder.grantedAt).toISOString()} ` +
  `and for another ${Math.max(0, Math.ceil(holder.remaining))} ms unless it is renewed (fencing token ${holder.token})`;

/** Why a request that does not wait was not granted. */
const inTheWay = ({ lock, holder, delayed, queue }: Obstacle): string => {
  const queued = queue === 0 ? "" : `; ${queue} ${queue === 1 ? "request waits" : "requests wait"} for it`;
  if (holder !== null) return `${heldBy(lock, holder)}${queued}`;
  if (delayed !== null)
    return `lock ${quote(lock)} was lost by its holder and is delayed for another ${Math.ceil(delayed)} ms${queued}`;
  return `lock ${quote(lock)} is free, but others wait for it or for what they want with it${queued}`;
};

const endings: Readonly<Record<Ending, string>> = {
  released: "been released",
  expired: "expired",
  revoked: "ended with its lease",
  forced: "been taken from its holder",
};

const lastKnown = (standing: Standing | null): string =>
  standing?.leaderAddress ? `the leader is at ${standing.leaderAddress}` : "no leader is known";

export function refusalSentence(refusal: Refusal, standing: Standing | null): string {
  switch (refusal) {
    case "no-leader":
      return `no leader could be reached in time, nothing was done; ${lastKnown(standing)}`;
    case "unknown-outcome":
      return (
        "the outcome is unknown: the request was handed to the leader, whose answer did not come in time; " +
        `repeat it with the same x-request-id, or look; ${lastKnown(standing)}`
      );
    case "overloaded":
      return "too many requests are under way on this node; try again later";
    case "disk-full":
      return "the disk is nearly full: nothing new is begun, what is held can be renewed and released";
    case "no-quorum":
      return "no majority of regions could be reached in time; nothing was granted, try again later";
    case "stopping":
      return "this node is stopping; ask another";
    case "unserved":
      return "not served where there are several regions";
  }
}

/** Why the answer is not what the client wanted. Empty if it is. */
export function sentence(answer: Answer, lock: string, standing: Standing | null): string {
  switch (answer.type) {
    case "refused":
      return refusalSentence(answer.refusal, standing);
    case "held":
      return heldBy(lock, answer.holder);
    case "heldByAnotherLease":
      return `${heldBy(lock, answer.holder)}, under another lease than the one given`;
    case "heldByAnotherOwner":
      return `${heldBy(lock, answer.holder)}, not by the one who asks`;
    case "staleToken":
      return `the fencing token given is not the holder's: ${heldBy(lock, answer.holder)}`;
    case "grantOver":
      return `this request was granted before, with fencing token ${answer.token}, and that grant has ${
        endings[answer.how]
      } since; make a new request`;
    case "leaseUnknown":
      return "there is no such lease";
    case "leaseEnded":
      return "the lease has expired or was given up; open a new one";
    case "leaseOfAnother":
      return `the lease belongs to ${quote(answer.owner)}, not to the owner given`;
    case "notHeld":
      return lock === "" ? "nobody holds anything under that fencing token" : `nobody holds lock ${quote(lock)}`;
    case "grantExpired":
      return `the grant has expired, and nobody holds lock ${quote(lock)}`;
    case "forgotten":
      return "this request is a repeat so late that its outcome is no longer remembered; nothing was done";
    case "busy":
      return inTheWay(answer.obstacle);
    case "waitOver":
      return "the request has waited for as long as it may; make a new request";
    case "requestCancelled":
      return "the request was cancelled; make a new request";
    case "deadlock":
      return `to wait would be to wait for ever: ${answer.cycle
        .map(({ waiter, lock: wanted }) => `${quote(waiter.owner)} waits for lock ${quote(wanted)}`)
        .join(", ")}, and so on in a circle`;
    case "limitDiffers":
      return `lock ${quote(answer.lock)} is a semaphore of ${answer.limit} permits as long as somebody holds it or waits for it`;
    case "queueFull":
      return `${answer.limit} requests wait already, and no more can; try again later`;
    case "queued":
    case "cancelled":
    case "leaseClosed":
    case "proclaimed":
    case "yieldAsked":
    case "forced":
    case "lockSeen":
    case "locksSeen":
    case "waitersSeen":
    case "leasesSeen":
    case "waitsSeen":
    case "free":
    case "locked":
    case "granted":
    case "released":
    case "leaseOpened":
    case "leaseRenewed":
      return "";
  }
}
