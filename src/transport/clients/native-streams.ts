// Watches as gRPC streams from the service. One who does not read is kept events for, up to a limit; beyond, his stream ends and says
// from where to go on. Nothing is sent ahead of what he reads.

import { type handleServerStreamingCall, type ServerWritableStream, status } from "@grpc/grpc-js";
import type { WatchWish } from "../../actors/operations.ts";
import { millis } from "../../actors/scalars.ts";
import type { WatchResponse } from "../generated/lockmgr/v1/lock.ts";
import type { Failure } from "../status.ts";
import type { OpenStreams } from "./grpc-calls.ts";
import type { Meter } from "./metrics.ts";
import type { Fault } from "./native-asking.ts";
import { nativeError } from "./native-errors.ts";
import { newEventQueue } from "./native-events.ts";
import { beginWatch } from "./native-procedure.ts";
import { newSilence } from "./native-silence.ts";
import { type Desk, stopping } from "./procedure.ts";
import { type Received, unreadable } from "./received.ts";

/** What is watched, and how it is told. */
export interface Watching<Request, Message> {
  readonly toWish: (request: Request) => WatchWish | Fault;
  /** Made for each stream: what there is to tell of a portion of events, which is empty after a silence. */
  readonly newTelling: (wish: WatchWish) => (portion: WatchResponse) => readonly Message[];
}

interface Surroundings {
  readonly desk: Desk;
  readonly meter: Meter;
  readonly streams: OpenStreams;
  readonly silenceMs: number;
}

/** What a watcher is told who does not read. */
export const unread = (revision: bigint): Failure => ({
  reason: "unread",
  message: `more has happened than is kept for one who does not read; go on with after_revision ${revision}`,
});

export const watchStream =
  <Request, Message>(
    watching: Watching<Request, Message>,
    surroundings: Surroundings,
  ): handleServerStreamingCall<Received<Request>, Message> =>
  (stream) =>
    serve(stream, watching, surroundings);

function serve<Request, Message>(
  stream: ServerWritableStream<Received<Request>, Message>,
  { toWish, newTelling }: Watching<Request, Message>,
  { desk, meter, streams, silenceMs }: Surroundings,
): void {
  const startedAt = desk.now();
  const count = (code: status): void => meter.count(code, 0, millis(desk.now() - startedAt));
  const { message: request } = stream.request;
  if (request === null) {
    count(status.INVALID_ARGUMENT);
    stream.emit("error", unreadable(stream.getPath()));
    return;
  }
  const wish = toWish(request);
  if ("type" in wish) {
    const error = nativeError(wish);
    count(error.code);
    stream.emit("error", error);
    return;
  }
  const queue = newEventQueue(wish.after);
  const telling = newTelling(wish);
  let over = false;
  /** What was written has not been sent yet. */
  let undrained = false;

  const write = (portion: WatchResponse): void => {
    for (const message of telling(portion)) if (!stream.write(message)) undrained = true;
    silence.broken();
  };
  const flush = (): void => {
    while (!over && !undrained) {
      const portion = queue.take();
      if (portion === null) return;
      write(portion);
    }
  };
  const silence = newSilence(silenceMs, () => {
    if (!undrained && begun) write({ events: [], revision: queue.told() });
  });
  const finish = (code: status): void => {
    over = true;
    silence.stop();
    streams.delete(stop);
    count(code);
  };
  const fail = (failure: Failure): void => {
    if (over) return;
    const error = nativeError(failure);
    finish(error.code);
    if (call !== null) desk.calls.cancel(call);
    stream.emit("error", error);
  };
  const stop = (): void => fail(stopping);
  let begun = false;
  let call: number | null = null;

  streams.add(stop);
  stream.on("drain", () => {
    undrained = false;
    flush();
  });
  stream.on("cancelled", () => {
    if (over) return;
    finish(status.CANCELLED);
    if (call !== null) desk.calls.cancel(call);
  });
  call = beginWatch(desk, wish, (news) => {
    if (over) return;
    if (news.type === "over") return fail(news.failure);
    begun = true;
    if (!queue.add(news)) return fail(unread(queue.told()));
    flush();
  });
}
