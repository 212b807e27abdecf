// The native interface over gRPC: its two services are added to the server here, each method with its meter. Unary calls are rows of
// the table; watches and sessions have files of their own.

import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  type Server,
  type ServerDuplexStream,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { millis } from "../../actors/scalars.ts";
import { ElectionServiceService, ObserveRequest, type ObserveResponse } from "../generated/lockmgr/v1/election.ts";
import {
  LockServiceService,
  SessionRequest,
  type SessionResponse,
  WatchRequest,
  type WatchResponse,
} from "../generated/lockmgr/v1/lock.ts";
import { isFailure } from "../status.ts";
import { type OpenStreams, timeLeft } from "./grpc-calls.ts";
import type { Meter, Metrics } from "./metrics.ts";
import { hasRegions, unservedInRegions, watch } from "./native-asking.ts";
import { nativeError } from "./native-errors.ts";
import { type NativeMethod, newNativeMethods } from "./native-methods.ts";
import { newLeaderView } from "./native-observing.ts";
import { type Frame, frameBytes } from "./native-outbox.ts";
import { beginNative } from "./native-procedure.ts";
import { newSession, type Session } from "./native-session.ts";
import { newSessionCalls } from "./native-session-calls.ts";
import { silenceMs } from "./native-silence.ts";
import { type Watching, watchStream } from "./native-streams.ts";
import { type Desk, stopping } from "./procedure.ts";
import { type Received, receiving, strictly, unreadable } from "./received.ts";

export const nativeService = "lockmgr.v1.LockService";
export const electionService = "lockmgr.v1.ElectionService";

const definitions = [LockServiceService, ElectionServiceService].flatMap((service) => Object.values(service));
const waiting: ReadonlySet<string> = new Set([
  LockServiceService.acquire.path,
  LockServiceService.watch.path,
  ElectionServiceService.campaign.path,
  ElectionServiceService.observe.path,
]);
/** The paths of calls that may last, once their requests have come in. */
export const waitingPaths = waiting;
/** The paths of the other unary calls. */
export const nativeUnaryPaths: readonly string[] = definitions
  .filter(({ requestStream, path }) => !requestStream && !waiting.has(path))
  .map(({ path }) => path);

interface Surroundings {
  readonly desk: Desk;
  readonly metrics: Metrics;
  readonly streams: OpenStreams;
  /** How long a stream may be silent; for tests, which do not wait. */
  readonly silenceMs?: number;
}

/** Adds `lockmgr.v1.LockService` and `lockmgr.v1.ElectionService`. */
export function addNativeServices(server: Server, surroundings: Surroundings): void {
  const { desk, metrics } = surroundings;
  const meters = new Map<string, Meter>();
  const meterOf = (name: string): Meter => {
    const meter = meters.get(name) ?? metrics.meter(name, "grpc");
    meters.set(name, meter);
    return meter;
  };
  const rows = newNativeMethods(desk);
  const streaming = { ...surroundings, silenceMs: surroundings.silenceMs ?? silenceMs };
  const served: Record<string, unknown> = {
    watch: watchStream(watching(desk), { ...streaming, meter: meterOf(`${nativeService}/Watch`) }),
    observe: watchStream(observing(desk), { ...streaming, meter: meterOf(`${electionService}/Observe`) }),
    session: session({ ...streaming, meterOf, calls: newSessionCalls(desk, rows) }),
  };
  const received: Record<string, unknown> = {
    watch: receiving(LockServiceService.watch, strictly(WatchRequest)),
    observe: receiving(ElectionServiceService.observe, strictly(ObserveRequest)),
    session: {
      ...receiving<SessionRequest, SessionResponse>(LockServiceService.session, strictly(SessionRequest)),
      responseSerialize: frameBytes,
    },
  };
  const methods: Readonly<Record<string, unknown>> = { ...LockServiceService, ...ElectionServiceService };
  for (const [key, row] of Object.entries(rows) as [string, NativeMethod<object, object>][]) {
    served[key] = unary(desk, row, meterOf(row.name));
    received[key] = receiving(methods[key] as MethodDefinition<object, object>, strictly(row.codec));
  }
  for (const service of [LockServiceService, ElectionServiceService]) {
    const own = (all: Record<string, unknown>) =>
      Object.fromEntries(Object.keys(service).map((key) => [key, all[key]]));
    server.addService(
      own(received) as Parameters<Server["addService"]>[0],
      own(served) as UntypedServiceImplementation,
    );
  }
}

