// Questions of the program's as messages of the service, and the answers as the SDK tells them.

import type { ClientMessage, ServerMessage } from "../../transport/generated/lockmgr/v1/lock.ts";
import type { Question } from "../letters.ts";
import { demandToWire, endingFrom, holderFrom, leaseFrom, lockFrom, waiterFrom, waitFrom } from "./from-wire.ts";

export type Said = NonNullable<ClientMessage["message"]>;
export type Heard = NonNullable<ServerMessage["message"]>;

/** Whether nothing is changed by it, so that it does not matter how often it is asked. */
export const isRead = ({ type }: Question): boolean =>
  ["check", "verify", "list", "waiters", "leases", "waitGraph"].includes(type);

/** The question as a message. A write bears `requestId`. */
export function messageOf(question: Question, requestId: string, owner: string): Said {
  switch (question.type) {
    case "check":
      return { $case: "check", value: { lock: question.lock } };
    case "verify":
      return { $case: "verify", value: { lock: question.lock, token: BigInt(question.token) } };
    case "list": {
      const { prefix, owner: of, leaseId, minAgeMs, page } = question;
      const value = { prefix, owner: of, leaseId: BigInt(leaseId), minAgeMs: BigInt(minAgeMs) };
      return { $case: "listLocks", value: { ...value, pageSize: page.size, pageToken: page.token } };
    }
    case "waiters": {
      const { lock, page } = question;
      return { $case: "listWaiters", value: { lock, pageSize: page.size, pageToken: page.token } };
    }
    case "leases": {
      const { owner: of, page } = question;
      return { $case: "listLeases", value: { owner: of, pageSize: page.size, pageToken: page.token } };
    }
    case "waitGraph":
      return { $case: "getWaitGraph", value: { limit: question.limit } };
    default:
      return writeOf(question, requestId, owner);
  }
}

type WriteQuestion = Exclude<Question, { type: "check" | "verify" | "list" | "waiters" | "leases" | "waitGraph" }>;

function writeOf(question: WriteQuestion, requestId: string, owner: string): Said {
  switch (question.type) {
    case "revokeLease":
      return { $case: "revokeLease", value: { leaseId: BigInt(question.leaseId), requestId } };
    case "forceRelease": {
      const { lock, token, reason } = question;
      return { $case: "forceRelease", value: { lock, token: BigInt(token), reason, requestId } };
    }
    case "askYield": {
      const { lock, token, reason, graceMs, force } = question;
      const value = { lock, token: BigInt(token), reason, graceMs: BigInt(graceMs), force, requestId };
      return { $case: "askYield", value };
    }
    case "proclaim": {
      const { lock, leaseId, token, metadata } = question;
      const value = { lock, leaseId: BigInt(leaseId), token: BigInt(token), metadata, requestId };
      return { $case: "proclaim", value };
    }
    case "cancelWait": {
      const value = { requestId: question.requestId, lock: "", leaseOwner: "" };
      return { $case: "cancel", value: { ...value, under: { $case: "listed", value: true } } };
    }
    case "cancel": {
      const { requestId: cancelled, under } = question;
      return {
        $case: "cancel",
        value: {
          requestId: cancelled,
          lock: question.lock,
          leaseOwner: owner,
          under:
            "leaseId" in under
              ? { $case: "leaseId", value: BigInt(under.leaseId) }
              : { $case: "owner", value: under.owner },
        },
      };
    }
    case "acquireDetached": {
      const { demands, ttlMs, priority, lockDelayMs, metadata, context } = question;
      const under = { $case: "ttlMs", value: BigInt(ttlMs) } as const;
      const terms = { waitMs: 0n, priority, lockDelayMs: BigInt(lockDelayMs), metadata, context, requestId };
      return { $case: "acquire", value: { demands: demands.map(demandToWire), owner, under, ...terms } };
    }
    case "releaseGrant": {
      const { leaseId, token, lock } = question;
      return { $case: "release", value: { leaseId: BigInt(leaseId), token: BigInt(token), lock, requestId } };
    }
  }
}

/** The answer as the SDK tells it; undefined if it answers no question. */
export function answerOf(heard: Heard): unknown {
  switch (heard.$case) {
    case "checked":
      return heard.value.lock === undefined ? undefined : lockFrom(heard.value.lock);
    case "verified": {
      const { current, holder } = heard.value;
      return { current, holder: holder === undefined ? null : holderFrom(holder) };
    }
    case "locks":
      return { items: heard.value.locks.map(lockFrom), next: heard.value.nextPageToken };
    case "waiters":
      return { items: heard.value.waiters.map(waiterFrom), next: heard.value.nextPageToken };
    case "leases":
      return { items: heard.value.leases.map(leaseFrom), next: heard.value.nextPageToken };
    case "waitGraph":
      return { waits: heard.value.waits.map(waitFrom), isComplete: heard.value.complete };
    case "revoked":
      return heard.value.locks;
    case "forced":
    case "yieldAsked":
      return heard.value.tokens.map(Number);
    case "proclaimed":
      return null;
    case "cancelled":
      return heard.value.token === 0n ? null : Number(heard.value.token);
    case "released":
      return endingFrom(heard.value.how);
    case "acquired": {
      if (heard.value.result?.$case !== "granted") return undefined;
      const { token, leaseId, ttlMs, usableMs } = heard.value.result.value;
      return {
        token: Number(token),
        leaseId: Number(leaseId),
        ttlMs: Number(ttlMs),
        usableMs: Number(usableMs),
      };
    }
    default:
      return undefined;
  }
}
