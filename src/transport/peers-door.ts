// Where other nodes speak to this one. Whoever has not greeted, or has greeted as somebody whom this node does not know, or does
// not agree with it, is sent away with a status that says why. What a known node sends is checked for its shape before any
// actor sees it.

import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type StatusObject,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { RemoteNode } from "../actors/ballots.ts";
import { UnknownEntryError, UnknownKindError } from "./codec.ts";
import { decodeGreeting, decodeParcel, encodeGreetingAnswer, type Hello, type Parcel } from "./codec-peer.ts";
import { disagreement } from "./peers-hello.ts";
import { exchange, listenOptions, type Patience } from "./peers-wire.ts";
import { exitCodes, StartError } from "./resident.ts";
import type { Address } from "./settings.ts";

export interface Door {
  /** Where it listens; what the operating system chose, if it was asked to. */
  readonly port: number;
  readonly inspect: () => { readonly open: number; readonly refused: number };
  readonly close: () => void;
}

interface DoorOptions {
  readonly address: Address;
  readonly patience: Patience;
  readonly log: Logger;
  /** What this node says to whoever greets so; a sentence if it knows no such node. */
  readonly answerTo: (theirs: Hello) => Hello | string;
  /** Throws what is malformed. */
  readonly onParcel: (from: RemoteNode, parcel: Parcel) => void;
  /** An entry that this version cannot read. */
  readonly onUnreadableEntry: (from: RemoteNode, error: Error) => void;
}

type Stream = ServerDuplexStream<Buffer, Buffer>;
/** Nodes are named uniquely in their region only. */
export const nameOf = ({ region, node }: RemoteNode): string => `${region}/${node}`;

type Refusal = Pick<StatusObject, "code" | "details">;

export async function openDoor(options: DoorOptions): Promise<Door> {
  const { address, patience } = options;
  /** The newest stream of each node. */
  const streams = new Map<string, Visit>();
  const counts = { refused: 0 };
  // What gRPC would write to the console is said here, in one line and where it belongs.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(listenOptions(patience));
  server.addService({ exchange }, { exchange: (stream: Stream) => visit(stream, { ...options, streams, counts }) });
  const port = await listen(server, address);
  return {
    port,
    inspect: () => ({ open: streams.size, refused: counts.refused }),
    close: () => server.forceShutdown(),
  };
}

function listen(server: Server, { host, port }: Address): Promise<number> {
  const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) return resolve(bound);
      // gRPC puts what the operating system said into brackets.
      const reason = /errors: \[(.*)\]$/.exec(error.message)?.[1] ?? error.message;
      reject(new StartError(`REGION_PORT ${port} cannot be listened on: ${reason}`, exitCodes.unavailable));
    });
  });
}

/** A stream that somebody has opened. */
interface Visit {
  readonly dismiss: (refusal: Refusal) => void;
}

interface VisitOptions extends DoorOptions {
  readonly streams: Map<string, Visit>;
  readonly counts: { refused: number };
}

function visit(stream: Stream, options: VisitOptions): void {
  const { patience, log, answerTo, onParcel, onUnreadableEntry, streams, counts } = options;
  let from: RemoteNode | null = null;
  let isOver = false;
  const late = { code: status.DEADLINE_EXCEEDED, details: "no greeting" };
  const greeting = setTimeout(() => self.dismiss(late), patience.helloMs);

  function end(): void {
    isOver = true;
    clearTimeout(greeting);
    if (from !== null && streams.get(nameOf(from)) === self) streams.delete(nameOf(from));
  }

  const self: Visit = {
    dismiss: ({ code, details }) => {
      if (isOver) return;
      end();
      counts.refused++;
      // Said once per stream, and whoever opens many is slowed down by that.
      log.warn(
        { peer: from === null ? null : nameOf(from), from: stream.getPeer(), reason: details },
        "sends a stream away",
      );
      stream.emit("error", { code, details } satisfies Partial<ServerErrorResponse>);
    },
  };

  function greet(message: Buffer): void {
    const theirs = decodeGreeting(message);
    const ours = answerTo(theirs);
    const details = typeof ours === "string" ? ours : disagreement(theirs, ours);
    if (typeof ours === "string" || details !== null) {
      return self.dismiss({ code: status.FAILED_PRECONDITION, details: details ?? "" });
    }
    clearTimeout(greeting);
    from = { region: theirs.regionId, node: theirs.nodeId };
    const older = streams.get(nameOf(from));
    streams.set(nameOf(from), self);
    older?.dismiss({ code: status.ABORTED, details: "a newer stream of the same node" });
    stream.write(encodeGreetingAnswer(ours));
  }

  stream.on("data", (message: Buffer) => {
    if (isOver) return;
    try {
      if (from === null) greet(message);
      else onParcel(from, decodeParcel(message));
    } catch (error) {
      const { message: details } = error as Error;
      if (error instanceof UnknownEntryError && from !== null) onUnreadableEntry(from, error);
      self.dismiss({
        code: error instanceof UnknownKindError ? status.UNIMPLEMENTED : status.INVALID_ARGUMENT,
        details,
      });
    }
  });
  stream.on("error", end);
  stream.on("cancelled", end);
  stream.on("end", () => {
    end();
    stream.end();
  });
}
