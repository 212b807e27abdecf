// How a call of the native interface is answered over HTTP: every refusal has the code of gRPC, a sentence and a word, and
// whatever was in the way beside them; a node that cannot say now when to come back says so.

import { status } from "@grpc/grpc-js";
import type { FastifyReply } from "fastify";
import type { AcquireResponse, Queued } from "../generated/lockmgr/v1/lock.ts";
import { type Failure, grpcStatus, httpStatus, reasonWord } from "../status.ts";
import { writeMessage } from "./native-http-json.ts";
import { schemas } from "./native-http-schema.ts";

/** When to try again, in seconds, where nothing else is known. */
const retrySeconds = 1;

/** Answers with a body that is JSON already. */
export function answer(reply: FastifyReply, code: number, body: string): void {
  reply.code(code).type("application/json").send(body);
}

/** What stands in every refusal, without the closing brace. */
const opening = (code: status, message: string, reason: string): string =>
  `{"code":${code},"message":${JSON.stringify(message)},"reason":${JSON.stringify(reason)}`;

/** Why a call has failed. */
export const failureBody = ({ reason, message }: Failure): string =>
  `${opening(grpcStatus[reason], message, reasonWord(reason))}}`;

/** Answers with why the call has failed. */
export function refuse(reply: FastifyReply, failure: Failure): status {
  const code = httpStatus[failure.reason];
  if (code === 503 || code === 429) reply.header("retry-after", retrySeconds);
  answer(reply, code, failureBody(failure));
  return grpcStatus[failure.reason];
}

type Result = NonNullable<AcquireResponse["result"]>;

/** The statuses of what can come of a request for locks. */
const resultStatus = {
  granted: 200,
  held: 409,
  waitEnded: 409,
  deadlock: 409,
  grantEnded: 412,
} as const satisfies Record<Result["$case"], number>;

const delayedStatus = 423;

/** A lock-delay, and neither a holder nor others who wait. */
const isDelayed = (result: Result): boolean =>
  result.$case === "held" &&
  result.value.holder === undefined &&
  result.value.delay !== undefined &&
  result.value.queueLength === 0;

/** Answers with what came of a request for locks. `message` says why it has none. */
export function answerAcquired(reply: FastifyReply, response: AcquireResponse, message: string): status {
  const { result } = response;
  const body = writeMessage(response, schemas().message("lockmgr.v1.AcquireResponse"));
  if (result === undefined || result.$case === "granted") {
    answer(reply, 200, body);
    return status.OK;
  }
  const delayed = isDelayed(result);
  if (result.$case === "held" && delayed) {
    reply.header("retry-after", Math.max(1, Math.ceil(Number(result.value.delay?.remainingMs ?? 0n) / 1000)));
  }
  const word = result.$case.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const refusal = opening(status.FAILED_PRECONDITION, message, delayed ? "delayed" : word);
  answer(reply, delayed ? delayedStatus : resultStatus[result.$case], `${refusal},${body.slice(1)}`);
  return status.FAILED_PRECONDITION;
}

/** Answers that a request goes on waiting: the same one under the same id finds it in its place. */
export function answerQueued(reply: FastifyReply, queued: Queued, location: string, requestId: string): void {
  reply.header("location", location);
  const body = writeMessage(queued, schemas().message("lockmgr.v1.Queued"));
  answer(reply, 202, `{"queued":${body},"request_id":${JSON.stringify(requestId)}}`);
}
