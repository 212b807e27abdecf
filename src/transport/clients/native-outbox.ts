// What a session has to say, gathered over a turn of the event loop and sent in one frame, or in a few where it is much. While the
// client does not read, answers are kept and events stay in their queues; nothing is sent ahead.

import { ServerMessage } from "../generated/lockmgr/v1/lock.ts";
import type { EventQueue } from "./native-events.ts";

/** A `SessionResponse`, its messages encoded. */
export type Frame = readonly Uint8Array[];

/** A frame is full from here on. */
const frameBytesMax = 1_000_000;
/** How much is kept for a client that does not read. */
export const outboxBytesMax = 16_000_000;

export interface Outbox {
  readonly say: (id: bigint, message: NonNullable<ServerMessage["message"]>) => void;
  /** There is something in the queue of events that is told under `id`. */
  readonly events: (id: bigint, queue: EventQueue) => void;
  /** The events under `id` are not told any more. */
  readonly drop: (id: bigint) => void;
  /** Sends what there is. */
  readonly flush: () => void;
  /** The client reads again. */
  readonly drained: () => void;
  readonly isUndrained: () => boolean;
  /** Whether there is something to say beside events. */
  readonly hasAnswers: () => boolean;
  /** Whether more is kept than there is room for. */
  readonly isFull: () => boolean;
}

/** `write` sends a frame; false if what was sent before has not gone out yet. `soon` arranges that `flush` is called at the end of the turn. */
export function newOutbox(write: (frame: Frame) => boolean, soon: () => void): Outbox {
  let messages: Uint8Array[] = [];
  let kept = 0;
  const eventful = new Map<bigint, EventQueue>();
  let undrained = false;
  let scheduled = false;

  const schedule = (): void => {
    if (scheduled || undrained) return;
    scheduled = true;
    soon();
  };
  const encode = (id: bigint, message: ServerMessage["message"]): Uint8Array =>
    ServerMessage.encode({ id, message }).finish();

  /** The next portion of events of whoever has some. */
  const nextEvents = (): Uint8Array | null => {
    for (const [id, queue] of eventful) {
      const value = queue.take();
      if (value !== null) return encode(id, { $case: "events", value });
      eventful.delete(id);
    }
    return null;
  };
  const flush = (): void => {
    scheduled = false;
    let next = 0;
    while (!undrained) {
      const frame: Uint8Array[] = [];
      let bytes = 0;
      while (bytes < frameBytesMax) {
        const message = next < messages.length ? (messages[next++] as Uint8Array) : nextEvents();
        if (message === null) break;
        frame.push(message);
        bytes += message.length;
      }
      if (frame.length === 0) break;
      if (!write(frame)) undrained = true;
    }
    if (next === messages.length) messages = [];
    else messages.splice(0, next);
    kept = messages.reduce((sum, { length }) => sum + length, 0);
  };
  return {
    say: (id, message) => {
      const bytes = encode(id, message);
      messages.push(bytes);
      kept += bytes.length;
      schedule();
    },
    events: (id, queue) => {
      eventful.set(id, queue);
      schedule();
    },
    drop: (id) => void eventful.delete(id),
    flush,
    drained: () => {
      undrained = false;
      flush();
    },
    isUndrained: () => undrained,
    hasAnswers: () => messages.length > 0,
    isFull: () => kept > outboxBytesMax,
  };
}

/** The key of `SessionResponse.messages` on the wire: field 1, with a length. */
const key = 0x0a;

/** A frame as a `SessionResponse`. */
export function frameBytes(frame: Frame): Buffer {
  const size = frame.reduce((sum, { length }) => sum + 1 + varintSize(length) + length, 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const message of frame) {
    bytes[at++] = key;
    let length = message.length;
    for (; length > 0x7f; length >>>= 7) bytes[at++] = (length & 0x7f) | 0x80;
    bytes[at++] = length;
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++;
  return size;
}
