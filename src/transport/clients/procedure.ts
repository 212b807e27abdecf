// What the interfaces have in common: a request becomes a letter to the gateway, its answer becomes a response. Here stands
// the way there and back; which operation a request is, and how an answer is told, is for `stateless.ts` and `leased.ts`.

import { createHash } from "node:crypto";
import type { RegionView } from "../../actors/ballots.ts";
import type { CallId, ClientsToGateway } from "../../actors/messages.ts";
import type { Answer, Operation, Standing } from "../../actors/operations.ts";
import { type Instant, type Millis, millis, type RequestId, requestId, type WallTime } from "../../actors/scalars.ts";
import type { Settings } from "../settings.ts";
import type { Failure } from "../status.ts";
import type { Calls } from "./calls.ts";
import { requestIdBytesMax } from "./fields.ts";
import { refusalSentence } from "./wording.ts";

/** What every procedure works with. */
export interface Desk {
  readonly settings: Settings;
  readonly post: (letter: ClientsToGateway) => void;
  readonly now: () => Instant;
  /** For people. */
  readonly wallNow: () => WallTime;
  readonly calls: Calls;
  /** How the node sees its group; null until it has said so. */
  readonly standing: () => Standing | null;
  /** How the node sees the other regions. */
  readonly regions: () => readonly RegionView[];
}

/** The request is at fault. */
export interface Invalid {
  readonly type: "invalid";
  readonly message: string;
}

export const invalid = (message: string): Invalid => ({ type: "invalid", message });

/** A call that is an operation on the lock table. */
export interface Method<Request, Response> {
  readonly operation: (request: Request, arrivedAt: WallTime) => Operation | Invalid;
  readonly response: (answer: Answer | Invalid, request: Request, arrivedAt: WallTime) => Response | Failure;
}

/** A request as it came in. */
export interface Asked<Request> {
  readonly request: Request;
  /** The request as it was, or would have been, sent in protobuf. */
  readonly bytes: Uint8Array;
  /** `x-request-id`, if the client gave one. */
  readonly requestId: string | null;
  /** How long the client will wait. */
  readonly budget: Millis;
}

/** Begins a call. `done` is told once, now or later, unless the call is cancelled; null if it has been told already. */
export type Procedure<Request, Response> = (
  asked: Asked<Request>,
  done: (result: Response | Failure) => void,
) => CallId | null;

/** What a request takes beside the bytes it came in. */
const requestBytesExtra = 64;

/** Serves `method` under `name`, "package.Service/Method". */
export function procedure<Request, Response>(
  desk: Desk,
  name: string,
  { operation, response }: Method<Request, Response>,
): Procedure<Request, Response> {
  const { calls, post, wallNow } = desk;
  return ({ request, bytes, requestId: header, budget }, done) => {
    const arrivedAt = wallNow();
    const asked = headerProblem(header) ?? operation(request, arrivedAt);
    if (asked.type === "invalid") {
      done(response(asked, request, arrivedAt));
      return null;
    }
    if (calls.isClosed()) {
      done(response({ type: "refused", refusal: "stopping" }, request, arrivedAt));
      return null;
    }
    const call = calls.open((answer) => done(response(answer, request, arrivedAt)));
    post({
      type: "request",
      call,
      requestId: header === null || !isWrite(asked) ? null : hashedRequestId(name, header, bytes),
      operation: asked,
      bytes: bytes.length + requestBytesExtra,
      budget,
    });
    return call;
  };
}

/** Serves a call that is not built yet. */
export const unserved =
  <Request, Response>(message: string): Procedure<Request, Response> =>
  (_asked, done) => {
    done({ reason: "unserved", message });
    return null;
  };

/** What a call is refused with once the node is stopping. */
export const stopping: Failure = { reason: "stopping", message: refusalSentence("stopping", null) };

/** How long a request is tried if the client waits for `left`: a little less, so that the answer still reaches it. */
export function budgetWithin(left: number, { requestMsMax }: Pick<Settings, "requestMsMax">): Millis {
  if (left >= requestMsMax) return requestMsMax;
  return millis(Math.max(0, Math.floor(left - Math.min(50, left / 10))));
}

/** Only what goes through the log needs to be known by a name of the client's: the rest may be done again. */
const isWrite = (operation: Operation): boolean => operation.type !== "check" && operation.type !== "renewLease";

const headerProblem = (header: string | null): Invalid | null =>
  header !== null && Buffer.byteLength(header) > requestIdBytesMax
    ? invalid(`x-request-id is ${Buffer.byteLength(header)} bytes long; the limit is ${requestIdBytesMax}`)
    : null;

/** A repeat is the same procedure, the same header and the same bytes; another request under the same header is another. */
export const hashedRequestId = (name: string, header: string, bytes: Uint8Array): RequestId =>
  requestId(
    createHash("sha256")
      .update(name)
      .update("\0")
      .update(header)
      .update("\0")
      .update(bytes)
      .digest("base64url")
      .slice(0, 24),
  );
