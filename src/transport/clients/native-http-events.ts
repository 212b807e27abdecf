// Events over HTTP, as Server-Sent Events. The id of a message is the revision up to which everything has been told, so whoever comes
// back with `Last-Event-ID` goes on where he was. What is kept for one who does not read is bounded: beyond, he is cut off.

import type { ServerResponse } from "node:http";
import { status } from "@grpc/grpc-js";
import type { CallId } from "../../actors/messages.ts";
import type { WatchWish } from "../../actors/operations.ts";
import { millis } from "../../actors/scalars.ts";
import type { ObserveRequest } from "../generated/lockmgr/v1/election.ts";
import type { WatchRequest, WatchResponse } from "../generated/lockmgr/v1/lock.ts";
import { type Failure, grpcStatus } from "../status.ts";
import { type Fault, watch } from "./native-asking.ts";
import { newEventQueue } from "./native-events.ts";
import { failureBody, refuse } from "./native-http-answers.ts";
import type { Counter, Serve, Visit } from "./native-http-calls.ts";
import { type Message, writeMessage } from "./native-http-json.ts";
import { responseSchema } from "./native-http-reading.ts";
import type { NativeRoute } from "./native-http-routes.ts";
import { newLeaderView } from "./native-observing.ts";
import { beginWatch } from "./native-procedure.ts";
import { newSilence } from "./native-silence.ts";
import { unread } from "./native-streams.ts";
import { stopping } from "./procedure.ts";

/** When a client that has lost its stream shall come back, in milliseconds. */
const retryMs = 1_000;

interface EventCounter extends Counter {
  /** After how long a stream that has nothing to tell says so. */
  readonly silenceMs: number;
}

/** What is watched, and how it is told. */
interface Watching {
  readonly toWish: (message: Message) => WatchWish | Fault;
  /** Made for each stream: what there is to tell of a portion of events. */
  readonly newTelling: (wish: WatchWish) => (portion: WatchResponse) => readonly { readonly revision: bigint }[];
}

const locks: Watching = {
  toWish: (message) => watch(message as unknown as WatchRequest),
  newTelling: () => (portion) => [portion],
};

const leaders: Watching = {
  toWish: (message) => {
    const { election, afterRevision } = message as unknown as ObserveRequest;
    const wish = watch({ what: { $case: "lock", value: election }, afterRevision });
    return "type" in wish ? { ...wish, message: wish.message.replace(/^lock /, "election ") } : wish;
  },
  newTelling: ({ after }) => newLeaderView({ goesOn: after !== null }).see,
};

/** Serves a route that tells events until its client goes away. */
export function serveEvents(route: NativeRoute, counter: EventCounter): Serve {
  const watching = route.call.endsWith("/Observe") ? leaders : locks;
  const schema = responseSchema(route);
  const tell = (told: { readonly revision: bigint }): string =>
    `id: ${told.revision}\ndata: ${writeMessage(told, schema)}\n\n`;
  return (visit) => {
    const wish = wished(watching, visit);
    if ("type" in wish) {
      counter.meter.count(refuse(visit.reply, wish), 0, millis(0));
      return;
    }
    const telling = watching.newTelling(wish);
    serveStream(visit, wish, counter, (portion) => telling(portion).map(tell).join(""));
  };
}

/** What the address asks for, or where the client was when it lost an earlier stream. */
function wished({ toWish }: Watching, { message, request }: Visit): WatchWish | Fault {
  const header = request.headers["last-event-id"];
  if (header === undefined || header === "") return toWish(message);
  const last = String(header);
  return /^\d{1,18}$/.test(last)
    ? toWish({ ...message, afterRevision: BigInt(last) })
    : { type: "fault", reason: "invalid", message: "Last-Event-ID must be a revision, as it stood in an id" };
}

function serveStream(
  { reply }: Visit,
  wish: WatchWish,
  { desk, meter, streams, silenceMs }: EventCounter,
  telling: (portion: WatchResponse) => string,
): void {
  const startedAt = desk.now();
  const { raw } = reply;
  const queue = newEventQueue(wish.after);
  let call: CallId | null = null;
  let begun = false;
  let over = false;
  /** What was written has not been sent yet. */
  let undrained = false;

  const flush = (): void => {
    while (!over && !undrained) {
      const portion = queue.take();
      if (portion === null) return;
      undrained = !raw.write(telling(portion));
      silence.broken();
    }
  };
  const silence = newSilence(silenceMs, () => {
    if (begun && !undrained) undrained = !raw.write(": \n\n");
  });
  const finish = (code: status): void => {
    over = true;
    silence.stop();
    streams.delete(stop);
    if (call !== null) desk.calls.cancel(call);
    meter.count(code, 0, millis(desk.now() - startedAt));
  };
  const fail = (failure: Failure): void => {
    if (over) return;
    finish(grpcStatus[failure.reason]);
    if (!begun) refuse(reply, failure);
    // One who does not read cannot be told.
    else if (undrained) raw.destroy();
    else raw.end(`event: over\ndata: ${failureBody(failure)}\n\n`);
  };
  const stop = (): void => fail(stopping);

  streams.add(stop);
  raw.on("drain", () => {
    undrained = false;
    flush();
  });
  raw.on("close", () => {
    if (!over) finish(status.CANCELLED);
  });
  call = beginWatch(desk, wish, (news) => {
    if (over) return;
    if (news.type === "over") return fail(news.failure);
    if (!begun) {
      begun = true;
      reply.hijack();
      begin(raw);
    }
    if (!queue.add(news)) return fail(unread(queue.told()));
    flush();
  });
}

function begin(raw: ServerResponse): void {
  raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Proxies shall not gather what is told.
    "x-accel-buffering": "no",
  });
  raw.write(`retry: ${retryMs}\n\n`);
}
