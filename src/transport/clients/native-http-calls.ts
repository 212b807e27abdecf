// A call of the native interface over HTTP. A request that waits in its queues is held for as long as proxies bear, or as its
// client prefers; then the client is told where it stands. The request goes on waiting meanwhile, and the same one under the
// same id is answered in its old place.

import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { CallId } from "../../actors/messages.ts";
import type { Answer } from "../../actors/operations.ts";
import { millis } from "../../actors/scalars.ts";
import type { CampaignResponse } from "../generated/lockmgr/v1/election.ts";
import type { AcquireResponse } from "../generated/lockmgr/v1/lock.ts";
import { type Failure, isFailure } from "../status.ts";
import type { Queued } from "./calls.ts";
import type { OpenStreams } from "./grpc-calls.ts";
import type { Meter } from "./metrics.ts";
import { answer, answerAcquired, answerQueued, refuse } from "./native-http-answers.ts";
import { type Message, writeMessage } from "./native-http-json.ts";
import { responseSchema } from "./native-http-reading.ts";
import type { NativeRoute } from "./native-http-routes.ts";
import type { NativeMethod } from "./native-methods.ts";
import { beginNative } from "./native-procedure.ts";
import { toQueued } from "./native-telling.ts";
import { type Desk, stopping } from "./procedure.ts";
import { sentence } from "./wording.ts";

/** How long one request is held while it waits in its queues. */
const holdMsMax = 55_000;

/** What a route is served with. */
export interface Counter {
  readonly desk: Desk;
  readonly meter: Meter;
  /** What must be ended when the node stops. */
  readonly streams: OpenStreams;
}

/** A request that has been read, and how it is answered. */
export interface Visit {
  readonly message: Message;
  /** How large the request was. */
  readonly size: number;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export type Serve = (visit: Visit) => void;

/** Serves a route that is answered once. */
export function serveCall(route: NativeRoute, method: NativeMethod<Message, object>, counter: Counter): Serve {
  const { desk, meter, streams } = counter;
  const write = writer(route, desk, responseSchema(route));
  return ({ message: given, size, request, reply }) => {
    const startedAt = desk.now();
    const tell = (code: status): void => meter.count(code, 0, millis(desk.now() - startedAt));
    const waitMs = method.wait(given);
    // A wait can only be found again by the name of its request.
    const message = waitMs > 0 && given.requestId === "" ? { ...given, requestId: randomUUID() } : given;
    const holdMs = Math.min(holdMsMax, preferredMs(request.headers.prefer));
    let call: CallId | null = null;
    let last: Answer | null = null;
    const hold = newHold(holdMs, (queued) => {
      if (call === null || !desk.calls.cancel(call)) return;
      end();
      answerQueued(reply, toQueued(queued), request.url, String(message.requestId));
      tell(status.OK);
    });
    const end = (): void => {
      hold.end();
      streams.delete(stop);
    };
    const done = (result: object | Failure): void => {
      end();
      tell(isFailure(result) ? refuse(reply, inWordsOf(route, result)) : write(reply, result, message, last));
    };
    const stop = (): void => {
      if (call !== null && desk.calls.cancel(call)) done(stopping);
    };
    const fromAnswer = (told: Answer, asked: Message): object | Failure => {
      last = told;
      return method.fromAnswer(told, asked);
    };
    const left = waitMs > 0 ? holdMs + desk.settings.requestMsMax : Number.POSITIVE_INFINITY;
    call = beginNative(desk, { ...method, fromAnswer }, { request: message, size, left, waiting: hold.told }, done);
    if (call === null) return;
    if (waitMs > 0) {
      hold.begin();
      // Whoever waits is told to go elsewhere as soon as the node stops; everything else has a moment to be answered.
      streams.add(stop);
    }
    reply.raw.on("close", () => {
      if (call === null || !desk.calls.cancel(call)) return;
      end();
      tell(status.CANCELLED);
    });
  };
}

/** Writes what came of a call that has not failed, and says under which code it is counted. */
function writer(
  { style }: NativeRoute,
  { standing }: Desk,
  schema: ReturnType<typeof responseSchema>,
): (reply: FastifyReply, result: object, message: Message, last: Answer | null) => status {
  if (style === "acquired") {
    return (reply, result, message, last) =>
      answerAcquired(reply, acquired(result), last === null ? "" : sentence(last, lockOf(message), standing()));
  }
  return (reply, result) => {
    answer(reply, 200, writeMessage(result, schema));
    return status.OK;
  };
}

/** What came of a campaign is told as of any lock. */
function acquired(response: object): AcquireResponse {
  const { result } = response as AcquireResponse | CampaignResponse;
  return result !== undefined && "result" in result ? result : (response as AcquireResponse);
}

/** The lock of which a sentence speaks. */
function lockOf(message: Message): string {
  const [demand] = (message.demands ?? []) as readonly { readonly lock: string }[];
  return demand?.lock ?? String(message.election ?? "");
}

/** Of a single lock, the demand has no name of its own. */
const inWordsOf = ({ single }: NativeRoute, failure: Failure): Failure =>
  single ? { ...failure, message: failure.message.replace(/^demands\[0\]\./, "") } : failure;

/** How long the client wants to be held (RFC 7240), in milliseconds. */
function preferredMs(header: string | readonly string[] | undefined): number {
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})(?!\d)/i.exec(String(header ?? ""))?.[1];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1000;
}

/** Holds a request that waits: `over` is told once it is known to wait and its time is up. */
function newHold(holdMs: number, over: (queued: Queued) => void) {
  let queued: Queued | null = null;
  let isUp = false;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    if (isUp && queued !== null) over(queued);
  };
  return {
    begin: () => {
      timer = setTimeout(() => {
        isUp = true;
        look();
      }, holdMs);
    },
    told: (news: Queued): void => {
      queued = news;
      look();
    },
    end: () => clearTimeout(timer),
  };
}
