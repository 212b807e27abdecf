// The native interface over HTTP: the routes of its table are added to the server here, and every request finds its route by
// the path as it was sent.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OpenStreams } from "./grpc-calls.ts";
import { sendError } from "./http.ts";
import type { Meter, Metrics } from "./metrics.ts";
import { refuse } from "./native-http-answers.ts";
import { type Serve, serveCall } from "./native-http-calls.ts";
import { serveEvents } from "./native-http-events.ts";
import { isUnreadable, type Message, type Unreadable } from "./native-http-json.ts";
import { matcher, serverPath } from "./native-http-path.ts";
import { requestReader } from "./native-http-reading.ts";
import { type NativeRoute, nativeRoutes } from "./native-http-routes.ts";
import { type NativeMethod, newNativeMethods } from "./native-methods.ts";
import { silenceMs as usualSilenceMs } from "./native-silence.ts";
import type { Desk } from "./procedure.ts";

interface Surroundings {
  readonly desk: Desk;
  readonly metrics: Metrics;
  /** What must be ended when the node stops. */
  readonly streams: OpenStreams;
  /** After how long a stream of events that has nothing to tell says so. */
  readonly silenceMs?: number;
}

/** Adds the routes of the native interface. */
export function addNativeRoutes(app: FastifyInstance, surroundings: Surroundings): void {
  const { desk, metrics, streams, silenceMs = usualSilenceMs } = surroundings;
  const methods = new Map<string, unknown>(
    Object.values(newNativeMethods(desk)).map((method) => [method.name, method]),
  );
  const meters = new Map<string, Meter>();
  const meterOf = (call: string): Meter => {
    const meter = meters.get(call) ?? metrics.meter(call, "http");
    meters.set(call, meter);
    return meter;
  };
  const serve = (route: NativeRoute): Serve => {
    const counter = { desk, meter: meterOf(route.call), streams };
    if (route.style === "events") return serveEvents(route, { ...counter, silenceMs });
    // Requests are read by the schema of their call: what is read is what the method takes.
    return serveCall(route, methods.get(route.call) as NativeMethod<Message, object>, counter);
  };
  /** By verb and path of the server: several routes may have one. */
  const doors = new Map<string, NativeRoute[]>();
  for (const route of nativeRoutes) {
    const door = `${route.verb} ${serverPath(route)}`;
    doors.set(door, [...(doors.get(door) ?? []), route]);
  }
  for (const [door, routes] of doors) {
    const [method = "", url = ""] = door.split(" ");
    const serving = new Map(routes.map((route) => [route, serve(route)]));
    app.route({ method, url, exposeHeadRoute: false, handler: dispatch(routes, serving) });
  }
}

const none = new Uint8Array();

/** Finds the route, reads the request, and serves it. */
function dispatch(routes: readonly NativeRoute[], serving: ReadonlyMap<NativeRoute, Serve>) {
  const match = matcher(routes);
  const entries = new Map(
    routes.map((route) => [route, { read: requestReader(route), serve: serving.get(route) as Serve }]),
  );
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const { url = "", method } = request.raw;
    const [path = ""] = url.split("?", 1);
    const invalid = ({ problem }: Unreadable): void => void refuse(reply, { reason: "invalid", message: problem });
    const found = match(path);
    if (found === null) {
      return sendError(reply, 404, `there is nothing at ${method} ${path}; in a name, a slash is written as %2F`);
    }
    if ("problem" in found) return invalid(found);
    const { read, serve } = entries.get(found.route) as { read: ReturnType<typeof requestReader>; serve: Serve };
    const body = request.body instanceof Uint8Array ? request.body : none;
    const message = read(found.parameters, url.slice(path.length + 1), body);
    if (isUnreadable(message)) return invalid(message);
    serve({ message, size: url.length + body.length, request, reply });
  };
}
