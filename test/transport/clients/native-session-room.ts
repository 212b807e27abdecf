// A session whose stream is a list of frames, with a desk whose letters are a list as well.

import type { CallId } from "../../../src/actors/messages.ts";
import type { Answer } from "../../../src/actors/operations.ts";
import { fencingToken, leaseId, logIndex, millis } from "../../../src/actors/scalars.ts";
import { newNativeMethods } from "../../../src/transport/clients/native-methods.ts";
import { type Frame, frameBytes } from "../../../src/transport/clients/native-outbox.ts";
import { newSession } from "../../../src/transport/clients/native-session.ts";
import { newSessionCalls } from "../../../src/transport/clients/native-session-calls.ts";
import { type ServerMessage, SessionResponse } from "../../../src/transport/generated/lockmgr/v1/lock.ts";
import type { Failure } from "../../../src/transport/status.ts";
import { acquireRequest, type event, openDesk } from "./native-desk.ts";
import type { Said } from "./native-session-client.ts";

const never = 2 ** 30;

/** A session whose stream is a list of frames. */
export function newRoom({ silenceMs = never }: { silenceMs?: number } = {}) {
  const { desk, letters } = openDesk();
  const frames: ServerMessage[][] = [];
  const pending: (() => void)[] = [];
  let isReading = true;
  const pipe = { paused: 0, resumed: 0, ended: undefined as Failure | null | undefined };
  const counted: string[] = [];
  const session = newSession(
    {
      desk,
      calls: newSessionCalls(desk, newNativeMethods(desk)),
      meterOf: (name) => ({ count: (code) => void counted.push(`${name} ${code}`) }),
      silenceMs,
      soon: (flush) => void pending.push(flush),
    },
    {
      write: (frame: Frame) => {
        frames.push(SessionResponse.decode(frameBytes(frame)).messages);
        return isReading;
      },
      pause: () => void pipe.paused++,
      resume: () => void pipe.resumed++,
      end: (failure) => {
        pipe.ended = failure;
      },
      left: () => Number.POSITIVE_INFINITY,
    },
  );
  const turn = (): void => {
    for (const flush of pending.splice(0)) flush();
  };
  /** What was said since it was asked last, in frames. */
  const heard = (): ServerMessage[][] => {
    turn();
    return frames.splice(0);
  };
  let last = 0n;
  const say = (...said: (Said | undefined)[]): void =>
    session.received({ messages: said.map((message) => ({ id: ++last, message })) }, 100);
  const requests = () => letters.filter((letter) => letter.type === "request");
  const lastCall = (type: "request" | "watch" = "request"): CallId =>
    (letters.findLast((letter) => letter.type === type) as { call: CallId }).call;
  const answer = (given: Answer, call = lastCall()): void => desk.calls.answer(call, given);
  const watched = (revision: number, events = [] as ReturnType<typeof event>[], call = lastCall("watch")): void =>
    desk.calls.watched({ type: "watched", call, revision: logIndex(revision), events });
  return {
    desk,
    letters,
    session,
    pipe,
    counted,
    say,
    heard,
    requests,
    lastCall,
    answer,
    watched,
    stall: () => {
      isReading = false;
    },
    read: () => {
      isReading = true;
      session.drained();
    },
  };
}

export const open = { owner: "me", ttlMs: 10_000n, metadata: "", requestId: "" };
export const hello = (lease = 0n, afterRevision = 0n): Said => ({
  $case: "hello",
  value: { leaseId: lease, open, afterRevision },
});
export const check = (lock: string): Said => ({ $case: "check", value: { lock } });
export const acquire = (waitMs = 0n): Said => ({
  $case: "acquire",
  value: acquireRequest({ under: { $case: "leaseId", value: 0n }, waitMs, requestId: "r" }),
});
export const opened: Answer = { type: "leaseOpened", lease: leaseId(7), ttl: millis(10_000) };
export const granted: Answer = { type: "granted", lease: leaseId(7), token: fencingToken(9), ttl: millis(10_000) };
export const free: Answer = { type: "lockSeen", lock: { lock: "a", grants: [], delays: [], queue: 0 } };

/** A session that has begun. */
export function newOpenRoom(changes: Parameters<typeof newRoom>[0] = {}) {
  const room = newRoom(changes);
  room.say(hello());
  room.answer(opened);
  room.watched(20);
  room.heard();
  return room;
}

export const cases = (frames: ServerMessage[][]) =>
  frames.flat().map(({ id, message }) => [Number(id), message?.$case]);
export const errors = (frames: ServerMessage[][]) =>
  frames.flat().map(({ id, message }) => (message?.$case === "error" ? [Number(id), message.value.reason] : message));