/** Serves a row of the table. */
const unary =
  <Request, Response extends object>(
    desk: Desk,
    row: NativeMethod<Request, Response>,
    meter: Meter,
  ): handleUnaryCall<Received<Request>, Response> =>
  (call, respond) => {
    const startedAt = desk.now();
    const count = (code: status): void => meter.count(code, 0, millis(desk.now() - startedAt));
    const { message: request, bytes } = call.request;
    if (request === null) {
      count(status.INVALID_ARGUMENT);
      return respond(unreadable(call.getPath()));
    }
    const id = beginNative(desk, row, { request, size: bytes.length, left: timeLeft(call) }, (result) => {
      if (isFailure(result)) {
        const error = nativeError(result);
        count(error.code);
        respond(error);
      } else {
        count(status.OK);
        respond(null, result);
      }
    });
    if (id === null) return;
    call.on("cancelled", () => {
      if (desk.calls.cancel(id)) count(timeLeft(call) <= 0 ? status.DEADLINE_EXCEEDED : status.CANCELLED);
    });
  };

const watching = ({ settings }: Desk): Watching<WatchRequest, WatchResponse> => ({
  toWish: (request) => (hasRegions(settings) ? unservedInRegions : watch(request)),
  newTelling: () => (portion) => [portion],
});

const observing = ({ settings }: Desk): Watching<ObserveRequest, ObserveResponse> => ({
  toWish: ({ election, afterRevision }) => {
    if (hasRegions(settings)) return unservedInRegions;
    const wish = watch({ what: { $case: "lock", value: election }, afterRevision });
    return "type" in wish ? { ...wish, message: wish.message.replace(/^lock /, "election ") } : wish;
  },
  newTelling: ({ after }) => newLeaderView({ goesOn: after !== null }).see,
});

type Stream = ServerDuplexStream<Received<SessionRequest>, Frame>;

/** Serves sessions. */
const session =
  (surroundings: {
    readonly desk: Desk;
    readonly streams: OpenStreams;
    readonly meterOf: (name: string) => Meter;
    readonly silenceMs: number;
    readonly calls: ReturnType<typeof newSessionCalls>;
  }): handleBidiStreamingCall<Received<SessionRequest>, Frame> =>
  (stream: Stream) => {
    const { desk, streams, meterOf } = surroundings;
    const meter = meterOf(`${nativeService}/Session`);
    const startedAt = desk.now();
    let counted = false;
    const finish = (code: status): void => {
      streams.delete(stop);
      if (!counted) meter.count(code, 0, millis(desk.now() - startedAt));
      counted = true;
    };
    const fail = (error: { readonly code: status }): void => {
      finish(error.code);
      // What has been written goes out first. What the client still sends is read and dropped.
      stream.emit("error", error);
      stream.resume();
    };
    const served: Session = newSession(
      { ...surroundings, soon: setImmediate },
      {
        write: (frame) => stream.write(frame),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        end: (failure) => {
          if (failure !== null) return fail(nativeError(failure));
          finish(status.OK);
          stream.end();
        },
        left: () => timeLeft(stream),
      },
    );
    const stop = (): void => served.fail(stopping);
    streams.add(stop);
    stream.on("data", ({ message, bytes }: Received<SessionRequest>) => {
      if (message !== null) return served.received(message, bytes.length);
      served.gone();
      fail(unreadable(stream.getPath()));
    });
    stream.on("drain", served.drained);
    stream.on("end", served.halfClosed);
    stream.on("cancelled", () => {
      served.gone();
      finish(status.CANCELLED);
    });
  };
