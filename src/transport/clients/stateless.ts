// The stateless interface, `com.geastalt.lock.grpc.LockService`: a lock by its id, under a lease that the grant opens for
// itself. Outcomes travel in the response; only what concerns transport is a gRPC error.

import type { Answer } from "../../actors/operations.ts";
import type { WallTime } from "../../actors/scalars.ts";
import type {
  AcquireLockRequest,
  AcquireLockResponse,
  CheckLockRequest,
  CheckLockResponse,
  LockStatus,
  ReleaseLockRequest,
  ReleaseLockResponse,
} from "../generated/com/geastalt/lock/grpc/lock.ts";
import type { Settings } from "../settings.ts";
import { type Failure, lockStatus, reasonOf } from "../status.ts";
import { lockTtl, textProblem, tokenNamed } from "./fields.ts";
import { type Desk, type Invalid, invalid, type Method } from "./procedure.ts";
import { sentence } from "./wording.ts";

interface Told {
  readonly status: LockStatus;
  readonly message: string;
}

export interface StatelessMethods {
  readonly acquireLock: Method<AcquireLockRequest, AcquireLockResponse>;
  readonly releaseLock: Method<ReleaseLockRequest, ReleaseLockResponse>;
  readonly checkLock: Method<CheckLockRequest, CheckLockTold>;
}

/** CheckLock has no field for a sentence: it travels beside the response. */
export type CheckLockTold = CheckLockResponse & { readonly problem: string };

export function statelessMethods({ settings, standing, wallNow }: Desk): StatelessMethods {
  const tell = (answer: Answer | Invalid, lock: string): Told | Failure => {
    const message = answer.type === "invalid" ? answer.message : sentence(answer, lock, standing());
    const row = answer.type === "refused" ? answer.refusal : answer.type;
    const status = lockStatus[row];
    if (status !== null) return { status, message };
    // A refusal that is told as an error, or an outcome that no call of this interface can have.
    return { reason: reasonOf(row), message };
  };
  return {
    acquireLock: acquireLock(settings, tell),
    releaseLock: releaseLock(tell),
    checkLock: checkLock(wallNow, tell),
  };
}

type Tell = (answer: Answer | Invalid, lock: string) => Told | Failure;

const acquireLock = (settings: Settings, tell: Tell): Method<AcquireLockRequest, AcquireLockResponse> => ({
  operation: ({ lockId, clientId, timeoutMs }, arrivedAt) => {
    const problem = textProblem("lock_id", lockId) ?? textProblem("client_id", clientId);
    if (problem !== null) return invalid(problem);
    return {
      type: "acquire",
      lock: lockId,
      owner: clientId,
      under: { ttl: lockTtl(timeoutMs, settings) },
      askedAt: arrivedAt,
    };
  },
  response: (answer, { lockId }, arrivedAt) => {
    const told = tell(answer, lockId);
    if ("reason" in told) return told;
    const { status, message: errorMessage } = told;
    return answer.type === "granted"
      ? {
          success: true,
          fencingToken: BigInt(answer.token),
          expiresAt: epochMs(arrivedAt, answer.ttl),
          errorMessage: "",
          status,
        }
      : { success: false, fencingToken: 0n, expiresAt: 0n, errorMessage, status };
  },
});

const releaseLock = (tell: Tell): Method<ReleaseLockRequest, ReleaseLockResponse> => ({
  operation: ({ lockId, clientId, fencingToken }) => {
    const problem = textProblem("lock_id", lockId) ?? textProblem("client_id", clientId);
    if (problem !== null) return invalid(problem);
    return { type: "release", lock: lockId, grant: { token: tokenNamed(fencingToken), owner: clientId } };
  },
  response: (answer, { lockId }) => {
    const told = tell(answer, lockId);
    if ("reason" in told) return told;
    return { success: answer.type === "released", errorMessage: told.message, status: told.status };
  },
});

const checkLock = (wallNow: () => WallTime, tell: Tell): Method<CheckLockRequest, CheckLockTold> => ({
  operation: ({ lockId }) => {
    const problem = textProblem("lock_id", lockId);
    return problem === null ? { type: "check", lock: lockId } : invalid(problem);
  },
  response: (answer, { lockId }) => {
    const told = tell(answer, lockId);
    if ("reason" in told) return told;
    const { status, message: problem } = told;
    if (answer.type !== "locked") {
      return { isLocked: false, holderId: "", fencingToken: 0n, ttlMs: 0n, expiresAt: 0n, status, problem };
    }
    const { owner, token, remaining } = answer.holder;
    return {
      isLocked: true,
      holderId: owner,
      fencingToken: BigInt(token),
      ttlMs: BigInt(Math.max(0, Math.ceil(remaining))),
      expiresAt: epochMs(wallNow(), remaining),
      status,
      problem,
    };
  },
});

const epochMs = (from: WallTime, span: number): bigint => BigInt(Math.floor(from + span));
