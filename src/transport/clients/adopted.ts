// Services written by others, served under the rules of this house: malformed messages are told as such, a client that does
// not read is not read from, and streams end when the node stops.

import type { EventEmitter } from "node:events";
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { grpcError, type OpenStreams } from "./grpc-calls.ts";
import { stopping } from "./procedure.ts";
import { type Received, receiving, unreadable } from "./received.ts";

/** What such a library takes for a server: the one call that it makes of it. */
export interface Adopter {
  readonly addService: (definition: object, implementation: object) => void;
}

/** An adopter that adds what it is given to `server`. */
export const adopter = (server: Server, streams: OpenStreams): Adopter => ({
  addService: (definition, implementation) => {
    const given = implementation as UntypedServiceImplementation;
    const served: UntypedServiceImplementation = {};
    const received: Record<string, ServiceDefinition[string]> = {};
    for (const [name, method] of Object.entries(definition as ServiceDefinition)) {
      // Libraries name a method as its .proto file does, or begin it with a small letter.
      const handle = given[name] ?? given[method.originalName ?? ""];
      if (handle === undefined) continue;
      received[name] = receiving<unknown, unknown>(method) as ServiceDefinition[string];
      if (method.requestStream) served[name] = bidi(handle as handleBidiStreamingCall<unknown, unknown>, streams);
      else if (method.responseStream) served[name] = serverStream(handle as ServerStreaming, streams);
      else served[name] = single(handle as handleUnaryCall<unknown, unknown>);
    }
    server.addService(received, served);
  },
});

type ServerStreaming = handleServerStreamingCall<unknown, unknown>;

const single =
  (handle: handleUnaryCall<unknown, unknown>): handleUnaryCall<Received<unknown>, unknown> =>
  (call, respond) => {
    const { message } = call.request;
    if (message === null) return respond(unreadable(call.getPath()));
    handle(Object.assign(call, { request: message }), respond);
  };

const serverStream =
  (handle: ServerStreaming, streams: OpenStreams): handleServerStreamingCall<Received<unknown>, unknown> =>
  (call) => {
    const { message } = call.request;
    if (message === null) {
      call.emit("error", unreadable(call.getPath()));
      return;
    }
    endWithNode(call, streams);
    handle(Object.assign(call, { request: message }));
  };

/** The library listens to `face`, and says what it has to say through it. */
const bidi =
  (handle: handleBidiStreamingCall<unknown, unknown>, streams: OpenStreams): UntypedHandleCall =>
  (call: Parameters<handleBidiStreamingCall<Received<unknown>, unknown>>[0]) => {
    endWithNode(call, streams);
    const face = {
      on: (event: string, listener: (message?: unknown) => void) => {
        if (event !== "data") return call.on(event, listener);
        return call.on("data", ({ message }: Received<unknown>) => {
          if (call.writableEnded) return;
          if (message === null) call.emit("error", unreadable(call.getPath()));
          else listener(message);
        });
      },
      write: (message: unknown) => {
        if (call.writableEnded || call.write(message)) return;
        call.pause();
        call.once("drain", () => call.resume());
      },
      end: () => call.end(),
    };
    handle(face as unknown as Parameters<typeof handle>[0]);
  };

function endWithNode(call: EventEmitter, streams: OpenStreams): void {
  const end = (): void => {
    streams.delete(end);
    call.emit("error", grpcError(stopping));
  };
  streams.add(end);
  call.on("cancelled", () => streams.delete(end));
}
