// The stream of renewals. Answers go out in the order of the requests; the first that failed ends the stream. A client that
// sends and does not read is not read from either: what one stream keeps in memory is bounded.

import type { handleBidiStreamingCall, ServerDuplexStream, status } from "@grpc/grpc-js";
import { status as codes } from "@grpc/grpc-js";
import type { CallId } from "../../actors/messages.ts";
import { type Instant, millis } from "../../actors/scalars.ts";
import type { HeartbeatRequest, HeartbeatResponse } from "../generated/lowkey/v1/lock.ts";
import { type Failure, isFailure } from "../status.ts";
import { grpcError, type OpenStreams, timeLeft } from "./grpc-calls.ts";
import type { Meter } from "./metrics.ts";
import { budgetWithin, type Desk, type Procedure, stopping } from "./procedure.ts";
import { type Received, unreadable } from "./received.ts";

/** How many renewals of one stream may be unanswered; with as many, it is not read from. */
export const unansweredMax = 256;

/** A renewal that has not been answered on the stream yet. */
interface Beat {
  readonly startedAt: Instant;
  call: CallId | null;
  result: HeartbeatResponse | Failure | null;
}

type Stream = ServerDuplexStream<Received<HeartbeatRequest>, HeartbeatResponse>;
type GrpcError = { readonly code: status; readonly details: string };

export const heartbeat =
  (
    desk: Desk,
    renew: Procedure<HeartbeatRequest, HeartbeatResponse>,
    meter: Meter,
    streams: OpenStreams,
  ): handleBidiStreamingCall<Received<HeartbeatRequest>, HeartbeatResponse> =>
  (stream) =>
    serve(stream, desk, renew, meter, streams);

function serve(
  stream: Stream,
  desk: Desk,
  renew: Procedure<HeartbeatRequest, HeartbeatResponse>,
  meter: Meter,
  streams: OpenStreams,
): void {
  /** In the order in which they came. */
  const beats: Beat[] = [];
  let halfClosed = false;
  let ended = false;
  /** What was written has not been sent yet. */
  let undrained = false;

  const count = (beat: Beat, code: status): void => meter.count(code, 0, millis(desk.now() - beat.startedAt));
  const forget = (): void => {
    ended = true;
    streams.delete(stop);
    for (const { call } of beats.splice(0)) if (call !== null) desk.calls.cancel(call);
  };
  const fail = (error: GrpcError): void => {
    if (ended) return;
    forget();
    // Answers already written go out first. What the client still sends is read and dropped.
    stream.emit("error", error);
    stream.resume();
  };
  const stop = (): void => fail(grpcError(stopping));

  const flush = (): void => {
    for (let beat = beats[0]; !ended && beat?.result != null; beat = beats[0]) {
      beats.shift();
      if (isFailure(beat.result)) {
        const error = grpcError(beat.result);
        count(beat, error.code);
        fail(error);
        return;
      }
      count(beat, codes.OK);
      if (!stream.write(beat.result)) undrained = true;
    }
    if (ended) return;
    if (halfClosed && beats.length === 0) {
      forget();
      stream.end();
    } else if (stream.isPaused() && !undrained && beats.length < unansweredMax / 2) {
      stream.resume();
    }
  };

  streams.add(stop);
  stream.on("data", ({ message: request, bytes }: Received<HeartbeatRequest>) => {
    if (ended) return;
    if (request === null) return fail(unreadable(stream.getPath()));
    const beat: Beat = { startedAt: desk.now(), call: null, result: null };
    beats.push(beat);
    const budget = budgetWithin(timeLeft(stream), desk.settings);
    beat.call = renew({ request, bytes, requestId: null, budget }, (result) => {
      beat.call = null;
      beat.result = result;
      flush();
    });
    if (!ended && (undrained || beats.length >= unansweredMax)) stream.pause();
  });
  stream.on("drain", () => {
    undrained = false;
    flush();
  });
  stream.on("end", () => {
    halfClosed = true;
    flush();
  });
  stream.on("cancelled", forget);
}
