// A cable that can be harmed: listens on a port, passes every connection on to another port, and treats the bytes of each
// direction as it is told. Knows nothing of what travels through it.

import { createServer, type Server, Socket } from "node:net";
import { freePort } from "./ports.ts";

/** What happens to the bytes of one direction, from the moment on at which it is set. */
export type Treatment =
  /** They arrive, late and thinned out if that is asked for. */
  | { readonly type: "pass"; readonly delayMs?: number; readonly bytesPerSecond?: number }
  /** They wait on the way, as where a network repeats what it loses, and arrive when they may pass again. */
  | { readonly type: "hold" }
  /** They are taken and never seen again. A connection that has lost some is reset before anything may pass again. */
  | { readonly type: "swallow" };

export const passes: Treatment = { type: "pass" };

/** Seen from whoever dials: `there` is what he says, `back` what he hears. */
export type Direction = "there" | "back";

export interface Cable {
  readonly port: number;
  readonly treat: (direction: Direction, treatment: Treatment) => void;
  /** Resets every connection, and from now on every new one, or lets new ones live again. */
  readonly cut: (isCut: boolean) => void;
  /** How many bytes have arrived in that direction. */
  readonly arrived: (direction: Direction) => number;
  readonly close: () => Promise<void>;
}

interface State {
  readonly treatment: Record<Direction, Treatment>;
  readonly arrived: Record<Direction, number>;
  readonly connections: Set<Connection>;
  isCut: boolean;
}

interface Connection {
  /** Does what the treatments ask for now. */
  readonly adjust: () => void;
  readonly reset: () => void;
}

/** What waits in one direction of a connection; what comes beyond stays with its sender. */
const waitingBytesMax = 1024 * 1024;

export async function openCable(targetPort: number): Promise<Cable> {
  const state: State = {
    treatment: { there: passes, back: passes },
    arrived: { there: 0, back: 0 },
    connections: new Set(),
    isCut: false,
  };
  const server = createServer({ noDelay: true }, (caller) => {
    caller.on("error", () => undefined);
    if (state.isCut) caller.resetAndDestroy();
    else connect(state, caller, targetPort);
  });
  const port = await listen(server);
  return {
    port,
    treat: (direction, treatment) => {
      state.treatment[direction] = treatment;
      for (const connection of state.connections) connection.adjust();
    },
    cut: (isCut) => {
      state.isCut = isCut;
      if (isCut) for (const connection of state.connections) connection.reset();
    },
    arrived: (direction) => state.arrived[direction],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of state.connections) connection.reset();
      }),
  };
}

async function listen(server: Server): Promise<number> {
  const port = await freePort();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, resolve);
  });
  return port;
}

function connect(state: State, caller: Socket, targetPort: number): void {
  const callee = new Socket();
  const reset = () => {
    state.connections.delete(connection);
    for (const lane of lanes) lane.stop();
    abandon(caller);
    abandon(callee);
  };
  const lanes = [
    openLane(state, "there", { from: caller, to: callee, reset }),
    openLane(state, "back", { from: callee, to: caller, reset }),
  ];
  const connection: Connection = {
    adjust: () => {
      for (const lane of lanes) lane.adjust();
    },
    reset,
  };
  state.connections.add(connection);
  callee.on("error", reset);
  caller.on("error", reset);
  callee.setNoDelay(true);
  callee.connect({ port: targetPort, host: "127.0.0.1" });
}

/** A socket that is just saying goodbye cannot be reset any more: it would stay, half closed, and keep the process busy. */
function abandon(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Lane {
  readonly adjust: () => void;
  readonly stop: () => void;
}

interface Ends {
  readonly from: Socket;
  readonly to: Socket;
  readonly reset: () => void;
}

/** A piece that waits, or, as null, the end of what is said. */
interface Piece {
  readonly bytes: Buffer | null;
  readonly cameAt: number;
}

/** One direction of one connection. */
function openLane(state: State, direction: Direction, { from, to, reset }: Ends): Lane {
  const waiting: Piece[] = [];
  let waitingBytes = 0;
  let hasLost = false;
  /** Until when the line is busy with what has passed. */
  let busyUntil = 0;
  let timer: NodeJS.Timeout | null = null;

  function pump(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const treatment = state.treatment[direction];
    if (treatment.type === "hold") return;
    for (let piece = waiting[0]; piece !== undefined; piece = waiting[0]) {
      if (treatment.type === "pass") {
        const waitMs = Math.max(piece.cameAt + (treatment.delayMs ?? 0), busyUntil) - performance.now();
        if (waitMs > 0) {
          timer = setTimeout(pump, waitMs);
          break;
        }
        busyUntil = performance.now() + ((piece.bytes?.length ?? 0) * 1_000) / (treatment.bytesPerSecond ?? Infinity);
        pass(piece);
      } else hasLost = true;
      waiting.shift();
      waitingBytes -= piece.bytes?.length ?? 0;
    }
    if (waitingBytes < waitingBytesMax) from.resume();
  }

  function pass({ bytes }: Piece): void {
    if (bytes === null) to.end();
    else {
      state.arrived[direction] += bytes.length;
      to.write(bytes);
    }
  }

  function take(bytes: Buffer | null): void {
    waiting.push({ bytes, cameAt: performance.now() });
    waitingBytes += bytes?.length ?? 0;
    if (waitingBytes >= waitingBytesMax) from.pause();
    if (timer === null) pump();
  }

  from.on("data", take);
  from.on("end", () => take(null));
  return {
    adjust: () => {
      if (hasLost && state.treatment[direction].type !== "swallow") reset();
      else pump();
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
